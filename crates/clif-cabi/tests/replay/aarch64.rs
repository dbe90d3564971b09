//! AArch64's part of the tests of the model: the signatures that they generate, and those that are
//! refused. Functions of `apple_aarch64` run on Linux as well.

use cabi::Reg;
use cabi::aarch64::*;
use cranelift_codegen::isa::CallConv;

use super::probe::machine_code;

pub(crate) const TARGET: &str = "aarch64-unknown-linux-gnu";

/// `true` if Cranelift has vectors there whose size the machine decides.
pub(crate) const HAS_SCALABLE_VECTORS: bool = true;

/// Registers that the probe writes down.
pub(crate) const REGISTERS: &[Reg] = &[
    X0, X1, X2, X3, X4, X5, X6, X7, X8, V0, V1, V2, V3, V4, V5, V6, V7,
];

/// Places that have a signature in `generated_signatures_cover_every_place`: a model that refuses
/// more has fewer.
pub(crate) const N_PLACES: usize = 448;

/// The conventions of signatures; what stands here twice is drawn more often.
pub(crate) const CONVENTIONS: &[CallConv] = &[
    CallConv::SystemV,
    CallConv::SystemV,
    CallConv::Fast,
    CallConv::Tail,
    CallConv::AppleAarch64,
    CallConv::AppleAarch64,
    CallConv::AppleAarch64,
    CallConv::WindowsFastcall,
];

/// Checks whether Cranelift heeds `sext` and `uext`.
pub(crate) fn extends(call_conv: CallConv) -> bool {
    call_conv == CallConv::AppleAarch64
}

/// Returns the dump that is a callee of `call_conv`.
pub(crate) fn dump_of(call_conv: CallConv) -> unsafe extern "C" fn() {
    match call_conv {
        CallConv::Tail => dump_popping,
        _ => dump,
    }
}

/// Signatures, each with who refuses it, and why.
pub(crate) const REFUSED: &str = include_str!("aarch64.txt");

/// The words of a [`State`] that have the stack pointer at the callee's entry, and after the call,
/// in place of x15 and x14.
pub(crate) const SP: usize = 15;
pub(crate) const SP_AFTER: usize = 14;
/// From the stack pointer at a callee's entry to its argument area.
pub(crate) const AREA: u64 = 0;

machine_code!("C", "aarch64.s");
