//! `cabi verify`: headers against real compilers. Every prototype is observed in both directions,
//! in code of ours and of a compiler, and so is every record type in many positions. The place of
//! every byte is compared.
//!
//! Runs are made by `cabi_verify::verify`, results by `cabi_verify::report`. Here are the options,
//! and the bar that shows progress (`verify/plan.rs`).

mod options;
mod plan;

use std::process::ExitCode;

use cabi_verify::report::Report;

pub(crate) use self::options::Verify;
use crate::output::{self, Failure, is_stdout};

/// A report as a text.
type Renderer = fn(&Report) -> String;

impl Verify {
    /// Runs the verification and shows the report, as text or in the files that options name.
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        let faces: [(_, Renderer); 2] = [(&self.json, Report::json), (&self.junit, Report::junit)];
        let outputs = faces
            .into_iter()
            .filter_map(|(path, face)| Some((path.as_ref()?, face)));
        let (printed, saved): (Vec<_>, Vec<_>) = outputs.partition(|(path, _)| is_stdout(path));
        // Two reports in one output could not be read.
        if printed.len() > 1 {
            let why = "--json and --junit cannot both be standard output";
            return Err(why.to_owned().into());
        }
        // A build server that reads the files must find those of this run.
        let report = self.report();
        let report = report.unwrap_or_else(|why| Report::of_error("cabi verify", &why));
        // Files first: they have to be there even if standard output, or another file, fails.
        let mut result = Ok(());
        for (path, face) in saved {
            result = result.and(output::save(path, &face(&report)));
        }
        // Standard output then has nothing but the report written there.
        let text = printed.first().map(|(_, face)| face(&report));
        output::print(text.unwrap_or_else(|| report.to_string()))?;
        result?;
        Ok(output::exit_code(&report))
    }

    fn report(&self) -> Result<Report, String> {
        cabi_verify::run::calls_here()?;
        cabi_verify::process::watch_signals();
        let looking = plan::doing("looking for compilers and their features".to_owned());
        let (compilers, absent) = self.compilers.find()?;
        drop(looking);
        let allowed = self.allow_self_inconsistent;
        let mut report = if self.exhaustive {
            self.transitions(compilers)?
        } else {
            let (plan, unread) = plan::plan(self, compilers)?;
            let run = plan.run(&plan::bar()).map_err(|e| e.to_string())?;
            let mut report = run.report(allowed);
            let why = unread.into_iter().chain(report.error.take());
            let why: Vec<String> = why.collect();
            report.error = (!why.is_empty()).then(|| why.join("\n"));
            report
        };
        report.head.extend(absent);
        Ok(report)
    }

    fn transitions(&self, compilers: Vec<cabi_verify::verify::Compiler>) -> Result<Report, String> {
        use cabi_verify::fuzz;
        use cabi_verify::verify::Mistake;

        let (mut at_levels, mut absent) = (Vec::new(), Vec::new());
        for compiler in compilers {
            let (levels, why) = fuzz::levels(compiler).map_err(|e| e.to_string())?;
            at_levels.extend(levels);
            absent.extend(why);
        }
        let plan = fuzz::Campaign {
            seed: 0,
            numbers: 0..u64::MAX,
            stride: Some(1),
            time: None,
            at_once: self.compilers.at_once(),
            shrinks: 0,
            mistake: Mistake::NONE,
        };
        let trying = plan::doing("trying every transition of argument assignment".to_owned());
        let results = fuzz::run(&plan, &at_levels, |_, _| Ok(()))?;
        drop(trying);
        if cabi_verify::process::was_interrupted() {
            return Err(format!("interrupted after {} signatures", results.count()));
        }
        let mut report = results.report(true, self.allow_self_inconsistent);
        report.name = "cabi verify".to_owned();
        let absent = absent.into_iter().map(|why| format!("not run: {why}"));
        report.head.extend(absent);
        Ok(report)
    }
}
