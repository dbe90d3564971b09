//! Random signatures, and every transition of argument assignment (`transitions`): layouts are compared, then where each reference compiler passes their values. It is the run of `cabi fuzz`.
//!
//! The compilers of this machine, each version of clang that has a profile too, are asked at `-O0` and `-O2` and every vector level, then those of the
//! targets whose code runs in programs of its own (`cabi fuzz --target`). The probe observes where their code has its values, and ours, as an object file. A difference
//! is minimized and printed as a block of the corpus; where the compiler's own caller and callee disagree, it is self-inconsistent.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `CABI_RANDOM_COUNT` | signatures for each compiler | 60 at each vector level and optimization, 96 of other targets |
//! | `CABI_RANDOM_SEED` | the seed | 1 |
//! | `CABI_RANDOM_FIRST` | the first signature's index | 0 |
//!
//! A longer run: `CABI_RANDOM_COUNT=20000 CABI_RANDOM_SEED=7 cargo test -p cabi-tests --test random`.

mod transitions;

use cabi::{Policy, Target};
use cabi_verify::build::{Reference, feature_flags};
use cabi_verify::fuzz::{self, Campaign};
use cabi_verify::run::HERE;
use cabi_verify::tally::Finding;
use cabi_verify::threads::at_once;
use cabi_verify::verdict::Verdict;
use cabi_verify::verify::units::{self, Judged, Mistake};
use cabi_verify::verify::{Compiler, VerifyError};

use super::conventions::mutations;
use crate::compiled::{compilers_of_programs, run_files};
use crate::suite::{Result, Suite, number};

/// Vector levels, as features of the corpus. Each target has the first.
const VECTORS: [&[&str]; 3] = [&[], &["avx"], &["avx512f"]];

/// Differences of a run that are minimized.
const SHRINKS: usize = 8;

/// Fewest rules of a convention that a differing byte shows when they are dropped.
const BY_BYTES: usize = 2;

/// Signatures of which a broken convention has one elsewhere.
const TO_NOTICE: u64 = 64;

/// The first `usual` signatures, unless the environment says otherwise.
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
    let levels = match HERE == Target::X86_64_LINUX {
        true => &VECTORS[..],
        false => &VECTORS[..1],
    };
    let every = [references.clone(), suite.other_clangs()].concat();
    for features in levels {
        for optimize in ["-O0", "-O2"] {
            let compilers = compilers(&every, features, optimize, suite)?;
            take(&plan(60)?, &compilers, suite)?;
        }
    }
    references.retain(|one| suite.wants(one.name()));
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
        dropped_rules(&Compiler::new(first, None)?, suite)?;
    }
    let mut programs = compilers_of_programs(suite)?;
    programs.retain(|one| suite.wants(one.target().name()));
    let target = |at: usize| programs[at].target();
    let is_first = |at| (0..at).all(|before| target(before) != target(at));
    let numbers: Vec<usize> = (0..programs.len()).collect();
    suite.each(&numbers, |&at, suite| {
        let compiler = &programs[at];
        take(&plan(96)?, std::slice::from_ref(compiler), suite)?;
        transitions::of_program(compiler, suite)?;
        match is_first(at) {
            true => dropped_rules(compiler, suite),
            false => Ok(()),
        }
    })
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

/// Takes the results of `plan` under each of `compilers`. If there is none, the report has the
/// reason.
fn take(plan: &Campaign, compilers: &[Compiler], suite: &mut Suite) -> Result<()> {
    if compilers.is_empty() {
        return Ok(());
    }
    let results = fuzz::run(plan, compilers, |_, _| Ok(()))?;
    let what = format!("seed {}, from {}", plan.seed, plan.numbers.start);
    suite.take("random", &what, &results.report(true, false));
    Ok(())
}

/// The first `count` signatures, of which so many differences are minimized. No seed has other ones.
fn sample(count: u64, shrinks: usize) -> Result<Campaign> {
    Ok(Campaign {
        seed: 1,
        numbers: 0..count,
        shrinks,
        ..plan(count)?
    })
}

/// Under the policy of another compiler than it is, something must differ, and be minimized.
fn wrong_policy(reference: &Reference) -> Result<Result<(), String>> {
    let other = match reference.name() {
        "clang" => Policy::GCC,
        _ => Policy::CLANG,
    };
    let compiler = Compiler::new(reference.clone(), Some(other))?;
    let compilers = [compiler];
    let found = |shrinks| -> Result<Vec<Finding>> {
        let results = fuzz::run(&sample(100, shrinks)?, &compilers, |_, _| Ok(()))?;
        let of_each = results.compilers.into_iter();
        Ok(of_each.flat_map(|tally| tally.failures).collect())
    };
    let large = found(0)?;
    let Some((at, large)) = (large.iter().enumerate()).max_by_key(|(_, found)| found.block.len())
    else {
        return Ok(Err("a wrong policy was not noticed".to_owned()));
    };
    let small = found(at + 1)?.into_iter().nth(at);
    let small = small.map(|found| found.block).unwrap_or_default();
    if small.len() >= large.block.len() || !(1..=8).contains(&small.lines().count()) {
        let why = format!("it was not minimized:\n{}{small}", large.block);
        return Ok(Err(why));
    }
    Ok(Ok(()))
}

/// Drops the rules of the compiler's convention in turn: where its code has the values of fewer calls
/// must agree, and a byte must differ in some; without the others places are refused.
fn dropped_rules(compiler: &Compiler, suite: &mut Suite) -> Result<()> {
    let target = compiler.target();
    let convention = target.convention().ok_or("the target has a convention")?;
    let compiled = fuzz::compile(&sample(TO_NOTICE, 0)?, compiler)?;
    let counts = |judged: Vec<Vec<Judged>>| {
        let verdicts = || judged.iter().flatten().map(|one| &one.verdict);
        let n_same = verdicts().filter(|verdict| matches!(verdict, Verdict::Passed(_)));
        let differs = verdicts().any(|verdict| matches!(verdict, Verdict::Differs(_)));
        (n_same.count(), differs)
    };
    let theirs =
        |mistake| -> Result<_> { Ok(counts(units::compare(&compiled, mistake, at_once())?)) };
    let both = |mistake| -> Result<_> { Ok(counts(run_files(&compiled, mistake)?)) };
    let (right, of_both) = (theirs(Mistake::NONE)?, both(Mistake::NONE)?);
    let (engine, mut by_bytes) = (suite.engine("control"), 0);
    for rule in mutations::dropped(convention) {
        let mistake = Mistake::of_convention(rule);
        let (n_same, differs) = theirs(mistake)?;
        // No drawn signature may need the rule: plans are refused without it.
        let is_noticed = n_same < right.0 || both(mistake)?.0 < of_both.0;
        by_bytes += usize::from(differs);
        let noticed = is_noticed.then_some(());
        let noticed = noticed.ok_or_else(|| "not noticed".to_owned());
        let name = format!("{} {}", target.name(), rule.name);
        suite.report.outcome(&engine, &name, noticed);
    }
    let enough = (by_bytes >= BY_BYTES).then_some(());
    let enough = enough.ok_or_else(|| format!("{by_bytes} broken conventions were noticed"));
    let (engine, name) = (format!("{engine} by bytes"), compiler.reference.command());
    suite.report.outcome(&engine, &name, enough);
    Ok(())
}
