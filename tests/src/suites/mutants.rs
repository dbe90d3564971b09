//! Deliberate mistakes must be noticed: each block of the corpus whose `kills:` names a mutant fails under it, and passes without.
//!
//! A mutant that a block should kill and does not is a failure; so is a mutant that no block names, and a name that is no mutant's. So is a load or a store of one byte
//! beside an object of a guarded buffer that does not end its child.

use std::collections::BTreeMap;

use cabi_verify::case::Subject;
use cabi_verify::check::calls::{Direction, admitted};
use cabi_verify::run::guard::{GuardedBuffers, Side};
use cabi_verify::verdict::{Fault, Verdict};
use cabi_verify::verify::units::Mistake;
use clif_cabi_jit::Settings;

use crate::compiled::{Compiled, ToCompile, buffers, compile_all, in_children};
use crate::mutants::{self, Mutant};
use crate::suite::{Result, Suite};

/// Compiled cases in one direction, right or with a mistake.
type Job<'a> = (&'a Compiled<'a>, Direction, Option<&'static Mutant>);

/// What became of a block under a mutant, or under none: for each reference compiler and direction the reason why it fails, if it does.
type Seen = BTreeMap<String, Option<String>>;

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let mut subjects = suite.corpus(&["x86-64-sysv", "x86-64-win64"])?;
    if subjects.is_empty() {
        return Ok(());
    }
    check_names(&subjects, suite);
    subjects.retain(|subject| !subject.block.kills.is_empty());
    let references = suite.references();
    let mut files = Vec::new();
    for reference in &references {
        let levels = admitted(&subjects, reference, |_, _| {}).into_iter();
        files.extend(levels.map(|entries| ToCompile {
            reference,
            optimize: &["-O1"],
            entries,
        }));
    }
    let batches = compile_all(files, |_, case, error| {
        (suite.report).outcome("mutants", &case.name, Err(error.to_string()));
    })?;
    guard(suite)?;
    let seen = run_all(&batches)?;
    for mutant in mutants::all() {
        verdict(&subjects, mutant, &seen, suite);
    }
    let survivors = suite.report.failures().len();
    let n = mutants::all().count();
    suite
        .report
        .note(format!("{n} mutants, {survivors} failures"));
    suite.n_passed = Some(n.saturating_sub(survivors));
    Ok(())
}

fn names(subject: &Subject, mutant: &Mutant) -> bool {
    subject.block.kills.iter().any(|name| name == mutant.name)
}

fn check_names(subjects: &[Subject], suite: &mut Suite) {
    for subject in subjects {
        for name in &subject.block.kills {
            if !mutants::all().any(|mutant| mutant.name == name) {
                let why = format!("kills: {name}, which is no mutant");
                (suite.report).outcome("mutants", &subject.block.name, Err(why));
            }
        }
    }
    for mutant in mutants::all() {
        if !subjects.iter().any(|subject| names(subject, mutant)) {
            let why = "no block of the corpus kills it".to_owned();
            suite.report.outcome("mutants", mutant.name, Err(why));
        }
    }
}

/// What became of each block, without a mistake and under each mutant that it names.
fn run_all<'a>(batches: &'a [Compiled<'a>]) -> Result<BTreeMap<(Option<&'a str>, &'a str), Seen>> {
    let mut jobs: Vec<Job<'_>> = Vec::new();
    for batch in batches {
        for direction in Direction::ALL {
            let all = std::iter::once(None).chain(mutants::all().map(Some));
            jobs.extend(all.map(|mutant| (batch, direction, mutant)));
        }
    }
    let buffers = buffers()?;
    let n_cases = |(batch, ..): &Job<'_>| batch.entries.len();
    let verdicts = in_children(&jobs, n_cases, |job, index| one(job, &buffers, index))?;
    let mut seen = BTreeMap::<_, Seen>::new();
    for ((batch, direction, mutant), verdicts) in jobs.into_iter().zip(verdicts) {
        let place = format!("{} {}", batch.reference.name(), direction.name());
        for ((subject, _), found) in batch.entries.iter().zip(verdicts) {
            let key = (mutant.map(|mutant| mutant.name), &*subject.block.name);
            let seen = seen.entry(key).or_default();
            if mutant.is_none_or(|mutant| names(subject, mutant)) {
                // A block of several functions fails where one of them does.
                let failed = seen.entry(place.clone()).or_default();
                *failed = failed.take().or(found.passed().err());
            }
        }
    }
    Ok(seen)
}

