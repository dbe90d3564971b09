//! Moves of registers from and to objects.

use super::{MOVED, PARAMS, number};
use crate::error::PlanError;
use crate::machine::stub::{MoveWidth, RegisterMove, StubCode, StubStep};

/// The numbers of the registers with the address, of three bits.
const R11: u8 = 3;
const RDI: u8 = 7;

/// Numbers in the ModRM byte by which `dd` is `fld` and `fstp`.
const FLD: u8 = 0;
const FSTP: u8 = 3;

/// Loads a register from the object at `[r11]`: `mov`, `movzx`, `movsx`, `movsxd`, `movss`,
/// `movsd`, `movups`, `vmovups`.
pub(super) fn load(
    step: StubStep,
    reg_move: RegisterMove,
    code: &mut StubCode,
) -> Result<(), PlanError> {
    let (high, low) = match reg_move.width {
        width if width < MoveWidth::V32 => number(PARAMS, step, reg_move.register)?,
        _ => (0, reg_move.register & 7),
    };
    let (begin, opcode): (&[u8], &[u8]) = match reg_move.width {
        MoveWidth::U8 => (&[0x41 | high << 2], &[0x0f, 0xb6]),
        MoveWidth::I8 => (&[0x41 | high << 2], &[0x0f, 0xbe]),
        MoveWidth::U16 => (&[0x41 | high << 2], &[0x0f, 0xb7]),
        MoveWidth::I16 => (&[0x41 | high << 2], &[0x0f, 0xbf]),
        MoveWidth::U32 => (&[0x41 | high << 2], &[0x8b]),
        MoveWidth::I32 => (&[0x49 | high << 2], &[0x63]),
        MoveWidth::U64 => (&[0x49 | high << 2], &[0x8b]),
        width => (vector(width), &[0x10]),
    };
    operands(&[begin, opcode], low, R11, reg_move.offset, code);
    Ok(())
}

/// Stores a register to the object at `[r11]`; an integer register of results, or `fstp` of st0.
pub(super) fn store(
    step: StubStep,
    reg_move: RegisterMove,
    code: &mut StubCode,
) -> Result<(), PlanError> {
    let begin: &[u8] = match reg_move.width {
        MoveWidth::U8 | MoveWidth::I8 => &[0x41, 0x88],
        MoveWidth::U16 | MoveWidth::I16 => &[0x66, 0x41, 0x89],
        MoveWidth::U32 | MoveWidth::I32 => &[0x41, 0x89],
        MoveWidth::U64 => &[0x49, 0x89],
        MoveWidth::St64 => {
            operands(&[&[0x41, 0xdd]], FSTP, R11, reg_move.offset, code);
            return Ok(());
        }
        width => {
            operands(
                &[vector(width), &[0x11]],
                reg_move.register & 7,
                R11,
                reg_move.offset,
                code,
            );
            return Ok(());
        }
    };
    // None of them has the bit of a prefix.
    let (_, register) = number(MOVED.int, step, reg_move.register)?;
    operands(&[begin], register, R11, reg_move.offset, code);
    Ok(())
}

/// Loads a register of a result from the object at `[rdi]`: `mov`, `fld`, `movsd`, `movups`,
/// `vmovups`.
pub(super) fn load_result(
    step: StubStep,
    reg_move: RegisterMove,
    code: &mut StubCode,
) -> Result<(), PlanError> {
    let vector = reg_move.register & 7;
    let (instruction, register): (&[u8], _) = match reg_move.width {
        MoveWidth::V512 => (&[0x62, 0xf1, 0x7c, 0x48, 0x10], vector),
        MoveWidth::V256 => (&[0xc5, 0xfc, 0x10], vector),
        MoveWidth::V64 => (&[0xf2, 0x0f, 0x10], vector),
        MoveWidth::U64 => (&[0x48, 0x8b], number(MOVED.int, step, reg_move.register)?.1),
        MoveWidth::St64 => (&[0xdd], FLD),
        _ => (&[0x0f, 0x10], vector),
    };
    operands(&[instruction], register, RDI, reg_move.offset, code);
    Ok(())
}

/// Returns the first bytes of a move of a vector register from or to `[r11]`.
fn vector(width: MoveWidth) -> &'static [u8] {
    match width {
        MoveWidth::V512 => &[0x62, 0xd1, 0x7c, 0x48],
        MoveWidth::V256 => &[0xc4, 0xc1, 0x7c],
        MoveWidth::V32 => &[0xf3, 0x41, 0x0f],
        MoveWidth::V64 => &[0xf2, 0x41, 0x0f],
        _ => &[0x41, 0x0f],
    }
}

/// Appends an instruction and its operands: a register, and memory `offset` bytes from the register
/// `base`, each by its number of three bits.
fn operands(instruction: &[&[u8]], register: u8, base: u8, offset: u32, code: &mut StubCode) {
    const DISP32: u8 = 0x80;
    code.bytes.extend(instruction.iter().copied().flatten());
    let modrm = register << 3 | base;
    match offset {
        0 => code.bytes.push(modrm),
        offset => {
            code.bytes.push(modrm | DISP32);
            code.bytes.extend(offset.to_le_bytes());
        }
    }
}
