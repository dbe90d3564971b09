//! Compilers as the page knows them: gcc, clang, and each back end of Zig.

use cabi::Policy;
use cabi_judge::corpus::{Block, Profile};
use cabi_judge::judge::{Bench, Judge, needs};
use cabi_judge::zig::{Backend, Mode, Zig};

/// A compiler that is asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its name on the page.
    pub name: &'static str,
    /// Its choices where compilers disagree.
    pub policy: Policy,
    /// What it is.
    pub maker: Maker<'a>,
}

/// What makes the halves of calls.
#[derive(Clone, Copy, Debug)]
pub enum Maker<'a> {
    /// A compiler of C.
    C(&'a Judge),
    /// A back end of Zig's, with the compiler of C that makes the frame.
    Zig(&'a Zig, Backend, &'a Judge),
}

impl<'a> Asked<'a> {
    /// All of them.
    #[must_use]
    pub fn all(bench: &'a Bench, zig: &'a Zig) -> Vec<Self> {
        let mut out = Vec::new();
        for judge in &bench.judges {
            out.push(Self {
                name: judge.name(),
                policy: judge.profile().policy(),
                maker: Maker::C(judge),
            });
        }
        if let Some(frame) = bench.judges.first() {
            out.extend([Backend::Own, Backend::Llvm].map(|backend| Self {
                name: backend_name(backend),
                policy: Profile::Zig.policy(),
                maker: Maker::Zig(zig, backend, frame),
            }));
        }
        out
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &'a str {
        match self.maker {
            Maker::C(judge) => judge.version(),
            Maker::Zig(zig, ..) => zig.version(),
        }
    }

    /// The levels of optimization at which it is asked.
    #[must_use]
    pub fn levels(&self) -> Vec<&'static str> {
        match self.maker {
            Maker::C(_) => super::LEVELS.to_vec(),
            Maker::Zig(..) => self.modes().map(mode_flag).collect(),
        }
    }

    /// The modes of a back end of Zig's.
    pub(super) fn modes(&self) -> impl Iterator<Item = Mode> {
        let own = match self.maker {
            Maker::C(_) => None,
            Maker::Zig(_, backend, _) => Some(backend),
        };
        let modes = Mode::ALL.into_iter();
        modes.filter(move |mode| Some(mode.backend) == own)
    }

    /// Whether it can be asked about `block` here. What Zig cannot say shows when it is asked.
    ///
    /// # Errors
    /// The reason why not.
    pub fn admits(&self, block: &Block) -> Result<(), String> {
        match self.maker {
            Maker::C(judge) => judge.admits(block),
            Maker::Zig(.., frame) => {
                let mut block = block.clone();
                block.code.clear();
                block.judges.clear();
                for capability in needs(&block) {
                    frame.has(capability)?;
                }
                Ok(())
            }
        }
    }
}

/// What a back end of Zig's is called.
#[must_use]
pub fn backend_name(backend: Backend) -> &'static str {
    match backend {
        Backend::Own => "zig own",
        Backend::Llvm => "zig llvm",
    }
}

/// How Zig's flag for a mode reads.
pub(super) fn mode_flag(mode: Mode) -> &'static str {
    if mode.fast {
        "-OReleaseFast"
    } else {
        "-ODebug"
    }
}
