//! `toy`: a small language whose functions are C functions. README.md describes it on a page.
//!
//! Exit codes: 0 if all is well, 1 if the program is wrong, 2 if it could not be run; `toy run` ends with
//! what the program's `main` returns.

mod abi;
mod ast;
mod check;
mod decimal;
mod diag;
mod header;
mod jit;
mod lex;
mod lower;
mod parse;
mod typed;
mod types;

use ariadne::Source;
use clap::{Parser, Subcommand, ValueEnum};
use clif_cabi_jit::{Cpu, OptLevel, RegisterAllocator, Settings};
use diag::{Diagnostic, Span};
use header::Unread;
use jit::RunError;
use lower::LowerError;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use typed::Checked;

/// A small language whose functions are C functions.
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
        machine: Machine,
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

/// How Cranelift compiles. The program's result does not depend on it.
#[derive(clap::Args)]
struct Machine {
    /// Optimize.
    #[arg(
        short = 'O',
        long = "optimize",
        value_name = "FOR",
        default_value = "speed"
    )]
    optimize: Optimize,
    /// Allocate registers in one pass.
    #[arg(long)]
    single_pass: bool,
    /// Use no instructions beyond SSE2.
    #[arg(long)]
    baseline: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Optimize {
    None,
    Speed,
}

impl Machine {
    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        if let Optimize::None = self.optimize {
            settings = settings.opt_level(OptLevel::None);
        }
        if self.single_pass {
            settings = settings.register_allocator(RegisterAllocator::SinglePass);
        }
        if self.baseline {
            settings = settings.cpu(Cpu::Baseline);
        }
        settings
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// Cranelift's intermediate code, before optimization.
    Clif,
    /// Where arguments and results travel, and why.
    Abi,
}

/// How things end that are not the program's own result.
enum Failure {
    /// The program is wrong; said already.
    Wrong,
    /// It could not be run, for this reason.
    NotRun(String),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run {
            directories,
            machine,
            headers,
            file,
            args,
        } => run(&file, &headers, &args, &directories, &machine.settings()),
        Command::Check { headers, file } => check(&file, &headers).map(|()| 0),
        Command::Emit {
            form,
            headers,
            file,
        } => emit(form, &file, &headers).map(|()| 0),
    };
    match result {
        // Not a return from here: `exit` writes out what the program left in C's buffers.
        Ok(code) => std::process::exit(code),
        Err(Failure::Wrong) => ExitCode::from(1),
        Err(Failure::NotRun(why)) => {
            say(&format!("toy: {why}\n"));
            ExitCode::from(2)
        }
    }
}

fn run(
    file: &PathBuf,
    headers: &Headers,
    args: &[String],
    directories: &[PathBuf],
    settings: &Settings,
) -> Result<i32, Failure> {
    let text = Text::read(file)?;
    let checked = text.check(headers)?;
    let Some(main) = checked.main else {
        say(&format!(
            "{}: there is no function `main` to run\n",
            text.file
        ));
        return Err(Failure::Wrong);
    };
    let args: Vec<String> = [text.file.clone()]
        .into_iter()
        .chain(args.iter().cloned())
        .collect();
    jit::run(&checked, main, &args, directories, settings).map_err(|error| text.blame(error))
}

/// Also finds what only lowering refuses, where there is something to lower for.
fn check(file: &PathBuf, headers: &Headers) -> Result<(), Failure> {
    let text = Text::read(file)?;
    let checked = text.check(headers)?;
    match jit::clif(&checked) {
        Err(error @ RunError::Program(LowerError { span: Some(_), .. })) => Err(text.blame(error)),
        _ => Ok(()),
    }
}

fn emit(form: Form, file: &PathBuf, headers: &Headers) -> Result<(), Failure> {
    let text = Text::read(file)?;
    let checked = text.check(headers)?;
    let shown = match form {
        Form::Clif => jit::clif(&checked).map_err(|error| text.blame(error))?,
        Form::Abi => {
            abi::emit(&checked, |at| text.line(at)).map_err(|error| text.blame(error.into()))?
        }
    };
    std::io::stdout()
        .write_all(shown.as_bytes())
        .map_err(|error| Failure::NotRun(error.to_string()))
}

/// A program's text, and what messages call it.
struct Text {
    file: String,
    text: String,
}

impl Text {
    fn read(file: &PathBuf) -> Result<Text, Failure> {
        let name = file.display().to_string();
        let bytes =
            std::fs::read(file).map_err(|error| Failure::NotRun(format!("{name}: {error}")))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Text { file: name, text }),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                say(&format!(
                    "{name}: this is not UTF-8 text, from byte {at} on\n"
                ));
                Err(Failure::Wrong)
            }
        }
    }

    fn check(&self, headers: &Headers) -> Result<Checked, Failure> {
        let prelude = match parse::parse(include_str!("prelude.toy")) {
            Ok(prelude) => prelude,
            Err(_) => return Err(Failure::NotRun("the prelude does not parse".to_string())),
        };
        let program =
            parse::parse(&self.text).map_err(|diagnostic| self.complain(&[diagnostic]))?;
        let imports = header::read(&program, &self.file, &headers.include);
        let imports = imports.map_err(|unread| match unread {
            Unread::Program(diagnostic) => self.complain(&[diagnostic]),
            Unread::Host(why) => Failure::NotRun(why),
        })?;
        check::check(&prelude, &program, &imports)
            .map_err(|diagnostics| self.complain(&diagnostics))
    }

    fn complain(&self, diagnostics: &[Diagnostic]) -> Failure {
        let source = Source::from(self.text.as_str());
        let color = std::io::stderr().is_terminal();
        for diagnostic in diagnostics {
            say(&diagnostic.render(&self.file, &source, color));
        }
        Failure::Wrong
    }

    /// What the ABI or Cranelift refuse has a place in the program; what the machine refuses has none.
    fn blame(&self, error: RunError) -> Failure {
        match error {
            RunError::Program(LowerError {
                span: Some(span),
                message,
            }) => self.complain(&[Diagnostic::new(span, message)]),
            RunError::Program(LowerError {
                span: None,
                message,
            })
            | RunError::Host(message) => Failure::NotRun(message),
        }
    }

    /// The line of a byte, counted from 1.
    fn line(&self, at: u32) -> usize {
        let before = self
            .text
            .get(..Span { start: 0, end: at }.range().end)
            .unwrap_or("");
        before.bytes().filter(|&byte| byte == b'\n').count() + 1
    }
}

/// Writes to standard error; if that is closed there is nobody to tell.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
