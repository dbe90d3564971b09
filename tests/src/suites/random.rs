//! Random signatures, and every transition of argument assignment (`transitions`). Layouts are
//! compared first, and then the places where each reference compiler passes values. It is the run
//! of `cabi fuzz`.
//!
//! The compilers of this machine are compared at `-O0` and `-O2` and every vector level. Each
//! version of clang that has a profile is one of them. Compilers of the targets whose code runs in
//! programs of its own follow (`cabi fuzz --target`). The probe observes where their code has its
//! values, and ours, as an object file. A difference is minimized and printed as a block of the
//! corpus. If the compiler's own caller and callee disagree, it is self-inconsistent.
//!
//! - `CABI_RANDOM_COUNT`: signatures for each compiler, by default 60 at each vector level and
//!   optimization, 96 of other targets.
//! - `CABI_RANDOM_SEED`: the seed, by default 1.
//! - `CABI_RANDOM_FIRST`: the first signature's index, by default 0.
//!
//! A longer run: `CABI_RANDOM_COUNT=20000 CABI_RANDOM_SEED=7 cargo test -p cabi-tests --test suites
//! -- random`.

mod rules;
mod transitions;

use cabi::{Policy, Target};
use cabi_verify::build::{Reference, feature_flags};
use cabi_verify::fuzz::{self, Campaign};
use cabi_verify::processor;
use cabi_verify::run::HERE;
use cabi_verify::tally::Finding;
use cabi_verify::threads::{at_once, in_threads};
use cabi_verify::verify::{Compiler, Mistake, VerifyError};

use crate::cross_compilers::compilers_of_programs;
use crate::suite::{Result, Suite, number};

/// Vector levels, as features of the corpus. Each target has the first.
const VECTORS: [&[&str]; 3] = [&[], &["avx"], &["avx512f"]];

/// Differences of a run that are minimized.
const SHRINKS: usize = 8;

/// Plans the first `usual` signatures, unless the environment says otherwise.
fn plan(usual: u64) -> Result<Campaign> {
    let first = number("CABI_RANDOM_FIRST", 0)?;
    Ok(Campaign {
        seed: number("CABI_RANDOM_SEED", 1)?,
        numbers: first..first.saturating_add(number("CABI_RANDOM_COUNT", usual)?),
        time: None,
        stride: None,
        at_once: at_once(),
        shrinks: SHRINKS,
        mistake: Mistake::NONE,
    })
}

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let mut references = suite.references();
    let mut every = [references.clone(), suite.other_clangs()].concat();
    references.retain(|one| suite.wants(one.name()));
    every.retain(|one| suite.wants(one.name()));
    let levels = match HERE == Target::X86_64_LINUX {
        true => &VECTORS[..],
        false => &VECTORS[..1],
    };
    for features in levels {
        if let Some(missing) = features.iter().find(|name| !processor::has(name)) {
            let why = format!("this machine has no {missing}");
            suite.report.not_run("random", missing, &why);
            continue;
        }
        for optimize in ["-O0", "-O2"] {
            let compilers = compilers(&every, features, optimize, suite)?;
            take(&plan(60)?, &compilers, suite)?;
        }
    }
    for reference in &references {
        // gcc and clang have one policy on AArch64.
        if HERE == Target::X86_64_LINUX {
            let outcome = wrong_policy(reference)?;
            let engine = format!("{} control", reference.name());
            suite.report.outcome(&engine, "policy", outcome);
        }
        transitions::of_reference(reference, suite)?;
    }
    if let Some(first) = references.into_iter().next() {
        rules::dropped(&Compiler::new(first, None)?, suite)?;
    }
    let programs = compilers_of_programs(suite, |suite, target| suite.wants(target))?;
    let target = |at: usize| programs[at].target();
    let is_first = |at| (0..at).all(|before| target(before) != target(at));
    let numbers: Vec<usize> = (0..programs.len()).collect();
    suite.each(&numbers, |&at, suite| {
        let compiler = &programs[at];
        take(&plan(96)?, std::slice::from_ref(compiler), suite)?;
        transitions::of_program(compiler, suite)?;
        match is_first(at) {
            true => rules::dropped(compiler, suite),
            false => Ok(()),
        }
    })
}

/// Returns the reference compilers with these flags, as far as they have the vectors.
fn compilers(
    references: &[Reference],
    features: &[&str],
    optimize: &str,
    suite: &mut Suite,
) -> Result<Vec<Compiler>> {
    let features: Vec<String> = features.iter().map(|&name| name.to_owned()).collect();
    let flags = [feature_flags(&features), vec![optimize]].concat();
    let of = |reference: &Reference| Compiler::new(reference.with_flags(&flags), None);
    let results = in_threads(references, at_once(), of, |_| ());
    let mut compilers = Vec::new();
    for (reference, result) in references.iter().zip(results) {
        match result {
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

/// Takes the results of `plan` under each of `compilers`. If there is none, the report has the
/// reason.
fn take(plan: &Campaign, compilers: &[Compiler], suite: &mut Suite) -> Result<()> {
    if compilers.is_empty() {
        return Ok(());
    }
    let results = fuzz::run(plan, compilers, |_, _| Ok(()))?;
    let what = format!("seed {}, from {}", plan.seed, plan.numbers.start);
    suite.take("random", &what, &results.report(true, true));
    Ok(())
}

/// Plans the first `count` signatures under seed 1, of which so many differences are minimized.
fn sample(count: u64, shrinks: usize) -> Result<Campaign> {
    Ok(Campaign {
        seed: 1,
        numbers: 0..count,
        shrinks,
        ..plan(count)?
    })
}

/// Checks that a difference is found and minimized under the policy of another compiler.
fn wrong_policy(reference: &Reference) -> Result<Result<(), String>> {
    let compiler = Compiler::new(reference.clone(), Some(another_policy(reference)))?;
    let findings = |plan: &Campaign| -> Result<Vec<Finding>> {
        let results = fuzz::run(plan, std::slice::from_ref(&compiler), |_, _| Ok(()))?;
        let of_each = results.compilers.into_iter();
        Ok(of_each.flat_map(|tally| tally.failures).collect())
    };
    let large = findings(&sample(100, 0)?)?.into_iter();
    let Some(large) = large.max_by_key(|finding| finding.block.len()) else {
        return Ok(Err("a wrong policy was not noticed".to_owned()));
    };
    let mut words = large.again.split(' ').skip_while(|word| *word != "--first");
    let number: u64 = words.nth(1).ok_or("the finding has no number")?.parse()?;
    let small = findings(&Campaign {
        numbers: number..number + 1,
        ..sample(100, 1)?
    })?;
    let small = small.into_iter().next().map(|finding| finding.block);
    let small = small.unwrap_or_default();
    if small.len() >= large.block.len() || !(1..=8).contains(&small.lines().count()) {
        let why = format!("the finding was not minimized:\n{}{small}", large.block);
        return Ok(Err(why));
    }
    Ok(Ok(()))
}

/// Returns the policy of another compiler than `reference`.
fn another_policy(reference: &Reference) -> Policy {
    match reference.name() {
        "clang" => Policy::GCC,
        _ => Policy::CLANG,
    }
}
