//! The corpus as static programs: callers and callees of each reference compiler, and ours by Cranelift as an object file, in a process of their own. Blocks for AArch64
//! Linux, Apple's arm64, RISC-V and Windows x64 pass as such programs only, under an emulator or as ELF in the other system's convention.
//!
//! Each case is called in both directions; where it differs, C calls C, which differs only by known bugs of the compiler. Some dropped rule of each folder's
//! convention must be noticed by both sides of ours, and some known bug by C's.

use std::sync::Arc;

use cabi::Target;
use cabi_verify::build::ProgramTarget;
use cabi_verify::verdict::Verdict;
use cabi_verify::verify::Compiler;
use cabi_verify::verify::units::{Loaded, Mistake, OtherSide};

use super::conventions::mutations;
use crate::compiled::{
    File, add_files, compile_files, compilers_of_programs, entries, run_files, takes,
};
use crate::suite::{Result, Suite};

/// The folders of the corpus, each for one target.
const FOLDERS: [&str; 5] = [
    "x86-64-sysv",
    "aarch64-linux",
    "aarch64-apple",
    "riscv64-linux",
    "x86-64-windows",
];

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let mut compilers = Vec::new();
    for reference in suite.references() {
        let target = Arc::new(ProgramTarget::x86_64_linux(&reference));
        compilers.push(Compiler::of_programs(reference, target, None));
    }
    compilers.extend(compilers_of_programs(suite)?);
    let mut corpus = Vec::new();
    for folder in FOLDERS {
        corpus.push(suite.corpus(&[folder])?);
    }
    let mut files = Vec::new();
    let of_all = |folder| compilers.iter().map(move |compiler| (folder, compiler));
    for (folder, compiler) in corpus.iter().flat_map(of_all) {
        let target = compiler.target();
        let own = folder.iter().filter(|subject| subject.target == target);
        let levels = entries(own, compiler, |(_, case), admitted| {
            takes(suite, &engine(compiler), case, admitted)
        });
        add_files(&mut files, compiler, levels);
    }
    let programs = compile_files(&files, |one, case, why| {
        (suite.report).outcome(&engine(one.compiler), &case.name, Err(why.to_string()));
    })?;
    let mut n_itself = 0;
    let way = OtherSide::Cranelift;
    let all = run_files(&programs, way, &[], Mistake::NONE)?;
    for (one, called) in programs.iter().zip(all) {
        let one = &files[one.part];
        let engine = engine(one.compiler);
        for called in called {
            match called.shown.and_then(|shown| shown.known) {
                Some(bug) => {
                    // Here are bugs of clang for x86-64.
                    n_itself += usize::from(is_clang(one.compiler));
                    suite.report.not_run(&engine, &called.case.name, bug);
                }
                None => suite.verdict(&engine, &called.case.name, called.verdict),
            }
        }
    }
    for loaded in &programs {
        control(loaded, &files[loaded.part], suite)?;
    }
    if files.iter().any(|one| is_clang(one.compiler)) {
        let noticed = (n_itself > 0 || !suite.is_complete()).then_some(());
        let noticed = noticed.ok_or_else(|| "no known bug was noticed".to_owned());
        (suite.report).outcome("static control", "C calls C", noticed);
    }
    Ok(())
}

/// Checks whether it is clang for x86-64 Linux, whose caller and callee disagree in some blocks of
/// the corpus.
fn is_clang(compiler: &Compiler) -> bool {
    compiler.reference.name() == "clang" && compiler.target() == Target::X86_64_LINUX
}

/// Returns the name of `compiler` in the report.
fn engine(compiler: &Compiler) -> String {
    format!("static {}", compiler.reference.command())
}

/// A rule dropped from the convention must be noticed by some block, as caller and as callee.
fn control(loaded: &Loaded, one: &File<'_>, suite: &mut Suite) -> Result<()> {
    let target = one.compiler.target();
    let convention = target.convention().ok_or("the target has a convention")?;
    // One control of the largest unit is enough: it has nearly all cases.
    let is_small = target == Target::X86_64_LINUX && one.entries.len() < 100;
    if is_small || !suite.is_complete() {
        return Ok(());
    }
    let mut n_differ = [0; 2];
    for broken in mutations::dropped(convention) {
        let programs = std::slice::from_ref(loaded);
        let (way, mistake) = (OtherSide::Cranelift, Mistake::of_convention(broken));
        for called in run_files(programs, way, &[], mistake)?.concat() {
            if matches!(called.verdict, Verdict::Differs(_)) {
                n_differ[called.direction as usize] += 1;
            }
        }
        if !n_differ.contains(&0) {
            break;
        }
    }
    let noticed = match n_differ.contains(&0) {
        true => Err(format!(
            "broken conventions were noticed {n_differ:?} times"
        )),
        false => Ok(()),
    };
    let engine = format!("static control {}", one.compiler.reference.command());
    (suite.report).outcome(&engine, target.name(), noticed);
    Ok(())
}
