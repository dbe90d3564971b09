//! What a suite ran, what it did not and why, and what failed: printed at the end of each run, and its exit code.
//!
//! Failures that are known stand in `expected.toml`, each with whose fault it is and the reason. One that passes fails the run: a list
//! of known failures that nobody prunes hides new ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use expected::{Expected, Fault};

pub mod expected;

/// Whether a missing reference compiler is a failure: `CABI_REQUIRE_ORACLES=1`, as CI sets it.
#[must_use]
pub fn references_required() -> bool {
    std::env::var("CABI_REQUIRE_ORACLES").is_ok_and(|value| value == "1")
}

/// Says once per process, for each `what`, that the tests which need it are not run.
///
/// # Panics
/// Where reference compilers are required: a test must not pass there without having looked.
pub fn missing(what: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    let what = without_advice(what);
    if said.insert(what.to_owned()) {
        // Straight to the stream: libtest hides what the print macros write when a test passes.
        let _ = writeln!(std::io::stderr(), "not run: {what}");
    }
    assert!(!references_required(), "required, but not here: {what}");
}

/// `why` without how to install what is missing, which the README says: a run prints it for each suite.
fn without_advice(why: &str) -> &str {
    why.split_once(": install it").map_or(why, |(why, _)| why)
}

/// Counts and texts of one suite.
#[derive(Debug, Default)]
pub struct Report {
    suite: String,
    known: Vec<Known>,
    met: BTreeSet<usize>,
    passed: BTreeMap<String, usize>,
    expected: Vec<String>,
    failed: Vec<String>,
    not_run: BTreeMap<(String, String), Vec<String>>,
    notes: Vec<String>,
    incomplete: bool,
}

/// A failure that is known.
#[derive(Clone, Debug)]
struct Known {
    case: String,
    engine: String,
    fault: Fault,
    reason: String,
}

impl Report {
    /// A report of `suite`, with no failure expected.
    #[must_use]
    pub fn new(suite: &str) -> Self {
        Self {
            suite: suite.to_owned(),
            ..Self::default()
        }
    }

    /// Reads the known failures of the engines named `suite` or `suite ...` from `expected.toml`.
    ///
    /// # Errors
    /// A message naming the file and what is wrong with it.
    pub fn with_expected(mut self, path: &Path) -> Result<Self, String> {
        let expected = Expected::read(path)?;
        let known = expected.failures.iter().map(|failure| Known {
            case: failure.case.clone(),
            engine: failure.engine.clone(),
            fault: failure.fault,
            reason: expected.reason(failure).to_owned(),
        });
        let suite = Some(self.suite.as_str());
        self.known = known
            .filter(|known| known.engine.split(' ').next() == suite)
            .collect();
        Ok(self)
    }

    /// Takes the outcome of `case` under `engine`, such as `probe gcc`.
    pub fn outcome(&mut self, engine: &str, case: &str, outcome: Result<(), String>) {
        let known = self
            .known
            .iter()
            .position(|known| known.case == case && known.engine == engine);
        match (outcome, known) {
            (Ok(()), None) => *self.passed.entry(engine.to_owned()).or_default() += 1,
            (Ok(()), Some(_)) => self.failed.push(format!(
                "{case} [{engine}]: passes, but expected.toml says it fails"
            )),
            (Err(why), None) => self.failed.push(format!("{case} [{engine}]: {why}")),
            (Err(_), Some(i)) => {
                self.met.insert(i);
                let Some(known) = self.known.get(i) else {
                    return;
                };
                self.expected.push(format!(
                    "{case} [{engine}], {}: {}",
                    known.fault.name(),
                    known.reason
                ));
            }
        }
    }

    /// Takes note that `case` was not run under `engine`.
    pub fn not_run(&mut self, engine: &str, case: &str, why: &str) {
        let key = (engine.to_owned(), why.to_owned());
        self.not_run.entry(key).or_default().push(case.to_owned());
    }

