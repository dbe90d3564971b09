//! The compilers of other targets; cases compiled many to a file, and compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use cabi::Target;
use cabi_verify::build::{ProgramTarget, Reference, ReferenceError};
use cabi_verify::case::{Case, Subject, SubjectCase};
use cabi_verify::corpus::Block;
use cabi_verify::run::HERE;
use cabi_verify::threads::{at_once, in_threads};
use cabi_verify::verify::Compiler;
use cabi_verify::verify::units::{self, CaseVerdict, CompiledUnit, Mistake, Unit};

use crate::suite::{Result, Suite};

/// Makes a unit of `entries`, compiled with the flag `optimize`; Zig's mode says it.
pub(crate) fn unit<'a>(
    part: usize,
    compiler: &'a Compiler,
    optimize: &'a str,
    entries: Vec<SubjectCase<'a>>,
) -> Unit<'a> {
    let mut unit = Unit::new(part, compiler, entries);
    unit.flags.push(optimize);
    if compiler.programs.is_some() {
        // gcc's va_arg of an HVA loses bytes by it.
        unit.flags.push("-fno-strict-aliasing");
    }
    unit
}

/// Returns the cases of `subjects` that a suite runs, those of one vector level together. `take`
/// decides about each case, by whether `compiler` supports it.
pub(crate) fn entries<'a>(
    subjects: impl IntoIterator<Item = &'a Subject>,
    compiler: &Compiler,
    mut take: impl FnMut(SubjectCase<'a>, std::result::Result<(), String>) -> bool,
) -> Vec<Vec<SubjectCase<'a>>> {
    let target = compiler.target();
    let mut levels: BTreeMap<&[String], Vec<SubjectCase<'a>>> = BTreeMap::new();
    for subject in subjects {
        let admitted = match subject.target == target {
            true => admits(compiler, &subject.block),
            false => Err(format!("not a signature of {}", target.name())),
        };
        let cases = subject.cases.iter().map(|case| (subject, case));
        let chosen: Vec<_> = cases.filter(|one| take(*one, admitted.clone())).collect();
        if !chosen.is_empty() {
            let level = levels.entry(&subject.block.features).or_default();
            level.extend(chosen);
        }
    }
    levels.into_values().collect()
}

/// Checks whether `compiler` supports `block`.
pub(crate) fn admits(compiler: &Compiler, block: &Block) -> std::result::Result<(), String> {
    // Features of processors are x86-64's.
    if compiler.target() != HERE && !block.features.is_empty() {
        return Err(format!("no {}", block.features.join(", ")));
    }
    if compiler.zig.is_none() {
        return compiler.reference.admits(block);
    }
    // Zig's answer shows whether it can express the text.
    let mut vectors = block.clone();
    (vectors.code, vectors.references) = (String::new(), Vec::new());
    compiler.reference.admits(&vectors)
}

/// Checks whether `engine` runs `case`. It does not if there is a reason against it, which the
/// report gives, or if another case is wanted.
pub(crate) fn takes(
    suite: &mut Suite,
    engine: &str,
    case: &Case,
    admitted: std::result::Result<(), String>,
) -> bool {
    match admitted {
        Ok(()) => suite.wants(&case.name),
        Err(why) => {
            suite.report.not_run(engine, &case.name, &why);
            false
        }
    }
}

/// Compiles each of `units`, as many at once as this machine has processors. `refused` gets the
/// refused cases. Returns the rest, of the same parts.
pub(crate) fn compile<'a>(
    units: &[Unit<'a>],
    mut refused: impl FnMut(&Unit<'a>, &Case, &ReferenceError),
) -> Result<Vec<CompiledUnit>> {
    let (compiled, refusals) = units::compile(units, at_once(), &|_, _, _| {})?;
    for refusal in refusals {
        if let Some(unit) = units.iter().find(|unit| unit.part == refusal.part) {
            let cases = refusal.cases.into_iter();
            cases.for_each(|case| refused(unit, case, &refusal.why));
        }
    }
    Ok(compiled)
}

/// Returns the outcomes of the cases of each unit in both directions, with `mistake`.
pub(crate) fn run(compiled: &[CompiledUnit], mistake: Mistake) -> Result<Vec<Vec<CaseVerdict>>> {
    Ok(units::run(compiled, mistake, at_once(), &|_, _, _| {})?)
}

/// Returns the reference compilers of this machine's code, each under its own profile.
pub(crate) fn compilers(suite: &mut Suite) -> Result<Vec<Compiler>> {
    let references = suite.references().into_iter();
    let compilers = references.map(|reference| Compiler::new(reference, None));
    Ok(compilers.collect::<Result<_, _>>()?)
}

/// Returns the compilers of each target whose code runs in programs of its own, as far as they are
/// here: on x86-64 Linux. Only those of targets whose names `wants` accepts are looked for.
pub(crate) fn compilers_of_programs(
    suite: &mut Suite,
    wants: impl Fn(&Suite, &str) -> bool,
) -> Result<Vec<Compiler>> {
    let mut compilers = Vec::new();
    if HERE != Target::X86_64_LINUX {
        return Ok(compilers);
    }
    let mut programs = Vec::new();
    for triple in ProgramTarget::names() {
        match ProgramTarget::named(triple) {
            Ok((target, commands)) if wants(suite, target.target.name()) => {
                let target = Arc::new(target);
                programs.extend(commands.iter().map(|command| (target.clone(), *command)));
            }
            Ok(_) => {}
            Err(why) => suite.report.absent(triple, &why),
        }
    }
    let references = in_threads(
        &programs,
        at_once(),
        |(_, command)| Reference::of_command(command),
        |_| (),
    );
    for ((target, command), reference) in programs.into_iter().zip(references) {
        match reference {
            Ok(reference) => compilers.push(Compiler::of_programs(reference, target, None)),
            Err(why) => suite.report.absent(command, &why),
        }
    }
    Ok(compilers)
}
