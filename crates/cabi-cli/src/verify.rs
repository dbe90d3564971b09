//! `cabi verify`: headers against real compilers. Every prototype, and every record type in many positions, is called in both directions
//! between code of ours and code of a compiler, and every byte is compared.
//!
//! The course of a run is `cabi_judge::verify`'s; here are the options, the bar that shows progress (`verify/plan.rs`), and the results
//! (`verify/report.rs` as text, `verify/files.rs` as JSON and JUnit).

#[cfg(all(target_arch = "x86_64", unix))]
mod exhaustive;
#[cfg(all(target_arch = "x86_64", unix))]
mod files;
#[cfg(all(target_arch = "x86_64", unix))]
mod plan;
#[cfg(all(target_arch = "x86_64", unix))]
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

#[cfg(all(target_arch = "x86_64", unix))]
use cabi_judge::verify::Outcome;
use clap::{ArgAction, Args, ValueEnum};

#[cfg(all(target_arch = "x86_64", unix))]
use crate::compilers::Compilers;
use crate::reading::Reading;

const ABOUT: &str = "\
Verifies headers against real compilers.

Each prototype of a header, and each of its record types in generated positions (alone, when registers run out, between neighbours, \
returned, unnamed), is called in both directions between code generated here and code of the compiler named: direct, through function \
pointers, and as a callback. Objects lie against guard pages, every byte is compared. The compiler reads the header itself, and is asked \
for each prototype's type and for sizes, offsets and the order of bytes too.

A compiler whose own caller and callee disagree is shown to, by a program that it alone builds and that fails twice in the same way. That \
is a failure, unless it is a known bug of that compiler, which is left out by name, or --allow-self-inconsistent is given.

Flags inside --cc, quoted as in a shell, reach that compiler only; the header is read with -I, -D, --std and --target alone. So a compiler whose flags change \
the ABI differs, and that is reported.

Exit status: 0 no difference, 1 a difference was found, 2 could not do what was asked, or nothing of a header could be verified.";

const EXAMPLES: &str = "\
Examples:
  cabi verify stdlib.h math.h complex.h
  cabi verify --cc 'gcc -O2' --cc clang-19 -I include include/vec.h
  cabi verify --own include/library.h
  cabi verify --only 'div' --cc 'gcc -mabi=ms' stdlib.h
  cabi verify --exhaustive --cc gcc
  cabi verify --junit verify.xml --json verify.json zlib.h";

/// Verifies headers against real compilers.
#[derive(Args)]
#[command(long_about = ABOUT, after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// Headers, as after `#include`: `stdlib.h`, or a path.
    #[arg(required_unless_present = "exhaustive", value_name = "HEADER")]
    headers: Vec<String>,
    /// No header, but every transition of argument assignment: registers left, slot of the stack, shape of the next value.
    #[arg(long, conflicts_with_all = ["headers", "only", "target", "Reading"])]
    exhaustive: bool,
    #[cfg(all(target_arch = "x86_64", unix))]
    #[command(flatten)]
    compilers: Compilers,
    /// Only functions and types whose name matches.
    #[arg(long, value_name = "REGEX")]
    only: Option<String>,
    /// Only what the headers named declare themselves, not what they include; with `folder`, also what headers in their folders declare.
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "file")]
    own: Option<Own>,
    /// A compiler may disagree with itself: what is shown to is counted and no failure.
    #[arg(long)]
    allow_self_inconsistent: bool,
    /// Also record types, in generated positions; `--types=false` leaves them out.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true")]
    types: bool,
    /// Writes every result as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes every result as JUnit's XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// Triple whose headers are read; calls are made on x86-64 System V only.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

/// Whose declarations are verified.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Own {
    /// Those of the file named.
    File,
    /// Those of all files in its folder, and below.
    Folder,
}

impl Verify {
    /// Runs it and prints what was found.
    pub(crate) fn run(&self) -> ExitCode {
        match self.found() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(message) => {
                #[cfg(all(target_arch = "x86_64", unix))]
                self.write_failure(&message);
                // Without a message it was said, after the report.
                if !message.is_empty() {
                    crate::complain(&message);
                }
                ExitCode::from(2)
            }
        }
    }

    /// Whether no difference was found.
    #[cfg(all(target_arch = "x86_64", unix))]
    fn found(&self) -> Result<bool, String> {
        cabi_judge::child::watch_signals();
        if self.exhaustive {
            return exhaustive::found(self);
        }
        let (plan, absent) = plan::plan(self)?;
        let run = plan.run(&plan::bar()).map_err(|e| e.to_string())?;
        let outcome = run.outcome(self.allow_self_inconsistent);
        if let Some(path) = &self.json {
            files::write(path, &files::json(&run, &outcome))?;
        }
        if let Some(path) = &self.junit {
            files::write(
                path,
                &files::junit(&run, &outcome, self.allow_self_inconsistent),
            )?;
        }
        crate::write_out(&report::text(&run, &absent))?;
        match outcome {
            Outcome::Clean => Ok(true),
            Outcome::Fails => Ok(false),
            Outcome::Nothing(why) => {
                crate::complain(&why);
                Err(String::new())
            }
        }
    }

    /// A build server that reads the files must not find those of another run, or none.
    #[cfg(all(target_arch = "x86_64", unix))]
    fn write_failure(&self, message: &str) {
        if message.is_empty() {
            return;
        }
        let files = [
            (&self.json, files::json_of_failure(message)),
            (&self.junit, files::junit_of_failure(message)),
        ];
        for (path, text) in files {
            if let Some(path) = path
                && let Err(why) = files::write(path, &text)
            {
                crate::complain(&why);
            }
        }
    }

    #[cfg(not(all(target_arch = "x86_64", unix)))]
    fn found(&self) -> Result<bool, String> {
        Err("calls are made on x86-64 with Unix only".into())
    }
}
