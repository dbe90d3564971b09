//! toy, a small language that calls C and is called by it, as a library: a [`Text`] is checked, shown and run. README.md describes the
//! language on a page; the command `toy` is `main.rs`.

mod abi;
mod ast;
mod check;
mod closures;
mod diag;
mod fault;
mod float;
mod header;
mod jit;
mod lex;
mod lower;
mod object;
mod parse;
mod typed;
mod types;

use ariadne::Source;
use cabi::Target;
use clif_cabi_jit::Settings;
use diag::{Diagnostic, Lines};
use header::Unread;
use jit::RunError;
use lower::LowerError;
use std::fmt;
use std::path::{Path, PathBuf};
use typed::Checked;

/// A program's text, and what messages call it.
///
/// # Example
/// ```
/// use toy::{Failure, Text};
///
/// let right = Text::new("right.toy", "fn twice(n: i32) -> i32 { return n + n; }");
/// right.check(&[])?;
///
/// let wrong = Text::new("wrong.toy", "fn twice(n: i32) -> i32 { return m + m; }");
/// let Err(Failure::Wrong(diagnostics)) = wrong.check(&[]) else { panic!() };
/// assert!(diagnostics.contains("wrong.toy:1:34"), "{diagnostics}");
/// # Ok::<(), Failure>(())
/// ```
#[derive(Clone, Debug)]
pub struct Text {
    file: String,
    text: String,
    colored: bool,
    target: Target,
}

/// How things end that are not the program's own result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The program is wrong: its diagnostics, as they are to be shown.
    Wrong(String),
    /// It could not be read, compiled or run here, for this reason.
    NotRun(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Wrong(text) | Failure::NotRun(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Failure {}

impl Text {
    /// The program `text`, of the file `file`, which need not exist.
    #[must_use]
    pub fn new(file: &str, text: &str) -> Text {
        Text {
            file: file.to_owned(),
            text: text.to_owned(),
            colored: false,
            target: Target::host().unwrap_or(Target::X86_64_LINUX),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Failure::NotRun`] if it cannot be read, [`Failure::Wrong`] if it is not UTF-8.
    pub fn read(file: &Path) -> Result<Text, Failure> {
        let name = file.display().to_string();
        let bytes =
            std::fs::read(file).map_err(|error| Failure::NotRun(format!("{name}: {error}")))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Text::new(&name, &text)),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let why = format!("{name}: this is not UTF-8 text, from byte {at} on\n");
                Err(Failure::Wrong(why))
            }
        }
    }

    /// The same text, with diagnostics in colours or without.
    #[must_use]
    pub fn colored(self, colored: bool) -> Text {
        Text { colored, ..self }
    }

    /// The same text as a program for the target `triple`, which may be another one than this machine. It is shown and compiled to an object file, not run.
    ///
    /// # Errors
    /// [`Failure::NotRun`] for a target whose C types are not known.
    pub fn for_target(self, triple: &str) -> Result<Text, Failure> {
        let target = Target::named(triple).map_err(|error| Failure::NotRun(error.to_string()))?;
        Ok(Text { target, ..self })
    }

    /// Whether it parses and uses C headers, so that checking it reads files and needs libclang.
    #[must_use]
    pub fn uses_headers(&self) -> bool {
        let is_use = |item: &ast::Item| matches!(item, ast::Item::Use(_));
        parse::parse(&self.text).is_ok_and(|program| program.items.iter().any(is_use))
    }

    /// Finds out whether the program is right; also what only lowering refuses, where there is something to lower for. C headers are
    /// searched next to the file and in `include`.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn check(&self, include: &[PathBuf]) -> Result<(), Failure> {
        let checked = self.checked(include)?;
        match object::clif(&checked) {
            Err(error @ RunError::Program(LowerError { span: Some(_), .. })) => {
                Err(self.blame(error))
            }
            _ => Ok(()),
        }
    }

    /// Its functions in Cranelift's intermediate code, before optimization.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn clif(&self, include: &[PathBuf]) -> Result<String, Failure> {
        object::clif(&self.checked(include)?).map_err(|error| self.blame(error))
    }

    /// It as an object file of its target, for a C compiler to link: `main` and the functions spelled `extern "C"` have their names there.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn object(&self, include: &[PathBuf]) -> Result<Vec<u8>, Failure> {
        object::emit(&self.checked(include)?).map_err(|error| self.blame(error))
    }

    /// Where the arguments and results of its functions and calls are passed, and why.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn abi(&self, include: &[PathBuf]) -> Result<String, Failure> {
        let checked = self.checked(include)?;
        object::module(&checked.types.target).map_err(|error| self.blame(error))?;
        abi::emit(&checked, &Lines::of(&self.text)).map_err(|error| self.blame(error.into()))
    }

    /// Runs it. `args` are what `main` gets after the program's name; libraries are looked for in `libraries` first. The result is
    /// `main`'s.
    ///
    /// From then on this process has handlers for SIGSEGV, SIGBUS, SIGFPE and SIGILL, which say where the program failed; README.md, Errors
    /// at run time.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(
        &self,
        include: &[PathBuf],
        args: &[String],
        libraries: &[PathBuf],
        settings: &Settings,
    ) -> Result<i32, Failure> {
        let checked = self.checked(include)?;
        let Some(main) = checked.main else {
            let why = format!("{}: there is no function `main` to run\n", self.file);
            return Err(Failure::Wrong(why));
        };
        let args: Vec<String> = [self.file.clone()]
            .into_iter()
            .chain(args.iter().cloned())
            .collect();
        let lines = Lines::of(&self.text);
        jit::run(&checked, main, &args, libraries, settings, &lines)
            .map_err(|error| self.blame(error))
    }

    fn checked(&self, include: &[PathBuf]) -> Result<Checked, Failure> {
        let program =
            parse::parse(&self.text).map_err(|diagnostic| self.complain(&[diagnostic]))?;
        let imports = header::read(&program, &self.file, include, &self.target);
        let imports = imports.map_err(|unread| match unread {
            Unread::Program(diagnostic) => self.complain(&[diagnostic]),
            Unread::Host(why) => Failure::NotRun(why),
        })?;
        let prelude = match parse::parse(include_str!("prelude.toy")) {
            Ok(prelude) => prelude,
            Err(_) => return Err(Failure::NotRun("the prelude does not parse".to_string())),
        };
        check::check(&prelude, &program, &imports, &self.target)
            .map_err(|diagnostics| self.complain(&diagnostics))
    }

    fn complain(&self, diagnostics: &[Diagnostic]) -> Failure {
        let source = Source::from(self.text.as_str());
        let render = |diagnostic: &Diagnostic| diagnostic.render(&self.file, &source, self.colored);
        Failure::Wrong(diagnostics.iter().map(render).collect())
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
}
