//! Compilers as the page knows them: gcc, clang, and each back end of Zig.

use cabi::Policy;
use cabi_verify::build::zig::{Backend, Mode, Zig};
use cabi_verify::build::{Installed, Reference, needs};
use cabi_verify::case::{Case, Entry};
use cabi_verify::check::calls::Direction;
use cabi_verify::corpus::{Block, Profile};
use cabi_verify::run::loaded::LoadedCode;

use crate::suite::Result;

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

/// What makes the sides of calls.
#[derive(Clone, Copy, Debug)]
pub enum Maker<'a> {
    /// A compiler of C.
    C(&'a Reference),
    /// A back end of Zig's, with the compiler of C that makes the frame.
    Zig(&'a Zig, Backend, &'a Reference),
}

impl<'a> Asked<'a> {
    /// All of them.
    #[must_use]
    pub fn all(bench: &'a Installed, zig: &'a Zig) -> Vec<Self> {
        let mut out = Vec::new();
        for reference in &bench.references {
            out.push(Self {
                name: reference.name(),
                policy: reference.profile().policy(),
                maker: Maker::C(reference),
            });
        }
        if let Some(frame) = bench.references.first() {
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
            Maker::C(reference) => reference.version(),
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
            Maker::C(reference) => reference.admits(block),
            Maker::Zig(.., frame) => {
                let mut block = block.clone();
                block.code.clear();
                block.references.clear();
                for capability in needs(&block) {
                    frame.has(capability)?;
                }
                Ok(())
            }
        }
    }
}

/// What a compiler made of cases.
pub(super) struct Made {
    pub(super) code: LoadedCode,
    /// For each case why it has no callee, or no caller: Zig cannot say all.
    missing: Vec<[Option<String>; 2]>,
}

impl Made {
    /// Why case `index` lacks the other side of calls in each direction.
    pub(super) fn missing(&self, index: usize) -> [Option<&str>; 2] {
        let missing = self.missing.get(index);
        missing.map_or([None; 2], |why| why.each_ref().map(Option::as_deref))
    }

    /// The directions in which case `index` can be called.
    pub(super) fn directions(&self, index: usize) -> Vec<Direction> {
        let all = Direction::ALL.into_iter().zip(self.missing(index));
        let there = all.filter(|(_, missing)| missing.is_none());
        there.map(|(direction, _)| direction).collect()
    }
}

impl Asked<'_> {
    /// Has it compile `entries`, which are of one vector level, at one of its levels of optimization.
    pub(super) fn build(&self, level: &str, entries: &[Entry<'_>]) -> Result<Made> {
        let (zig, frame) = match self.maker {
            Maker::Zig(zig, _, frame) => (zig, frame),
            Maker::C(reference) => {
                let code = LoadedCode::build_at(reference, level, entries)?;
                let missing = Vec::new();
                return Ok(Made { code, missing });
            }
        };
        let mode = self.modes().find(|mode| mode_flag(*mode) == level);
        let mode = mode.ok_or("there is no such mode")?;
        // Functions of one block keep their order by name, on which it depends which of two the optimizer merges.
        let named = entries.iter().map(|(subject, case)| {
            let same = |(other, _): &Entry<'_>| std::ptr::eq(*other, *subject);
            let block = entries.iter().position(same).unwrap_or(0);
            let mut case = (*case).clone();
            case.function.name.insert_str(0, &format!("c{block}_"));
            case
        });
        let cases: Vec<Case> = named.collect();
        let cases: Vec<&Case> = cases.iter().collect();
        let vectors = cases.first().ok_or("it declares no function")?.vectors;
        let made = zig.build(frame, mode, vectors, &cases)?;
        let missing = |i| Direction::ALL.map(|half| made.has(i, half).err().map(str::to_owned));
        Ok(Made {
            missing: (0..cases.len()).map(missing).collect(),
            code: made.loaded,
        })
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
