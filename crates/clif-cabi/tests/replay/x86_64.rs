//! What the tests of the model know of x86-64: which signatures they generate, which are refused, and models that are wrong there alone.

use cabi::Reg;
use cabi::x86_64::XMM0;
use clif_cabi::clif_cabi_plan::{ClifPlace, Machine, Places};
use cranelift_codegen::ir::{AbiParam, ArgumentPurpose, Signature, types};
use cranelift_codegen::isa::CallConv;

use super::probe;
use super::wrong_models::{Model, edited, move_to, of_convention, restacked, with_extra_params};

pub(crate) const MACHINE: &Machine = Machine::X86_64;

/// Whether Cranelift has vectors there whose size the machine decides.
pub(crate) const HAS_SCALABLE_VECTORS: bool = false;

/// A vector register.
pub(crate) const VECTOR: Reg = XMM0;

/// Places that have a signature in `generated_signatures_cover_every_place`: a model that refuses more has fewer.
pub(crate) const N_PLACES: usize = 506;

/// Those that signatures are of, some more often.
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

/// Whether Cranelift heeds `sext` and `uext`.
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

/// Signatures with what is refused of them.
pub(crate) const REFUSED: &str = include_str!("x86_64.txt");

pub(crate) const WRONG: &[(&str, Model)] = &[
    ("Windows counted by class", |sig| {
        of_convention(sig, CallConv::WindowsFastcall, CallConv::SystemV)
    }),
    ("System V counted by position", |sig| {
        of_convention(sig, CallConv::SystemV, CallConv::WindowsFastcall)
    }),
    ("`sarg` takes an integer register", sarg_in_register),
    ("no shadow space", without_shadow),
    ("small values packed on the stack", |sig| {
        restacked(sig, |bytes| (bytes, bytes))
    }),
];

fn sarg_in_register(sig: &Signature) -> Option<Places> {
    let is_area = |param: &AbiParam| matches!(param.purpose, ArgumentPurpose::StructArgument(_));
    with_extra_params(sig, |_, param| is_area(param).then_some(types::I64))
}

fn without_shadow(sig: &Signature) -> Option<Places> {
    edited(sig, |places| {
        for place in &mut places.params {
            match *place {
                ClifPlace::Stack { offset } | ClifPlace::Area { offset, .. }
                    if sig.call_conv == CallConv::WindowsFastcall =>
                {
                    move_to(place, offset - 32);
                }
                _ => {}
            }
        }
    })
}
