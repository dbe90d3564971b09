//! An explanation names a policy bit once if that bit, changed alone, gives the signature other places, and else not at all.

use crate::notation::signature;
use crate::{LINUX, LP64};
use cabi::{Policy, explain};

/// Signatures, and some bit that must be named for each.
const SIGNATURES: [(&str, Option<&str>); 5] = [
    ("struct { float x[2], y[2]; char c; }", None),
    (
        "2*struct { int n; char rest[]; } -> struct { int n; char rest[]; }",
        Some("FLEXIBLE_ARRAY_IN_MEMORY"),
    ),
    (
        "struct { double x; long n; } -> struct { double x; long n; }",
        None,
    ),
    ("-> vector(float, 8)", Some("WIDE_VECTOR_RESULTS_SPLIT")),
    (
        "5*long, __int128, long",
        Some("INT128_USES_UP_INTEGER_REGISTERS"),
    ),
];

#[test]
fn bits_are_named_that_change_the_places() {
    for profile in [Policy::GCC, Policy::CLANG, Policy::ZIG] {
        for (text, must) in SIGNATURES {
            let sig = signature(text, &LP64).unwrap();
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
}
