//! What replay refuses, word for word, and the corners of what it accepts. `tests/replay.rs` has the proof against
//! compiled code.

use cabi::x86_64;
use cranelift_codegen::ir::{ArgumentExtension, types::*};

use CallConv::{
    AppleAarch64, Fast, PreserveAll, Probestack, SystemV, Tail, Winch, WindowsFastcall,
};

use super::*;

/// `params -> returns` under `call_conv`.
fn sig<const P: usize, const R: usize>(
    call_conv: CallConv,
    params: [AbiParam; P],
    returns: [AbiParam; R],
) -> Signature {
    Signature {
        call_conv,
        params: params.to_vec(),
        returns: returns.to_vec(),
    }
}

fn normal(ty: Type) -> AbiParam {
    AbiParam::new(ty)
}

fn sret() -> AbiParam {
    AbiParam::special(I64, ArgumentPurpose::StructReturn)
}

fn sarg(size: u32) -> AbiParam {
    AbiParam::special(I64, ArgumentPurpose::StructArgument(size))
}

fn uext(ty: Type) -> AbiParam {
    AbiParam {
        extension: ArgumentExtension::Uext,
        ..normal(ty)
    }
}

fn refused<const N: usize>(cases: [(Signature, &str); N]) {
    for (sig, wanted) in cases {
        match replay(&sig) {
            Err(refusal) => assert_eq!(refusal.to_string(), wanted),
            Ok(places) => panic!("{sig:?}: {places:?}"),
        }
    }
}

#[test]
fn conventions_and_types_are_refused() {
    refused([
        (
            sig(Tail, [normal(I128)], []),
            "parameter 0: Cranelift does not place an `i128` as C does; split it into two `i64`",
        ),
        (
            sig(Tail, [sarg(0xfff0), normal(I64), sarg(8)], []),
            "parameter 2: the argument area exceeds 65520 bytes",
        ),
        (
            sig(Winch, [], []),
            "`winch` is not a convention that is lowered on x86-64",
        ),
        (
            sig(Probestack, [], []),
            "`probestack` is not a convention that is lowered on x86-64",
        ),
        (
            sig(AppleAarch64, [], []),
            "`apple_aarch64` is not a convention that is lowered on x86-64",
        ),
        (
            sig(Fast, [normal(I64), normal(I128)], []),
            "parameter 1: Cranelift does not place an `i128` as C does; split it into two `i64`",
        ),
        (
            sig(SystemV, [], [normal(I128)]),
            "result 0: Cranelift does not place an `i128` as C does; split it into two `i64`",
        ),
        (
            sig(SystemV, [normal(I8X32)], []),
            "parameter 0: `i8x32` is not passed in one register under `system_v`",
        ),
        (
            sig(SystemV, [normal(I32X4XN)], []),
            "parameter 0: `types::I32X4XN` is not passed in one register under `system_v`",
        ),
        (
            sig(SystemV, [normal(INVALID)], []),
            "parameter 0: `types::INVALID` is not passed in one register under `system_v`",
        ),
        (
            sig(WindowsFastcall, [normal(F16)], []),
            "parameter 0: `f16` is not passed in one register under `windows_fastcall`",
        ),
        (
            sig(WindowsFastcall, [], [normal(F128)]),
            "result 0: `f128` is not passed in one register under `windows_fastcall`",
        ),
        (
            sig(WindowsFastcall, [normal(F32X4)], [normal(F32X4)]),
            "parameter 0: `f32x4` is not passed in one register under `windows_fastcall`",
        ),
    ]);
}

