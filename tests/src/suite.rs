//! Shared parts of all suites: the report, the reference compilers, the corpus, and the end of a
//! run.

use std::error::Error;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use cabi_verify::build::{InstalledCompilers, Reference};
use cabi_verify::case::Subject;
use cabi_verify::processor;
use cabi_verify::report::{Report, Status};
use cabi_verify::threads::{at_once, in_threads};
use cabi_verify::verdict::Verdict;

use crate::corpus;
use crate::totals;

/// The result of a step of a suite. An error ends the suite: it is about the machine or a list, not
/// about a case.
pub(crate) type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// A run of one suite.
pub(crate) struct Suite {
    name: &'static str,
    pub(crate) report: Report,
    order: u64,
    /// `true` if every reference compiler that is wanted is on this machine.
    pub(crate) every_reference: bool,
    /// An argument of the command line: only cases whose names contain it are run.
    pub(crate) only: Option<String>,
    /// Number of checks that passed, for the last line, if the report counts other cases.
    pub(crate) n_passed: Option<usize>,
    start: Instant,
}

pub(crate) fn run(
    name: &'static str,
    only: Option<&str>,
    body: fn(&mut Suite) -> Result<()>,
) -> ExitCode {
    let suite = Suite::new(name, only).and_then(|mut suite| {
        body(&mut suite)?;
        Ok(suite)
    });
    match suite {
        Ok(suite) => suite.finish(),
        Err(why) => {
            eprintln!("{name}: {why}");
            ExitCode::FAILURE
        }
    }
}

impl Suite {
    fn new(name: &'static str, only: Option<&str>) -> Result<Self> {
        let mut report = Report::new(name);
        report.allow_self_inconsistent = true;
        let hidden = processor::hidden()?;
        if !hidden.is_empty() {
            report.note(format!("hidden processor features: {hidden}"));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos();
        let order = number("CABI_ORDER", now.into())?;
        Ok(Self {
            name,
            report,
            order: *ORDER.get_or_init(|| order),
            every_reference: true,
            only: only.map(str::to_owned),
            n_passed: None,
            start: Instant::now(),
        })
    }

    /// Checks whether all cases run, on the machine with the most of them.
    pub(crate) fn is_complete(&self) -> bool {
        cfg!(target_arch = "x86_64") && self.is_whole() && !is_blessed()
    }

    /// Checks whether all cases of the usual corpus are wanted.
    pub(crate) fn is_whole(&self) -> bool {
        self.only.is_none() && std::env::var_os("CABI_CORPUS").is_none()
    }

    /// Returns gcc and clang, as far as they are here. One that is not is a line of the report.
    pub(crate) fn references(&mut self) -> Vec<Reference> {
        self.report_absent(InstalledCompilers::find())
    }

    /// Returns the other versions of clang that have profiles, as far as they are here. One that is
    /// not is a line of the report.
    pub(crate) fn other_clangs(&mut self) -> Vec<Reference> {
        self.report_absent(InstalledCompilers::other_clangs())
    }

    fn report_absent(&mut self, bench: InstalledCompilers) -> Vec<Reference> {
        for (name, why) in &bench.absent {
            self.every_reference = false;
            self.report.absent(&self.engine(name), why);
        }
        for reference in &bench.references {
            let note = format!("reference: {reference}, profile {}", reference.profile());
            self.report.note(note);
        }
        bench.references
    }

    /// Returns the blocks of these folders of the corpus.
    pub(crate) fn corpus(&mut self, folders: &[&str]) -> Result<Vec<Subject>> {
        let mut subjects = Vec::new();
        for folder in folders {
            subjects.extend(corpus::read(folder, self.name, &mut self.report)?);
        }
        Ok(subjects)
    }

    /// Returns the name of an engine of this suite in reports: `probe gcc`.
    pub(crate) fn engine(&self, name: &str) -> String {
        format!("{} {name}", self.name)
    }

    /// Checks whether the case `name` is a wanted one.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| name.contains(only))
    }

    /// Does `work` for each of `items` at once, each with a report of its own; takes the reports in
    /// the order of the items.
    pub(crate) fn each<T: Sync>(
        &mut self,
        items: &[T],
        work: impl Fn(&T, &mut Self) -> Result<()> + Sync,
    ) -> Result<()> {
        let suite = &*self;
        let run = |item| {
            let mut part = Self {
                report: Report::new(suite.name),
                only: suite.only.clone(),
                n_passed: None,
                ..*suite
            };
            let result = work(item, &mut part).map_err(|why| why.to_string());
            result.map(|()| part)
        };
        for part in in_threads(items, at_once(), run, |_| ()) {
            let part = part?;
            self.report.take_part(part.report);
            let n_passed = part.n_passed.map(|n| n + self.n_passed.unwrap_or(0));
            self.n_passed = n_passed.or(self.n_passed);
        }
        Ok(())
    }

