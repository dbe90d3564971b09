//! The steps of stubs as s390x's instructions, of 2, 4 and 6 bytes. Scratch is r1, which also is
//! the address of steps. The static chain is in r0, the caller in r14. An invoker has `target` in
//! r7 and `args` in r8.
//!
//! A frame keeps the caller's registers in the 160 bytes that each caller leaves above its stack
//! pointer. It leaves none for its own callee: [`StubStep::Skip`] does.

use cabi::Reg;
use cabi::s390x::{R0, R2, R3, R4, R6, R7, R8, R11, R15};

use super::conventions::{PARAMS, SYSTEM_V};
use crate::error::PlanError;
use crate::machine::stub::{MoveWidth, PAGE, RegisterMove, RelocKind, StubCode, StubStep, TOO_FAR};
use crate::parts::WORD;

/// The canonical frame address of any function before its first instruction.
pub(super) const ENTRY: (u16, i32) = (R15.index() as u16, SYSTEM_V.shadow_bytes.cast_signed());

/// Numbers of the registers of the address of steps and of the caller.
const ADDRESS: u8 = 1;
const LINK: u8 = 14;
/// Number of r4, in which an invoker gets `ret`.
const RET: u8 = R4.index();

/// The registers that stubs with a frame change, and where they are saved. The stack pointer is
/// among them, as it is no CFA.
const SAVED: &[(u16, i32)] = &[
    saved(R6.index()),
    saved(R7.index()),
    saved(R8.index()),
    saved(R11.index()),
    saved(LINK),
    saved(R15.index()),
];

/// Returns the place of an integer register, from the caller's stack pointer on.
const fn place(register: u8) -> i32 {
    8 * register as i32
}

/// Returns that place in bytes from the CFA.
const fn saved(register: u8) -> (u16, i32) {
    (register as u16, place(register) - ENTRY.1)
}

/// Most bytes that are skipped: a page from the lowest word that a frame stores, that of r6. A
/// store below could step over a guard page.
const MAX_SKIP: u32 = PAGE - place(R6.index()).cast_unsigned();

/// Most bytes that a displacement has.
const MAX_DISPLACEMENT: i32 = 0x7ffff;

/// First and last byte of an instruction of 6 bytes with a displacement: `lg`, `stg`, `lay`, `lmg`,
/// `stmg`.
const LG: (u8, u8) = (0xe3, 0x04);
const STG: (u8, u8) = (0xe3, 0x24);
const LAY: (u8, u8) = (0xe3, 0x71);
const LMG: (u8, u8) = (0xeb, 0x04);
const STMG: (u8, u8) = (0xeb, 0x24);

/// Appends the instructions of `step`, and a row for each that changes how the caller is found.
pub(super) fn encode(step: StubStep, pic: bool, code: &mut StubCode) -> Result<(), PlanError> {
    let [chain, first, frame, sp] = [R0, R2, R11, R15].map(Reg::index);
    let [target, args] = [R7, R8].map(Reg::index);
    match step {
        StubStep::LoadChain(area) => memory(code, LG, chain, sp, area)?,
        // lgr rn, r0
        StubStep::ChainToInt(n) => copy(code, number(PARAMS.int, step, n)?, chain),
        // ldgr fn, r0
        StubStep::ChainToVector(n) => {
            let to = number(PARAMS.vector, step, n)?;
            code.bytes.extend([0xb3, 0xc1, 0, to << 4 | chain]);
        }
        StubStep::Frame => open(code)?,
        StubStep::Skip(bytes) if bytes > MAX_SKIP => return Err(TOO_FAR),
        StubStep::Skip(bytes) => lower(code, bytes)?,
        StubStep::PushChain => push(code, chain)?,
        StubStep::PushArea(shadow) => {
            memory(code, LAY, ADDRESS, frame, shadow)?;
            push(code, ADDRESS)?;
        }
        StubStep::Call(callee) => to_function(callee, pic, true, code),
        StubStep::KeepInvocation => {
            copy(code, target, first);
            copy(code, args, R3.index());
        }
        // The place of r4, which has it.
        StubStep::KeepRet => with_displacement(code, STG, RET << 4, frame, place(RET))?,
        StubStep::ArgAddress(n) => memory(code, LG, ADDRESS, args, n.saturating_mul(8))?,
        StubStep::RetAddress => with_displacement(code, LG, ADDRESS << 4, frame, place(RET))?,
        StubStep::PassRet => with_displacement(code, LG, first << 4, frame, place(RET))?,
        StubStep::StackWord(offset) => memory(code, STG, first, sp, offset)?,
        // basr r14, r7
        StubStep::CallTarget => code.bytes.extend([0x0d, LINK << 4 | target]),
        StubStep::Load(reg_move) | StubStep::Store(reg_move) => moved(step, reg_move, code)?,
        StubStep::Leave => close(code)?,
        StubStep::Jump(callee) => to_function(callee, pic, false, code),
        StubStep::JumpAfter(area) => {
            memory(code, LG, ADDRESS, sp, area)?;
            jump(code, ADDRESS);
        }
        StubStep::JumpInt(n) => jump(code, number(PARAMS.int, step, n)?),
        StubStep::Return => jump(code, LINK),
        _ => return Err(step.refused("s390x")),
    }
    Ok(())
}

/// Returns the number of the n-th of `registers`.
fn number(registers: &[Reg], step: StubStep, n: u8) -> Result<u8, PlanError> {
    let reg = registers.get(usize::from(n));
    reg.map(|reg| reg.index())
        .ok_or_else(|| step.refused("s390x"))
}

