//! What the tests of the model know of AArch64: which signatures they generate, which are refused, and models that are wrong there alone.
//! Functions of `apple_aarch64` run on Linux as well.

use cabi::Reg;
use cabi::aarch64::V0;
use clif_cabi::clif_cabi_plan::{ClifPlace, Machine};
use cranelift_codegen::ir::{AbiParam, ArgumentPurpose, types};
use cranelift_codegen::isa::CallConv;

use super::probe;
use super::wrong_models::{Model, edited, of_convention, restacked, with_extra_params};

pub(crate) const MACHINE: &Machine = Machine::AARCH64;

/// Whether Cranelift has vectors there whose size the machine decides.
pub(crate) const HAS_SCALABLE_VECTORS: bool = true;

/// A vector register.
pub(crate) const VECTOR: Reg = V0;

/// Places that have a signature in `generated_signatures_cover_every_place`: a model that refuses more has fewer.
pub(crate) const N_PLACES: usize = 388;

/// Those that signatures are of, some more often.
pub(crate) const CONVENTIONS: &[CallConv] = &[
    CallConv::SystemV,
    CallConv::SystemV,
    CallConv::Fast,
    CallConv::Tail,
    CallConv::AppleAarch64,
    CallConv::AppleAarch64,
    CallConv::AppleAarch64,
];

/// Whether Cranelift heeds `sext` and `uext`.
pub(crate) fn extends(call_conv: CallConv) -> bool {
    call_conv == CallConv::AppleAarch64
}

/// The dump that is a callee of `call_conv`.
pub(crate) fn dump(call_conv: CallConv) -> unsafe extern "C" fn() {
    match call_conv {
        CallConv::Tail => probe::dump_popping,
        _ => probe::dump,
    }
}

/// Signatures with what is refused of them.
pub(crate) const REFUSED: &str = include_str!("aarch64.txt");

pub(crate) const WRONG: &[(&str, Model)] = &[
    ("`tail` from x0 on", |sig| {
        of_convention(sig, CallConv::Tail, CallConv::SystemV)
    }),
    ("System V from x2 on", |sig| {
        of_convention(sig, CallConv::SystemV, CallConv::Tail)
    }),
    ("Apple's slots of at least 8 bytes", |sig| {
        of_convention(sig, CallConv::AppleAarch64, CallConv::SystemV)
    }),
    ("System V's slots packed", |sig| {
        let is_own = sig.call_conv == CallConv::SystemV;
        is_own.then(|| restacked(sig, |bytes| (bytes, bytes)))?
    }),
    ("a vector's slot aligned to 8", |sig| {
        restacked(sig, |bytes| (bytes, bytes.min(8)))
    }),
    ("`sret` takes an integer register", |sig| {
        let is_sret = |param: &AbiParam| param.purpose == ArgumentPurpose::StructReturn;
        with_extra_params(sig, |_, param| is_sret(param).then_some(types::I64))
    }),
    ("`sret` in x0", |sig| {
        let index = sig
            .params
            .iter()
            .position(|param| param.purpose == ArgumentPurpose::StructReturn)?;
        edited(sig, |places| {
            places.params[index] = ClifPlace::Reg(cabi::aarch64::X0)
        })
    }),
];
