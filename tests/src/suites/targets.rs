//! Targets whose code runs in programs of its own: AArch64 Linux by gcc and clang, Apple's arm64 and Windows x64 by clang, which writes ELF in their conventions.
//!
//! It is the run of `cabi fuzz --target`: random signatures, variadic ones among them, both sides of every call, one by Cranelift as an object file. Layouts are
//! compared too. Then every n-th transition of argument assignment is called.
//!
//! As an AArch64 program (docs/testing.md) it is the run of `cabi fuzz` for that machine: compiled code is loaded, ours is the JIT's.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `CABI_TARGETS_COUNT` | signatures for each compiler of each target | 256 |
//! | `CABI_TARGETS_SEED` | the seed | 1 |

use std::sync::Arc;

use cabi::Target;
use cabi::convention::Features;
use cabi_verify::build::{ProgramTarget, Reference, Unit};
use cabi_verify::case::{Direction, Entry};
use cabi_verify::check::program_calls::{Pair, ProgramCases};
use cabi_verify::exhaustive::{self, Exhaustive};
use cabi_verify::fuzz::{self, Campaign, Stats};
use cabi_verify::run::HERE;
use cabi_verify::threads::at_once;
use cabi_verify::verdict::Verdict;
use cabi_verify::verify::{Compiler, Mistake, OtherSide};

use super::conventions::mutations;
use crate::suite::{Result, Suite, number};

/// Every n-th transition is run; with `cabi verify --exhaustive --target` all.
const STRIDE: usize = 24;

/// Signatures of which a broken convention has one elsewhere.
const TO_NOTICE: u64 = 64;

/// Of the mutations of a convention so many are noticed by a byte that differs, at least: the others are refused when they are planned.
const BY_BYTES: usize = 2;

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let (count, seed) = (
        number("CABI_TARGETS_COUNT", 256)?,
        number("CABI_TARGETS_SEED", 1)?,
    );
    if HERE != Target::X86_64_LINUX {
        let compilers = compilers_here(suite)?;
        return compare(&compilers, HERE.name(), (seed, count), suite);
    }
    for triple in ProgramTarget::names() {
        if !suite.wants(triple) {
            continue;
        }
        let compilers = compilers_of_programs(triple, suite);
        compare(&compilers, triple, (seed, count), suite)?;
        corpus(&compilers, suite)?;
    }
    Ok(())
}

/// The folders of the corpus whose calls are those of other targets than x86-64 Linux.
const FOLDERS: [&str; 3] = ["aarch64-linux", "aarch64-apple", "x86-64-windows"];

/// The blocks of the corpus for the target: both sides ours in turn, and both the compiler's.
fn corpus(compilers: &[Compiler], suite: &mut Suite) -> Result<()> {
    for folder in FOLDERS {
        let subjects = suite.corpus(&[folder])?;
        for compiler in compilers {
            let (Some(programs), target) = (&compiler.programs, compiler.target()) else {
                continue;
            };
            let reference = &compiler.reference;
            let own = subjects.iter().filter(|subject| subject.target == target);
            let engine = format!("targets corpus {}", reference.name());
            let mut entries: Vec<Entry<'_>> = Vec::new();
            for subject in own {
                match reference.admits(&subject.block) {
                    Ok(()) => entries.extend(subject.cases.iter().map(|case| (subject, case))),
                    Err(why) => suite.report.not_run(&engine, &subject.block.name, &why),
                }
            }
            if entries.is_empty() {
                continue;
            }
            let unit = Unit::of_entries(reference, "-O1", &entries);
            let compiled = unit.compile()?;
            let built = compiled.built.ok_or("nothing was compiled")?;
            for refused in &compiled.refused {
                let why = refused.why.messages().unwrap_or_default().to_owned();
                suite.report.outcome(&engine, folder, Err(why));
            }
            let cases = compiled.cases.iter();
            let cases: Vec<_> = cases
                .filter_map(|&at| Some((entries.get(at)?.1, unit.symbol(at))))
                .collect();
            let program = ProgramCases {
                target: programs,
                objects: &[&built.object],
                cases: &cases,
                policy: compiler.policy,
                convention: None,
            };
            for verdicts in program.verdicts(&PAIRS)? {
                for ((case, _), verdict) in cases.iter().zip(verdicts) {
                    suite.verdict(&engine, &case.name, verdict);
                }
            }
            broken_corpus(program, folder, suite)?;
        }
    }
    Ok(())
}

