//! The command `cabi`: explains what the C ABI does with a declaration and why, calls C functions
//! from the shell, and compares headers with compilers.
//!
//! Exit codes: 0 fine, 1 a difference was found, 2 the task could not be done, 141 the reader of
//! the output has gone away.
#![deny(unsafe_code)]

mod call;
mod compilers;
mod completions;
mod diff;
mod ending;
mod explain;
mod fuzz;
mod layout;
mod man;
mod output;
mod reading;
mod rules;
mod svg;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::output::Failure;

const ABOUT: &str = "Explains the C ABI of declarations, calls C functions from the shell, verifies headers against compilers";

const EXAMPLES: &str = "\
Examples:
  cabi explain 'struct p { double x; long n; }; struct p f(int, struct p);'
  cabi explain --svg div.svg -i stdlib.h div
  cabi layout sys/stat.h 'struct stat'
  cabi diff --target x86_64-linux-gnu --target x86_64-pc-windows-gnu stdlib.h
  cabi call -i stdlib.h div 17 5
  cabi verify stdlib.h --cc clang
  cabi fuzz --count 10000 --cc gcc
  cabi rules x86_64-pc-windows-gnu

Exit status: 0 success, 1 a difference was found, 2 the task could not be done.";

/// Explains what the C ABI does with a declaration.
#[derive(Parser)]
#[command(name = "cabi", version, about = ABOUT, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    subcommand: Cabi,
}

#[derive(Subcommand)]
enum Cabi {
    Explain(explain::Explain),
    Layout(layout::LayoutCommand),
    Diff(diff::Diff),
    Call(call::Call),
    Rules(rules::Rules),
    Completions(completions::Completions),
    Man(man::Man),
    Verify(verify::Verify),
    Fuzz(fuzz::Fuzz),
    Merge(fuzz::Merge),
    ReadC(reading::check::ReadC),
}

fn main() -> ExitCode {
    let done = output::check().and_then(|()| match Cli::try_parse() {
        Ok(cli) => cli.subcommand.run(),
        Err(error) => output::of_arguments(&error),
    });
    done.unwrap_or_else(Failure::end)
}

impl Cabi {
    fn run(self) -> Result<ExitCode, Failure> {
        let text = match self {
            Self::Explain(explain) => explain.run()?,
            Self::Call(call) => call.run()?,
            Self::Rules(rules) => rules.run()?,
            Self::Completions(completions) => completions.run(Cli::command())?,
            Self::Man(man) => man.run(Cli::command())?,
            Self::ReadC(read) => read.run()?,
            Self::Layout(layout) => return layout.run(),
            Self::Diff(diff) => return diff.run(),
            Self::Verify(verify) => return verify.run(),
            Self::Fuzz(fuzz) => return fuzz.run(),
            Self::Merge(merge) => return merge.run(),
        };
        output::print(&text).map(|()| ExitCode::SUCCESS)
    }
}
