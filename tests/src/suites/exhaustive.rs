//! The states of argument assignment, each with each shape of value, called against each compiler in both directions: here every sixteenth of
//! them, with `cabi verify --exhaustive` all. Then, for the targets whose code runs in programs of its own, every 24th at most. Broken conventions must show.

use cabi::{Policy, Target};
use cabi_verify::build::Reference;
use cabi_verify::exhaustive::Exhaustive;
use cabi_verify::report::references_required;
use cabi_verify::run::HERE;
use cabi_verify::tally::Tally;
use cabi_verify::verify::Compiler;

use super::conventions::mutations;
use crate::compiled::compilers_of_programs;
use crate::mutants::named;
use crate::suite::{Result, Suite};

/// Every n-th transition is run.
const STRIDE: usize = 16;

/// Every n-th at most where code runs in programs, of so many transitions at least.
const IN_PROGRAMS: usize = 24;
const PROGRAMS: usize = 50;

/// Every n-th in a control.
const IN_CONTROLS: usize = 96;

/// Mistakes that assignment shows.
const CONTROLS: [&str; 3] = ["no-rollback", "split-group", "swap-eightbytes"];

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    for reference in suite.references() {
        if !suite.wants(reference.name()) {
            continue;
        }
        let mut plan = plan(reference.clone(), None, STRIDE)?;
        right(&plan, suite)?;
        if HERE == Target::X86_64_LINUX {
            // An older compiler than CI's may lack a type.
            if references_required() {
                let all = plan.has_all_shapes().then_some(());
                let all = all.ok_or("a shape has no type".to_owned());
                suite.report.outcome(reference.name(), "all shapes", all);
            }
            broken(&mut plan, reference.name(), suite)?;
            disguised(&reference, suite)?;
        } else {
            dropped_rules(&mut plan, suite)?;
        }
    }
    for compiler in compilers_of_programs(suite)? {
        if !suite.wants(compiler.target().name()) {
            continue;
        }
        let mut plan = Exhaustive::new(compiler)?;
        // Few transitions are of Windows's convention.
        plan.stride = plan.n_wanted().div_ceil(PROGRAMS).clamp(1, IN_PROGRAMS);
        right(&plan, suite)?;
        dropped_rules(&mut plan, suite)?;
    }
    Ok(())
}

/// A plan under `policy`, or the reference compiler's own.
fn plan(reference: Reference, policy: Option<Policy>, stride: usize) -> Result<Exhaustive> {
    let mut plan = Exhaustive::new(Compiler::new(reference, policy)?)?;
    plan.stride = stride;
    Ok(plan)
}

fn execute(plan: &Exhaustive) -> Result<Tally> {
    let results = plan.run(&|_, _, _| {})?;
    let tally = results.compilers.into_iter().next();
    Ok(tally.ok_or("no compiler was asked")?)
}

/// Nothing may differ, and everything must have run.
fn right(plan: &Exhaustive, suite: &mut Suite) -> Result<()> {
    let found = plan.run(&|_, _, _| {})?.report(true, false);
    let reference = &plan.compiler().reference;
    let name = match plan.compiler().programs {
        Some(_) => &reference.command(),
        None => reference.name(),
    };
    suite.take(name, &format!("every {}th transition", plan.stride), &found);
    Ok(())
}

/// A plan that must find a difference.
fn caught(name: &str, what: &str, plan: &Exhaustive, suite: &mut Suite) -> Result<()> {
    let outcome = match execute(plan)?.failures.is_empty() {
        true => Err("no difference was found".to_owned()),
        false => Ok(()),
    };
    let engine = format!("{name} control");
    suite.report.outcome(&engine, what, outcome);
    Ok(())
}

/// Broken conventions must show.
fn broken(plan: &mut Exhaustive, name: &str, suite: &mut Suite) -> Result<()> {
    plan.stride = IN_CONTROLS;
    for mutant in CONTROLS {
        plan.mistake = named(mutant)?.mistake();
        caught(name, mutant, plan, suite)?;
    }
    Ok(())
}

/// Some dropped rules of the convention must be noticed.
fn dropped_rules(plan: &mut Exhaustive, suite: &mut Suite) -> Result<()> {
    plan.stride *= 4;
    let compiler = plan.compiler().clone();
    let tried = |mistake| {
        plan.mistake = mistake;
        execute(plan)
    };
    mutations::check_dropped(&compiler, None, tried, suite)
}

/// Another convention in the compiler, and another policy than its own, must show.
fn disguised(reference: &Reference, suite: &mut Suite) -> Result<()> {
    let name = reference.name();
    let (other, flags) = match name {
        "gcc" => (Policy::CLANG, Some("-mabi=ms")),
        _ => (Policy::GCC, None),
    };
    let under_other = plan(reference.clone(), Some(other), STRIDE)?;
    caught(name, "policy", &under_other, suite)?;
    match flags {
        Some(flags) => {
            let plan = plan(reference.with_flags(&[flags]), None, IN_CONTROLS)?;
            caught(name, flags, &plan, suite)
        }
        None => Ok(()),
    }
}
