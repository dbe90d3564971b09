//! What a call costs to prepare, held to numbers in `tests/corpus/preparation.txt`: instructions, which may grow by a few per cent, and allocations, which
//! may not. `CABI_BLESS=1` rewrites them.
//!
//! Negative controls: what is done twice costs more than it may, and so does one allocation.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use crate::corpus::folder;
use crate::measure::{
    PREPARED, Program, Step, count_in_child, counted_library, each_step, is_counted, n_allocations,
    valgrind,
};
use crate::suite::{Result, Suite, is_blessed};

/// How much more than before something may cost: what is counted depends a little on libc's routines for this processor.
const MORE: f64 = 0.03;

/// Without optimization so many times fewer calls are as exact.
const FEWER: u32 = 10;

/// The column of instructions: without optimization, or with it.
const COLUMN: usize = if cfg!(debug_assertions) { 0 } else { 1 };
const ALLOCATIONS: &str = "allocations";

const HEAD: &str = "\
# What a step of preparation costs. Instructions: without optimization, and with it. Allocations: of an FnAbi, of the first plan of its call, and of the
# emission of a call with its plan at hand.
";

/// The numbers of a signature's step: instructions without optimization and with it, or allocations of an `FnAbi`, of a first plan, and of a site.
type Kept = BTreeMap<(String, String), Vec<u64>>;

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    if let Some(library) = counted_library().filter(|_| is_counted()) {
        let program = Program::open(&library)?;
        return each_step(&program, &Step::OURS, &mut |_, step, repeat| {
            repeat(step.most() / FEWER)
        });
    }
    let path = folder().join("preparation.txt");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let mut kept = parse(&text)?;
    allocations(suite, &mut kept)?;
    match valgrind() {
        Ok(version) => {
            suite.report.note(version);
            let references = suite.references();
            let Some(reference) = references.first() else {
                return Ok(());
            };
            let program = Program::new(reference, &[])?;
            instructions(suite, &mut kept, &program)?;
        }
        Err(why) => suite.report.absent("preparation instructions", &why),
    }
    if is_blessed() {
        fs::write(&path, written(&kept)?)?;
    }
    Ok(())
}

fn allocations(suite: &mut Suite, kept: &mut Kept) -> Result<()> {
    for (name, counts) in n_allocations()? {
        let counts = counts.map(|n| n as u64);
        let before = kept.entry((name.to_owned(), ALLOCATIONS.to_owned()));
        let before = before.or_insert(vec![0; counts.len()]);
        if is_blessed() {
            *before = counts.to_vec();
        }
        let most = before.iter().copied();
        for (what, (n, most)) in ["FnAbi", "plan", "site"]
            .iter()
            .zip(counts.iter().zip(most))
        {
            let engine = format!("preparation {what} {ALLOCATIONS}");
            suite.report.outcome(&engine, name, no_more(*n, most));
            is_noticed(*n + 1, most.max(*n), no_more)?;
        }
    }
    Ok(())
}

fn instructions(suite: &mut Suite, kept: &mut Kept, program: &Program) -> Result<()> {
    let costs = count_in_child(program.file())?;
    for name in PREPARED {
        for step in Step::OURS {
            let not_counted = || format!("{name}: {step:?} is not counted");
            let n = costs.of(step, name).ok_or_else(not_counted)?;
            let n = whole(n);
            let before = kept.entry((name.to_owned(), format!("{step:?}")));
            let before = before.or_insert(vec![0; 2]);
            if is_blessed() {
                before[COLUMN] = n;
            }
            let engine = format!("preparation {step:?} instructions");
            let outcome = few_more(n, before[COLUMN]);
            suite.report.outcome(&engine, name, outcome);
        }
        let both = costs
            .of(Step::FnAbi, name)
            .zip(costs.of(Step::CachedPlan, name));
        let both = both.map_or(0, |(abi, plan)| whole(abi + plan));
        let abi = costs.of(Step::FnAbi, name).map_or(0, whole);
        is_noticed(both, abi, few_more)?;
    }
    Ok(())
}

/// Numbers of instructions are far below 2^53.
fn whole(n: f64) -> u64 {
    format!("{n:.0}").parse().unwrap_or(0)
}

fn no_more(n: u64, most: u64) -> std::result::Result<(), String> {
    match n <= most {
        true => Ok(()),
        false => Err(format!(
            "{n}, at most {most} are kept in tests/corpus/preparation.txt"
        )),
    }
}

fn few_more(n: u64, before: u64) -> std::result::Result<(), String> {
    #[expect(clippy::cast_precision_loss, reason = "both are far below 2^53")]
    let (now, most) = (n as f64, before as f64 * (1.0 + MORE));
    match now <= most {
        true => Ok(()),
        false => Err(format!(
            "{n} instructions, {before} are kept in tests/corpus/preparation.txt: more than {:.0} % more",
            MORE * 100.0
        )),
    }
}

/// A control: so many are too many.
fn is_noticed(
    n: u64,
    before: u64,
    held: fn(u64, u64) -> std::result::Result<(), String>,
) -> Result<()> {
    match held(n, before) {
        Ok(()) => Err(format!("not noticed: {n} where {before} were before").into()),
        Err(_) => Ok(()),
    }
}

fn parse(text: &str) -> Result<Kept> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [name, step, numbers @ ..] = &words[..] else {
                return Err(format!("preparation.txt: {line}").into());
            };
            let numbers = numbers.iter().map(|n| Ok(n.parse()?));
            let numbers: Result<Vec<u64>> = numbers.collect();
            let n = if *step == ALLOCATIONS { 3 } else { 2 };
            match numbers? {
                numbers if numbers.len() == n => {
                    Ok((((*name).to_owned(), (*step).to_owned()), numbers))
                }
                _ => Err(format!("preparation.txt: {line}").into()),
            }
        })
        .collect()
}

fn written(kept: &Kept) -> Result<String> {
    let mut text = HEAD.to_owned();
    for ((name, step), numbers) in kept {
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        writeln!(text, "{name} {step} {}", numbers.join(" "))?;
    }
    Ok(text)
}
