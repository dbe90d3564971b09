//! The corpus as static programs: callers and callees of each reference compiler, and ours by Cranelift as an object file, in a process of their own. Blocks for AArch64
//! Linux, Apple's arm64 and Windows x64 pass as such programs only, under an emulator or as ELF in the other system's convention.
//!
//! Each case is called in three pairs: ours calls C, C calls ours, C calls C, which differs only by known bugs of the compiler. Some dropped rule of each folder's
//! convention must be noticed by both sides of ours, and some known bug by C's.

use std::sync::Arc;

use cabi::Target;
use cabi_verify::build::ProgramTarget;
use cabi_verify::case::Entry;
use cabi_verify::check::calls::{Verdict, levels};
use cabi_verify::verify::{Compiler, known_bug};

use super::conventions::mutations;
use crate::compiled::{Program, compilers_of_programs};
use crate::suite::{Result, Suite};

/// The folders of the corpus, each for one target.
const FOLDERS: [&str; 4] = [
    "x86-64-sysv",
    "aarch64-linux",
    "aarch64-apple",
    "x86-64-windows",
];

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let mut compilers = Vec::new();
    for reference in suite.references() {
        let target = Arc::new(ProgramTarget::x86_64_linux(&reference)?);
        compilers.push(Compiler::of_programs(reference, target, None));
    }
    compilers.extend(compilers_of_programs(suite)?);
    for folder in FOLDERS {
        let subjects = suite.corpus(&[folder])?;
        for compiler in &compilers {
            let engine = format!("static {}", compiler.reference.command());
            let target = compiler.target();
            let own = subjects.iter().filter(|subject| subject.target == target);
            let all = levels(own, &compiler.reference, |case, why| {
                suite.report.not_run(&engine, case, why);
            });
            let mut n_itself = 0;
            for mut entries in all {
                entries.retain(|(_, case)| suite.wants(&case.name));
                n_itself += every_pair(compiler, &entries, &engine, suite)?;
            }
            // Its own two sides are compared: here are bugs of clang.
            if target == Target::X86_64_LINUX
                && folder == FOLDERS[0]
                && compiler.reference.name() == "clang"
            {
                let noticed = (n_itself > 0 || !suite.is_complete()).then_some(());
                let noticed = noticed.ok_or_else(|| "no known bug was noticed".to_owned());
                (suite.report).outcome("static control", "C calls C", noticed);
            }
        }
    }
    Ok(())
}

/// Reports all pairs of these cases, and a control. How often the compiler disagrees with itself.
fn every_pair(
    compiler: &Compiler,
    entries: &[Entry<'_>],
    engine: &str,
    suite: &mut Suite,
) -> Result<usize> {
    if entries.is_empty() {
        return Ok(0);
    }
    let program = Program::new(compiler, "-O1", entries)?;
    for (case, why) in &program.refused {
        (suite.report).outcome(engine, &case.name, Err(why.clone()));
    }
    let mut verdicts = program.verdicts(&Program::PAIRS, None)?;
    let itself = verdicts.pop().unwrap_or_default();
    let differs = |verdict: &Verdict| matches!(verdict, Verdict::Differs(_));
    let mut n_itself = 0;
    for ((case, _), itself) in program.cases.iter().zip(&itself) {
        match known_bug(compiler.reference.name(), case) {
            Some(bug) if differs(itself) => {
                n_itself += 1;
                suite.report.not_run(engine, &case.name, bug);
            }
            _ => suite.verdict(engine, &case.name, itself.clone()),
        }
    }
    for verdicts in verdicts {
        for (((case, _), verdict), itself) in program.cases.iter().zip(verdicts).zip(&itself) {
            match differs(&verdict) && differs(itself) {
                true => {
                    let why = "the reference's own caller and callee disagree";
                    suite.report.not_run(engine, &case.name, why);
                }
                false => suite.verdict(engine, &case.name, verdict),
            }
        }
    }
    control(&program, compiler, entries, suite)?;
    Ok(n_itself)
}

/// A rule dropped from the convention must be noticed by some block, as caller and as callee.
fn control(
    program: &Program<'_>,
    compiler: &Compiler,
    entries: &[Entry<'_>],
    suite: &mut Suite,
) -> Result<()> {
    let target = compiler.target();
    let convention = target.convention().ok_or("the target has a convention")?;
    // Of the largest unit one is enough: it has nearly all cases.
    let is_small = target == Target::X86_64_LINUX && entries.len() < 100;
    if is_small || !suite.is_complete() {
        return Ok(());
    }
    let mut n_differ = [0; 2];
    for broken in mutations::dropped(convention) {
        let both = program.verdicts(&Program::PAIRS[..2], Some(broken.convention))?;
        for (n, verdicts) in n_differ.iter_mut().zip(both) {
            let differ = verdicts
                .iter()
                .filter(|one| matches!(one, Verdict::Differs(_)));
            *n += differ.count();
        }
        if target == Target::X86_64_LINUX && !n_differ.contains(&0) {
            break;
        }
    }
    let noticed = match n_differ.contains(&0) {
        true => Err(format!(
            "broken conventions were noticed {n_differ:?} times"
        )),
        false => Ok(()),
    };
    let engine = format!("static control {}", compiler.reference.command());
    (suite.report).outcome(&engine, target.name(), noticed);
    Ok(())
}
