//! The steps of stubs as AArch64's instructions. Only x16 and x17 are scratch. AAPCS64's static
//! chain is in x18, the caller's address in x30. Steps that call the address have it in x17. An
//! invoker has `target` in x9 and `args` in x10.
//!
//! A frame holds all integer registers of parameters between its two words and the argument area.
//!
//! Memory is addressed by the stack pointer only at multiples of 16, which the machine may check.

use cabi::{Bank, Reg, Register};

use crate::error::PlanError;
use crate::machine::stub::{MoveWidth, RegisterMove, RelocKind, StubCode, StubStep, TOO_FAR};

/// The address.
pub(super) const X17: Reg = Reg(&Register {
    name: "x17",
    bank: Bank::Int,
    index: 17,
    bits: 64,
});
/// DWARF numbers (aadwarf64, 4.1).
const X29: u16 = 29;
const X30: u16 = 30;
const SP: u16 = 31;

/// The canonical frame address of any function before its first instruction.
pub(super) const ENTRY: (u16, i32) = (SP, 0);

/// From the frame pointer to the argument area, the CFA.
const AREA: u16 = 80;
/// The caller's x29 and x30, in bytes from the CFA.
const SAVED: &[(u16, i32)] = &[(X29, -80), (X30, -72)];

/// Most bytes that an immediate has.
const MAX_IMMEDIATE: u32 = 0xfff;

/// Appends the instructions of `step`, a step of a call with a static chain or of an entry. Appends
/// a row for each instruction that changes how the caller is found.
pub(super) fn encode(step: StubStep, pic: bool, code: &mut StubCode) -> Result<(), PlanError> {
    match step {
        // ldr x18, [sp, area]
        StubStep::LoadChain(area) => code.words(&[load(18, 31, area)?]),
        // mov xn, x18
        StubStep::ChainToInt(n) => code.words(&[0xaa12_03e0 | u32::from(n)]),
        // fmov dn, x18
        StubStep::ChainToVector(n) => code.words(&[0x9e67_0240 | u32::from(n)]),
        // mov xn, x17
        StubStep::AddressToInt(n) => code.words(&[0xaa11_03e0 | u32::from(n)]),
        // fmov dn, x17
        StubStep::AddressToVector(n) => code.words(&[0x9e67_0220 | u32::from(n)]),
        StubStep::Frame => open(code),
        // stp x0, x1, [x29, 16]; .. stp x6, x7, [x29, 64]
        StubStep::SaveInts => code.words(&[0xa901_07a0, 0xa902_0fa2, 0xa903_17a4, 0xa904_1fa6]),
        StubStep::Skip(bytes) if bytes > MAX_IMMEDIATE => return Err(TOO_FAR),
        // sub sp, sp, bytes
        StubStep::Skip(bytes) => code.words(&[0xd100_03ff | bytes << 10]),
        StubStep::PushChain => push(18, code),
        StubStep::PushAddress => push(17, code),
        StubStep::PushArea(shadow) => {
            // add x16, x29, 80 + shadow
            code.words(&[0x9100_03b0 | (u32::from(AREA) + shadow) << 10]);
            push(16, code);
        }
        StubStep::Call(callee) => to_function(callee, pic, true, code),
        // ldr x16, [x29, 80 + area]; blr x16
        StubStep::CallAfter(area) => {
            let from = area.saturating_add(AREA.into());
            code.words(&[load(16, 29, from)?, 0xd63f_0200]);
        }
        // mov x9, x0; mov x10, x1
        StubStep::KeepInvocation => code.words(&[0xaa00_03e9, 0xaa01_03ea]),
        // stp x2, x2, [sp, -16]!
        StubStep::KeepRet => code.words(&[0xa9bf_0be2]),
        // ldr x17, [x10, 8 n]
        StubStep::ArgAddress(n) => code.words(&[load(17, 10, n.saturating_mul(8))?]),
        // ldur x17, [x29, -16]
        StubStep::RetAddress => code.words(&[0xf85f_03b1]),
        // ldur x8, [x29, -16]
        StubStep::PassRet => code.words(&[0xf85f_03a8]),
        // str x0, [sp, offset]
        StubStep::StackWord(offset) => code.words(&[scaled(0xf900_03e0, 8, offset)?]),
        // blr x9
        StubStep::CallTarget => code.words(&[0xd63f_0120]),
        StubStep::Load(reg_move) => code.words(&[moved(step, reg_move, false)?]),
        StubStep::Store(reg_move) => code.words(&[moved(step, reg_move, true)?]),
        StubStep::Leave => close(code),
        StubStep::Jump(callee) => to_function(callee, pic, false, code),
        // ldr x16, [sp, area]; br x16
        StubStep::JumpAfter(area) => code.words(&[load(16, 31, area)?, 0xd61f_0200]),
        // br xn
        StubStep::JumpInt(n) => code.words(&[0xd61f_0000 | u32::from(n) << 5]),
        // ret
        StubStep::Return => code.words(&[0xd65f_03c0]),
        _ => return Err(step.refused("AArch64")),
    }
    Ok(())
}

