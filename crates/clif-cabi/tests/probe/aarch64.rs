//! The code of the probe for AArch64.

use std::arch::global_asm;

use super::{ANSWER, POPPED, RECORDED, STACK_BYTES, State};

/// The words of a [`State`] that have sp at the callee's entry, and sp after the call, in place of x15 and x14.
pub(super) const SP: usize = 15;
pub(super) const SP_AFTER: usize = 14;
/// From the stack pointer at a callee's entry to its argument area.
pub(super) const AREA: u64 = 0;

// In `aarch64.s`.
unsafe extern "C" {
    /// Calls the code with the registers and stack of one state, and records what comes back in the other.
    pub(super) fn enter(code: *const u8, given: *const State, returned: *mut State);
    /// Records its registers and stack, then answers in registers of results. A callee of any convention; called below [`enter`], which keeps enough stack above it
    /// readable.
    pub(crate) fn dump();
    /// [`dump`] without its arguments when it returns.
    pub(crate) fn dump_popping();
}

global_asm!(
    include_str!("aarch64.s"),
    enter = sym enter,
    dump = sym dump,
    dump_popping = sym dump_popping,
    recorded = sym RECORDED,
    answer = sym ANSWER,
    popped = sym POPPED,
    stack_bytes = const STACK_BYTES,
);
