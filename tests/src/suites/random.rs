//! Random signatures: where each reference compiler passes their values, compared with `FnAbi` under its profile.
//!
//! Layouts are compared, then where the compiler's callers put each argument and its callees each result, at `-O0` and `-O2` and every vector
//! level. It is the run of `cabi fuzz` with a register file and a stack of our own in place of Cranelift: what is not lowered is checked too. A
//! difference is minimized and printed as a block of the corpus; where the compiler's own caller and callee disagree, it is self-inconsistent:
//! printed, no failure.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `CABI_RANDOM_COUNT` | signatures for each reference compiler at each vector level and optimization | 60 |
//! | `CABI_RANDOM_SEED` | the seed | 1 |
//! | `CABI_RANDOM_FIRST` | the first signature's index | 0 |
//!
//! A longer run: `CABI_RANDOM_COUNT=20000 CABI_RANDOM_SEED=7 cargo test -p cabi-tests --test random`.

use cabi::Policy;
use cabi_verify::build::{Reference, feature_flags};
use cabi_verify::fuzz::{self, Campaign, Found, Results};
use cabi_verify::threads::at_once;
use cabi_verify::verify::{Compiler, Mistake, OtherSide, VerifyError};

use crate::conformance::LEVELS;
use crate::suite::{Result, Suite, number};

/// Vector levels, as features of the corpus.
const VECTORS: [&[&str]; 3] = [&[], &["avx"], &["avx512f"]];

/// Differences of a run that are minimized.
const SHRINKS: usize = 8;

/// The signatures of `numbers` under `seed`.
fn plan(seed: u64, numbers: std::ops::Range<u64>, at_once: usize) -> Campaign {
    Campaign {
        seed,
        numbers,
        time: None,
        way: OtherSide::RegisterFile,
        at_once,
        shrinks: 0,
        mistake: Mistake::default(),
    }
}

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let first = number("CABI_RANDOM_FIRST", 0)?;
    let numbers = first..first.saturating_add(number("CABI_RANDOM_COUNT", 60)?);
    let plan = plan(number("CABI_RANDOM_SEED", 1)?, numbers, at_once());
    let references = suite.references();
    for features in VECTORS {
        for optimize in LEVELS {
            let compilers = compilers(&references, features, optimize, suite)?;
            let results = fuzz::run(&plan, &compilers, |_, _| Ok(()))?;
            take(&plan, &compilers, results, suite)?;
        }
    }
    for reference in &references {
        let outcome = control(reference)?;
        let engine = format!("{} control", reference.name());
        suite.report.outcome(&engine, "policy", outcome);
    }
    Ok(())
}

/// The reference compilers with these flags, as far as they and this machine have the vectors.
fn compilers(
    references: &[Reference],
    features: &[&str],
    optimize: &str,
    suite: &mut Suite,
) -> Result<Vec<Compiler>> {
    let features: Vec<String> = features.iter().map(|&name| name.to_owned()).collect();
    let flags = [feature_flags(&features), vec![optimize]].concat();
    let mut compilers = Vec::new();
    for reference in references {
        match Compiler::new(reference.with_flags(&flags), None) {
            Ok(compiler) => compilers.push(compiler),
            Err(error @ (VerifyError::Machine { .. } | VerifyError::Reference(_))) => {
                let (flags, why) = (flags.join(" "), error.to_string());
                suite.report.not_run(reference.name(), &flags, &why);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(compilers)
}

/// What was found under each of `compilers`.
fn take(
    plan: &Campaign,
    compilers: &[Compiler],
    results: Results,
    suite: &mut Suite,
) -> Result<()> {
    let report = &mut suite.report;
    for (compiler, stats) in compilers.iter().zip(results.compilers) {
        report.note(format!(
            "{} ({}), seed {}: {} signatures from {}: same {}, differ {}, explained {:?}, {:.0} a second",
            stats.command,
            stats.version,
            plan.seed,
            stats.signatures,
            plan.numbers.start,
            stats.same,
            stats.failures.len(),
            stats.explained,
            stats.rate(),
        ));
        for (why, n) in &stats.not_run {
            report.note(format!("not run, {n}: {why}"));
        }
        for found in &stats.theirs {
            report.note(format!("theirs: {}# {}", found.block, found.why));
        }
        for (i, found) in stats.failures.iter().enumerate() {
            let smaller = match i < SHRINKS {
                true => smaller(plan, compiler, found)?,
                false => found.clone(),
            };
            let outcome = Err(format!("{}\n{}", smaller.why, smaller.block));
            report.outcome(&stats.command, &found.name, outcome);
        }
        if stats.failures.is_empty() {
            report.outcome(compiler.reference.name(), &stats.command, Ok(()));
        }
    }
    Ok(())
}

/// `found` minimized.
fn smaller(plan: &Campaign, compiler: &Compiler, found: &Found) -> Result<Found> {
    let plan = Campaign {
        numbers: found.number..found.number + 1,
        shrinks: 1,
        ..plan.clone()
    };
    let results = fuzz::run(&plan, std::slice::from_ref(compiler), |_, _| Ok(()))?;
    let again = results.compilers.into_iter().flat_map(|t| t.failures);
    Ok(again.last().unwrap_or_else(|| found.clone()))
}

/// Under the policy of another compiler than it is, something must differ, and be minimized.
fn control(reference: &Reference) -> Result<Result<(), String>> {
    let other = match reference.name() {
        "clang" => Policy::GCC,
        _ => Policy::CLANG,
    };
    let compiler = Compiler::new(reference.clone(), Some(other))?;
    let plan = plan(1, 0..100, 1);
    let results = fuzz::run(&plan, std::slice::from_ref(&compiler), |_, _| Ok(()))?;
    let found = results.compilers.into_iter().flat_map(|t| t.failures);
    let Some(found) = found.max_by_key(|found| found.block.len()) else {
        return Ok(Err("a wrong policy was not noticed".to_owned()));
    };
    let small = smaller(&plan, &compiler, &found)?.block;
    if small.len() >= found.block.len() || small.lines().count() > 8 {
        let why = format!("it was not minimized:\n{}{small}", found.block);
        return Ok(Err(why));
    }
    Ok(Ok(()))
}
