//! x86-64's part of the tests of the model: the signatures that they generate, and those that are
//! refused.

use std::arch::global_asm;

use cabi::Reg;
use cabi::x86_64::*;
use cranelift_codegen::isa::CallConv;

use super::probe::{ANSWER, POPPED, RECORDED, STACK_BYTES, State};

pub(crate) const TARGET: &str = "x86_64-unknown-linux-gnu";

/// `true` if Cranelift has vectors there whose size the machine decides.
pub(crate) const HAS_SCALABLE_VECTORS: bool = false;

/// Registers that the probe writes down.
pub(crate) const REGISTERS: &[Reg] = &[
    RAX, RCX, RDX, RSI, RDI, R8, R9, R10, XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7,
];

/// Places that have a signature in `generated_signatures_cover_every_place`: a model that refuses
/// more has fewer.
pub(crate) const N_PLACES: usize = 506;

/// The conventions of signatures; what stands here twice is drawn more often.
pub(crate) const CONVENTIONS: &[CallConv] = &[
    CallConv::SystemV,
    CallConv::SystemV,
    CallConv::SystemV,
    CallConv::Fast,
    CallConv::PreserveAll,
    CallConv::Tail,
    CallConv::WindowsFastcall,
    CallConv::WindowsFastcall,
    CallConv::WindowsFastcall,
];

/// Checks whether Cranelift heeds `sext` and `uext`.
pub(crate) fn extends(_: CallConv) -> bool {
    true
}

/// The dump that is a callee of `call_conv`.
pub(crate) fn dump_of(call_conv: CallConv) -> unsafe extern "sysv64" fn() {
    match call_conv {
        CallConv::PreserveAll => dump_only,
        CallConv::Tail => dump_popping,
        _ => dump,
    }
}

/// Signatures, each with who refuses it, and why.
pub(crate) const REFUSED: &str = include_str!("x86_64.txt");

/// The words of a [`State`] that have the stack pointer at the callee's entry, and after the call,
/// in place of rbp.
pub(crate) const SP: usize = 4;
pub(crate) const SP_AFTER: usize = 5;
/// From the stack pointer at a callee's entry to its argument area.
pub(crate) const AREA: u64 = 8;

unsafe extern "sysv64" {
    /// Calls the code with the registers and stack of one state, and records what comes back in the
    /// other.
    pub(crate) fn enter(code: *const u8, given: *const State, returned: *mut State);
    /// Records its registers and stack, then answers in registers of results. A callee of any
    /// convention; called below [`enter`], which keeps enough stack above it readable.
    fn dump();
    /// As [`dump`], without its arguments when it returns, and in all registers of results.
    fn dump_popping();
    /// Changes no register at all.
    fn dump_only();
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
