//! What the tests of the model know of AArch64: which signatures they generate, which are refused, and models that are wrong there alone.
//! Functions of `apple_aarch64` run on Linux as well.

use cabi::Reg;
use cabi::aarch64::V0;
use clif_cabi::clif_cabi_plan::{ClifPlace, Machine};
use cranelift_codegen::ir::{AbiParam, ArgumentPurpose, Signature, types};
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

/// What both refuse, and replay's words.
pub(crate) const BOTH: &str = "
    () probestack > `probestack` is not a convention that is lowered
    (i8x32) system_v > parameter 0: `i8x32` is not passed in one register under `system_v`
    (f128) apple_aarch64 > parameter 0: `f128` is not passed in one register under `apple_aarch64`
    () -> f128 apple_aarch64 > result 0: `f128` is not passed in one register under `apple_aarch64`
    (i64 sret) tail > parameter 0: `sret` has no place here in a C signature under `tail`
    (i64 sarg(8)) system_v > parameter 0: `sarg(8)` has no place here in a C signature under `system_v`
    (i64 sarg(8)) tail > parameter 0: `sarg(8)` has no place here in a C signature under `tail`
    (i32 sarg(8)) apple_aarch64 > parameter 0: `sarg(8)` is an address and must be `i64`, not `i32`
    (f64 sret) system_v > parameter 0: `sret` is an address and must be `i64`, not `f64`
    (i64 sret) -> i64, f64 system_v > a signature with `sret` cannot have results, this one has 2
    () -> i64 sret system_v > result 0: `sret` has no place here in a C signature under `system_v`
    () -> i64, i64, i64, i64, i64, i64, i64, i64, i8 system_v > result 8: no register is left for a `i8` under `system_v`
    () -> f32, f32, f32, f32, f32, f32, f32, f32, f16 apple_aarch64 > result 8: no register is left for a `f16` under `apple_aarch64`
    () -> i64, i64, i64, i64, i64, i64, i64 tail > result 6: no register is left for a `i64` under `tail`
";

/// What replay alone refuses: Cranelift does not do what C does, or does more than the signature says.
pub(crate) const REPLAY: &str = "
    (i128) system_v > parameter 0: Cranelift does not place an `i128` as C does; split it into two `i64`
    () -> i128 fast > result 0: Cranelift does not place an `i128` as C does; split it into two `i64`
    (i64) winch > `winch` is not a convention that is lowered
    (i64) preserve_all > `preserve_all` is not a convention that is lowered on this machine
    (i64) windows_fastcall > `windows_fastcall` is not a convention that is lowered on this machine
    (i64 vmctx) system_v > parameter 0: `vmctx` has no place here in a C signature under `system_v`
    (i8, i8, i8, i8, i8, i8, i8, i8, i8 sext) apple_aarch64 > parameter 8: `i8` cannot be extended, only integers can
";

/// What neither refuses: otherwise `cranelift_accepts` could be false for any reason.
pub(crate) const NEITHER: &str = "
    (i64, f128, i8x16) -> i64, i64, i64, f128, f16 system_v
    (i64, i8 sext, f16) -> i64, i64, f64 apple_aarch64
    (i64, i64, i64, i64, i64, i64, i64) -> i64, i64, i64, i64, i64, i64, f64, f64, f64, f64, f64, f64, f64, f64 tail
    (i64, i64 sret) system_v
    (i64 sret) apple_aarch64
";

pub(crate) const NOT_IN_ALL_RELEASES: &[(&str, &str)] = &[];

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
