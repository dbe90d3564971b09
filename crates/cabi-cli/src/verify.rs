//! `cabi verify`: headers against real compilers. Every prototype, and every record type in many positions, is called in both directions
//! between code of ours and code of a compiler, and every byte is compared.
//!
//! The course of a run is `cabi_verify::verify`'s, its results `cabi_verify::report`'s; here are the options, and the bar that shows progress
//! (`verify/plan.rs`).

mod options;
#[cfg(has_calls)]
mod plan;

use std::process::ExitCode;

use cabi_verify::report::Report;

pub(crate) use self::options::Verify;
use crate::output::{self, Failure};

impl Verify {
    /// Runs it and shows what was found.
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        let files = output::Files {
            json: self.json.as_deref(),
            junit: self.junit.as_deref(),
        };
        // With both on standard output there would be nothing to read.
        files.check()?;
        // A build server that reads the files must not find those of another run, or none.
        let report = self.report();
        let report = report.unwrap_or_else(|why| Report::of_error("cabi verify", &why));
        files.show(&report)
    }

    #[cfg(has_calls)]
    fn report(&self) -> Result<Report, String> {
        use cabi_verify::exhaustive::Exhaustive;
        use cabi_verify::tally::Results;

        cabi_verify::process::watch_signals();
        let looking = plan::doing("looking for compilers, and what each can compile".to_owned());
        let (compilers, absent) = self.compilers.find()?;
        drop(looking);
        let allowed = self.allow_self_inconsistent;
        let mut report = if self.exhaustive {
            let mut all = Results::default();
            for compiler in compilers {
                let mut plan = Exhaustive::new(compiler).map_err(|e| e.to_string())?;
                plan.at_once = self.compilers.at_once();
                all.compilers.extend(plan.run(&plan::bar())?.compilers);
            }
            let mut report = all.report(true, allowed);
            report.name = "cabi verify".to_owned();
            report
        } else {
            let plan = plan::plan(self, compilers)?;
            let run = plan.run(&plan::bar()).map_err(|e| e.to_string())?;
            run.report(allowed)
        };
        report.head.extend(absent);
        Ok(report)
    }

    #[cfg(not(has_calls))]
    fn report(&self) -> Result<Report, String> {
        Err("calls are made on x86-64 with Unix or AArch64 Linux only".into())
    }
}
