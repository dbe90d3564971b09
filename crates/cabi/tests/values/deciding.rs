//! An explanation names a policy bit once if that bit, changed alone, gives the signature other places, and else not at all.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use crate::{LINUX, LP64, structure};
use cabi::{FnSig, Policy, Type, explain};

/// The signatures, and some bit that must be named for each; `None` where none is.
fn signatures() -> Vec<(FnSig, Option<&'static str>)> {
    let parsed = |text| Type::parse(text, &LP64).unwrap();
    let of_array = parsed("struct { float x[2], y[2]; char c; }");
    let flexible = parsed("struct { int n; char rest[]; }");
    let plain = parsed("struct { double x; long n; }");
    let vector = Type::vector(&Type::F32, 8).unwrap();
    let int128 = FnSig::parse(
        "void f(long, long, long, long, long, __int128, long)",
        &LP64,
    );
    let flexibles = FnSig::new([flexible.clone(), flexible.clone()], flexible);
    vec![
        (FnSig::new([of_array], Type::VOID), None),
        (flexibles, Some("FLEXIBLE_ARRAY_IN_MEMORY")),
        (FnSig::new([plain.clone()], plain), None),
        (FnSig::new([], vector), Some("WIDE_VECTOR_RESULTS_SPLIT")),
        (int128.unwrap(), Some("INT128_USES_UP_INTEGER_REGISTERS")),
    ]
}

#[test]
fn bits_are_named_that_change_the_places() {
    for profile in [Policy::GCC, Policy::CLANG, Policy::ZIG] {
        for (sig, must) in signatures() {
            let of = |policy| explain(&sig.clone().policy(policy), &[], &LINUX);
            let explained = of(profile).unwrap();
            let text = explained.to_string();
            for (bit, name) in Policy::NAMES {
                let flipped = match profile.has(*bit) {
                    true => profile.without(*bit),
                    false => profile | *bit,
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
    let plain = structure(&[Type::array(&Type::I64, 2).unwrap()]);
    let explained = explain(&FnSig::new([plain], Type::VOID), &[], &LINUX).unwrap();
    assert!(!explained.to_string().contains("policy "), "{explained}");
}
