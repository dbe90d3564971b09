//! `toy`: a small language that calls C and is called by it. README.md describes it on a page.
//!
//! Exit codes: 0 if all is well, 1 if the program is wrong, 2 if it could not be run or the output could not be written; `toy run` ends with
//! what the program's `main` returns.

use clap::{Parser, Subcommand, ValueEnum};
use std::env::consts::EXE_EXTENSION;
use std::io::{ErrorKind, Write};
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
        #[command(flatten)]
        program: Program,
        /// What `main` gets.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Say what is wrong with a program.
    Check {
        #[command(flatten)]
        program: Program,
    },
    /// Link a program by the system's C compiler, `$CC` or `cc`.
    Build {
        /// Look for the libraries that the program names in this directory first.
        #[arg(short = 'L', long = "library-path", value_name = "DIR")]
        directories: Vec<PathBuf>,
        /// For this target, whose C compiler `$CC` has to be then.
        #[arg(long, value_name = "TRIPLE")]
        target: Option<String>,
        /// Where the program is put; else beside its text.
        #[arg(short, long, value_name = "PATH")]
        output: Option<PathBuf>,
        #[command(flatten)]
        program: Program,
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
        program: Program,
    },
}

#[derive(clap::Args)]
struct Program {
    /// Line tables, for debuggers.
    #[arg(short = 'g')]
    has_lines: bool,
    /// Look for the C headers that the program uses in this directory.
    #[arg(short = 'I', long = "include", value_name = "DIR")]
    include: Vec<PathBuf>,
    /// The program.
    file: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// Cranelift's intermediate code, before optimization.
    Clif,
    /// Where arguments and results are passed, and why.
    Abi,
    /// An object file, whose `main` and functions spelled `extern "C"` a C compiler links.
    Obj,
    /// C declarations of the functions spelled `extern "C"`.
    Header,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
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

fn run(command: Command) -> Result<i32, Failure> {
    match command {
        Command::Run {
            directories,
            program,
            args,
        } => text_for(&program, None)?.run(&program.include, &args, &directories),
        Command::Check { program } => Text::read(&program.file)?.clif(&program.include).map(|_| 0),
        Command::Build {
            directories,
            target,
            output,
            program,
        } => {
            let path = output.unwrap_or_else(|| program.file.with_extension(EXE_EXTENSION));
            not_its_text(&path, &program.file)?;
            let text = text_for(&program, target)?;
            text.build(&program.include, &directories, &path)
                .map(|()| 0)
        }
        Command::Emit {
            form,
            target,
            output,
            program,
        } => {
            let text = text_for(&program, target)?;
            match form {
                Form::Header => print(&text.header(&program.include)?),
                Form::Clif => print(&text.clif(&program.include)?),
                Form::Abi => print(&text.abi(&program.include)?),
                Form::Obj => {
                    let path = output.unwrap_or_else(|| program.file.with_extension("o"));
                    not_its_text(&path, &program.file)?;
                    let object = text.object(&program.include)?;
                    let written = std::fs::write(&path, object).map(|()| 0);
                    written.map_err(|why| Failure::NotRun(format!("{}: {why}", path.display())))
                }
            }
        }
    }
}

/// What is written must not take the place of the text it is made of, whatever either is called.
fn not_its_text(path: &Path, text: &Path) -> Result<(), Failure> {
    let is_same = match (path.canonicalize(), text.canonicalize()) {
        (Ok(path), Ok(text)) => path == text,
        _ => path == text,
    };
    if is_same {
        let why = "the output would take the place of its text: say where, with -o";
        return Err(Failure::NotRun(why.to_owned()));
    }
    Ok(())
}

fn text_for(program: &Program, target: Option<String>) -> Result<Text, Failure> {
    let mut text = Text::read(&program.file)?;
    if program.has_lines {
        text = text.with_lines();
    }
    match target {
        Some(triple) => text.for_target(&triple),
        None => Ok(text),
    }
}

/// Prints `text`. Where the reader has gone away (`| head`) the exit code is that which a shell shows for a program that SIGPIPE ended.
fn print(text: &str) -> Result<i32, Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => Ok(0),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(128 + 13),
        Err(error) => Err(Failure::NotRun(format!("standard output: {error}"))),
    }
}