/// Each block that names the mutant must fail under it where it passes without. Where a compiler is missing, that may be the one to notice.
fn verdict(
    subjects: &[Subject],
    mutant: &'static Mutant,
    seen: &BTreeMap<(Option<&str>, &str), Seen>,
    suite: &mut Suite,
) {
    let (engine, report) = (suite.engine(mutant.name), &mut suite.report);
    let mut kills = Vec::new();
    for subject in subjects.iter().filter(|subject| names(subject, mutant)) {
        let block = subject.block.name.as_str();
        let Some(right) = seen.get(&(None, block)) else {
            continue;
        };
        let passes = |place: &String| matches!(right.get(place), Some(None));
        let wrong = seen.get(&(Some(mutant.name), block));
        let mut failed = wrong.into_iter().flatten();
        match failed.find(|(place, why)| why.is_some() && passes(place)) {
            Some((place, why)) => {
                let why = why.as_deref().unwrap_or_default();
                kills.push(format!("{block} ({place}): {why}"));
            }
            None if !suite.every_reference => {
                let why = "a compiler that is missing may be the one to notice it";
                report.not_run(&engine, block, why);
            }
            None => {
                let why = format!("{block} does not notice it: {}", mutant.breaks);
                report.outcome("mutants", mutant.name, Err(why));
            }
        }
    }
    if let Some(first) = kills.first() {
        let (name, short) = (mutant.name, first.chars().take(150).collect::<String>());
        report.note(format!("{name}: killed by {} blocks, {short}", kills.len()));
        report.outcome("mutants", name, Ok(()));
    }
}

fn one((batch, direction, mutant): &Job<'_>, buffers: &GuardedBuffers, index: usize) -> Verdict {
    let subject = batch.entries[index].0;
    if mutant.is_some_and(|mutant| !names(subject, mutant)) {
        return Verdict::Passed(0);
    }
    let settings = Settings::default().memory(1 << 20);
    let mistake = mutant.map_or_else(Mistake::default, |mutant| mutant.mistake);
    let call = |at_run_time| {
        let with = (buffers, &settings);
        batch.call(with, *direction, index, &mistake, at_run_time)
    };
    let mut found = call(false);
    if mistake.convention.is_some() && matches!(found, Err(Fault::Failed(_))) {
        // Invokers and closures must notice it too, where there are any.
        match call(true) {
            Ok(0) => {}
            alone => found = alone,
        }
    }
    found.into()
}

/// One byte too many, read and written, after and before an object: each must end its child.
fn guard(suite: &mut Suite) -> Result<()> {
    const CONTROLS: [(&str, Side, isize); 4] = [
        ("read after", Side::End, 3),
        ("read before", Side::Start, -1),
        ("write after", Side::End, 3),
        ("write before", Side::Start, -1),
    ];
    let buffers = buffers()?;
    let touch = |&(name, side, at): &(&str, Side, isize), _| {
        let Some(object) = buffers.object(0, 3, side) else {
            return Verdict::Differs("too large for a buffer".into());
        };
        // SAFETY: none: a byte beside an object of three is touched on purpose, in a child that dies of it.
        unsafe {
            let beside = object.offset(at);
            if name.starts_with("read") {
                // A volatile read cannot be left out.
                std::hint::black_box(beside.read_volatile());
            } else {
                beside.write_volatile(1);
            }
        }
        Verdict::Passed(1)
    };
    let outcomes = in_children(&CONTROLS, |_| 1, touch)?;
    for ((name, ..), outcomes) in CONTROLS.iter().zip(&outcomes) {
        let noticed = match outcomes.first() {
            Some(found) if *found == Verdict::died("SIGSEGV") => Ok(()),
            other => Err(format!("was not noticed: {other:?}")),
        };
        suite.report.outcome("guard control", name, noticed);
    }
    Ok(())
}
