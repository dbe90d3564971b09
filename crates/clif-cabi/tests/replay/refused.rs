//! Refusals of replay compared with Cranelift's: replay must refuse no less.

use std::collections::HashSet;

use clif_cabi::clif_cabi_plan::ClifPlace;
use cranelift_codegen::ir::ArgumentPurpose::*;
use cranelift_codegen::ir::{AbiParam, ArgumentExtension, Signature, types::*};
use cranelift_codegen::isa::CallConv::{self, *};

use super::compile::cranelift_accepts;
use super::generate::{FLOATS, INTS, Rng, SMALL_VECTORS, VECTORS, signature};
use super::{machine, replay, signatures};

/// Parses a signature as CLIF writes it.
pub(crate) fn parsed(text: &str) -> Signature {
    let clif = format!("function %s{text} {{\nblock0:\n trap user1\n}}");
    let functions =
        cranelift_reader::parse_functions(&clif).unwrap_or_else(|why| panic!("{text}: {why}"));
    functions[0].signature.clone()
}

#[test]
fn signatures_that_cranelift_refuses_are_refused() {
    let mut wrong = Vec::new();
    let mut check = |sig: &Signature, words: &str, accepted: Option<bool>| {
        let refusal = replay(sig).map_or_else(|why| why.to_string(), |_| String::new());
        let found = (&*refusal, accepted.map(|_| cranelift_accepts(sig)));
        if found != (words, accepted) {
            wrong.push(format!("{sig}: {found:?}, not {:?}", (words, accepted)));
        }
    };
    let rows = machine::REFUSED.lines();
    for row in rows.filter(|row| !row.starts_with('#')) {
        let (by, row) = row.split_once(' ').unwrap();
        let (text, words) = row.split_once(" > ").unwrap_or((row, ""));
        let accepted = match by {
            "both" => Some(false),
            "replay" => Some(true),
            "neither" if words.is_empty() => Some(true),
            "differs" => None,
            _ => panic!("{by} {row}"),
        };
        check(&parsed(text), words, accepted);
    }
    // They have no text.
    for (ty, name, accepted) in [
        (INVALID, "INVALID", false),
        (I32X4XN, "I32X4XN", machine::HAS_SCALABLE_VECTORS),
    ] {
        let mut sig = Signature::new(SystemV);
        sig.params.push(AbiParam::new(ty));
        let words = "is not passed in one register under `system_v`";
        check(
            &sig,
            &format!("parameter 0: `types::{name}` {words}"),
            Some(accepted),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Draws a parameter or result that no front end should write.
fn strange(rng: &mut Rng) -> AbiParam {
    const TYPES: [Type; 10] = [
        INVALID, I128, I8X32, I8X64, I32X4XN, F128X2, I128X2, I8X16, F16, I64,
    ];
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

/// Replay answers any signature. Cranelift compiles each one that it accepts, with each parameter
/// where it is without those after it.
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
    for number in 0..30_000 {
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
        (6_000..24_000).contains(&n_accepted),
        "{n_accepted} accepted: tells too little"
    );
}

/// The proof is worth as much as its signatures cover. They cover every parameter of every
/// convention, in a register and on the stack, wherever replay has it.
#[test]
fn generated_signatures_cover_every_place() {
    let key = |call_conv, param: &AbiParam, place: &ClifPlace| {
        let purpose = match param.purpose {
            StructArgument(_) => StructArgument(0),
            purpose => purpose,
        };
        let on_stack = !matches!(place, ClifPlace::Reg(_));
        (
            call_conv,
            param.value_type,
            param.extension,
            purpose,
            on_stack,
        )
    };
    let mut covered = HashSet::new();
    for sig in signatures(1, 0..10_000) {
        let places = replay(&sig).unwrap();
        let params = sig.params.iter().zip(&places.params);
        covered.extend(params.map(|(param, place)| key(sig.call_conv, param, place)));
    }
    let mut params: Vec<AbiParam> = [StructReturn, StructArgument(0)]
        .map(|purpose| AbiParam::special(I64, purpose))
        .to_vec();
    let types = INTS
        .iter()
        .chain(&FLOATS)
        .chain(&SMALL_VECTORS)
        .chain(&VECTORS);
    for ty in types.chain(&[F16, F128]) {
        let param = AbiParam::new(*ty);
        params.push(param);
        if ty.is_int() {
            params.extend([param.sext(), param.uext()]);
        }
    }
    let mut n_covered = 0;
    for call_conv in machine::CONVENTIONS {
        for (param, n_before) in params.iter().flat_map(|param| [(param, 0), (param, 8)]) {
            let mut sig = Signature::new(*call_conv);
            let before = [I64, F64].into_iter().cycle().take(2 * n_before);
            sig.params.extend(before.map(AbiParam::new).chain([*param]));
            let Ok(places) = replay(&sig) else { continue };
            let place = key(*call_conv, param, places.params.last().unwrap());
            assert!(covered.contains(&place), "{place:?}");
            n_covered += 1;
        }
    }
    assert_eq!(n_covered, machine::N_PLACES);
}
