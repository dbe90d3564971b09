//! Variadic functions of System V.

use cabi::{FnSig, Policy, Type, VectorLevel};
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
