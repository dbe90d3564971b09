//! AArch64: what a function must leave as it is (AAPCS64 6.1) are the registers that its convention names, of vector registers the low eight bytes, `sp`, and the
//! control bits of FPCR.

use std::arch::naked_asm;
use std::mem::offset_of;

use cabi::{Bank, Reg};

use super::{Kept, STATE, State};

/// Registers at one moment.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Image {
    /// `x0` to `x30`; `x16` and `x17` are the assembly's own.
    x: [u64; 31],
    sp: u64,
    /// `d8` to `d15`.
    d: [u64; 8],
    fpcr: u64,
}

/// What the assembly remembers of the machine besides registers.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Own {
    fpcr: u64,
}

impl Own {
    pub(super) const START: Self = Self { fpcr: 0 };

    /// There is nothing else.
    #[expect(clippy::unnecessary_wraps, reason = "x86-64 has more")]
    pub(super) fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// The number of what vector registers are filled with, the next one in their upper half: general registers of these numbers are not filled.
pub(super) const FILLED_VECTOR: usize = 28;

/// How many general registers there are.
pub(super) const N_GENERAL: usize = 31;

/// Names by encoding.
pub(super) const NAMES: [&str; N_GENERAL] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
    "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27",
    "x28", "x29", "x30",
];

/// Registers are bits: `n` for `xn`, `32 + n` for `vn`. These are `x0` to `x7`, `v0` to `v7`.
pub(super) const MAY_HOLD_ARGUMENTS: u64 = 0xff | 0xff << 32;

/// `x0` to `x15`, `v0` to `v7` and `v16` to `v31`.
pub(super) const ALL_FILL: u64 = 0xffff | 0xffff_00ff << 32;

pub(super) fn bit(reg: Reg) -> u64 {
    match reg.bank() {
        Bank::Int if reg.index() < 32 => 1 << reg.index(),
        Bank::Vector if reg.index() < 32 => 1 << (32 + reg.index()),
        _ => 0,
    }
}

impl Image {
    /// What a general register held.
    pub(crate) fn general_register(&self, reg: Reg) -> Option<u64> {
        let at = (reg.bank() == Bank::Int).then_some(usize::from(reg.index()))?;
        self.x.get(at).copied()
    }

    /// Where the argument area starts, at a callee's first instruction.
    pub(crate) fn area(&self) -> u64 {
        self.sp
    }

    /// Whether all is as every call wants it.
    pub(super) fn check_call(&self, caller: &str) -> Result<(), String> {
        match self.sp % 16 {
            0 => Ok(()),
            _ => Err(format!("{caller} makes the call with sp {:#x}", self.sp)),
        }
    }

