//! The steps of stubs as RISC-V's instructions, of 4 bytes each. Scratch is t1, which also is
//! the address of steps. The static chain is in t2, the caller in ra. An invoker has `target` in t3
//! and `args` in t4.
//!
//! A frame holds all integer registers of parameters between its two words and the argument area.

use cabi::Reg;
use cabi::riscv::{A0, A1, A2, RA, S0, SP, T1, T2, T3, T4};

use super::conventions::PARAMS;
use crate::error::PlanError;
use crate::machine::stub::{MoveWidth, RegisterMove, RelocKind, StubCode, StubStep, TOO_FAR};
use crate::parts::WORD;

/// The canonical frame address of any function before its first instruction.
pub(super) const ENTRY: (u16, i32) = (dwarf(SP), 0);

/// From the frame pointer to the integer registers of parameters: the caller's s0 and ra.
const INTS: u32 = 16;
/// From the frame pointer to the argument area, the CFA.
const AREA: u16 = 80;
/// The caller's s0 and ra, in bytes from the CFA.
const SAVED: &[(u16, i32)] = &[(dwarf(S0), -80), (dwarf(RA), -72)];

/// Most bytes that an immediate has.
const MAX_IMMEDIATE: u32 = 0x7ff;

/// Returns the DWARF number of an integer register: its own (RISC-V psABI, DWARF Register Numbers).
const fn dwarf(reg: Reg) -> u16 {
    reg.0.index as u16
}

/// Appends the instructions of `step`, and a row for each that changes how the caller is found.
pub(super) fn encode(step: StubStep, pic: bool, code: &mut StubCode) -> Result<(), PlanError> {
    match step {
        StubStep::LoadChain(area) => code.words(&[load(T2, SP, area)?]),
        // mv an, t2
        StubStep::ChainToInt(n) => code.words(&[0x0003_8013 | param(n) << 7]),
        // fmv.d.x fan, t2
        StubStep::ChainToVector(n) => code.words(&[0xf203_8053 | param(n) << 7]),
        StubStep::Frame => open(code)?,
        StubStep::Skip(bytes) => code.words(&[lower(bytes)?]),
        StubStep::SaveInts => {
            for (at, reg) in (INTS..).step_by(WORD.bytes() as usize).zip(PARAMS.int) {
                code.words(&[store(*reg, S0, at)?]);
            }
        }
        StubStep::PushChain => push(T2, code)?,
        StubStep::PushArea(shadow) => {
            code.words(&[add(T1, S0, shadow.saturating_add(AREA.into()))?]);
            push(T1, code)?;
        }
        StubStep::Call(callee) => to_function(callee, pic, true, code),
        StubStep::KeepInvocation => code.words(&[add(T3, A0, 0)?, add(T4, A1, 0)?]),
        // An invoker saves no registers there.
        StubStep::KeepRet => code.words(&[store(A2, S0, INTS)?]),
        StubStep::ArgAddress(n) => code.words(&[load(T1, T4, n.saturating_mul(8))?]),
        StubStep::RetAddress => code.words(&[load(T1, S0, INTS)?]),
        StubStep::PassRet => code.words(&[load(A0, S0, INTS)?]),
        StubStep::StackWord(offset) => code.words(&[store(A0, SP, offset)?]),
        // jalr t3
        StubStep::CallTarget => code.words(&[0x000e_00e7]),
        StubStep::Load(reg_move) => code.words(&[moved(step, reg_move, false)?]),
        StubStep::Store(reg_move) => code.words(&[moved(step, reg_move, true)?]),
        StubStep::Leave => close(code)?,
        StubStep::Jump(callee) => to_function(callee, pic, false, code),
        // ld t1, area(sp); jr t1
        StubStep::JumpAfter(area) => code.words(&[load(T1, SP, area)?, 0x0003_0067]),
        // jr an
        StubStep::JumpInt(n) => code.words(&[0x0000_0067 | param(n) << 15]),
        // ret
        StubStep::Return => code.words(&[0x0000_8067]),
        _ => return Err(step.refused("RISC-V")),
    }
    Ok(())
}

/// Returns `number`, if it is an immediate of a load, a store or an addition.
fn immediate(number: u32) -> Result<u32, PlanError> {
    (number <= MAX_IMMEDIATE).then_some(number).ok_or(TOO_FAR)
}

/// Returns the number of the n-th register of parameters of either class: a0 and fa0 have the same.
fn param(n: u8) -> u32 {
    number(A0) + u32::from(n)
}

fn number(reg: Reg) -> u32 {
    dwarf(reg).into()
}

/// Returns `ld to, offset(base)`.
fn load(to: Reg, base: Reg, offset: u32) -> Result<u32, PlanError> {
    let offset = immediate(offset)?;
    Ok(0x3003 | number(to) << 7 | number(base) << 15 | offset << 20)
}

