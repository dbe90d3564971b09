//! The command `cabi`: what the C ABI does with a declaration, and why; calls of C functions from the shell; headers against compilers.
//!
//! Exit codes: 0 fine, 1 a difference was found, 2 could not do what was asked.
#![deny(unsafe_code)]

mod call;
#[cfg(all(target_arch = "x86_64", unix))]
mod compilers;
mod completions;
mod explain;
mod fuzz;
mod man;
mod reading;
mod rules;
mod svg;
mod verify;
#[cfg(all(target_arch = "x86_64", unix))]
mod xml;

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
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
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
    let done = match Cli::parse().verb {
        Verb::Explain(explain) => explain.run(),
        Verb::Call(call) => call.run(),
        Verb::Rules(rules) => rules.run(),
        Verb::Completions(completions) => completions.run(Cli::command()),
        Verb::Man(man) => man.run(Cli::command()),
        Verb::ReadC(read) => read.run(),
        Verb::Verify(verify) => return verify.run(),
        Verb::Fuzz(fuzz) => return fuzz.run(),
        Verb::Merge(merge) => return merge.run(),
    };
    match done.and_then(|text| write_out(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Without a message the child has said it.
            if !message.is_empty() {
                complain(&message);
            }
            ExitCode::from(2)
        }
    }
}

/// Writes `text` to standard output. A reader that went away (`| head`) is no error.
fn write_out(text: &str) -> Result<(), String> {
    use std::io::{ErrorKind, Write};
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}"))
        }
        _ => Ok(()),
    }
}

/// Says what is wrong, in colours where a terminal shows them.
fn complain(message: &str) {
    let red = anstyle::AnsiColor::Red.on_default().bold();
    anstream::eprintln!("{red}cabi:{red:#} {message}");
}

/// Has this process, which another of this command has started, end with it.
pub(crate) fn end_with_parent() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        // Where it cannot be asked for, the child goes on without.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
    }
}
