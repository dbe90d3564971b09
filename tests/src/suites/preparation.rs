//! Costs of preparing a call, compared with `tests/corpus/preparation.txt`: instructions, which may
//! grow by a few per cent, and allocations, which may not. `CABI_BLESS=1` rewrites them.
//!
//! Negative controls: a step with the emission of a call after it costs more than it may, and so
//! does one with one allocation more.

use std::fs;

use crate::corpus::folder;
use crate::measure::{
    ALLOCATIONS, Costs, PREPARED, Program, Step, count_in_child, counted_library, each_step,
    is_counted, n_allocations, valgrind,
};
use crate::suite::{Result, Suite, is_blessed};

/// Factor by which instructions may grow: the counts depend a little on libc's routines for this
/// processor.
const MORE: f64 = 1.03;

/// Without optimization so many times fewer calls are as exact.
const FEWER: u32 = 10;

/// Prefix of the instructions of a step without optimization.
const PROFILE: &str = if cfg!(debug_assertions) { "Debug" } else { "" };

const HEAD: &str = "\
# Costs of each step of preparation. Instructions: without optimization (`Debug`), and with it. Allocations: of an FnAbi, of the first plan of its call, and of the
# emission of a call with its plan at hand.
";

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    if let Some(library) = counted_library().filter(|_| is_counted()) {
        let program = Program::open(&library)?;
        return each_step(&program, &Step::OURS, &mut |_, step, repeat| {
            repeat(step.most() / FEWER)
        });
    }
    let path = folder().join("preparation.txt");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let mut old = Costs::parse(text.lines())?;
    let mut now = n_allocations()?;
    if is_blessed() {
        old.extend(now.clone());
    }
    for what in ALLOCATIONS {
        held(suite, &now, &old, (what, what), 1.0)?;
    }
    match valgrind() {
        Ok(version) => {
            suite.report.note(version);
            let references = suite.references();
            let Some(reference) = references.first() else {
                return Ok(());
            };
            let program = Program::new(reference, &[])?;
            instructions(&mut now, &count_in_child(program.file())?)?;
            if is_blessed() {
                old.extend(now.clone());
            }
            for step in Step::OURS {
                let way = format!("{step:?}{PROFILE}");
                held(
                    suite,
                    &now,
                    &old,
                    (&way, &format!("{step:?} instructions")),
                    MORE,
                )?;
            }
        }
        Err(why) => suite.report.absent("preparation instructions", &why),
    }
    if is_blessed() {
        fs::write(&path, HEAD.to_owned() + &old.written().collect::<String>())?;
    }
    Ok(())
}

/// Adds whole instructions to what costs `now`.
fn instructions(now: &mut Costs, counted: &Costs) -> Result<()> {
    for name in PREPARED {
        for step in Step::OURS {
            let n = counted.of(format_args!("{step:?}"), name);
            let n = n.ok_or_else(|| format!("{name}: {step:?} is not counted"))?;
            now.set(format_args!("{step:?}{PROFILE}"), name, n.round());
        }
    }
    Ok(())
}

/// Checks that `way` of each signature costs no more `now` than `times` the kept cost. The control:
/// with one allocation more, or followed by the emission of a call, it is too much.
fn held(
    suite: &mut Suite,
    now: &Costs,
    stored: &Costs,
    (way, what): (&str, &str),
    times: f64,
) -> Result<()> {
    for name in PREPARED {
        let of = |costs: &Costs, way: &str| {
            let cost = costs.of(way, name);
            cost.ok_or_else(|| format!("{name}: no number for {way}"))
        };
        let (n, limit) = (of(now, way)?, of(stored, way)?);
        let outcome = no_more(n, limit, times);
        let engine = format!("preparation {what}");
        suite.report.outcome(&engine, name, outcome);
        let more = match ALLOCATIONS.contains(&way) {
            true => 1.0,
            false => of(now, &format!("{:?}{PROFILE}", Step::Site))?,
        };
        if no_more(n.max(limit) + more, n.max(limit), times).is_ok() {
            return Err(format!("not noticed: {more} more for {way} of {name}").into());
        }
    }
    Ok(())
}

fn no_more(n: f64, kept: f64, times: f64) -> std::result::Result<(), String> {
    match n <= kept * times {
        true => Ok(()),
        false => Err(format!(
            "{n}, more than {:.0} % above the {kept} of tests/corpus/preparation.txt",
            (times - 1.0) * 100.0
        )),
    }
}
