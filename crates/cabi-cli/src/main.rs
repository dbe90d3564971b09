//! The command `cabi`: what the C ABI does with a declaration, and why.
//!
//! Exit codes: 0 fine, 2 could not do what was asked.

mod call;
mod explain;
mod reading;
mod rules;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What the C ABI does with a declaration, and why.
#[derive(Parser)]
#[command(version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Where each argument and the result of a function travel, and the steps that led there.
    Explain(explain::Explain),
    /// Calls a C function and prints its result.
    Call(call::Call),
    /// The tables of a calling convention.
    Rules(rules::Rules),
}

fn main() -> ExitCode {
    let done = match Cli::parse().verb {
        Verb::Explain(explain) => explain.run(),
        Verb::Call(call) => call.run(),
        Verb::Rules(rules) => rules.run(),
    };
    match done {
        Ok(text) => write_out(&text),
        Err(message) => {
            // Without a message the child has said it.
            if !message.is_empty() {
                eprintln!("cabi: {message}");
            }
            ExitCode::from(2)
        }
    }
}

/// Writes `text` to standard output. A reader that went away (`| head`) is no error.
fn write_out(text: &str) -> ExitCode {
    use std::io::{ErrorKind, Write};
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cabi: standard output: {error}");
            ExitCode::from(2)
        }
    }
}