    /// Takes the outcome of a case. A case that is not lowered was not run. docs/conformance.md has
    /// the number of cases about which a compiler is self-inconsistent.
    pub(crate) fn verdict(&mut self, engine: &str, case: &str, verdict: Verdict) {
        match verdict {
            Verdict::NotLowered(why) | Verdict::NotRun(why) => {
                self.report.not_run(engine, case, &why);
            }
            Verdict::SelfInconsistent(difference) => {
                self.report.self_inconsistent(engine, case, difference.why);
            }
            other => self.report.outcome(engine, case, other.passed().map(drop)),
        }
    }

    /// Takes the results of a run of the command: its counts, each failure, and one outcome of
    /// `what` for each section without one.
    pub(crate) fn take(&mut self, engine: &str, what: &str, part: &Report) {
        let report = &mut self.report;
        for section in &part.sections {
            let lines = section.head.iter().filter(|line| !line.is_empty());
            lines.for_each(|line| report.note(line));
            for item in section.with(Status::SelfInconsistent) {
                report.self_inconsistent(&section.name, &item.name, &item.why);
            }
            let failures = part.failing().filter(|(of, _)| of.name == section.name);
            let mut failing = failures.map(|(_, item)| item).peekable();
            if failing.peek().is_none() && part.error.is_none() {
                report.outcome(engine, &format!("{} {what}", section.name), Ok(()));
            }
            for item in failing {
                let why = format!("{} {}\n{}", item.kind, item.why, item.detail);
                report.outcome(&section.name, &item.name, Err(why));
            }
        }
        let empty = || "nothing was run".to_owned();
        let is_empty = part.sections.is_empty();
        if let Some(why) = part.error.clone().or_else(|| is_empty.then(empty)) {
            report.outcome(engine, what, Err(why));
        }
    }

    /// Returns the number of cases that pass, and those in which compilers are self-inconsistent,
    /// as two columns of a table.
    fn counts(&self, passed: usize) -> String {
        let of_each = self.report.n_self_inconsistent().into_iter();
        let of_each = of_each.map(|(engine, n)| {
            let engine = engine.strip_prefix(self.name).unwrap_or(engine);
            format!("{} {n}", engine.trim_start())
        });
        format!("{passed} | {}", of_each.collect::<Vec<_>>().join(", "))
    }

    fn finish(mut self) -> ExitCode {
        self.report
            .note(format!("order of cases: CABI_ORDER={}", self.order));
        self.report
            .note(format!("{:.1?} in all", self.start.elapsed()));
        let n_failed = self.report.failures().len();
        let passed = self.n_passed.unwrap_or_else(|| self.report.n_passed());
        let is_whole = self.only.is_none() && cfg!(target_arch = "x86_64") && totals::are_usual();
        let totals = match is_whole {
            true => totals::hold(self.name, &self.counts(passed), is_blessed()),
            false => Ok(()),
        };
        let code = match (self.report.finish(), totals) {
            (_, Err(why)) => {
                println!("{why}");
                ExitCode::FAILURE
            }
            (code, Ok(())) => code,
        };
        let word = match code == ExitCode::SUCCESS {
            true => "ok",
            false => "FAILED",
        };
        println!(
            "test result: {word}. {passed} passed; {n_failed} failed; 0 ignored; 0 measured; 0 filtered out"
        );
        code
    }
}

/// Checks whether expected text is to be rewritten: `CABI_BLESS=1`.
pub(crate) fn is_blessed() -> bool {
    std::env::var("CABI_BLESS").is_ok_and(|value| value == "1")
}

static ORDER: OnceLock<u64> = OnceLock::new();

/// Returns the seed of the order in which cases run: another one each time, unless `CABI_ORDER`
/// gives it.
pub(crate) fn order() -> Option<u64> {
    ORDER.get().copied()
}

/// Returns a number that the environment may set.
pub(crate) fn number(variable: &str, usual: u64) -> Result<u64> {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .map_err(|_| format!("{variable}={text} is not a number").into()),
        Err(_) => Ok(usual),
    }
}
