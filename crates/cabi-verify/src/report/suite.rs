//! A report as a suite of tests fills it, case by case: sections are engines, such as `probe gcc`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use super::{Item, Report, Section, Status};

/// Checks whether a missing reference compiler is a failure: `CABI_REQUIRE_ORACLES=1`, as CI sets
/// it.
pub fn references_required() -> bool {
    std::env::var("CABI_REQUIRE_ORACLES").is_ok_and(|value| value == "1")
}

/// Says once per process, for each `what`, that the tests which need it are not run.
///
/// # Panics
/// If reference compilers are required: a test must not pass then unless it has looked.
pub fn missing(what: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    let what = without_advice(what);
    if said.insert(what.to_owned()) {
        // Straight to the stream: libtest hides what the print macros write when a test passes.
        let _ = writeln!(std::io::stderr(), "not run: {what}");
    }
    assert!(!references_required(), "required, but missing: {what}");
}

/// Returns `why` without how to install what is missing. The README says that, and a run would
/// print it for each suite.
fn without_advice(why: &str) -> &str {
    why.split_once(": install it").map_or(why, |(why, _)| why)
}

/// Prefix of `not run: <reason>`, the kind of cases that did not run.
const NOT_RUN: &str = "not run: ";

impl Report {
    /// Takes the outcomes and notes of a part.
    pub fn take_part(&mut self, part: Self) {
        self.totals.extend(part.totals);
        for section in part.sections {
            let target = self.section(&section.name);
            target.n_passed += section.n_passed;
            target.items.extend(section.items);
        }
    }

    fn section(&mut self, engine: &str) -> &mut Section {
        let at = self.sections.iter().position(|one| one.name == engine);
        let at = at.unwrap_or(self.sections.len());
        if at == self.sections.len() {
            self.sections.push(Section {
                name: engine.to_owned(),
                ..Section::default()
            });
        }
        &mut self.sections[at]
    }

    fn push(&mut self, engine: &str, item: Item) {
        self.section(engine).items.push(item);
    }

    /// Takes the outcome of `case` under `engine`, such as `probe gcc`.
    pub fn outcome(&mut self, engine: &str, case: &str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.section(engine).n_passed += 1,
            Err(why) => self.push(engine, Item::new(case, Status::Failed, why)),
        }
    }

    /// Takes note that a compiler is self-inconsistent about `case` under `engine`.
    pub fn self_inconsistent(&mut self, engine: &str, case: &str, why: impl Into<String>) {
        self.push(engine, Item::new(case, Status::SelfInconsistent, why));
    }

    /// Returns the number of cases in which a compiler is self-inconsistent, by engine.
    pub fn n_self_inconsistent(&self) -> BTreeMap<&str, usize> {
        let counts = self.sections.iter().map(|section| {
            let n = section.with(Status::SelfInconsistent).count();
            (section.name.as_str(), n)
        });
        counts.filter(|(_, n)| *n > 0).collect()
    }

    /// Takes the outcome of `case`, which is `why` unless it `holds`.
    pub fn check(&mut self, engine: &str, case: &str, holds: bool, why: impl Into<String>) {
        let outcome = holds.then_some(()).ok_or_else(|| why.into());
        self.outcome(engine, case, outcome);
    }

    /// Takes note that `case` was not run under `engine`.
    pub fn not_run(&mut self, engine: &str, case: &str, why: &str) {
        let item = Item::new(case, Status::LeftOut, "").of_kind([NOT_RUN, why].concat());
        self.push(engine, item);
    }

    /// Takes note that nothing of `engine` can run. This is a failure if reference compilers are
    /// required, and is printed otherwise.
    pub fn absent(&mut self, engine: &str, why: &str) {
        match references_required() {
            true => self.outcome(engine, "every case", Err(format!("cannot run: {why}"))),
            false => self.not_run(engine, "every case", without_advice(why)),
        }
    }

    /// Adds a line to print with the result.
    pub fn note(&mut self, text: impl Into<String>) {
        self.totals.push(text.into());
    }

    /// Returns the number of good outcomes so far.
    pub fn n_passed(&self) -> usize {
        self.sections.iter().map(|section| section.n_passed).sum()
    }

    /// Returns the failures so far.
    pub fn failures(&self) -> Vec<String> {
        self.failing()
            .map(|(section, item)| format!("{} [{}]: {}", item.name, section.name, item.why))
            .collect()
    }

    /// Ends the run of a suite: all is printed, and the exit code is 0 or 1. The other forms are
    /// written to the folder that `CABI_REPORTS` names, if it does.
    pub fn finish(mut self) -> ExitCode {
        self.sections.sort_by(|a, b| a.name.cmp(&b.name));
        for section in &mut self.sections {
            if !section.items.is_empty() {
                section.head = vec![format!("{}: {} passed", section.name, section.n_passed)];
            }
            section
                .data
                .insert("passed".to_owned(), section.n_passed.into());
        }
        let total = self.total();
        self.totals.push(total);
        print!("{self}");
        let written = std::env::var_os("CABI_REPORTS").map_or(Ok(()), |folder| {
            let file = |end: &str| Path::new(&folder).join(format!("{}.{end}", self.name));
            std::fs::write(file("json"), self.json())?;
            std::fs::write(file("xml"), self.junit())
        });
        if let Err(error) = &written {
            eprintln!("CABI_REPORTS: {error}");
        }
        match self.is_clean() && written.is_ok() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }

    /// Returns the line that ends a suite.
    fn total(&self) -> String {
        let passed = self.sections.iter().filter(|section| section.n_passed > 0);
        let passed = passed.map(|section| format!("{} {}", section.name, section.n_passed));
        let mut passed: Vec<String> = passed.collect();
        if passed.is_empty() {
            passed.push("0".to_owned());
        }
        let sections = self.sections.iter();
        let n_not_run = sections.map(|one| one.with(Status::LeftOut).count());
        format!(
            "{}: passed {}; failed {}, self-inconsistent {}, not run {}",
            self.name,
            passed.join(", "),
            self.failing().count(),
            self.n_self_inconsistent().values().sum::<usize>(),
            n_not_run.sum::<usize>()
        )
    }
}
