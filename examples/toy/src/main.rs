//! `toy`: a small language that calls C and is called by it. README.md describes it on a page.
//!
//! Exit codes: 0 if all is well, 1 if the program is wrong, 2 if it could not be run or the output could not be written; `toy run` ends with
//! what the program's `main` returns.

use clap::{Parser, Subcommand, ValueEnum};
use clif_cabi_jit::Settings;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use toy::{Failure, Text};

/// A small language that calls C and is called by it.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a program; the exit code is what its `main` returns.
    Run {
        /// Look for the libraries that the program names in this directory first.
        #[arg(short = 'L', long = "library-path", value_name = "DIR")]
        directories: Vec<PathBuf>,
        /// How Cranelift compiles: a flag of its own, say `opt_level=none`. The program's result does not depend on it.
        #[arg(long = "flag", value_name = "NAME=VALUE", value_parser = flag)]
        flags: Vec<(String, String)>,
        #[command(flatten)]
        headers: Headers,
        /// The program.
        file: PathBuf,
        /// What `main` gets.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Say what is wrong with a program.
    Check {
        #[command(flatten)]
        headers: Headers,
        /// The program.
        file: PathBuf,
    },
    /// Show what becomes of a program.
    Emit {
        /// Which form of it.
        form: Form,
        /// For this target, which may be another one than this machine.
        #[arg(long, value_name = "TRIPLE")]
        target: Option<String>,
        /// Where an object file is put; else beside the program.
        #[arg(short, long, value_name = "PATH")]
        output: Option<PathBuf>,
        #[command(flatten)]
        headers: Headers,
        /// The program.
        file: PathBuf,
    },
}

/// Where C headers are.
#[derive(clap::Args)]
struct Headers {
    /// Look for the C headers that the program uses in this directory.
    #[arg(short = 'I', long = "include", value_name = "DIR")]
    include: Vec<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// Cranelift's intermediate code, before optimization.
    Clif,
    /// Where arguments and results are passed, and why.
    Abi,
    /// An object file, whose `main` and functions spelled `extern "C"` a C compiler links.
    Obj,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run {
            directories,
            flags,
            headers,
            file,
            args,
        } => {
            let of = |all: Settings, (name, value): &(String, String)| all.flag(name, value);
            let settings = flags.iter().fold(Settings::default(), of);
            read(&file).and_then(|text| text.run(&headers.include, &args, &directories, &settings))
        }
        Command::Check { headers, file } => {
            let checked = read(&file).and_then(|text| text.check(&headers.include));
            checked.map(|()| 0)
        }
        Command::Emit {
            form,
            target,
            output,
            headers,
            file,
        } => match emit(form, &file, target.as_deref(), (&headers.include, output)) {
            Ok(Some(shown)) => return print(&shown),
            Ok(None) => Ok(0),
            Err(why) => Err(why),
        },
    };
    match result {
        // Not a return from here: `exit` writes out what the program left in C's buffers.
        Ok(code) => std::process::exit(code),
        Err(Failure::Wrong(why)) => {
            eprint!("{why}");
            ExitCode::from(1)
        }
        Err(Failure::NotRun(why)) => {
            eprintln!("toy: {why}");
            ExitCode::from(2)
        }
    }
}

fn flag(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn read(file: &Path) -> Result<Text, Failure> {
    Ok(Text::read(file)?.colored(std::io::stderr().is_terminal()))
}

/// What is to be printed; None for a file, which is written.
fn emit(
    form: Form,
    file: &Path,
    target: Option<&str>,
    (include, output): (&[PathBuf], Option<PathBuf>),
) -> Result<Option<String>, Failure> {
    let mut text = read(file)?;
    if let Some(triple) = target {
        text = text.for_target(triple)?;
    }
    match form {
        Form::Clif => text.clif(include).map(Some),
        Form::Abi => text.abi(include).map(Some),
        Form::Obj => {
            let object = text.object(include)?;
            let path = output.unwrap_or_else(|| file.with_extension("o"));
            let written = std::fs::write(&path, object);
            let failed = |why| Failure::NotRun(format!("{}: {why}", path.display()));
            written.map(|()| None).map_err(failed)
        }
    }
}

/// Prints `text`. What could not be written is an error; where the reader has gone away (`| head`) it ends without a message, with the exit code that a
/// shell shows for a program that SIGPIPE ended.
fn print(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::from(128 + 13),
        Err(error) => {
            eprintln!("toy: standard output: {error}");
            ExitCode::from(2)
        }
    }
}
