//! x86-64's part of the tests of the model: the signatures that they generate, and those that are
//! refused.

use cabi::Reg;
use cabi::x86_64::*;
use cranelift_codegen::isa::CallConv;

use super::probe;

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
pub(crate) fn dump(call_conv: CallConv) -> unsafe extern "sysv64" fn() {
    match call_conv {
        CallConv::PreserveAll => probe::dump_only,
        CallConv::Tail => probe::dump_popping,
        _ => probe::dump,
    }
}

/// Signatures, each with who refuses it, and why.
pub(crate) const REFUSED: &str = include_str!("x86_64.txt");
