//! The command `cabi`: what the C ABI does with a declaration, and why; calls of C functions from the shell; headers against compilers.
//!
//! Exit codes: 0 fine, 1 a difference was found, 2 could not do what was asked.
#![deny(unsafe_code)]

mod call;
#[cfg(all(target_arch = "x86_64", unix))]
mod compilers;
mod completions;
mod ending;
mod explain;
mod fuzz;
mod man;
mod output;
mod reading;
mod rules;
mod svg;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

const ABOUT: &str = "Explains the C ABI of declarations, calls C functions from the shell, verifies headers against compilers";

const EXAMPLES: &str = "\
Examples:
  cabi explain 'struct p { double x; long n; }; struct p f(int, struct p);'
  cabi explain --svg div.svg -i stdlib.h div
  cabi call -i stdlib.h div 17 5
  cabi verify stdlib.h --cc clang
  cabi fuzz --count 10000 --cc gcc
  cabi rules x86_64-pc-windows-gnu

Exit status: 0 fine, 1 a difference was found, 2 could not do what was asked.";

/// What the C ABI does with a declaration, and why.
#[derive(Parser)]
#[command(name = "cabi", version, about = ABOUT, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    subcommand: Cabi,
}

#[derive(Subcommand)]
enum Cabi {
    Explain(explain::Explain),
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
    let done = match Cli::parse().subcommand {
        Cabi::Explain(explain) => explain.run(),
        Cabi::Call(call) => call.run(),
        Cabi::Rules(rules) => rules.run(),
        Cabi::Completions(completions) => completions.run(Cli::command()),
        Cabi::Man(man) => man.run(Cli::command()),
        Cabi::ReadC(read) => read.run(),
        Cabi::Verify(verify) => return verify.run(),
        Cabi::Fuzz(fuzz) => return fuzz.run(),
        Cabi::Merge(merge) => return merge.run(),
    };
    match done.and_then(|text| output::print(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Without a message, the child has printed one.
            if !message.is_empty() {
                output::complain(&message);
            }
            ExitCode::from(2)
        }
    }
}
