//! The code of the probe for AArch64, with the relocations of ELF.

use std::arch::naked_asm;

use super::{ANSWER, POPPED, RECORDED, STACK_BYTES, State};

/// Where a [`State`] has sp at the callee's entry, and sp after the call, in place of x15 and x14.
pub(super) const SP: usize = 15;
pub(super) const SP_AFTER: usize = 14;
/// From the stack pointer at a callee's entry to its argument area.
pub(super) const AREA: u64 = 0;

/// `load` or `store` of x0 to x8 and v0 to v7 in the state at x9, by these instructions for a pair and for one.
macro_rules! registers {
    ($pair:literal, $one:literal) => {
        concat!(
            $pair,
            " q0, q1, [x9, #128]\n",
            $pair,
            " q2, q3, [x9, #160]\n",
            $pair,
            " q4, q5, [x9, #192]\n",
            $pair,
            " q6, q7, [x9, #224]\n",
            $pair,
            " x0, x1, [x9]\n",
            $pair,
            " x2, x3, [x9, #16]\n",
            $pair,
            " x4, x5, [x9, #32]\n",
            $pair,
            " x6, x7, [x9, #48]\n",
            $one,
            " x8, [x9, #64]\n",
        )
    };
}

/// x0: the code, x1: the [`State`] to give it, x2: the [`State`] to record.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn enter(code: *const u8, given: *const State, returned: *mut State) {
    naked_asm!(
        "stp x29, x30, [sp, #-48]!",
        "mov x29, sp",
        "stp x19, x20, [sp, #16]",
        "str x22, [sp, #32]",
        "mov x19, x0",
        "mov x20, x1",
        "mov x22, x2",
        "sub sp, sp, #{stack_bytes}",
        "mov x9, #0",
        "2:",
        "add x10, x20, x9",
        "ldr x10, [x10, #256]",
        "str x10, [sp, x9]",
        "add x9, x9, #8",
        "cmp x9, #{stack_bytes}",
        "b.lo 2b",
        "mov x9, sp",
        "str x9, [x22, #120]",
        "mov x9, x20",
        registers!("ldp", "ldr"),
        "blr x19",
        "mov x9, x22",
        registers!("stp", "str"),
        "mov x10, sp",
        "str x10, [x9, #112]",
        "mov sp, x29",
        "ldp x19, x20, [sp, #16]",
        "ldr x22, [sp, #32]",
        "ldp x29, x30, [sp], #48",
        "ret",
        stack_bytes = const STACK_BYTES,
    )
}

/// The text of a dump into RECORDED, after which the answer is in all registers of results.
macro_rules! record {
    ($($end:expr),* ; $($operands:tt)*) => {
        naked_asm!(
            "adrp x9, {recorded}",
            "add x9, x9, :lo12:{recorded}",
            registers!("stp", "str"),
            "mov x10, sp",
            "str x10, [x9, #120]",
            "mov x10, #0",
            "2:",
            "ldr x11, [sp, x10]",
            "add x12, x9, x10",
            "str x11, [x12, #256]",
            "add x10, x10, #8",
            "cmp x10, #{stack_bytes}",
            "b.lo 2b",
            "adrp x9, {answer}",
            "add x9, x9, :lo12:{answer}",
            registers!("ldp", "ldr"),
            $($end,)*
            "ret",
            recorded = sym RECORDED,
            answer = sym ANSWER,
            stack_bytes = const STACK_BYTES,
            $($operands)*
        )
    };
}

/// Records its registers and stack, then answers in x0 to x8 and v0 to v7. A callee of any convention: it changes nothing else but x9 to x12. Called below
/// [`enter`], which keeps enough stack above it readable.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn dump() {
    record!(;)
}

/// [`dump`] without its arguments when it returns.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn dump_popping() {
    record!(
        "adrp x9, {popped}",
        "ldr x9, [x9, #:lo12:{popped}]",
        "add sp, sp, x9";
        popped = sym POPPED,
    )
}