/// A rule dropped from the convention must be noticed by some block.
fn broken_corpus(program: ProgramCases<'_>, folder: &str, suite: &mut Suite) -> Result<()> {
    let convention = program.target.target.convention();
    let convention = convention.ok_or("the target has a convention")?;
    let mutations = mutations::of(convention, Features::default());
    let mut differing = 0;
    for broken in mutations
        .iter()
        .filter(|one| one.what.contains("without `"))
    {
        let broken = ProgramCases {
            convention: Some(broken.convention),
            ..program
        };
        let verdicts = broken.verdicts(&PAIRS[..2])?.into_iter().flatten();
        differing += verdicts
            .filter(|one| matches!(one, Verdict::Differs(_)))
            .count();
    }
    let outcome = match differing {
        0 => Err("no broken convention was noticed".to_owned()),
        _ => Ok(()),
    };
    suite
        .report
        .outcome("targets corpus control", folder, outcome);
    Ok(())
}

/// Ours calls C's, C's calls ours, and C's calls C's.
const PAIRS: [Pair; 3] = [
    Pair::Ours(Direction::Call),
    Pair::Ours(Direction::Callee),
    Pair::C,
];

/// Signatures, transitions and, with the first compiler, controls.
fn compare(
    compilers: &[Compiler],
    triple: &str,
    (seed, count): (u64, u64),
    suite: &mut Suite,
) -> Result<()> {
    for (i, compiler) in compilers.iter().enumerate() {
        take(&tried(compiler, (seed, count), Mistake::default())?, suite);
        transitions(compiler, suite)?;
        if i == 0 {
            controls(compiler, seed, triple, suite)?;
        }
    }
    Ok(())
}

/// Those whose code this process loads.
fn compilers_here(suite: &mut Suite) -> Result<Vec<Compiler>> {
    let all = suite.references();
    let all = all.into_iter().map(|one| Compiler::new(one, None));
    Ok(all.collect::<std::result::Result<_, _>>()?)
}

/// Those for `triple`, whose code runs in programs.
fn compilers_of_programs(triple: &str, suite: &mut Suite) -> Vec<Compiler> {
    let (target, commands) = match ProgramTarget::named(triple) {
        Ok(named) => named,
        Err(why) => {
            suite.every_reference = false;
            suite.report.absent(triple, &why);
            return Vec::new();
        }
    };
    let target = Arc::new(target);
    let mut compilers = Vec::new();
    for command in commands {
        match Reference::of_command(command) {
            Ok(reference) => {
                compilers.push(Compiler::of_programs(reference, target.clone(), None));
            }
            Err(why) => {
                suite.every_reference = false;
                suite.report.absent(command, &why);
            }
        }
    }
    compilers
}

fn tried(compiler: &Compiler, (seed, count): (u64, u64), mistake: Mistake) -> Result<Stats> {
    let shrinks = match mistake.convention {
        None => 8,
        Some(_) => 0,
    };
    let plan = Campaign {
        seed,
        numbers: 0..count,
        time: None,
        way: OtherSide::Cranelift,
        at_once: at_once(),
        shrinks,
        mistake,
    };
    let results = fuzz::run(&plan, std::slice::from_ref(compiler), |_, _| Ok(()))?;
    let stats = results.compilers.into_iter().next();
    Ok(stats.ok_or("no compiler was asked")?)
}

