//! toy, a small language that calls C and is called by it, as a library: a [`Text`] is checked, shown and run. README.md describes the
//! language on a page; the command `toy` is `main.rs`.

mod abi;
mod ast;
mod closures;
mod diag;
mod float;
mod header;
mod jit;
mod lex;
mod lines;
mod link;
mod lower;
mod object;
mod parse;
mod types;

use cabi::Target;
use cranelift_module::Module;
use cranelift_object::ObjectModule;
use diag::Diagnostic;
use header::Unread;
use lines::Lines;
use link::Link;
use lower::Program;
use std::fmt;
use std::path::{Path, PathBuf};

/// A program's text, and what messages call it.
///
/// # Example
/// ```
/// use toy::{Failure, Text};
///
/// let right = Text::new("right.toy", "fn twice(n: i32) -> i32 { return n + n; }");
/// right.clif(&[])?;
///
/// let wrong = Text::new("wrong.toy", "fn twice(n: i32) -> i32 { return m + m; }");
/// let Err(Failure::Wrong(diagnostics)) = wrong.clif(&[]) else { panic!() };
/// assert!(diagnostics.contains("wrong.toy:1:34"), "{diagnostics}");
/// # Ok::<(), Failure>(())
/// ```
#[derive(Clone, Debug)]
pub struct Text {
    file: String,
    text: String,
    target: Target,
    has_lines: bool,
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
            target: Target::host().unwrap_or(Target::X86_64_LINUX),
            has_lines: false,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Failure::NotRun`] if it cannot be read, or is not UTF-8.
    pub fn read(file: &Path) -> Result<Text, Failure> {
        let name = file.display().to_string();
        match std::fs::read_to_string(file) {
            Ok(text) => Ok(Text::new(&name, &text)),
            Err(error) => Err(Failure::NotRun(format!("{name}: {error}"))),
        }
    }

    /// The same text as a program for the target `triple`, which may be another one than this machine. It is shown and compiled to an object file, not run.
    ///
    /// # Errors
    /// [`Failure::NotRun`] for a target whose C types are not known.
    pub fn for_target(self, triple: &str) -> Result<Text, Failure> {
        let target = Target::named(triple).map_err(|error| Failure::NotRun(error.to_string()))?;
        Ok(Text { target, ..self })
    }

    /// The same, with line tables for debuggers.
    #[must_use]
    pub fn with_lines(self) -> Text {
        let has_lines = true;
        Text { has_lines, ..self }
    }

    /// Whether it parses and uses C headers, so that checking it reads files and needs libclang.
    #[must_use]
    pub fn uses_headers(&self) -> bool {
        parse::parse(&self.text).is_ok_and(|program| !program.uses.is_empty())
    }

    /// Its functions in Cranelift's intermediate code, before optimization. C headers are searched next to the file and in `include`.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn clif(&self, include: &[PathBuf]) -> Result<String, Failure> {
        let (module, program) = self.compiled(include, false)?;
        Ok(object::clif(&module, program))
    }

    /// It as an object file of its target, for a C compiler to link: `main` and the functions spelled `extern "C"` have their names there.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn object(&self, include: &[PathBuf]) -> Result<Vec<u8>, Failure> {
        let (module, program) = self.compiled(include, true)?;
        object::emit(module, program).map_err(Failure::NotRun)
    }

    /// Where the arguments and results of its functions are passed, and why.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn abi(&self, include: &[PathBuf]) -> Result<String, Failure> {
        let (_, program) = self.compiled(include, false)?;
        abi::emit(&program.notes, &self.target).map_err(|why| self.complain(&why))
    }

    /// C declarations of its functions spelled `extern "C"`, for C programs that are linked with its object file.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn header(&self, include: &[PathBuf]) -> Result<String, Failure> {
        let (_, program) = self.compiled(include, true)?;
        abi::header(&program.notes, &self.target).map_err(|why| self.complain(&why))
    }

    /// Builds it as the program `output`, which the C compiler `$CC`, else `cc`, links. Libraries are looked for in `libraries` first.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn build(
        &self,
        include: &[PathBuf],
        libraries: &[PathBuf],
        output: &Path,
    ) -> Result<(), Failure> {
        let (module, program) = self.compiled(include, true)?;
        if program.main.is_none() {
            return Err(self.no_main());
        }
        let link = Link::of(&program, libraries, &self.target);
        let object = object::emit(module, program).map_err(Failure::NotRun)?;
        link.link(&object, output).map_err(Failure::NotRun)
    }

    /// Runs it. `args` are what `main` gets after the program's name; libraries are looked for in `libraries` first. The result is
    /// `main`'s.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(
        &self,
        include: &[PathBuf],
        args: &[String],
        libraries: &[PathBuf],
    ) -> Result<i32, Failure> {
        let host = |why: clif_cabi_jit::Error| Failure::NotRun(why.to_string());
        let mut engine = jit::engine(self.has_lines).map_err(host)?;
        let program = self.lowered(include, &mut engine, false)?;
        let all: Vec<&str> = [&*self.file]
            .into_iter()
            .chain(args.iter().map(String::as_str))
            .collect();
        let code = jit::run(engine, program, &all, libraries).map_err(host)?;
        code.ok_or_else(|| self.no_main())
    }

    fn no_main(&self) -> Failure {
        let file = &self.file;
        Failure::Wrong(format!("{file}: there is no function `main` to run\n"))
    }

    fn compiled(
        &self,
        include: &[PathBuf],
        exports: bool,
    ) -> Result<(ObjectModule, Program), Failure> {
        let mut module = object::module(&self.target).map_err(Failure::NotRun)?;
        let program = self.lowered(include, &mut module, exports)?;
        Ok((module, program))
    }

    fn lowered(
        &self,
        include: &[PathBuf],
        module: &mut dyn Module,
        exports: bool,
    ) -> Result<Program, Failure> {
        let program = parse::parse(&self.text).map_err(|why| self.complain(&why))?;
        let import = header::read(&program.uses, &self.file, include, &self.target);
        let import = import.map_err(|unread| match unread {
            Unread::Program(why) => self.complain(&why),
            Unread::Host(why) => Failure::NotRun(why),
        })?;
        let lines = self.has_lines.then(|| Lines::new(&self.file, &self.text));
        let (import, target) = (import.as_ref(), &self.target);
        lower::lower(&program, import, target, module, exports, lines)
            .map_err(|why| self.complain(&why))
    }

    fn complain(&self, why: &Diagnostic) -> Failure {
        Failure::Wrong(why.render(&self.file, &self.text))
    }
}
