//! The code of the probe for x86-64.

use std::arch::global_asm;

use super::{ANSWER, POPPED, RECORDED, STACK_BYTES, dump, dump_popping, enter};

/// The words of a [`State`](super::State) that have rsp at the callee's entry, and rsp after the
/// call, in place of rbp.
pub(super) const SP: usize = 4;
pub(super) const SP_AFTER: usize = 5;
/// From the stack pointer at a callee's entry to its argument area: the return address.
pub(super) const AREA: u64 = 8;

unsafe extern "sysv64" {
    /// [`dump`] without an answer: it changes no register at all, as a `preserve_all` callee must.
    pub(crate) fn dump_only();
}

global_asm!(
    include_str!("x86_64.s"),
    enter = sym enter,
    dump = sym dump,
    dump_only = sym dump_only,
    dump_popping = sym dump_popping,
    recorded = sym RECORDED,
    answer = sym ANSWER,
    popped = sym POPPED,
    stack_bytes = const STACK_BYTES,
);
