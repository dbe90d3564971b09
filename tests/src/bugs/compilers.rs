//! The compilers that bugs are looked for in: compilers of C, and each back end of Zig.

use std::sync::Arc;

use cabi_verify::build::Reference;
use cabi_verify::build::zig::{Backend, Mode, Zig};
use cabi_verify::verify::Compiler;

/// A compiler in each of its modes.
#[derive(Clone, Debug)]
pub struct Modes {
    /// Its name in `expected.toml`.
    pub name: &'static str,
    /// The compiler; for a back end of Zig's, one for each of its modes.
    modes: Vec<Compiler>,
}

impl Modes {
    /// The compilers of C, and Zig's back ends.
    pub fn all(here: Vec<Compiler>, zig: Zig) -> Vec<Self> {
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
        here.into_iter().map(Self::of_c).chain(of_zig).collect()
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

    /// Checks whether it is a compiler of C.
    pub(super) fn is_of_c(&self) -> bool {
        self.zig().is_none()
    }

    /// Returns the flags of each level of optimization at which it is asked, which are `of_c` for a
    /// compiler of C, and the compiler then.
    pub(super) fn levels<'c>(&'c self, of_c: &[&'static str]) -> Vec<(&'static str, &'c Compiler)> {
        match self.is_of_c() {
            true => of_c.iter().map(|flag| (*flag, self.first())).collect(),
            false => self.modes.iter().map(|own| (mode_flag(own), own)).collect(),
        }
    }
}

/// Returns the name of a back end of Zig's.
pub(super) fn backend_name(backend: Backend) -> &'static str {
    match backend {
        Backend::Own => "zig own",
        Backend::Llvm => "zig llvm",
    }
}

/// Returns Zig's flag for the mode of `compiler`.
fn mode_flag(compiler: &Compiler) -> &'static str {
    match compiler.zig {
        Some((_, Mode { fast: true, .. })) => "-OReleaseFast",
        _ => "-ODebug",
    }
}
