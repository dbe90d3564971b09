//! Variadic functions of System V.

use cabi::{FnSig, Member, Policy, RecordBuilder, Type, VectorLevel};
use clif_cabi_plan::VaArgPlan;

use super::{LINUX, words};

/// Whatever profile a variadic function is compiled by, it reads records.
#[test]
fn va_arg_reads_records_under_every_profile() {
    for policy in [Policy::PSABI, Policy::GCC, Policy::CLANG, Policy::ZIG] {
        let printf = FnSig::new([Type::PTR], Type::I32).variadic().policy(policy);
        for level in [VectorLevel::Baseline, VectorLevel::Avx] {
            let printf = printf.clone().features(level);
            for n in [1, 2, 3] {
                VaArgPlan::new(&printf, &words(n), &LINUX).unwrap();
            }
        }
    }
}

/// clang passes this record in rdi and xmm0, and its `va_arg` looks for it in two vector registers; gcc does both.
#[test]
fn va_arg_finds_no_odd_pair_of_clang() {
    let pair = Type::array(&Type::F16, 2).unwrap();
    let odd = RecordBuilder::structure("s").field("x", pair);
    let odd = odd.member(Member::named("y", Type::F32).aligned(8));
    let odd = odd.build(LINUX.data_model()).unwrap();
    let fetched = |policy| {
        let printf = FnSig::new([Type::PTR], Type::I32).variadic().policy(policy);
        VaArgPlan::new(&printf, &odd, &LINUX)
    };
    assert!(fetched(Policy::GCC).is_ok());
    let error = fetched(Policy::CLANG).unwrap_err().to_string();
    assert!(
        error.contains("struct s: clang counts other registers for it than it uses"),
        "{error}"
    );
}
