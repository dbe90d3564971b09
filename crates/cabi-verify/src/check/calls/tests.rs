//! What may be refused: what the signature has, in the direction that is not lowered.

use cabi::{BoolVector, Policy};

use super::*;

#[test]
fn each_kind_is_known_of_what_has_it_only() {
    let wide = Type::vector(&Type::F64, 4).unwrap();
    let bools = Type::bool_vector(128, BoolVector::Zig).unwrap();
    let level = cabi::VectorLevel::Avx;
    let sigs = [
        ("plain", FnSig::new([Type::I32, Type::F80], Type::F64)),
        (
            "wide",
            FnSig::new([wide.clone()], Type::VOID).features(level),
        ),
        ("wide result", FnSig::new([], wide).features(level)),
        ("variadic", FnSig::new([Type::PTR], Type::I32).variadic()),
        (
            "16 bytes",
            FnSig::new([Type::F128], Type::VOID)
                .convention(&cabi::X86_64_WIN64)
                .policy(Policy::CLANG),
        ),
        ("bools", FnSig::new([bools], Type::VOID).policy(Policy::ZIG)),
    ];
    let known = |kind: NotLowered| {
        let why = "";
        let refusal = Refusal::NotLowered { kind, why };
        let mut names = Vec::new();
        for (name, sig) in &sigs {
            let abi = FnAbi::new(sig, &cabi::Target::X86_64_LINUX).unwrap();
            let [call, callee] =
                Direction::ALL.map(|direction| is_known(&refusal, &abi, direction));
            if call || callee {
                names.push((*name, call, callee));
            }
        }
        names
    };
    assert_eq!(known(NotLowered::VaArg("")), [("variadic", false, true)]);
    assert_eq!(known(NotLowered::Convention("")), []);
}
