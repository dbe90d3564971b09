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

/// What both refuse, and replay's words.
pub(crate) const BOTH: &str = "
    (i128) system_v > parameter 0: Cranelift does not place an `i128` as C does; split it into two `i64`
    (i64, i128) fast > parameter 1: Cranelift does not place an `i128` as C does; split it into two `i64`
    () -> i128 system_v > result 0: Cranelift does not place an `i128` as C does; split it into two `i64`
    (i64 sarg(65520), i64, i64 sarg(8)) tail > parameter 2: the argument area exceeds 65520 bytes
    () apple_aarch64 > `apple_aarch64` is not a convention that is lowered on this machine
    () probestack > `probestack` is not a convention that is lowered
    (i8x32) system_v > parameter 0: `i8x32` is not passed in one register under `system_v`
    (f16) windows_fastcall > parameter 0: `f16` is not passed in one register under `windows_fastcall`
    (f128) windows_fastcall > parameter 0: `f128` is not passed in one register under `windows_fastcall`
    () -> f16 windows_fastcall > result 0: `f16` is not passed in one register under `windows_fastcall`
    () -> f128 windows_fastcall > result 0: `f128` is not passed in one register under `windows_fastcall`
    (i8, f32 uext) system_v > parameter 1: `f32` cannot be extended, only integers can
    () -> i8x16 uext system_v > result 0: `i8x16` cannot be extended, only integers can
    (i64 sret, i64, i64 sret) system_v > parameter 2: `sret` has no place here in a C signature under `system_v`
    () -> i64 sret system_v > result 0: `sret` has no place here in a C signature under `system_v`
    () -> i64 sarg(8) system_v > result 0: `sarg(8)` has no place here in a C signature under `system_v`
    (i32 sarg(8)) system_v > parameter 0: `sarg(8)` is an address and must be `i64`, not `i32`
    (i64 sarg(12)) system_v > parameter 0: the size of `sarg(12)` is not a multiple of 8
    (i64 sret) -> i64, f64 system_v > a signature with `sret` cannot have results, this one has 2
    () -> i64, f64, i8, i16 system_v > result 3: no register is left for a `i16` under `system_v`
    () -> f32, f64, f128 system_v > result 2: no register is left for a `f128` under `system_v`
    () -> i64, i64, i64 windows_fastcall > result 2: no register is left for a `i64` under `windows_fastcall`
    () -> f32, f32, f64 windows_fastcall > result 1: no register is left for a `f32` under `windows_fastcall`
    () -> i64 preserve_all > result 0: no register is left for a `i64` under `preserve_all`
    () -> i64, i64, i64, i64, i64, i64, i64, i64, i64 tail > result 8: no register is left for a `i64` under `tail`
    () -> f32, f32, f32, f32, f32, f32, f32, f32, f32 tail > result 8: no register is left for a `f32` under `tail`
    (i64 sarg(134217728), i64 sarg(8)) system_v > parameter 1: the argument area exceeds 134217728 bytes
    (i64 sarg(4294967288)) windows_fastcall > parameter 0: the argument area exceeds 134217728 bytes
";

/// What replay alone refuses: Cranelift does not do what C does, or does more than the signature says.
pub(crate) const REPLAY: &str = "
    (i128) tail > parameter 0: Cranelift does not place an `i128` as C does; split it into two `i64`
    (i64) winch > `winch` is not a convention that is lowered
    (f32x4) -> f32x4 windows_fastcall > parameter 0: `f32x4` is not passed in one register under `windows_fastcall`
    (i64 vmctx) system_v > parameter 0: `vmctx` has no place here in a C signature under `system_v`
    (i64, i64 sret) preserve_all > parameter 1: `sret` has no place here in a C signature under `preserve_all`
    (i64 sarg(8)) preserve_all > parameter 0: `sarg(8)` has no place here in a C signature under `preserve_all`
    (f64 sret) system_v > parameter 0: `sret` is an address and must be `i64`, not `f64`
";

/// What neither refuses: otherwise `cranelift_accepts` could be false for any reason.
pub(crate) const NEITHER: &str = "
    (i64, f128, i8x16) -> i64, i64, f128, f16 system_v
    (i64, f32) -> i64, i64, f64 windows_fastcall
    (i64) preserve_all
    (i64, i64, i64, i64, i64, i64, i64, i64, i64) -> i64, i64, i64, i64, i64, i64, i64, i64, f64, f64, f64, f64, f64, f64, f64, f64 tail
    (i64 sarg(65520)) tail
    (i64 sarg(134217728)) system_v
    (i64 sret, i64 sarg(16)) system_v
";

/// What replay refuses because releases of Cranelift differ: from 0.137 on it is accepted.
pub(crate) const NOT_IN_ALL_RELEASES: &[(&str, &str)] = &[(
    "() -> f32, f64 windows_fastcall",
    "result 1: no register is left for a `f64` under `windows_fastcall`",
)];

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
