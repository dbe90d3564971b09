//! The states of argument assignment, each with each shape of value, instead of random signatures: here every sixteenth of them, with `cabi verify
//! --exhaustive` all. Then those of the targets whose code runs in programs of its own. On x86-64 another policy and another convention of the compiler must show; the
//! suite `random` drops rules of each.

use cabi::{Policy, Target};
use cabi_verify::build::Reference;
use cabi_verify::fuzz::{self, Campaign, levels};
use cabi_verify::report::references_required;
use cabi_verify::run::HERE;
use cabi_verify::states::Measure;
use cabi_verify::tally::Results;
use cabi_verify::verify::Compiler;

use super::plan;
use crate::suite::{Result, Suite};

/// Every n-th transition is run.
const STRIDE: usize = 16;

/// Every n-th at most where code runs in programs, and as many parts of the states at least.
const IN_PROGRAMS: usize = 24;
const PARTS: usize = 6;

/// Every n-th in a control.
const IN_CONTROLS: usize = 96;

/// Runs those of this machine under `reference`.
pub(super) fn of_reference(reference: &Reference, suite: &mut Suite) -> Result<()> {
    let (all, absent) = levels(Compiler::new(reference.clone(), None)?)?;
    for why in &absent {
        suite.report.not_run(reference.name(), "transitions", why);
    }
    // An older compiler than CI's may lack a type.
    let is_whole = HERE == Target::X86_64_LINUX && absent.is_empty() && references_required();
    right(&all, STRIDE, is_whole, suite)?;
    match HERE == Target::X86_64_LINUX {
        true => broken(reference, suite),
        false => Ok(()),
    }
}

/// Runs those of the target of `compiler`, whose code runs in programs.
pub(super) fn of_program(compiler: &Compiler, suite: &mut Suite) -> Result<()> {
    let states = Measure::of_target(&compiler.target(), compiler.ms_abi).states();
    // Few transitions are of Windows's convention.
    let stride = states.len().div_ceil(PARTS).clamp(1, IN_PROGRAMS);
    right(std::slice::from_ref(compiler), stride, false, suite)
}

fn results(compilers: &[Compiler], stride: usize) -> Result<Results> {
    let plan = Campaign {
        numbers: 0..u64::MAX,
        stride: Some(stride),
        shrinks: 0,
        ..plan(0)?
    };
    Ok(fuzz::run(&plan, compilers, |_, _| Ok(()))?)
}

/// Nothing may differ, and everything must have run: each shape too, if `is_whole`.
fn right(compilers: &[Compiler], stride: usize, is_whole: bool, suite: &mut Suite) -> Result<()> {
    let found = results(compilers, stride)?;
    let what = format!("every {stride}th transition");
    suite.take("transitions", &what, &found.report(true, false));
    let coverage = &found.compilers[0].coverage;
    let name = compilers[0].reference.command();
    let left: Vec<String> = coverage
        .shapes_left()
        .map(|shape| shape.to_string())
        .collect();
    let outcome = match left.is_empty() || !is_whole {
        true => Ok(()),
        false => Err(format!("no type has {}", left.join(", "))),
    };
    (suite.report).outcome("transitions", &format!("shapes, {name}"), outcome);
    Ok(())
}

/// A run that must find a difference.
fn caught(
    (reference, policy): (&Reference, Option<Policy>),
    what: &str,
    stride: usize,
    suite: &mut Suite,
) -> Result<()> {
    let compiler = Compiler::new(reference.clone(), policy)?;
    let found = results(&[compiler], stride)?.compilers;
    let outcome = match found.iter().all(|one| one.failures.is_empty()) {
        true => Err("no difference was found".to_owned()),
        false => Ok(()),
    };
    let engine = format!("transitions {} control", reference.name());
    suite.report.outcome(&engine, what, outcome);
    Ok(())
}

/// Another policy than the compiler's own, and another convention in the compiler must show.
fn broken(reference: &Reference, suite: &mut Suite) -> Result<()> {
    let is_gcc = reference.name() == "gcc";
    let other = if is_gcc { Policy::CLANG } else { Policy::GCC };
    caught((reference, Some(other)), "policy", STRIDE, suite)?;
    if is_gcc {
        let reference = reference.with_flags(&["-mabi=ms"]);
        caught((&reference, None), "-mabi=ms", IN_CONTROLS, suite)?;
    }
    Ok(())
}
