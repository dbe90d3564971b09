//! Deliberate mistakes must be noticed: each block of the corpus whose `kills:` names a mutant fails under it, and passes without.
//!
//! A mutant that a block should kill and does not is a failure; so is a mutant that no block names, and a name that is no mutant's.

use std::collections::BTreeMap;

use cabi_verify::case::{Case, Subject};
use cabi_verify::verdict::Verdict;
use cabi_verify::verify::units::{Loaded, Mistake};
use clif_cabi_jit::Settings;

use crate::compiled::{File, add_files, compile_files, compilers, entries};
use crate::mutants::{self, Mutant};
use crate::suite::{Result, Suite};
use crate::suites::interop::call;

/// Outcome of each block: for each reference compiler and direction the reason why it fails, if it
/// does.
type Seen = BTreeMap<String, BTreeMap<String, Option<String>>>;

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let mut subjects = suite.corpus(&["x86-64-sysv", "x86-64-win64"])?;
    if subjects.is_empty() {
        return Ok(());
    }
    check_names(&subjects, suite);
    subjects.retain(|subject| !subject.block.kills.is_empty());
    let compilers = compilers(suite)?;
    let mut files = Vec::new();
    for compiler in &compilers {
        let levels = entries(&subjects, compiler, |_, admitted| admitted.is_ok());
        add_files(&mut files, compiler, levels);
    }
    let mut loaded = compile_files(&files, |_, case, error| {
        (suite.report).outcome("mutants", &case.name, Err(error.to_string()));
    })?;
    let right = seen(&files, &mut loaded, None)?;
    for mutant in mutants::all() {
        let wrong = seen(&files, &mut loaded, Some(mutant))?;
        verdict(&subjects, mutant, (&right, &wrong), suite);
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
            if let Err(why) = mutants::named(name) {
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

/// Returns the outcome of each block without a mistake, or of those that name the mutant under it.
fn seen(files: &[File<'_>], loaded: &mut [Loaded], mutant: Option<&Mutant>) -> Result<Seen> {
    let mistake = mutant.map_or(Mistake::NONE, Mutant::mistake);
    // Invokers and closures must notice it alone, where there are any.
    let at_run_time = mistake.convention.is_some();
    for one in loaded.iter_mut() {
        let of_case = |case: &Case| {
            let mut own = files[one.part].entries.iter();
            let own = own.find(|(_, own)| own.name == case.name);
            let is_asked = own.is_some_and(|(own, _)| mutant.is_none_or(|one| names(own, one)));
            let why = (!is_asked).then(|| "its block does not name the mutant".to_owned());
            [why.clone(), why]
        };
        one.missing = one.cases.iter().map(of_case).collect();
    }
    let settings = [("usual".to_owned(), Settings::default().memory(1 << 20))];
    let mut seen = Seen::new();
    for (one, called) in loaded
        .iter()
        .zip(call(loaded, &settings, mistake, (at_run_time, None))?)
    {
        let name = files[one.part].compiler.reference.name();
        for called in called {
            if matches!(called.verdict, Verdict::NotRun(_)) {
                continue;
            }
            let (place, case) = (called.direction.name(), &called.case.name);
            let block = case.split_once('/').map_or(&**case, |(block, _)| block);
            let failed = seen.entry(block.to_owned()).or_default();
            // A block of several functions fails where one of them does.
            let failed = failed.entry(format!("{name} {place}")).or_default();
            *failed = failed.take().or(called.verdict.passed().err());
        }
    }
    Ok(seen)
}

/// Each block that names the mutant must fail under it where it passes without. A missing compiler may be the one to notice.
fn verdict(
    subjects: &[Subject],
    mutant: &'static Mutant,
    (right, wrong): (&Seen, &Seen),
    suite: &mut Suite,
) {
    let (engine, report) = (suite.engine(mutant.name), &mut suite.report);
    let mut kills = Vec::new();
    for subject in subjects.iter().filter(|subject| names(subject, mutant)) {
        let block = subject.block.name.as_str();
        let Some(right) = right.get(block) else {
            continue;
        };
        let passes = |place: &String| matches!(right.get(place), Some(None));
        let mut failed = wrong.get(block).into_iter().flatten();
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