/// Appends `opcode reg, displacement(base)`.
fn memory(
    code: &mut StubCode,
    opcode: (u8, u8),
    reg: u8,
    base: u8,
    displacement: u32,
) -> Result<(), PlanError> {
    // Too large for either.
    let displacement = i32::try_from(displacement).unwrap_or(i32::MAX);
    with_displacement(code, opcode, reg << 4, base, displacement)
}

/// Appends an instruction on `registers`, two numbers of 4 bits, and `displacement(base)`.
fn with_displacement(
    code: &mut StubCode,
    (first, last): (u8, u8),
    registers: u8,
    base: u8,
    displacement: i32,
) -> Result<(), PlanError> {
    if !(-MAX_DISPLACEMENT..=MAX_DISPLACEMENT).contains(&displacement) {
        return Err(TOO_FAR);
    }
    // The lower 12 bits stand before the upper 8.
    let [low, middle, high, _] = displacement.to_le_bytes();
    let upper = high << 4 | middle >> 4;
    let start = base << 4 | middle & 0xf;
    code.bytes
        .extend([first, registers, start, low, upper, last]);
    Ok(())
}

/// Moves a register from or to `[r1 + offset]`.
fn moved(step: StubStep, reg_move: RegisterMove, code: &mut StubCode) -> Result<(), PlanError> {
    // The last bytes of a load and of a store.
    let (first, load, store) = match reg_move.width {
        MoveWidth::U8 => (0xe3, 0x90, 0x72),
        MoveWidth::I8 => (0xe3, 0x77, 0x72),
        MoveWidth::U16 => (0xe3, 0x91, 0x70),
        MoveWidth::I16 => (0xe3, 0x15, 0x70),
        MoveWidth::U32 => (0xe3, 0x16, 0x50),
        MoveWidth::I32 => (0xe3, 0x14, 0x50),
        MoveWidth::U64 => (LG.0, LG.1, STG.1),
        MoveWidth::V32 => (0xed, 0x64, 0x66),
        MoveWidth::V64 => (0xed, 0x65, 0x67),
        _ => return Err(step.refused("s390x")),
    };
    let registers = match reg_move.width {
        MoveWidth::V32 | MoveWidth::V64 => PARAMS.vector,
        _ => PARAMS.int,
    };
    let register = number(registers, step, reg_move.register)?;
    let last = match step {
        StubStep::Store(_) => store,
        _ => load,
    };
    memory(code, (first, last), register, ADDRESS, reg_move.offset)
}

/// Appends `lgr to, from`.
fn copy(code: &mut StubCode, to: u8, from: u8) {
    code.bytes.extend([0xb9, 0x04, 0, to << 4 | from]);
}

/// Appends `br reg`.
fn jump(code: &mut StubCode, reg: u8) {
    code.bytes.extend([0x07, 0xf0 | reg]);
}

/// Appends `lay r15, -bytes(r15)`.
fn lower(code: &mut StubCode, bytes: u32) -> Result<(), PlanError> {
    let sp = R15.index();
    with_displacement(code, LAY, sp << 4, sp, -bytes.cast_signed())
}

fn push(code: &mut StubCode, reg: u8) -> Result<(), PlanError> {
    lower(code, WORD.bytes())?;
    memory(code, STG, reg, R15.index(), 0)
}

/// The numbers of r6 and r15, between which registers are saved.
const FROM_R6_TO_R15: u8 = 0x6f;

fn open(code: &mut StubCode) -> Result<(), PlanError> {
    let (frame, sp) = (R11.index(), R15.index());
    with_displacement(code, STMG, FROM_R6_TO_R15, sp, place(R6.index()))?;
    copy(code, frame, sp);
    code.row((frame.into(), ENTRY.1), SAVED);
    Ok(())
}

fn close(code: &mut StubCode) -> Result<(), PlanError> {
    with_displacement(code, LMG, FROM_R6_TO_R15, R11.index(), place(R6.index()))?;
    code.row(ENTRY, &[]);
    jump(code, LINK);
    Ok(())
}

/// Goes to `callee`; in the JIT through r1, by an absolute address, as a callee may be far away.
fn to_function(callee: u32, pic: bool, is_call: bool, code: &mut StubCode) {
    let (kind, addend, before): (_, _, &[u8]) = match (pic, is_call) {
        // jg
        (true, false) => (RelocKind::S390xPLTRel32Dbl, 2, &[0xc0, 0xf4]),
        // brasl r14
        (true, true) => (RelocKind::S390xPLTRel32Dbl, 2, &[0xc0, 0xe5]),
        // basr r1, 0; lg r1, 8(r1); br r1; the address
        (false, false) => {
            let before = &[0x0d, 0x10, 0xe3, 0x10, 0x10, 8, 0, 0x04, 0x07, 0xf1];
            (RelocKind::Abs8, 0, before)
        }
        // basr r1, 0; lg r1, 12(r1); basr r14, r1; j over it; the address
        (false, true) => {
            let before = &[
                0x0d, 0x10, 0xe3, 0x10, 0x10, 12, 0, 0x04, 0x0d, 0xe1, 0xa7, 0xf4, 0, 0x06,
            ];
            (RelocKind::Abs8, 0, before)
        }
    };
    code.bytes.extend(before);
    code.refer(callee, kind, addend);
    let zeros = if pic { 4 } else { 8 };
    code.bytes.extend(std::iter::repeat_n(0, zeros));
}
