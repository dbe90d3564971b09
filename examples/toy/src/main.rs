//! `toy`: a small language that calls C and is called by it. README.md describes it on a page.

use clap::{Args, Parser};
use std::env::consts::EXE_EXTENSION;
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
    Build(Product),
    /// Write what becomes of a program.
    Emit {
        /// Its form.
        form: Form,
        #[command(flatten)]
        product: Product,
    },
}

/// Form of the product of a program, and its place.
#[derive(Args)]
struct Product {
    /// For this target, which may be another one than this machine.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Path of the product. By default a program and an object file are put beside the program's
    /// text, and CLIF is printed.
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
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
    let written = match command {
        Command::Run {
            options,
            file,
            args,
        } => return Text::read(&file, None, options)?.run(&args),
        Command::Build(product) => {
            product.text()?.build(&product.path(EXE_EXTENSION)?)?;
            Ok(())
        }
        Command::Emit { form, product } => {
            let bytes = product.text()?.emit(form)?;
            match (form, &product.output) {
                (Form::Clif, None) => std::io::stdout().lock().write_all(&bytes),
                _ => std::fs::write(product.path("o")?, bytes),
            }
        }
    };
    match written {
        Ok(()) => Ok(0),
        // As of a program that SIGPIPE has ended: its reader has gone away.
        Err(why) if why.kind() == ErrorKind::BrokenPipe => Ok(128 + 13),
        Err(why) => Err(Failure::NotRun(format!("the output: {why}"))),
    }
}

impl Product {
    fn text(&self) -> Result<Text, Failure> {
        Text::read(&self.file, self.target.as_deref(), self.options.clone())
    }

    /// Returns the path of the product, which is not that of the program's text.
    fn path(&self, extension: &str) -> Result<PathBuf, Failure> {
        let beside = || self.file.with_extension(extension);
        let path = self.output.clone().unwrap_or_else(beside);
        if path == self.file || path.canonicalize().ok() == self.file.canonicalize().ok() {
            let why = "the output would take the place of its text: say where, with -o";
            return Err(Failure::NotRun(why.to_owned()));
        }
        Ok(path)
    }
}
