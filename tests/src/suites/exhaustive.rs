//! The states of argument assignment, each with each shape of value, called against each compiler in both directions: here every sixteenth of
//! them, with `cabi verify --exhaustive` all. Then, for the targets whose code runs in programs of its own, every 24th at most. Broken conventions must show.

use cabi::{Policy, Target};
use cabi_verify::build::Reference;
use cabi_verify::exhaustive::{self, Exhaustive, ExhaustiveRun, SELF_INCONSISTENT, SetAside};
use cabi_verify::run::HERE;
use cabi_verify::verify::Compiler;

use super::conventions::mutations;
use crate::compiled::compilers_of_programs;
use crate::mutants::MUTANTS;
use crate::suite::{Result, Suite};

/// Every n-th transition is run.
const STRIDE: usize = 16;

/// Every n-th at most where code runs in programs, of so many transitions at least.
const IN_PROGRAMS: usize = 24;
const PROGRAMS: usize = 50;

/// So many dropped rules of a convention are noticed by a byte that differs, at least.
const BY_BYTES: usize = 2;

/// Every n-th in a control.
const IN_CONTROLS: usize = 96;

/// Every n-th with a compiler whose every call is slow.
const IN_WRAPPED: usize = 203;

/// Mistakes that assignment shows.
const CONTROLS: [&str; 3] = ["no-rollback", "split-group", "swap-eightbytes"];

/// A wrapper of the assembler: functions called `f` return zeros.
const ZEROS: &str = r#"#!/bin/sh
case "$1" in *as) for file in "$@"; do case "$file" in *.s)
  awk '/^[A-Za-z_.0-9]+:/ { if ($0 !~ /^\./) inside = ($0 ~ /^f[0-9]*:/) }
       /^\tret/ && inside { print "\txorl %eax, %eax\n\tpxor %xmm0, %xmm0" } { print }' \
    "$file" > "$file.zero" && cat "$file.zero" > "$file" && rm "$file.zero";; esac; done;; esac
exec "$@"
"#;

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    for reference in suite.references() {
        let mut plan = plan(reference.clone(), None, STRIDE)?;
        right(&plan, suite)?;
        if HERE == Target::X86_64_LINUX {
            broken(&mut plan, reference.name(), suite)?;
            disguised(&reference, suite)?;
            inconsistent(&reference, suite)?;
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

fn execute(plan: &Exhaustive) -> Result<ExhaustiveRun<'_>> {
    Ok(plan.run(&|_, _, _| {})?)
}

/// What the command says of it: everything was run, without a difference.
fn is_clean(run: &ExhaustiveRun<'_>) -> bool {
    exhaustive::report(std::slice::from_ref(run), false).is_clean()
}

/// Nothing may differ.
fn right(plan: &Exhaustive, suite: &mut Suite) -> Result<()> {
    let reference = &plan.compiler().reference;
    let name = &match plan.compiler().programs {
        Some(_) => reference.command(),
        None => reference.name().to_owned(),
    };
    let report = &mut suite.report;
    for (shape, why) in plan.shapes_absent() {
        report.not_run(name, &shape.to_string(), &why);
    }
    let run = execute(plan)?;
    for of in &run.directions {
        report.note(format!(
            "{reference}: {:?} {:?}: {}",
            of.way, of.direction, of.passed
        ));
    }
    for aside in &run.aside {
        let case = format!("{} {}", aside.transition, aside.ty);
        let why = format!("{}: {}", aside.key, aside.why);
        match aside.key == SELF_INCONSISTENT {
            true => report.outcome(name, &case, Err(why)),
            false => report.not_run(name, &case, &why),
        }
    }
    for found in &run.found {
        let case = format!("{} {}", found.transition, found.ty);
        report.outcome(name, &case, Err(found.difference.why.clone()));
    }
    for transition in run.missed() {
        report.outcome(name, &transition.to_string(), Err("not run".to_owned()));
    }
    let outcome = match is_clean(&run) {
        true => Ok(()),
        false => Err(format!("{} of {}", run.both(), run.wanted)),
    };
    let every = format!("every {}th transition", plan.stride);
    report.outcome(name, &every, outcome);
    Ok(())
}

/// A plan that must find a difference.
fn caught(name: &str, what: &str, plan: &Exhaustive, suite: &mut Suite) -> Result<()> {
    let outcome = match execute(plan)?.found.is_empty() {
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
    for mutant in MUTANTS.iter().filter(|m| CONTROLS.contains(&m.name)) {
        plan.mistake = mutant.mistake;
        caught(name, mutant.name, plan, suite)?;
    }
    Ok(())
}

/// Of the convention's rules, each dropped in turn, some are missed by bytes; without the others the lowering makes no plan.
fn dropped_rules(plan: &mut Exhaustive, suite: &mut Suite) -> Result<()> {
    let convention = plan.compiler().target().convention();
    let convention = convention.ok_or("the target has a convention")?;
    plan.stride *= 4;
    let mut n_noticed = 0;
    for rule in mutations::dropped(convention) {
        plan.mistake.convention = Some(rule.convention);
        n_noticed += usize::from(!execute(plan)?.found.is_empty());
    }
    let outcome = match n_noticed {
        n if n >= BY_BYTES => Ok(()),
        n => Err(format!("{n} broken conventions were noticed by bytes")),
    };
    let name = plan.compiler().reference.command();
    suite.report.outcome("exhaustive control", &name, outcome);
    Ok(())
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

/// A compiler whose functions return zeros, whoever calls them, is self-inconsistent: a program shows that, and it is no success.
fn inconsistent(reference: &Reference, suite: &mut Suite) -> Result<()> {
    if reference.name() != "gcc" {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("zero.sh");
    std::fs::write(&path, ZEROS)?;
    let wrapper = format!("sh,{}", path.display());
    let wrapped = reference.with_flags(&["-wrapper", &wrapper]);
    let plan = plan(wrapped, None, IN_WRAPPED)?;
    let run = execute(&plan)?;
    let is_shown = |aside: &SetAside| {
        let program = aside.program.as_deref().unwrap_or_default();
        let of_results = ["result, byte ", "the program ends with signal"];
        // One that crashes looks for its result at the address zero.
        of_results.iter().any(|why| aside.why.starts_with(why)) && program.contains("#ifdef CALLEE")
    };
    let n = run.inconsistent().count();
    let unshown = run.inconsistent().find(|aside| !is_shown(aside));
    let outcome = match n > 0 && unshown.is_none() && !is_clean(&run) {
        true => Ok(()),
        false => Err(format!(
            "{n} shown: {unshown:?}; {} differ: {:?}",
            run.found.len(),
            run.found.first().map(|found| &found.difference.why)
        )),
    };
    (suite.report).outcome("gcc control", "returns zeros", outcome);
    Ok(())
}
