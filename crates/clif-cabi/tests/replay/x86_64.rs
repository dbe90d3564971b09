//! x86-64's part of the tests of the model: the signatures that they generate, and those that are
//! refused.

use cabi::Reg;
use cabi::x86_64::*;
use cranelift_codegen::isa::CallConv;

use super::probe::machine_code;

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

/// Returns the dump that is a callee of `call_conv`.
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

machine_code! {
    "sysv64", "x86_64.s",
    /// Changes no register at all.
    dump_only
}
