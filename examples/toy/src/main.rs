//! `toy`: a small language that calls C and is called by it. README.md describes it on a page.

use clap::{Args, Parser};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use toy::{Failure, Form, Options, Text};

/// A small language that calls C and is called by it.
#[derive(Parser)]
#[command(version)]
enum Command {
    /// Run a program; the exit code is what its `main` returns.
    Run {
        #[command(flatten)]
        options: Options,
        /// The program.
        file: PathBuf,
        /// Arguments of `main`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Link a program by the system's C compiler, `$CC` or `cc`; for another target `$CC` has to be
    /// its.
    Build {
        /// Path of the linked program.
        #[arg(short, long, value_name = "PATH", default_value = "a.out")]
        output: PathBuf,
        #[command(flatten)]
        source: Source,
    },
    /// Print what becomes of a program.
    Emit {
        /// Its form.
        form: Form,
        /// File to write it to.
        #[arg(short, long, value_name = "PATH")]
        output: Option<PathBuf>,
        #[command(flatten)]
        source: Source,
    },
}

/// A program that is compiled for a target.
#[derive(Args)]
struct Source {
    /// For this target, which may be another one than this machine.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    #[command(flatten)]
    options: Options,
    /// The program.
    file: PathBuf,
}

fn main() -> ExitCode {
    match run(Command::parse()) {
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
    let read = |source: Source, output: Option<&PathBuf>| {
        let is_own = |path: &PathBuf| path.canonicalize().ok() == source.file.canonicalize().ok();
        if output.filter(|path| path.exists()).is_some_and(is_own) {
            let why = "the output would overwrite the program's text";
            return Err(Failure::NotRun(why.to_owned()));
        }
        Text::read(&source.file, source.target.as_deref(), source.options)
    };
    let result = match command {
        Command::Run {
            options,
            file,
            args,
        } => return Text::read(&file, None, options)?.run(&args),
        Command::Build { output, source } => {
            return read(source, Some(&output))?.build(&output).map(|()| 0);
        }
        Command::Emit {
            form,
            output,
            source,
        } => match (read(source, output.as_ref())?.emit(form)?, output) {
            (bytes, Some(path)) => std::fs::write(path, bytes),
            (bytes, None) => std::io::stdout().lock().write_all(&bytes),
        },
    };
    match result {
        Ok(()) => Ok(0),
        // As of a program that SIGPIPE has ended: its reader has gone away.
        Err(why) if why.kind() == ErrorKind::BrokenPipe => Ok(128 + 13),
        Err(why) => Err(Failure::NotRun(format!("cannot write the output: {why}"))),
    }
}
