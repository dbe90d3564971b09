//! Compilers as the page knows them: gcc, clang, and each back end of Zig.

use cabi::{Policy, VectorLevel};
use cabi_verify::build::zig::{Backend, CompiledZig, Fact, Mode, Zig};
use cabi_verify::build::{
    Built, Installed, Parts, Reference, ReferenceError, Unit, first_error, needs,
};
use cabi_verify::case::{Case, Entry};
use cabi_verify::check::calls::{Direction, Harness, Verdict};
use cabi_verify::corpus::{Block, Profile};
use cabi_verify::run::guard::GuardedBuffers;
use cabi_verify::run::loaded::LoadedCode;
use cabi_verify::run::zig::ZigCode;
use cabi_verify::threads::{at_once, in_threads};
use clif_cabi_jit::Settings;

use super::{LEVELS, observed};

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
            out.extend(Self::of_zig(zig, frame));
        }
        out
    }

    /// Both back ends of Zig's.
    pub fn of_zig(zig: &'a Zig, frame: &'a Reference) -> [Self; 2] {
        [Backend::Own, Backend::Llvm].map(|backend| Self {
            name: backend_name(backend),
            policy: Profile::Zig.policy(),
            maker: Maker::Zig(zig, backend, frame),
        })
    }

    /// Its version.
    pub fn version(&self) -> &'a str {
        match self.maker {
            Maker::C(reference) => reference.version(),
            Maker::Zig(zig, ..) => zig.version(),
        }
    }

    /// The levels of optimization at which it is asked.
    pub fn levels(&self) -> Vec<&'static str> {
        match self.maker {
            Maker::C(_) => LEVELS.to_vec(),
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
pub(crate) struct Made<'e> {
    pub(crate) entries: Vec<Entry<'e>>,
    pub(super) code: LoadedCode,
    /// The flag for the level of optimization, and of Zig's code the mode.
    pub(super) level: &'static str,
    pub(crate) mode: Option<Mode>,
    /// Sizes, alignments and offsets, as Zig has them.
    pub(crate) layout: Vec<Fact>,
    /// For each case why it has no callee, or no caller: Zig cannot say all.
    missing: Vec<[Option<String>; 2]>,
}

impl Made<'_> {
    /// Why case `index` lacks the other side of calls in each direction.
    pub(crate) fn missing(&self, index: usize) -> [Option<&str>; 2] {
        let missing = self.missing.get(index);
        missing.map_or([None; 2], |why| why.each_ref().map(Option::as_deref))
    }

    /// The directions in which case `index` can be called.
    pub(super) fn directions(&self, index: usize) -> Vec<Direction> {
        let all = Direction::ALL.into_iter().zip(self.missing(index));
        let there = all.filter(|(_, missing)| missing.is_none());
        there.map(|(direction, _)| direction).collect()
    }

    /// For calls of its code.
    pub(super) fn harness<'s>(
        &'s self,
        settings: &'s Settings,
        buffers: &'s GuardedBuffers,
    ) -> Harness<'s> {
        Harness {
            loaded: &self.code,
            settings,
            buffers,
        }
    }

    /// Case `index` in one direction, as [`observed`]; not run where it lacks the other side.
    pub(crate) fn observed(
        &self,
        (buffers, settings): (&GuardedBuffers, &Settings),
        policy: Policy,
        index: usize,
        direction: Direction,
    ) -> Verdict {
        if let Some(why) = self.missing(index)[direction as usize] {
            return Verdict::NotRun(why.to_owned());
        }
        let harness = self.harness(settings, buffers);
        observed(&harness, self.entries[index].1, policy, index, direction)
    }

    /// A compiler's message with the names that types have in their blocks.
    pub(super) fn in_own_words(&self, message: &str) -> String {
        in_own_words(message, self.entries.len())
    }
}

/// A message about one of `n` cases without what its names start with in the file.
fn in_own_words(message: &str, n: usize) -> String {
    (0..n).fold(message.to_owned(), |text, i| {
        text.replace(&format!("c{i}_"), "")
    })
}

/// Cases of one vector level that a compiler is to compile at one of its levels of optimization.
pub(crate) struct ToMake<'e> {
    pub(crate) asked: Asked<'e>,
    pub(crate) level: &'static str,
    pub(crate) entries: Vec<Entry<'e>>,
    /// For Zig, under names that differ.
    cases: Vec<Case>,
}

