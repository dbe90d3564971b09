//! Moves of registers from and to objects.

use crate::error::PlanError;
use crate::machine::stub::{IntMove, IntWidth, Step, StubCode, VectorMove, VectorWidth};

/// The opcode of `movups xmm, [..]` and its kin.
pub(super) const LOAD: u8 = 0x10;
/// The opcode of `movups [..], xmm`.
pub(super) const STORE: u8 = 0x11;

/// A register with an address: what instructions of each width begin with, and its number, of three bits.
pub(super) type Base = ([&'static [u8]; 5], u8);

pub(super) const R11: Base = (
    [
        &[0xf3, 0x41, 0x0f],
        &[0xf2, 0x41, 0x0f],
        &[0x41, 0x0f],
        &[0xc4, 0xc1, 0x7c],
        &[0x62, 0xd1, 0x7c, 0x48],
    ],
    3,
);
pub(super) const RDI: Base = (
    [
        &[0xf3, 0x0f],
        &[0xf2, 0x0f],
        &[0x0f],
        &[0xc5, 0xfc],
        &[0x62, 0xf1, 0x7c, 0x48],
    ],
    7,
);

/// `movss`, `movsd`, `movups` or `vmovups` of the object at `base`: its opcode, then the register and the address.
pub(super) fn vector(opcode: u8, own: VectorMove, (begin, base): Base, code: &mut StubCode) {
    let [v32, v64, v128, v256, v512] = begin;
    code.bytes.extend(match own.width {
        VectorWidth::V32 => v32,
        VectorWidth::V64 => v64,
        VectorWidth::V128 => v128,
        VectorWidth::V256 => v256,
        VectorWidth::V512 => v512,
    });
    code.bytes.push(opcode);
    operands(own.register & 7, base, own.offset, code);
}

/// `mov`, `movzx` or `movsx` to the integer register of this number, from [r11 + offset].
pub(super) fn load_int(own: IntMove, (high, low): (u8, u8), code: &mut StubCode) {
    let (wide, opcode): (_, &[u8]) = match own.width {
        IntWidth::U8 => (0, &[0x0f, 0xb6]),
        IntWidth::I8 => (0, &[0x0f, 0xbe]),
        IntWidth::U16 => (0, &[0x0f, 0xb7]),
        IntWidth::I16 => (0, &[0x0f, 0xbf]),
        IntWidth::U32 => (0, &[0x8b]),
        IntWidth::U64 => (8, &[0x8b]),
    };
    code.bytes.push(0x41 | wide | high << 2);
    code.bytes.extend(opcode);
    operands(low, R11.1, own.offset, code);
}

/// `mov` from rax, the first integer register of results, or rdx, to [r11 + offset].
pub(super) fn store_int(step: Step, own: IntMove, code: &mut StubCode) -> Result<(), PlanError> {
    let register = match own.register {
        0 => 0,
        1 => 2,
        _ => return Err(step.refused("x86-64")),
    };
    code.bytes.extend(match own.width {
        IntWidth::U8 | IntWidth::I8 => &[0x41, 0x88][..],
        IntWidth::U16 | IntWidth::I16 => &[0x66, 0x41, 0x89],
        IntWidth::U32 => &[0x41, 0x89],
        IntWidth::U64 => &[0x49, 0x89],
    });
    operands(register, R11.1, own.offset, code);
    Ok(())
}

/// The operands of an instruction: a register, and memory `offset` bytes from the register `base`, each by its number, of three bits.
fn operands(register: u8, base: u8, offset: u32, code: &mut StubCode) {
    const DISP32: u8 = 0x80;
    let modrm = register << 3 | base;
    match offset {
        0 => code.bytes.push(modrm),
        offset => {
            code.bytes.push(modrm | DISP32);
            code.bytes.extend(offset.to_le_bytes());
        }
    }
}
