//! The code of the probe for AArch64.

use std::arch::global_asm;

use super::{ANSWER, POPPED, RECORDED, STACK_BYTES, dump, dump_popping, enter};

/// The words of a [`State`](super::State) that have sp at the callee's entry, and sp after the
/// call, in place of x15 and x14.
pub(super) const SP: usize = 15;
pub(super) const SP_AFTER: usize = 14;
/// From the stack pointer at a callee's entry to its argument area.
pub(super) const AREA: u64 = 0;

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
