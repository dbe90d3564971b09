//! What replay refuses, set beside what Cranelift refuses: replay must refuse no less.

use std::collections::HashSet;

use cabi::x86_64::{RDI, XMM0};
use clif_cabi::replay::{ClifPlace, MAX_STACK_BYTES, Replayed, replay};
use cranelift_codegen::ir::{AbiParam, ArgumentExtension, ArgumentPurpose, Signature, types::*};
use cranelift_codegen::isa::CallConv::{self, *};

use super::compile::cranelift_accepts;
use super::generate::{Rng, signature};
use super::signatures;

/// A signature as CLIF writes it.
fn parsed(text: &str) -> Signature {
    let clif = format!("function %s{text} {{\nblock0:\n trap user1\n}}");
    let functions =
        cranelift_reader::parse_functions(&clif).unwrap_or_else(|why| panic!("{text}: {why}"));
    functions[0].signature.clone()
}

/// What both refuse, and replay's words.
const BOTH: &str = "
    (i128) system_v > parameter 0: Cranelift does not place an `i128` as C does; split it into two `i64`
    (i64, i128) fast > parameter 1: Cranelift does not place an `i128` as C does; split it into two `i64`
    () -> i128 system_v > result 0: Cranelift does not place an `i128` as C does; split it into two `i64`
    (i64 sarg(65520), i64, i64 sarg(8)) tail > parameter 2: the argument area exceeds 65520 bytes
    () apple_aarch64 > `apple_aarch64` is not a convention that is lowered on this machine
    () probestack > `probestack` is not a convention that is lowered on x86-64
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
const REPLAY: &str = "
    (i128) tail > parameter 0: Cranelift does not place an `i128` as C does; split it into two `i64`
    (i64) winch > `winch` is not a convention that is lowered on x86-64
    (f32x4) -> f32x4 windows_fastcall > parameter 0: `f32x4` is not passed in one register under `windows_fastcall`
    (i64 vmctx) system_v > parameter 0: `vmctx` has no place here in a C signature under `system_v`
    (i64, i64 sret) preserve_all > parameter 1: `sret` has no place here in a C signature under `preserve_all`
    (i64 sarg(8)) preserve_all > parameter 0: `sarg(8)` has no place here in a C signature under `preserve_all`
    (f64 sret) system_v > parameter 0: `sret` is an address and must be `i64`, not `f64`
";

/// What neither refuses: otherwise `cranelift_accepts` could be false for any reason.
const NEITHER: &str = "
    (i64, f128, i8x16) -> i64, i64, f128, f16 system_v
    (i64, f32) -> i64, i64, f64 windows_fastcall
    (i64) preserve_all
    (i64, i64, i64, i64, i64, i64, i64, i64, i64) -> i64, i64, i64, i64, i64, i64, i64, i64, f64, f64, f64, f64, f64, f64, f64, f64 tail
    (i64 sarg(65520)) tail
    (i64 sret, i64 sarg(16)) system_v
";

/// What replay refuses because releases of Cranelift differ: from 0.137 on it is accepted.
const NOT_IN_ALL_RELEASES: &str = "() -> f32, f64 windows_fastcall > result 1: no register is left for a `f64` under `windows_fastcall`";