/// What was compiled, and is not loaded yet.
pub(crate) enum Compiled {
    C(Parts<Built>),
    Zig(CompiledZig),
}

impl<'e> ToMake<'e> {
    pub(crate) fn new(asked: Asked<'e>, level: &'static str, entries: &[Entry<'e>]) -> Self {
        // Functions of one block keep their order by name, on which it depends which of two the optimizer merges.
        let named = entries.iter().map(|(subject, case)| {
            let same = |(other, _): &Entry<'_>| std::ptr::eq(*other, *subject);
            let block = entries.iter().position(same).unwrap_or(0);
            let mut case = (*case).clone();
            case.function.name.insert_str(0, &format!("c{block}_"));
            case
        });
        let cases = match asked.maker {
            Maker::C(_) => Vec::new(),
            Maker::Zig(..) => named.collect(),
        };
        Self {
            asked,
            level,
            cases,
            entries: entries.to_vec(),
        }
    }

    /// What becomes of each of `files`, as many at once as this machine has processors.
    pub(crate) fn compile_all(files: &[Self]) -> Vec<Result<Compiled, ReferenceError>> {
        in_threads(files, at_once(), Self::compile, |_| {})
    }

    /// Zig's mode that the level is of.
    pub(crate) fn mode(&self) -> Option<Mode> {
        self.asked
            .modes()
            .find(|mode| mode_flag(*mode) == self.level)
    }

    fn compile(&self) -> Result<Compiled, ReferenceError> {
        match self.asked.maker {
            Maker::C(reference) => {
                let unit = Unit::of_entries(reference, self.level, &self.entries);
                unit.compile().map(Compiled::C)
            }
            Maker::Zig(zig, _, frame) => {
                let cases: Vec<&Case> = self.cases.iter().collect();
                let first = self.cases.first();
                let vectors = first.map_or(VectorLevel::Baseline, |case| case.vectors);
                let mode = self.mode().unwrap_or(Mode::ALL[0]);
                let compiled = zig.compile(frame, mode, vectors, &cases);
                compiled.map(Compiled::Zig)
            }
        }
    }

    /// Loads what was compiled of it, which tries it in a child: not in a thread. `refused` is told what a compiler of C refuses.
    pub(crate) fn load(
        self,
        compiled: Compiled,
        refused: &mut dyn FnMut(&Case, &ReferenceError),
    ) -> Result<Option<Made<'e>>, ReferenceError> {
        let mode = self.mode();
        let made = |entries, code| Made {
            entries,
            code,
            level: self.level,
            mode,
            layout: Vec::new(),
            missing: Vec::new(),
        };
        match (compiled, self.asked.maker) {
            (Compiled::C(compiled), Maker::C(reference)) => {
                let unit = Unit::of_entries(reference, self.level, &self.entries);
                let loaded = LoadedCode::load(&unit, compiled)?;
                for left in &loaded.refused {
                    let cases = left.cases.iter();
                    cases.for_each(|at| refused(self.entries[*at].1, &left.why));
                }
                let entries = loaded.cases.iter().map(|at| self.entries[*at]);
                Ok(loaded.built.map(|code| made(entries.collect(), code)))
            }
            (Compiled::Zig(compiled), _) => {
                let cases: Vec<&Case> = self.cases.iter().collect();
                let zig = ZigCode::load(compiled, &cases)?;
                let missing = |i| Direction::ALL.map(|of| zig.has(i, of).err().map(str::to_owned));
                Ok(Some(Made {
                    missing: (0..cases.len()).map(missing).collect(),
                    layout: zig.layout,
                    ..made(self.entries.clone(), zig.loaded)
                }))
            }
            (Compiled::C(_), Maker::Zig(..)) => Ok(None),
        }
    }
}

/// The first message of `error` about one of `n` cases, without what its names start with in the file.
pub(super) fn first_words(error: &ReferenceError, n: usize) -> String {
    let words = error.messages().map(first_error);
    in_own_words(&words.unwrap_or_else(|| error.to_string()), n)
}

/// What a back end of Zig's is called.
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