fn take(stats: &Stats, suite: &mut Suite) {
    let report = &mut suite.report;
    report.note(format!(
        "{} ({}): {} signatures, same {}, differ {}, self-inconsistent {}, known bugs {:?}",
        stats.command,
        stats.version,
        stats.signatures,
        stats.same,
        stats.failures.len(),
        stats.inconsistent.len(),
        stats.known,
    ));
    for (why, n) in stats.not_run.iter().chain(&stats.not_lowered) {
        report.note(format!("not run, {n}: {why}"));
    }
    for found in stats.failures.iter().chain(&stats.inconsistent) {
        let outcome = Err(format!("{}\n{}", found.why, found.block));
        report.outcome(&stats.command, &found.name, outcome);
    }
    if stats.failures.is_empty() && stats.inconsistent.is_empty() {
        report.outcome("targets", &stats.command, Ok(()));
    }
}

/// Every n-th transition of argument assignment is called without a difference; with a rule dropped some differ.
fn transitions(compiler: &Compiler, suite: &mut Suite) -> Result<()> {
    let mut plan = Exhaustive::new(compiler.clone())?;
    // Few states are of Windows's convention.
    let stride = match compiler.target().name().contains("windows") {
        true => STRIDE / 8,
        false => STRIDE,
    };
    plan.stride = stride;
    let run = plan.run(&|_, _, _| {})?;
    let report = exhaustive::report(std::slice::from_ref(&run), false);
    suite.report.note(format!(
        "{compiler}: {} of {} transitions",
        run.both().covered(),
        run.wanted.covered(),
        compiler = compiler.reference.command()
    ));
    let outcome = match report.is_clean() {
        true => Ok(()),
        false => Err(report.to_string()),
    };
    let name = compiler.reference.command();
    suite.report.outcome("targets transitions", &name, outcome);
    let convention = compiler.target().convention();
    let convention = convention.ok_or("the target has a convention")?;
    let mutations = mutations::of(convention, Features::default());
    let mut n_noticed = 0;
    plan.stride = stride * 4;
    for mutation in mutations
        .iter()
        .filter(|one| one.what.contains("without `"))
    {
        plan.mistake.convention = Some(mutation.convention);
        let run = plan.run(&|_, _, _| {})?;
        n_noticed += usize::from(!run.found.is_empty());
    }
    let outcome = match n_noticed {
        n if n >= BY_BYTES => Ok(()),
        n => Err(format!("{n} broken conventions were noticed by bytes")),
    };
    suite
        .report
        .outcome("targets transitions control", &name, outcome);
    Ok(())
}

/// A convention with a rule dropped must be noticed: by bytes, or because a plan is refused.
fn controls(compiler: &Compiler, seed: u64, triple: &str, suite: &mut Suite) -> Result<()> {
    // Each of these has engines of its own in this process.
    let count = match compiler.programs {
        Some(_) => TO_NOTICE,
        None => TO_NOTICE / 4,
    };
    let right = tried(compiler, (seed, count), Mistake::default())?;
    let target = compiler.target();
    let convention = target.convention().ok_or("the target has a convention")?;
    let mut by_bytes = 0;
    let all = mutations::of(convention, Features::default());
    for mutation in all.iter().filter(|one| one.what.contains("without `")) {
        let mistake = Mistake {
            convention: Some(mutation.convention),
            ..Mistake::default()
        };
        let broken = tried(compiler, (seed, count), mistake)?;
        by_bytes += usize::from(!broken.failures.is_empty());
        let name = format!("{triple} {}", mutation.what);
        let outcome = match broken.same < right.same {
            true => Ok(()),
            false => Err("not noticed".to_owned()),
        };
        suite.report.outcome("targets control", &name, outcome);
    }
    let outcome = match by_bytes {
        n if n >= BY_BYTES => Ok(()),
        n => Err(format!("{n} broken conventions were noticed by bytes")),
    };
    suite
        .report
        .outcome("targets control by bytes", triple, outcome);
    Ok(())
}