    /// There is nothing that every return has to have.
    #[expect(clippy::unnecessary_wraps, reason = "x86-64 has more")]
    pub(super) fn check_return(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    /// What some convention has callees leave as it was.
    pub(super) fn kept(&self) -> Vec<Kept> {
        let x = (18..30).map(|n| (NAMES[n], u32::try_from(n).ok(), self.x[n]));
        let d = (40..).zip(D.into_iter().zip(self.d));
        let d = d.map(|(bit, (name, value))| (name, Some(bit), value));
        let own = [("sp", None, self.sp), ("FPCR", None, self.fpcr)];
        let all = x.chain(own).chain(d);
        let kept = all.map(|(name, bit, value)| Kept {
            name,
            bit,
            value: value.into(),
        });
        kept.collect()
    }
}

/// The lower halves of vector registers that callees keep.
const D: [&str; 8] = ["d8", "d9", "d10", "d11", "d12", "d13", "d14", "d15"];

const _: () = {
    // The numbers below.
    assert!(offset_of!(Image, sp) == 248 && offset_of!(Image, d) == 256);
    assert!(offset_of!(Image, fpcr) == 320);
    // Of instructions that take an offset.
    assert!(size_of::<State>() < 4096);
};

/// Puts the address of the state into `x16`.
macro_rules! state {
    () => {
        "adrp x16, {state}\nadd x16, x16, :lo12:{state}\n"
    };
}

/// Writes an [`Image`] down, changing nothing but `x16` and `x17`.
macro_rules! write_down {
    ($image:literal) => {
        concat!(
            state!(),
            "add x17, x16, {",
            $image,
            "}\n",
            "stp x0, x1, [x17]\nstp x2, x3, [x17, 16]\nstp x4, x5, [x17, 32]\n",
            "stp x6, x7, [x17, 48]\nstp x8, x9, [x17, 64]\nstp x10, x11, [x17, 80]\n",
            "stp x12, x13, [x17, 96]\nstp x14, x15, [x17, 112]\nstp x18, x19, [x17, 144]\n",
            "stp x20, x21, [x17, 160]\nstp x22, x23, [x17, 176]\nstp x24, x25, [x17, 192]\n",
            "stp x26, x27, [x17, 208]\nstp x28, x29, [x17, 224]\nstr x30, [x17, 240]\n",
            "mov x9, sp\nstr x9, [x17, 248]\n",
            "stp d8, d9, [x17, 256]\nstp d10, d11, [x17, 272]\n",
            "stp d12, d13, [x17, 288]\nstp d14, d15, [x17, 304]\n",
            "mrs x9, fpcr\nstr x9, [x17, 320]\nldr x9, [x17, 72]\n",
        )
    };
}

/// Adds 1 to a field.
macro_rules! count {
    ($field:literal) => {
        concat!(
            "ldr x17, [x16, {",
            $field,
            "}]\nadd x17, x17, 1\nstr x17, [x16, {",
            $field,
            "}]\n"
        )
    };
}

/// Brings back what a function must leave as it is, from an [`Image`]; changes `x17` and `x30`.
macro_rules! bring_back {
    ($image:literal) => {
        concat!(
            "add x17, x16, {",
            $image,
            "}\n",
            "ldr x18, [x17, 144]\nldp x19, x20, [x17, 152]\nldp x21, x22, [x17, 168]\n",
            "ldp x23, x24, [x17, 184]\nldp x25, x26, [x17, 200]\nldp x27, x28, [x17, 216]\n",
            "ldr x29, [x17, 232]\nldr x30, [x17, 248]\nmov sp, x30\n",
            "ldr x30, [x17, 320]\nmsr fpcr, x30\n",
            "ldp d8, d9, [x17, 256]\nldp d10, d11, [x17, 272]\n",
            "ldp d12, d13, [x17, 288]\nldp d14, d15, [x17, 304]\n",
        )
    };
}

/// `enter(function, a, b, c)` calls `function(a, b, c)`.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn enter(
    function: *const u8,
    a: *const u8,
    b: *const u8,
    c: *const u8,
) {
    naked_asm!(
        "stp x29, x30, [sp, -160]!",
        "stp x19, x20, [sp, 16]",
        "stp x21, x22, [sp, 32]",
        "stp x23, x24, [sp, 48]",
        "stp x25, x26, [sp, 64]",
        "stp x27, x28, [sp, 80]",
        "stp d8, d9, [sp, 96]",
        "stp d10, d11, [sp, 112]",
        "stp d12, d13, [sp, 128]",
        "stp d14, d15, [sp, 144]",
        state!(),
        "mrs x17, fpcr",
        "str x17, [x16, {fpcr}]",
        "mov x17, sp",
        "str x17, [x16, {sp}]",
        "ldr x9, [x16, {phase}]",
        "sub x17, x17, x9",
        "mov sp, x17",
        "mov x9, x0",
        "mov x0, x1",
        "mov x1, x2",
        "mov x2, x3",
        // Values that occur nowhere else.
        ".irp i, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28",
        "mov x\\i, 0x5bb0 + \\i",
        ".endr",
        ".irp i, 8, 9, 10, 11, 12, 13, 14, 15",
        "mov x17, 0x5bb0 + \\i",
        "fmov d\\i, x17",
        ".endr",
        write_down!("entry"),
        "blr x9",
        write_down!("exit"),
        "mov x17, 1",
        "str x17, [x16, {entered}]",
        "b {escape}",
        state = sym STATE,
        escape = sym escape,
        sp = const offset_of!(State, sp),
        phase = const offset_of!(State, phase),
        fpcr = const offset_of!(State, own.fpcr),
        entered = const offset_of!(State, entered),
        entry = const offset_of!(State, entry),
        exit = const offset_of!(State, exit),
    )
}

