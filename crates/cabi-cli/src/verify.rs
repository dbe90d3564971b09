//! `cabi verify`: headers against real compilers. Every prototype, and every record type in many positions, is called in both directions
//! between code of ours and code of a compiler, and every byte is compared.
//!
//! The course of a run is `cabi_verify::verify`'s; here are the options, the bar that shows progress (`verify/plan.rs`), and the results
//! (`verify/report.rs` as text, `verify/files.rs` as JSON and JUnit).

#[cfg(all(target_arch = "x86_64", unix))]
mod exhaustive;
#[cfg(all(target_arch = "x86_64", unix))]
mod files;
mod options;
#[cfg(all(target_arch = "x86_64", unix))]
mod plan;
#[cfg(all(target_arch = "x86_64", unix))]
mod report;

use std::process::ExitCode;

#[cfg(all(target_arch = "x86_64", unix))]
use cabi_verify::verify::Outcome;

pub(crate) use self::options::Verify;
use crate::output;

impl Verify {
    /// Runs it and prints what was found.
    pub(crate) fn run(&self) -> ExitCode {
        match self.found() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(message) => {
                #[cfg(all(target_arch = "x86_64", unix))]
                self.write_failure(&message);
                // Without a message, it has been printed after the report.
                if !message.is_empty() {
                    output::complain(&message);
                }
                ExitCode::from(2)
            }
        }
    }

    /// Whether no difference was found.
    #[cfg(all(target_arch = "x86_64", unix))]
    fn found(&self) -> Result<bool, String> {
        let prints_results = self.takes_stdout()?;
        cabi_verify::process::watch_signals();
        if self.exhaustive {
            return exhaustive::found(self);
        }
        let (plan, absent) = plan::plan(self)?;
        let run = plan.run(&plan::bar()).map_err(|e| e.to_string())?;
        let outcome = run.outcome(self.allow_self_inconsistent);
        if let Some(path) = &self.json {
            output::write(path, &files::json(&run, &outcome))?;
        }
        if let Some(path) = &self.junit {
            let allowed = self.allow_self_inconsistent;
            output::write(path, &files::junit(&run, &outcome, allowed))?;
        }
        if !prints_results {
            output::print(&report::text(&run, &absent))?;
        }
        match outcome {
            Outcome::Clean => Ok(true),
            Outcome::Fails => Ok(false),
            Outcome::Nothing(why) => {
                output::complain(&why);
                Err(String::new())
            }
        }
    }

    /// A build server that reads the files must not find those of another run, or none.
    #[cfg(all(target_arch = "x86_64", unix))]
    fn write_failure(&self, message: &str) {
        // With both on standard output there is nothing to read.
        if message.is_empty() || self.takes_stdout().is_err() {
            return;
        }
        let files = [
            (&self.json, files::json_of_failure(message)),
            (&self.junit, files::junit_of_failure(message)),
        ];
        for (path, text) in files {
            if let Some(path) = path
                && let Err(why) = output::write(path, &text)
            {
                output::complain(&why);
            }
        }
    }

    #[cfg(not(all(target_arch = "x86_64", unix)))]
    fn found(&self) -> Result<bool, String> {
        Err("calls are made on x86-64 with Unix only".into())
    }
}
