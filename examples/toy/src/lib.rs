//! toy, a small language that calls C and is called by it, as a library: a [`Text`] is checked,
//! shown and run. README.md describes the language on one page. `main.rs` is the command `toy`.

mod ast;
mod diag;
mod header;
mod jit;
mod lower;
mod object;
mod parse;
mod types;

use cabi::Target;
use clap::{Args, ValueEnum};
use clif_cabi_unwind::UnwindModule;
use cranelift_module::{FuncId, Module};
use diag::Check;
use lower::Program;
use std::error::Error;
use std::path::{Path, PathBuf};

/// A program's text, and its name in messages.
///
/// # Example
/// ```
/// let wrong = toy::Text::new("wrong.toy", "fn twice(n: i32) -> i32 { return m + m; }");
/// let Err(toy::Failure::Wrong(why)) = wrong.emit(toy::Form::Clif) else { panic!() };
/// assert!(why.contains("wrong.toy:1:34"), "{why}");
/// ```
#[derive(Clone, Debug)]
pub struct Text {
    file: String,
    text: String,
    target: Target,
    options: Options,
}

/// Places in which things that a program uses are searched.
#[derive(Args, Clone, Default, Debug)]
pub struct Options {
    /// Look for the C headers that the program uses in this directory.
    #[arg(short = 'I', long, value_name = "DIR")]
    include: Vec<PathBuf>,
    /// Look for the libraries that the program names in this directory first.
    #[arg(short = 'L', long, value_name = "DIR")]
    library_path: Vec<PathBuf>,
}

/// Form into which a program is made.
#[derive(Clone, Copy, ValueEnum)]
pub enum Form {
    /// Cranelift's intermediate code, before optimization.
    Clif,
    /// An object file, whose `main` and functions spelled `extern "C"` a C compiler links.
    Obj,
}

/// Reason for which there is no result of the program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The program is wrong: its diagnostics, as they are to be shown.
    Wrong(String),
    /// It could not be read, compiled or run here, for this reason.
    NotRun(String),
}

impl Text {
    /// Returns the program `text` of the file `file`, which need not exist.
    #[must_use]
    pub fn new(file: &str, text: &str) -> Text {
        Text {
            file: file.to_owned(),
            text: text.to_owned(),
            target: Target::host().unwrap_or(Target::X86_64_LINUX),
            options: Options::default(),
        }
    }

    /// Reads a file as a program for the target of this triple, else for this machine.
    ///
    /// # Errors
    /// [`Failure::NotRun`] if it is no text, or the C types of the target are not known.
    pub fn read(file: &Path, triple: Option<&str>, options: Options) -> Result<Text, Failure> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file);
        let text = text.map_err(|error| Failure::NotRun(format!("{name}: {error}")))?;
        let mut text = Text::new(&name, &text);
        text.options = options;
        if let Some(triple) = triple {
            let target = Target::named(triple);
            text.target = target.map_err(|error| Failure::NotRun(error.to_string()))?;
        }
        Ok(text)
    }

    /// Checks whether the program parses and uses C headers, for which libclang is needed.
    #[must_use]
    pub fn uses_headers(&self) -> bool {
        parse::parse(&self.text).is_ok_and(|program| !program.headers.is_empty())
    }

    /// Returns the program in a form of its target.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn emit(&self, form: Form) -> Result<Vec<u8>, Failure> {
        let (module, program) = self.compiled()?;
        match form {
            Form::Clif => Ok(object::clif(program).into()),
            Form::Obj => self.made(object::emit(module, program.functions)),
        }
    }

    /// Builds the program `output`, which the C compiler `$CC`, else `cc`, links.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn build(&self, output: &Path) -> Result<(), Failure> {
        let (module, mut program) = self.compiled()?;
        self.main(&program)?;
        let functions = std::mem::take(&mut program.functions);
        let object = self.made(object::emit(module, functions))?;
        let libraries = &self.options.library_path;
        let linked = object::link(&program, &object, libraries, &self.target, output);
        let output = output.display();
        linked.map_err(|why| Failure::NotRun(format!("cannot link {output}: {why}")))
    }

    /// Runs the program, whose `main` gets `args` after its name, and returns the result of `main`.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(&self, args: &[String]) -> Result<i32, Failure> {
        let host = |why: clif_cabi_jit::Error| Failure::NotRun(why.to_string());
        let mut engine = jit::engine().map_err(host)?;
        let program = self.lowered(&mut engine)?;
        let (main, libraries) = (self.main(&program)?, &self.options.library_path);
        let args = [&self.file].into_iter().chain(args);
        jit::run(engine, program, main, args, libraries).map_err(host)
    }

    fn made<T>(&self, made: Result<T, Box<dyn Error>>) -> Result<T, Failure> {
        let target = self.target.name();
        made.map_err(|why| Failure::NotRun(format!("cannot compile for {target}: {why}")))
    }

    fn main(&self, program: &Program) -> Result<FuncId, Failure> {
        let why = || format!("{}: there is no function `main` to run\n", self.file);
        program.main.ok_or_else(|| Failure::Wrong(why()))
    }

    fn compiled(&self) -> Result<(UnwindModule, Program), Failure> {
        let mut module = self.made(object::module(&self.target))?;
        let program = self.lowered(&mut module)?;
        Ok((module, program))
    }

    fn lowered(&self, module: &mut dyn Module) -> Result<Program, Failure> {
        let program = self.checked(parse::parse(&self.text))?;
        let header = header::read(self, &program.headers)?;
        let (header, target) = (header.as_ref(), &self.target);
        self.checked(lower::lower(&program, header, target, module))
    }

    fn checked<T>(&self, found: Check<T>) -> Result<T, Failure> {
        found.map_err(|why| Failure::Wrong(why.render(&self.file, &self.text)))
    }
}
