//! Compilers as the page knows them: compilers of C, for this machine and for targets whose code runs in programs of its own, and each back end of Zig.

use std::sync::Arc;

use cabi::{Policy, Target};
use cabi_verify::build::zig::{Backend, Mode, Zig};
use cabi_verify::build::{Reference, ReferenceError, first_error};
use cabi_verify::case::Case;
use cabi_verify::check::calls::all_settings;
use cabi_verify::verify::Compiler;
use cabi_verify::verify::units::{Called, Mistake, OtherSide};

use crate::compiled::{File, compile_files, run_files};
use crate::suite::Result;

/// A compiler that is asked.
#[derive(Clone, Debug)]
pub struct PageCompiler {
    /// The name on the page.
    pub name: &'static str,
    /// The compiler; of a back end of Zig's one for each of its modes.
    modes: Vec<Compiler>,
}

impl PageCompiler {
    /// All of them in the order of the page: the compilers of C, of this machine's code and others', with Zig's back ends between.
    pub fn all(here: Vec<Compiler>, zig: Zig, programs: Vec<Compiler>) -> Vec<Self> {
        let (zig, frame) = (Arc::new(zig), here.first().cloned());
        let of_backend = |backend: Backend, frame: &Reference| Self {
            name: backend_name(backend),
            modes: Mode::ALL
                .into_iter()
                .filter(|mode| mode.backend == backend)
                .map(|mode| Compiler::of_zig(&zig, mode, frame))
                .collect(),
        };
        let of_zig = frame.iter().flat_map(|frame| {
            [Backend::Own, Backend::Llvm].map(|backend| of_backend(backend, &frame.reference))
        });
        let here = here.into_iter().map(Self::of_c).chain(of_zig);
        here.chain(programs.into_iter().map(Self::of_c)).collect()
    }

    fn of_c(compiler: Compiler) -> Self {
        Self {
            name: compiler.reference.name(),
            modes: vec![compiler],
        }
    }

    /// In its first mode.
    pub(super) fn first(&self) -> &Compiler {
        &self.modes[0]
    }

    /// Zig, if it is a back end of that.
    fn zig(&self) -> Option<&Zig> {
        self.first().zig.as_ref().map(|(zig, _)| &**zig)
    }

    /// Whether it is a compiler of C.
    pub(super) fn is_of_c(&self) -> bool {
        self.zig().is_none()
    }

    /// What the compiler chooses where compilers disagree.
    pub(super) fn policy(&self) -> Policy {
        self.first().policy
    }

    /// The compiler's version.
    pub(super) fn version(&self) -> &str {
        self.zig()
            .map_or_else(|| self.first().reference.version(), Zig::version)
    }

    /// The flags of each level of optimization at which it is asked, which are `of_c` for a compiler of C, and who is asked then.
    pub(super) fn levels<'c>(&'c self, of_c: &[&'static str]) -> Vec<(&'static str, &'c Compiler)> {
        match self.is_of_c() {
            true => of_c.iter().map(|flag| (*flag, self.first())).collect(),
            false => self.modes.iter().map(|own| (mode_flag(own), own)).collect(),
        }
    }

    /// The target that it makes code for.
    pub(super) fn target(&self) -> Target {
        self.first().target()
    }

    /// The compiler's name; for another target the command.
    pub(super) fn command(&self) -> String {
        match self.is_here() {
            true => self.name.to_owned(),
            false => self.first().reference.command(),
        }
    }

    /// Whether its code runs in this process; else in programs of another target.
    pub(super) fn is_here(&self) -> bool {
        self.first().programs.is_none()
    }
}

/// Has the runner compile and call the cases of `files`, each in both directions: what became of them, after the file's part. `refused` is told what a
/// compiler refuses.
pub(super) fn run<'a>(
    files: &[File<'a>],
    way: OtherSide,
    refused: impl FnMut(&File<'a>, &Case, &ReferenceError),
) -> Result<Vec<(usize, Vec<Called>)>> {
    let loaded = compile_files(files, refused)?;
    let called = run_files(&loaded, way, &all_settings(), Mistake::NONE)?;
    Ok(loaded.iter().map(|one| one.part).zip(called).collect())
}

/// The first message of `error` about one of `n` cases, without what its names start with in the file.
pub(super) fn first_words(error: &ReferenceError, n: usize) -> String {
    let words = error.messages().map(first_error);
    in_own_words(&words.unwrap_or_else(|| error.to_string()), n)
}

/// A message about one of `n` cases without what its names start with in the file.
pub(super) fn in_own_words(message: &str, n: usize) -> String {
    (0..n).fold(message.to_owned(), |text, i| {
        text.replace(&format!("c{i}_"), "")
    })
}

/// What a back end of Zig's is called.
pub(super) fn backend_name(backend: Backend) -> &'static str {
    match backend {
        Backend::Own => "zig own",
        Backend::Llvm => "zig llvm",
    }
}

/// How Zig's flag for the mode of `compiler` reads.
fn mode_flag(compiler: &Compiler) -> &'static str {
    match compiler.zig {
        Some((_, Mode { fast: true, .. })) => "-OReleaseFast",
        _ => "-ODebug",
    }
}
