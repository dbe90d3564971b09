//! The states of argument assignment, each with each shape of value, instead of random signatures.
//! Here every sixteenth of them is run, and with `cabi verify --exhaustive` all. Those of the
//! targets whose code runs in programs of its own follow. On x86-64 another policy and another
//! convention of the compiler must show; the suite `random` drops rules of each.

use cabi::Target;
use cabi_verify::build::Reference;
use cabi_verify::fuzz::{self, Campaign, NO_TYPE, levels};
use cabi_verify::report::references_required;
use cabi_verify::run::HERE;
use cabi_verify::states::Measure;
use cabi_verify::tally::Results;
use cabi_verify::threads::at_once;
use cabi_verify::verdict::Verdict;
use cabi_verify::verify::units;
use cabi_verify::verify::{Compiler, Mistake};

use super::{another_policy, plan};
use crate::suite::{Result, Suite};

/// Every n-th transition is run.
const STRIDE: usize = 16;

/// Every n-th of these at most is run if code runs in programs, and as many parts of the states at
/// least.
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

/// Runs the transitions of the target of `compiler`, whose code runs in programs.
pub(super) fn of_program(compiler: &Compiler, suite: &mut Suite) -> Result<()> {
    let states = Measure::of_target(&compiler.target(), compiler.ms_abi).states();
    // Few transitions are of Windows's convention.
    let stride = states.len().div_ceil(PARTS).clamp(1, IN_PROGRAMS);
    right(std::slice::from_ref(compiler), stride, false, suite)
}

fn plan_of(stride: usize) -> Result<Campaign> {
    Ok(Campaign {
        numbers: 0..u64::MAX,
        stride: Some(stride),
        shrinks: 0,
        ..plan(0)?
    })
}

fn results(compilers: &[Compiler], stride: usize) -> Result<Results> {
    Ok(fuzz::run(&plan_of(stride)?, compilers, |_, _| Ok(()))?)
}

/// Checks that nothing differs, and that every transition has run: each shape too, if `is_whole`.
fn right(compilers: &[Compiler], stride: usize, is_whole: bool, suite: &mut Suite) -> Result<()> {
    let results = results(compilers, stride)?;
    let what = format!("every {stride}th transition");
    suite.take("transitions", &what, &results.report(true, true));
    let not_run = results
        .compilers
        .iter()
        .flat_map(|tally| tally.not_run.keys());
    let shapes: Vec<&str> = not_run
        .filter_map(|why| why.strip_suffix(NO_TYPE))
        .collect();
    let what = format!("shapes, {}", compilers[0].reference.command());
    let why = format!("no type has {}", shapes.join(", "));
    (suite.report).check("transitions", &what, shapes.is_empty() || !is_whole, why);
    Ok(())
}

/// Checks that another policy than the compiler's own shows, and another convention in the
/// compiler.
fn broken(reference: &Reference, suite: &mut Suite) -> Result<()> {
    let engine = format!("transitions {} control", reference.name());
    let mut note = |what, is_found: bool| {
        (suite.report).check(&engine, what, is_found, "no difference was found");
    };
    let mut compiled = fuzz::compile(&plan_of(STRIDE)?, &Compiler::new(reference.clone(), None)?)?;
    for one in &mut compiled {
        one.policy = another_policy(reference);
    }
    let outcomes = units::compare(&compiled, Mistake::NONE, at_once())?;
    let mut verdicts = outcomes.iter().flatten().map(|one| &one.verdict);
    note(
        "policy",
        verdicts.any(|one| matches!(one, Verdict::Differs(_))),
    );
    if reference.name() == "gcc" {
        let compiler = Compiler::new(reference.with_flags(&["-mabi=ms"]), None)?;
        let found = results(&[compiler], IN_CONTROLS)?.compilers;
        note("-mabi=ms", found.iter().any(|one| !one.failures.is_empty()));
    }
    Ok(())
}
