//! An explanation names a policy bit once if that bit, changed alone, gives the signature other places, and else not at all.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use cabi::{DataModel, FnSig, Policy, RecordBuilder, Target, Type, explain};

fn record(fields: &[(&str, Type)]) -> Type {
    let add = |builder: RecordBuilder, (name, ty): &(&str, Type)| builder.field(name, ty.clone());
    let builder = fields.iter().fold(RecordBuilder::structure("s"), add);
    builder.build(&DataModel::LP64).unwrap()
}

/// The signatures, and some bit that must be named for each; `None` where none is.
fn signatures() -> Vec<(FnSig, Option<&'static str>)> {
    let floats = Type::array(&Type::F32, 2).unwrap();
    let rest = Type::flexible_array(&Type::I8).unwrap();
    let of_array = record(&[("x", floats.clone()), ("y", floats), ("n", Type::I8)]);
    let flexible = record(&[("n", Type::I32), ("rest", rest)]);
    let plain = record(&[("x", Type::F64), ("n", Type::I64)]);
    let vector = Type::vector(&Type::F32, 8).unwrap();
    let longs = vec![Type::I64; 5];
    let with_int128 = longs.into_iter().chain([Type::I128, Type::I64]);
    vec![
        (FnSig::new([of_array], Type::VOID), None),
        (
            FnSig::new([flexible.clone(), flexible.clone()], flexible),
            Some("FLEXIBLE_ARRAY_IN_MEMORY"),
        ),
        (FnSig::new([plain.clone()], plain), None),
        (FnSig::new([], vector), Some("WIDE_VECTOR_RESULTS_SPLIT")),
        (
            FnSig::new(with_int128, Type::VOID),
            Some("INT128_USES_UP_INTEGER_REGISTERS"),
        ),
    ]
}

#[test]
fn bits_are_named_that_change_the_places() {
    for profile in [Policy::GCC, Policy::CLANG, Policy::ZIG] {
        for (sig, must) in signatures() {
            let of = |policy| explain(&sig.clone().policy(policy), &[], &Target::X86_64_LINUX);
            let explained = of(profile).unwrap();
            let text = explained.to_string();
            for (bit, name) in Policy::NAMES {
                let flipped = if profile.has(*bit) {
                    profile.without(*bit)
                } else {
                    profile | *bit
                };
                // The summary says all places.
                let decides = of(flipped).unwrap().summary() != explained.summary();
                assert_eq!(
                    text.matches(name).count(),
                    usize::from(decides),
                    "{name}: {text}"
                );
            }
            if let Some(name) = must {
                assert!(text.contains(name), "{name}: {text}");
            }
        }
    }
    // What mattered on the way and decides nothing is in the data, not in the text.
    let plain = record(&[("x", Type::array(&Type::I64, 2).unwrap())]);
    let explained = explain(&FnSig::new([plain], Type::VOID), &[], &Target::X86_64_LINUX).unwrap();
    assert!(!explained.to_string().contains("policy "), "{explained}");
}