/// Returns `sd from, offset(base)`.
fn store(from: Reg, base: Reg, offset: u32) -> Result<u32, PlanError> {
    Ok(0x3023 | number(base) << 15 | number(from) << 20 | stored_at(offset)?)
}

/// Returns the bits of the offset of a store.
fn stored_at(offset: u32) -> Result<u32, PlanError> {
    let offset = immediate(offset)?;
    Ok((offset & 0x1f) << 7 | offset >> 5 << 25)
}

/// Moves a register from or to `[t1 + offset]`. A load of 4 bytes is `lw` or `lwu`.
fn moved(step: StubStep, reg_move: RegisterMove, is_store: bool) -> Result<u32, PlanError> {
    // The size, below a bit for zeros above it.
    let size = match reg_move.width {
        MoveWidth::I8 => 0b000,
        MoveWidth::I16 => 0b001,
        MoveWidth::I32 | MoveWidth::V32 => 0b010,
        MoveWidth::U64 | MoveWidth::V64 => 0b011,
        MoveWidth::U8 => 0b100,
        MoveWidth::U16 => 0b101,
        MoveWidth::U32 => 0b110,
        _ => return Err(step.refused("RISC-V")),
    };
    let of_floats = u32::from(reg_move.width >= MoveWidth::V32) << 2;
    let (register, base) = (param(reg_move.register), number(T1) << 15);
    let (instruction, offset) = match is_store {
        true => (
            0x23 | (size & 0b011) << 12 | register << 20,
            stored_at(reg_move.offset)?,
        ),
        false => (
            0x03 | size << 12 | register << 7,
            immediate(reg_move.offset)? << 20,
        ),
    };
    Ok(instruction | of_floats | base | offset)
}

/// Returns `addi to, from, bytes`.
fn add(to: Reg, from: Reg, bytes: u32) -> Result<u32, PlanError> {
    let bytes = immediate(bytes)?;
    Ok(0x0013 | number(to) << 7 | number(from) << 15 | bytes << 20)
}

/// Returns `addi sp, sp, -bytes`.
fn lower(bytes: u32) -> Result<u32, PlanError> {
    let negative = immediate(bytes)?.wrapping_neg();
    Ok(add(SP, SP, 0)? | negative << 20)
}

fn push(reg: Reg, code: &mut StubCode) -> Result<(), PlanError> {
    code.words(&[lower(WORD.bytes())?, store(reg, SP, 0)?]);
    Ok(())
}

fn open(code: &mut StubCode) -> Result<(), PlanError> {
    code.words(&[lower(AREA.into())?]);
    code.row((dwarf(SP), AREA.into()), &[]);
    code.words(&[store(S0, SP, 0)?, store(RA, SP, WORD.bytes())?]);
    // mv s0, sp
    code.words(&[add(S0, SP, 0)?]);
    code.row((dwarf(S0), AREA.into()), SAVED);
    Ok(())
}

fn close(code: &mut StubCode) -> Result<(), PlanError> {
    // mv sp, s0
    code.words(&[add(SP, S0, 0)?]);
    code.row((dwarf(SP), AREA.into()), SAVED);
    let loads = [load(RA, SP, WORD.bytes())?, load(S0, SP, 0)?];
    code.words(&loads);
    code.words(&[add(SP, SP, AREA.into())?]);
    code.row(ENTRY, &[]);
    // ret
    code.words(&[0x0000_8067]);
    Ok(())
}

/// Goes to `callee` through t1, or ra for a call; in the JIT by an absolute address, as a callee
/// may be far away. A stub starts at a multiple of 8, and so does the address in the stub. Some
/// processors take a trap for each load of a misaligned word.
fn to_function(callee: u32, pic: bool, is_call: bool, code: &mut StubCode) {
    const NOP: u32 = 0x0000_0013;
    if !pic && !code.len().is_multiple_of(WORD.bytes()) {
        code.words(&[NOP]);
    }
    let (kind, before, after): (_, &[u32], &[u32]) = match (pic, is_call) {
        // auipc t1, 0; jr t1
        (true, false) => (RelocKind::RiscvCallPlt, &[], &[0x0000_0317, 0x0003_0067]),
        // auipc ra, 0; jalr ra
        (true, true) => (RelocKind::RiscvCallPlt, &[], &[0x0000_0097, 0x0000_80e7]),
        // auipc t1, 0; ld t1, 16(t1); jr t1; nop; the address
        (false, false) => {
            let before = &[0x0000_0317, 0x0103_3303, 0x0003_0067, NOP];
            (RelocKind::Abs8, before, &[0, 0])
        }
        // auipc t1, 0; ld t1, 16(t1); jalr t1; j 12; the address
        (false, true) => {
            let before = &[0x0000_0317, 0x0103_3303, 0x0003_00e7, 0x00c0_006f];
            (RelocKind::Abs8, before, &[0, 0])
        }
    };
    code.words(before);
    code.refer(callee, kind, 0);
    code.words(after);
}