    /// Takes note that nothing of `engine` can run: a failure where reference compilers are required, printed otherwise.
    pub fn absent(&mut self, engine: &str, why: &str) {
        self.incomplete = true;
        if references_required() {
            self.failed
                .push(format!("every case [{engine}]: cannot run: {why}"));
        } else {
            self.not_run(engine, "every case", without_advice(why));
        }
    }

    /// A line to print with the result.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// How many outcomes were good so far.
    #[must_use]
    pub fn n_passed(&self) -> usize {
        self.passed.values().sum()
    }

    /// The failures so far.
    #[must_use]
    pub fn failures(&self) -> &[String] {
        &self.failed
    }

    /// Ends the run: known failures that no engine met become failures if everything ran, all is printed, and the exit code is 0 or 1.
    #[must_use]
    pub fn finish(mut self, complete: bool) -> std::process::ExitCode {
        for (i, known) in self.known.iter().enumerate() {
            let named = format!("{} [{}]", known.case, known.engine);
            let passes = self.failed.iter().any(|line| line.starts_with(&named));
            let skipped = self
                .not_run
                .iter()
                .any(|((engine, _), cases)| *engine == known.engine && cases.contains(&known.case));
            if complete && !self.incomplete && !passes && !skipped && !self.met.contains(&i) {
                self.failed.push(format!(
                    "{named}: listed in expected.toml, but there is no such case"
                ));
            }
        }
        println!("{self}");
        if self.failed.is_empty() {
            std::process::ExitCode::SUCCESS
        } else {
            std::process::ExitCode::FAILURE
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.failed {
            writeln!(f, "FAILED {line}")?;
        }
        for line in &self.expected {
            writeln!(f, "known failure: {line}")?;
        }
        for ((engine, why), cases) in &self.not_run {
            let some: Vec<&str> = cases.iter().take(4).map(String::as_str).collect();
            let more = if cases.len() > 4 { ", .." } else { "" };
            writeln!(
                f,
                "not run [{engine}] {}: {why} ({}{more})",
                cases.len(),
                some.join(", ")
            )?;
        }
        for line in &self.notes {
            writeln!(f, "{line}")?;
        }
        let counts: Vec<String> = self
            .passed
            .iter()
            .map(|(engine, n)| format!("{engine} {n}"))
            .collect();
        let not_run: usize = self.not_run.values().map(Vec::len).sum();
        write!(
            f,
            "{}: passed {}; failed {}, known failures {}, not run {not_run}",
            self.suite,
            if counts.is_empty() {
                "0".to_owned()
            } else {
                counts.join(", ")
            },
            self.failed.len(),
            self.expected.len(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: &[(&str, Result<(), String>)]) -> Report {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("expected.toml");
        let text = "[[failure]]\ncase = \"bad\"\nengine = \"probe gcc\"\nfault = \"theirs\"\nreason = \"a bug\"\n";
        std::fs::write(&path, text).unwrap();
        let mut report = Report::new("probe").with_expected(&path).unwrap();
        for (case, outcome) in outcomes {
            report.outcome("probe gcc", case, outcome.clone());
        }
        report
    }

    #[test]
    fn a_known_failure_passes_and_one_that_passes_fails() {
        assert!(
            report(&[("bad", Err("x".to_owned()))])
                .failures()
                .is_empty()
        );
        assert_eq!(
            report(&[("bad", Ok(()))]).failures(),
            ["bad [probe gcc]: passes, but expected.toml says it fails"]
        );
        assert_eq!(
            report(&[("other", Err("x".to_owned()))]).failures(),
            ["other [probe gcc]: x"]
        );
    }

    #[test]
    fn a_known_failure_of_no_case_fails_a_complete_run() {
        assert_eq!(
            report(&[("fine", Ok(()))]).finish(true),
            std::process::ExitCode::FAILURE
        );
        assert_eq!(
            report(&[("bad", Err("x".to_owned()))]).finish(true),
            std::process::ExitCode::SUCCESS
        );
    }
}