/// Returns `ldr xt, [xn, offset]`.
fn load(t: u32, n: u32, offset: u32) -> Result<u32, PlanError> {
    scaled(0xf940_0000 | n << 5 | t, 8, offset)
}

/// Returns `instruction` with an offset in units of `bytes`.
fn scaled(instruction: u32, bytes: u32, offset: u32) -> Result<u32, PlanError> {
    let scaled = offset / bytes;
    match offset.is_multiple_of(bytes) && scaled <= MAX_IMMEDIATE {
        true => Ok(instruction | scaled << 10),
        false => Err(TOO_FAR),
    }
}

/// Moves a register from or to [x17, offset].
fn moved(step: StubStep, reg_move: RegisterMove, is_store: bool) -> Result<u32, PlanError> {
    let (load, store) = match reg_move.width {
        MoveWidth::U8 => (0x3940_0000, 0x3900_0000),
        MoveWidth::I8 => (0x39c0_0000, 0x3900_0000),
        MoveWidth::U16 => (0x7940_0000, 0x7900_0000),
        MoveWidth::I16 => (0x79c0_0000, 0x7900_0000),
        MoveWidth::U32 => (0xb940_0000, 0xb900_0000),
        MoveWidth::I32 => (0xb980_0000, 0xb900_0000),
        MoveWidth::U64 => (0xf940_0000, 0xf900_0000),
        MoveWidth::V32 => (0xbd40_0000, 0xbd00_0000),
        MoveWidth::V64 => (0xfd40_0000, 0xfd00_0000),
        MoveWidth::V128 => (0x3dc0_0000, 0x3d80_0000),
        _ => return Err(step.refused("AArch64")),
    };
    let instruction = if is_store { store } else { load };
    let instruction = instruction | 17 << 5 | u32::from(reg_move.register);
    scaled(instruction, reg_move.width.bytes(), reg_move.offset)
}

/// Pushes a word: `sub sp, sp, 8`; `mov x17, sp`; `str xt, [x17]`; x17 itself by way of x16.
fn push(t: u32, code: &mut StubCode) {
    let sp = if t == 17 { 16 } else { 17 };
    code.words(&[0xd100_23ff, 0x9100_03e0 | sp, 0xf900_0000 | sp << 5 | t]);
}

fn open(code: &mut StubCode) {
    // stp x29, x30, [sp, -80]!
    code.words(&[0xa9bb_7bfd]);
    code.row((SP, AREA.into()), SAVED);
    // mov x29, sp
    code.words(&[0x9100_03fd]);
    code.row((X29, AREA.into()), SAVED);
}

fn close(code: &mut StubCode) {
    // mov sp, x29
    code.words(&[0x9100_03bf]);
    // ldp x29, x30, [sp], 80
    code.words(&[0xa8c5_7bfd]);
    code.row(ENTRY, &[]);
    // ret
    code.words(&[0xd65f_03c0]);
}

/// Appends `b` or `bl` callee; in the JIT through x16, by an absolute address, as a callee may be
/// far away.
fn to_function(callee: u32, pic: bool, is_call: bool, code: &mut StubCode) {
    let (kind, before, after): (_, &[u32], &[u32]) = match (pic, is_call) {
        (true, false) => (RelocKind::Arm64Call, &[], &[0x1400_0000]),
        (true, true) => (RelocKind::Arm64Call, &[], &[0x9400_0000]),
        // ldr x16, 8; br x16; the address
        (false, false) => (RelocKind::Abs8, &[0x5800_0050, 0xd61f_0200], &[0, 0]),
        // ldr x16, 12; blr x16; b 12; the address
        (false, true) => {
            let before = &[0x5800_0070, 0xd63f_0200, 0x1400_0003];
            (RelocKind::Abs8, before, &[0, 0])
        }
    };
    code.words(before);
    code.refer(callee, kind, 0);
    code.words(after);
}