#[test]
fn extensions_and_purposes_are_refused() {
    let vmctx = AbiParam::special(I64, ArgumentPurpose::VMContext);
    let of = |value_type, param| AbiParam {
        value_type,
        ..param
    };
    refused([
        (
            sig(SystemV, [normal(I8), uext(F32)], []),
            "parameter 1: `f32` cannot be extended, only integers can",
        ),
        (
            sig(SystemV, [], [uext(I8X16)]),
            "result 0: `i8x16` cannot be extended, only integers can",
        ),
        (
            sig(SystemV, [vmctx], []),
            "parameter 0: `vmctx` has no place here in a C signature under `system_v`",
        ),
        (
            sig(SystemV, [sret(), normal(I64), sret()], []),
            "parameter 2: `sret` has no place here in a C signature under `system_v`",
        ),
        (
            sig(SystemV, [], [sret()]),
            "result 0: `sret` has no place here in a C signature under `system_v`",
        ),
        (
            sig(SystemV, [], [sarg(8)]),
            "result 0: `sarg(8)` has no place here in a C signature under `system_v`",
        ),
        (
            sig(PreserveAll, [normal(I64), sret()], []),
            "parameter 1: `sret` has no place here in a C signature under `preserve_all`",
        ),
        (
            sig(PreserveAll, [sarg(8)], []),
            "parameter 0: `sarg(8)` has no place here in a C signature under `preserve_all`",
        ),
        (
            sig(SystemV, [of(F64, sret())], []),
            "parameter 0: `sret` is an address and must be `i64`, not `f64`",
        ),
        (
            sig(SystemV, [of(I32, sarg(8))], []),
            "parameter 0: `sarg(8)` is an address and must be `i64`, not `i32`",
        ),
    ]);
}

#[test]
fn results_and_areas_are_refused() {
    refused([
        (
            sig(SystemV, [sarg(12)], []),
            "parameter 0: the size of `sarg(12)` is not a multiple of 8",
        ),
        (
            sig(SystemV, [sret()], [normal(I64), normal(F64)]),
            "a signature with `sret` cannot have results, this one has 2",
        ),
        (
            sig(
                SystemV,
                [],
                [normal(I64), normal(F64), normal(I8), normal(I16)],
            ),
            "result 3: no register is left for a `i16` under `system_v`",
        ),
        (
            sig(SystemV, [], [normal(F32), normal(F64), normal(F128)]),
            "result 2: no register is left for a `f128` under `system_v`",
        ),
        (
            sig(WindowsFastcall, [], [normal(F32), normal(F32), normal(F64)]),
            "result 2: no register is left for a `f64` under `windows_fastcall`",
        ),
        (
            sig(PreserveAll, [], [normal(I64)]),
            "result 0: no register is left for a `i64` under `preserve_all`",
        ),
        (
            sig(SystemV, [sarg(MAX_STACK_BYTES), sarg(8)], []),
            "parameter 1: the argument area exceeds 134217728 bytes",
        ),
        (
            sig(WindowsFastcall, [sarg(u32::MAX - 7)], []),
            "parameter 0: the argument area exceeds 134217728 bytes",
        ),
    ]);
}

#[test]
fn area_limit_is_inclusive() {
    let places = replay(&sig(SystemV, [sarg(MAX_STACK_BYTES)], [])).unwrap();
    assert_eq!(places.stack_bytes, MAX_STACK_BYTES);
}

/// A `sarg` takes no register and no position, is 8-aligned even after 16-byte values, and may be empty.
#[test]
fn struct_arguments() {
    let places = replay(&sig(SystemV, [sarg(24), normal(I64), sarg(0), sarg(8)], [])).unwrap();
    let area = |offset, size| ClifPlace::Area { offset, size };
    let rdi = ClifPlace::Reg(x86_64::RDI);
    assert_eq!(
        places.params[..],
        [area(0, 24), rdi, area(24, 0), area(24, 8)]
    );
    assert_eq!(places.stack_bytes, 32);

    let windows = replay(&sig(WindowsFastcall, [sarg(8), normal(F64)], [])).unwrap();
    assert_eq!(
        windows.params[..],
        [area(32, 8), ClifPlace::Reg(x86_64::XMM0)]
    );
    assert_eq!(windows.stack_bytes, 48);
}

/// The classes run out separately, and a later parameter never moves an earlier one.
#[test]
fn no_back_fill() {
    let mut long = sig(SystemV, [normal(I64); 7], []);
    long.params.extend(
        [normal(F128); 9]
            .into_iter()
            .chain([normal(I8), normal(F32)]),
    );
    let all = replay(&long).unwrap();
    let offsets: Vec<u32> = (all.params.iter())
        .filter_map(|place| match place {
            ClifPlace::Stack { offset } => Some(*offset),
            _ => None,
        })
        .collect();
    // The seventh i64, the ninth f128 (aligned), i8, f32.
    assert_eq!(offsets, [0, 16, 32, 40]);
    assert_eq!(all.stack_bytes, 48);
    while long.params.pop().is_some() {
        let fewer = replay(&long).unwrap();
        assert_eq!(fewer.params[..], all.params[..fewer.params.len()]);
    }
}
