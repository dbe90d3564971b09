//! Random signatures: what each judge does with types nobody thought of, next to what `cabi` says under that judge's profile.
//!
//! Layout is compared (sizes, alignments, offsets, bits of bit-fields), then where the judge's callers put each argument and its callees each
//! result, at `-O0` and `-O2`. A difference is made smaller and printed as a block of the corpus. Where the judge's own caller and callee
//! disagree too, the difference is the judge's: counted, printed, no failure.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `CABI_RANDOM_COUNT` | signatures for each judge at each vector level | 60 |
//! | `CABI_RANDOM_SEED` | the seed | 1 |
//! | `CABI_RANDOM_FIRST` | the first signature's number | 0 |
//! | `CABI_RANDOM_JUDGE` | only this judge | all |
//! | `CABI_RANDOM_FEATURES` | only this vector level: `none`, `avx`, `avx512f` | all |
//! | `CABI_RANDOM_SHRINK` | how many differences of a run are made smaller | 8 |
//!
//! `CABI_RANDOM_COUNT=20000 CABI_RANDOM_SEED=7 cargo test -p cabi-tests --test random` hunts.

use std::process::ExitCode;

#[cfg(all(target_arch = "x86_64", unix))]
mod random {
    pub(crate) mod hunt;
    pub(crate) mod verdict;
}

#[cfg(all(target_arch = "x86_64", unix))]
fn main() -> ExitCode {
    random::hunt::run().unwrap_or_else(|why| {
        eprintln!("random: {why}");
        ExitCode::FAILURE
    })
}

#[cfg(not(all(target_arch = "x86_64", unix)))]
fn main() -> ExitCode {
    println!("random: not run: it reads the registers of x86-64 System V");
    ExitCode::SUCCESS
}
