//! What replay refuses, set beside what Cranelift refuses: replay must refuse no less.

use std::collections::HashSet;

use clif_cabi::replay::{ClifPlace, MAX_STACK_BYTES, replay};
use cranelift_codegen::ir::{
    AbiParam, ArgumentExtension, ArgumentPurpose, Signature, Type, types::*,
};
use cranelift_codegen::isa::CallConv::{self, *};

use super::compile::cranelift_accepts;
use super::generate::{Rng, signature};
use super::signatures;

fn sig(call_conv: CallConv, params: &[AbiParam], returns: &[AbiParam]) -> Signature {
    Signature {
        call_conv,
        params: params.to_vec(),
        returns: returns.to_vec(),
    }
}

fn types(call_conv: CallConv, params: &[Type], returns: &[Type]) -> Signature {
    let abi_params = |types: &[Type]| types.iter().copied().map(AbiParam::new).collect::<Vec<_>>();
    sig(call_conv, &abi_params(params), &abi_params(returns))
}

const SRET: AbiParam = AbiParam {
    value_type: I64,
    purpose: ArgumentPurpose::StructReturn,
    extension: ArgumentExtension::None,
};

fn sarg(size: u32) -> AbiParam {
    AbiParam::special(I64, ArgumentPurpose::StructArgument(size))
}

#[test]
fn what_cranelift_refuses_is_refused() {
    let context = AbiParam::special(I64, ArgumentPurpose::VMContext);
    let mut uext_f32 = AbiParam::new(F32);
    uext_f32.extension = ArgumentExtension::Uext;
    let both_refuse = [
        types(SystemV, &[I128], &[]),
        types(SystemV, &[], &[I128]),
        types(Fast, &[I8X32], &[]),
        types(SystemV, &[I32X4XN], &[]),
        types(WindowsFastcall, &[F16], &[]),
        types(WindowsFastcall, &[F128], &[]),
        types(WindowsFastcall, &[], &[F16]),
        types(WindowsFastcall, &[], &[F128]),
        types(SystemV, &[], &[I64, I64, I64]),
        types(SystemV, &[], &[F32, F32, F32]),
        types(WindowsFastcall, &[], &[I64, I64, I64]),
        types(WindowsFastcall, &[], &[F32, F32, F32]),
        types(PreserveAll, &[], &[I64]),
        types(Tail, &[], &[I64; 9]),
        types(Tail, &[], &[F32; 9]),
        sig(Tail, &[sarg(0x10000)], &[]),
        sig(SystemV, &[sarg(12)], &[]),
        sig(SystemV, &[sarg(MAX_STACK_BYTES), sarg(8)], &[]),
        sig(SystemV, &[SRET], &[AbiParam::new(I64)]),
        sig(SystemV, &[SRET, SRET], &[]),
        sig(SystemV, &[], &[SRET]),
        sig(SystemV, &[], &[sarg(8)]),
        sig(SystemV, &[uext_f32], &[]),
    ];
    // Otherwise `cranelift_accepts` could be false for any reason.
    let both_accept = [
        types(SystemV, &[I64, F128, I8X16], &[I64, I64, F128, F16]),
        types(WindowsFastcall, &[I64, F32], &[I64, I64, F64]),
        types(WindowsFastcall, &[], &[F32, F64]),
        types(PreserveAll, &[I64], &[]),
        types(Tail, &[I64; 9], &[[I64; 8], [F64; 8]].concat()),
        sig(Tail, &[sarg(0xfff0)], &[]),
        sig(SystemV, &[SRET, sarg(16)], &[]),
    ];
    // Refused though Cranelift compiles them: it does not do what C does, or does more than the signature says.
    let only_replay_refuses = [
        types(Tail, &[I128], &[]),
        types(Winch, &[I64], &[]),
        types(WindowsFastcall, &[I8X16], &[]),
        sig(PreserveAll, &[sarg(8)], &[]),
        sig(SystemV, &[context], &[]),
    ];
    let tables = [
        ((false, false), &both_refuse[..]),
        ((true, true), &both_accept),
        ((false, true), &only_replay_refuses),
    ];
    for (expected, sigs) in tables {
        for sig in sigs {
            let (own, accepted) = (replay(sig), cranelift_accepts(sig));
            let found = (own.is_ok(), accepted);
            assert_eq!(found, expected, "{sig}: replayed as {own:?}, by Cranelift");
        }
    }
}

/// Whatever a signature holds, replay answers; and what it accepts, Cranelift compiles.
#[test]
fn any_signature_is_answered() {
    const STRANGE: [Type; 10] = [
        INVALID, I128, I8X32, I8X64, I32X4XN, F128X2, I128X2, I8X16, F16, I64,
    ];
    let mut n_accepted = 0;
    for number in 0..100_000 {
        let mut rng = Rng::new(number);
        let mut sig = signature(&mut rng);
        if rng.below(4) == 0 {
            sig.call_conv = rng.pick(&[
                SystemV,
                WindowsFastcall,
                PreserveAll,
                Tail,
                Winch,
                Probestack,
                AppleAarch64,
            ]);
        }
        for _ in 0..rng.below(3) {
            let list = match rng.below(3) {
                0 => &mut sig.returns,
                _ => &mut sig.params,
            };
            let strange = AbiParam {
                value_type: rng.pick(&STRANGE),
                purpose: rng.pick(&[
                    ArgumentPurpose::Normal,
                    ArgumentPurpose::Normal,
                    ArgumentPurpose::StructReturn,
                    ArgumentPurpose::VMContext,
                    ArgumentPurpose::StructArgument(16),
                    ArgumentPurpose::StructArgument(7),
                    ArgumentPurpose::StructArgument(u32::MAX),
                    ArgumentPurpose::StructArgument(u32::MAX - 7),
                ]),
                extension: rng.pick(&[
                    ArgumentExtension::None,
                    ArgumentExtension::None,
                    ArgumentExtension::Sext,
                ]),
            };
            let index = rng.below(list.len() + 1);
            list.insert(index, strange);
        }
        let accepted = replay(&sig).is_ok();
        n_accepted += usize::from(accepted);
        if accepted && number % 100 == 0 {
            assert!(
                cranelift_accepts(&sig),
                "{sig:?}: replayed, but refused by Cranelift"
            );
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
