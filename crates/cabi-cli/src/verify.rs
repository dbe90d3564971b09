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

use clap::{ArgAction, Args};

#[cfg(all(target_arch = "x86_64", unix))]
use crate::compilers::Compilers;
use crate::reading::Reading;

const ABOUT: &str = "\
Verifies headers against real compilers.

Each prototype of a header, and each of its record types in generated positions (alone, when registers run out, between neighbours, \
returned, unnamed), is called in both directions between code generated here and code of the compiler named: direct, through function \
pointers, and as a callback. Objects lie against guard pages, every byte is compared, and sizes and offsets are asked too.

Flags inside --cc, quoted as in a shell, reach that compiler only; the header is read with -I, -D, --std and --target alone. So a compiler whose flags change \
the ABI differs, and that is reported.

Exit status: 0 no difference, 1 a difference was found, 2 could not do what was asked.";

const EXAMPLES: &str = "\
Examples:
  cabi verify stdlib.h math.h complex.h
  cabi verify --cc 'gcc -O2' --cc clang-19 -I include include/vec.h
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

impl Verify {
    /// Runs it and prints what was found.
    pub(crate) fn run(&self) -> ExitCode {
        match self.found() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(message) => {
                crate::complain(&message);
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
        if let Some(path) = &self.json {
            files::write(path, &files::json(&run))?;
        }
        if let Some(path) = &self.junit {
            files::write(path, &files::junit(&run))?;
        }
        crate::write_out(&report::text(&run, &absent))?;
        Ok(run.is_clean())
    }

    #[cfg(not(all(target_arch = "x86_64", unix)))]
    fn found(&self) -> Result<bool, String> {
        Err("calls are made on x86-64 with Unix only".into())
    }
}