#[test]
fn what_cranelift_refuses_is_refused() {
    let mut wrong = Vec::new();
    let mut check = |sig: &Signature, words: &str, accepted: bool| {
        let refusal = replay(sig).map_or_else(|why| why.to_string(), |_| String::new());
        let found = (&*refusal, cranelift_accepts(sig));
        if found != (words, accepted) {
            wrong.push(format!("{sig}: {found:?}, not {:?}", (words, accepted)));
        }
    };
    for (table, accepted) in [(BOTH, false), (REPLAY, true), (NEITHER, true)] {
        for row in table.trim().lines() {
            let (text, words) = row.split_once(" > ").unwrap_or((row, ""));
            check(&parsed(text.trim()), words, accepted);
        }
    }
    let (text, words) = NOT_IN_ALL_RELEASES.split_once(" > ").unwrap();
    assert_eq!(replay(&parsed(text)).unwrap_err().to_string(), words);
    // They have no text.
    for (ty, name) in [(INVALID, "INVALID"), (I32X4XN, "I32X4XN")] {
        let mut sig = Signature::new(SystemV);
        sig.params.push(AbiParam::new(ty));
        let words = "is not passed in one register under `system_v`";
        check(
            &sig,
            &format!("parameter 0: `types::{name}` {words}"),
            false,
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A `sarg` takes no register and no position, is 8-aligned even after 16-byte values, and may be empty or as large as the whole area.
#[test]
fn struct_arguments() {
    let area = |offset, size| ClifPlace::Area { offset, size };
    let whole = format!("(i64 sarg({MAX_STACK_BYTES})) system_v");
    for (text, expected, bytes) in [
        (
            "(i64 sarg(24), i64, i64 sarg(0), i64 sarg(8)) system_v",
            &[area(0, 24), ClifPlace::Reg(RDI), area(24, 0), area(24, 8)][..],
            32,
        ),
        (
            "(i64 sarg(8), f64) windows_fastcall",
            &[area(32, 8), ClifPlace::Reg(XMM0)],
            48,
        ),
        (&whole, &[area(0, MAX_STACK_BYTES)], MAX_STACK_BYTES),
    ] {
        let Replayed {
            params,
            stack_bytes,
            ..
        } = replay(&parsed(text)).unwrap();
        assert_eq!((&params[..], stack_bytes), (expected, bytes), "{text}");
    }
}

/// A parameter or result that no front end should write.
fn strange(rng: &mut Rng) -> AbiParam {
    const TYPES: [Type; 10] = [
        INVALID, I128, I8X32, I8X64, I32X4XN, F128X2, I128X2, I8X16, F16, I64,
    ];
    use ArgumentPurpose::{Normal, StructArgument, StructReturn, VMContext};
    AbiParam {
        value_type: rng.pick(&TYPES),
        purpose: rng.pick(&[
            Normal,
            Normal,
            StructReturn,
            VMContext,
            StructArgument(16),
            StructArgument(7),
            StructArgument(u32::MAX),
            StructArgument(u32::MAX - 7),
        ]),
        extension: rng.pick(&[
            ArgumentExtension::None,
            ArgumentExtension::None,
            ArgumentExtension::Sext,
        ]),
    }
}

/// Whatever a signature holds, replay answers; and what it accepts, Cranelift compiles, each parameter where it is without those after it.
#[test]
fn any_signature_is_answered() {
    const CONVENTIONS: [CallConv; 7] = [
        SystemV,
        WindowsFastcall,
        PreserveAll,
        Tail,
        Winch,
        Probestack,
        AppleAarch64,
    ];
    let mut n_accepted = 0;
    for number in 0..100_000 {
        let mut rng = Rng::new(number);
        let mut sig = signature(&mut rng);
        if rng.below(4) == 0 {
            sig.call_conv = rng.pick(&CONVENTIONS);
        }
        for _ in 0..rng.below(3) {
            let list = match rng.below(3) {
                0 => &mut sig.returns,
                _ => &mut sig.params,
            };
            let strange = strange(&mut rng);
            let index = rng.below(list.len() + 1);
            list.insert(index, strange);
        }
        let Ok(all) = replay(&sig) else { continue };
        n_accepted += 1;
        if number % 100 == 0 {
            assert!(
                cranelift_accepts(&sig),
                "{sig:?}: replayed, but refused by Cranelift"
            );
        }
        if sig.params.pop().is_some() {
            let fewer = replay(&sig).unwrap();
            assert_eq!(fewer.params[..], all.params[..fewer.params.len()], "{sig}");
        }
    }
    assert!(
        (20_000..80_000).contains(&n_accepted),
        "{n_accepted} accepted: tells too little"
    );
}

/// The proof is worth what its signatures cover: every type of every convention, in a register and on the stack.
#[test]
fn generated_signatures_cover_every_place() {
    let mut seen = HashSet::new();
    for sig in signatures(1, 0..10_000) {
        let places = replay(&sig).unwrap();
        for (param, place) in sig.params.iter().zip(&places.params) {
            let on_stack = !matches!(place, ClifPlace::Reg(_));
            let is_area = matches!(place, ClifPlace::Area { .. });
            let is_sret = param.purpose == ArgumentPurpose::StructReturn;
            seen.insert((
                sig.call_conv,
                param.value_type,
                param.extension,
                on_stack,
                is_area,
                is_sret,
            ));
        }
    }
    let small = [I8X2, I8X4, I16X2, I8X8, I16X4, I32X2, F32X2];
    let wide = [I8X16, I16X8, I32X4, I64X2, F32X4, F64X2, F16, F128];
    for call_conv in [SystemV, Fast, PreserveAll, WindowsFastcall] {
        let mut wanted: Vec<_> = ([F32, F64].iter().chain(&small))
            .map(|&ty| (ty, ArgumentExtension::None))
            .collect();
        for ty in [I8, I16, I32, I64] {
            use ArgumentExtension::{None, Sext, Uext};
            wanted.extend([None, Sext, Uext].map(|extension| (ty, extension)));
        }
        if call_conv != WindowsFastcall {
            wanted.extend(wide.map(|ty| (ty, ArgumentExtension::None)));
        }
        for (ty, extension) in wanted {
            for on_stack in [false, true] {
                let place = (call_conv, ty, extension, on_stack, false, false);
                assert!(seen.contains(&place), "{place:?}");
            }
        }
        if call_conv != PreserveAll {
            let none = ArgumentExtension::None;
            assert!(
                seen.contains(&(call_conv, I64, none, true, true, false)),
                "{call_conv}: no area"
            );
            for on_stack in [false, true] {
                let place = (call_conv, I64, none, on_stack, false, true);
                assert!(
                    seen.contains(&place),
                    "{call_conv}: no sret, on stack: {on_stack}"
                );
            }
        }
    }
}