/// Goes back to where `enter` was called, with what that expects.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn escape() {
    naked_asm!(
        state!(),
        "ldr x17, [x16, {fpcr}]",
        "msr fpcr, x17",
        "ldr x17, [x16, {sp}]",
        "mov sp, x17",
        "ldp x19, x20, [sp, 16]",
        "ldp x21, x22, [sp, 32]",
        "ldp x23, x24, [sp, 48]",
        "ldp x25, x26, [sp, 64]",
        "ldp x27, x28, [sp, 80]",
        "ldp d8, d9, [sp, 96]",
        "ldp d10, d11, [sp, 112]",
        "ldp d12, d13, [sp, 128]",
        "ldp d14, d15, [sp, 144]",
        "ldp x29, x30, [sp], 160",
        "ret",
        state = sym STATE,
        sp = const offset_of!(State, sp),
        fpcr = const offset_of!(State, own.fpcr),
    )
}

#[unsafe(naked)]
pub(super) unsafe extern "C" fn nothing() {
    naked_asm!("ret")
}

/// Calls the target with all registers and the stack as they are, but `x16` and `x17`, which any call may change.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn thunk() {
    naked_asm!(
        write_down!("call"),
        count!("calls"),
        "str x30, [x16, {return_address}]",
        // Argument registers that hold no argument.
        "ldr x17, [x16, {unpassed}]",
        ".irp i, 0, 1, 2, 3, 4, 5, 6, 7",
        "tbz x17, \\i, 9f",
        "ldr x\\i, [x16, {unpassed_filling}]",
        "9:",
        "tbz x17, 32 + \\i, 9f",
        "ldr q\\i, [x16, {unpassed_filling}]",
        "9:",
        ".endr",
        // The arguments stay where they are.
        "ldr x17, [x16, {target}]",
        "blr x17",
        write_down!("after"),
        count!("returns"),
        // What the target should have left.
        bring_back!("call"),
        // What it may change.
        "ldr x17, [x16, {fill}]",
        ".irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "tbz x17, \\i, 9f",
        "ldr x\\i, [x16, {filling} + 8 * \\i]",
        "9:",
        ".endr",
        ".irp i, 0, 1, 2, 3, 4, 5, 6, 7",
        "tbz x17, 32 + \\i, 9f",
        "ldr q\\i, [x16, {filling} + 8 * {vector}]",
        "9:",
        ".endr",
        ".irp i, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31",
        "tbz x17, 32 + \\i, 9f",
        "ldr q\\i, [x16, {filling} + 8 * {vector}]",
        "9:",
        ".endr",
        // Of these the low half is the caller's.
        "ldr x30, [x16, {filling} + 8 * {vector} + 8]",
        ".irp i, 8, 9, 10, 11, 12, 13, 14, 15",
        "mov v\\i\\().d[1], x30",
        ".endr",
        "ldr x30, [x16, {return_address}]",
        "ret",
        state = sym STATE,
        target = const offset_of!(State, target),
        unpassed = const offset_of!(State, unpassed),
        unpassed_filling = const offset_of!(State, unpassed_filling),
        fill = const offset_of!(State, fill),
        filling = const offset_of!(State, filling),
        vector = const FILLED_VECTOR,
        return_address = const offset_of!(State, return_address),
        calls = const offset_of!(State, calls),
        returns = const offset_of!(State, returns),
        call = const offset_of!(State, call),
        after = const offset_of!(State, after),
    )
}
