//! Compilers as the page knows them: gcc, clang, and each back end of Zig.

use cabi::{Policy, VectorLevel};
use cabi_verify::build::zig::{Backend, CompiledZig, Fact, Mode, Zig};
use cabi_verify::build::{Installed, Reference, ReferenceError, first_error, needs};
use cabi_verify::case::{Case, Entry};
use cabi_verify::check::calls::{Direction, Harness, Verdict};
use cabi_verify::corpus::{Block, Profile};
use cabi_verify::run::guard::GuardedBuffers;
use cabi_verify::run::loaded::LoadedCode;
use cabi_verify::run::zig::ZigCode;
use clif_cabi_jit::Settings;

use super::{LEVELS, observed};
use crate::compiled::{ToCompile, compile_all};
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

impl Asked<'_> {
    /// Has it compile `entries`, which are of one vector level, at each of its levels of optimization. What a compiler of C refuses at any of them is left
    /// out, and `refused` is told.
    pub(super) fn build_accepted<'e>(
        &'e self,
        entries: Vec<Entry<'e>>,
        refused: &mut dyn FnMut(&Case, String),
    ) -> Result<Vec<Made<'e>>> {
        let Maker::C(reference) = self.maker else {
            let levels = self.levels().into_iter();
            return levels.map(|level| self.build(level, &entries)).collect();
        };
        let n = entries.len();
        let tell = |_: &Reference, case: &Case, error: &ReferenceError| {
            let why = error.messages().map(first_error);
            refused(
                case,
                in_own_words(&why.unwrap_or_else(|| error.to_string()), n),
            );
        };
        let file = ToCompile {
            reference,
            optimize: &LEVELS,
            entries,
        };
        let Some(compiled) = compile_all(vec![file], tell)?.pop() else {
            return Ok(Vec::new());
        };
        let made = |(code, level)| Made::of_c(code, level, compiled.entries.clone());
        Ok(compiled.levels.into_iter().zip(LEVELS).map(made).collect())
    }

    /// Has it compile `entries`, which are of one vector level, at one of its levels of optimization.
    pub(super) fn build<'e>(&self, level: &'static str, entries: &[Entry<'e>]) -> Result<Made<'e>> {
        let (zig, frame) = match self.maker {
            Maker::Zig(zig, _, frame) => (zig, frame),
            Maker::C(reference) => {
                let code = LoadedCode::build(reference, level, entries)?;
                return Ok(Made::of_c(code, level, entries.to_vec()));
            }
        };
        let mode = self.modes().find(|mode| mode_flag(*mode) == level);
        let file = ToZig::new(mode.ok_or("there is no such mode")?, entries);
        let compiled = file.compile(zig, frame)?;
        file.load(compiled)
    }
}

/// Cases of one vector level that a back end of Zig's is to compile.
pub(crate) struct ToZig<'e> {
    pub(crate) mode: Mode,
    pub(crate) entries: Vec<Entry<'e>>,
    /// Under names that differ.
    cases: Vec<Case>,
}

impl<'e> ToZig<'e> {
    pub(crate) fn new(mode: Mode, entries: &[Entry<'e>]) -> Self {
        // Functions of one block keep their order by name, on which it depends which of two the optimizer merges.
        let named = entries.iter().map(|(subject, case)| {
            let same = |(other, _): &Entry<'_>| std::ptr::eq(*other, *subject);
            let block = entries.iter().position(same).unwrap_or(0);
            let mut case = (*case).clone();
            case.function.name.insert_str(0, &format!("c{block}_"));
            case
        });
        Self {
            mode,
            cases: named.collect(),
            entries: entries.to_vec(),
        }
    }

    /// The vector level of the cases.
    pub(crate) fn vectors(&self) -> VectorLevel {
        let first = self.cases.first();
        first.map_or(VectorLevel::Baseline, |case| case.vectors)
    }

    pub(crate) fn compile(
        &self,
        zig: &Zig,
        frame: &Reference,
    ) -> Result<CompiledZig, ReferenceError> {
        let cases: Vec<&Case> = self.cases.iter().collect();
        zig.compile(frame, self.mode, self.vectors(), &cases)
    }

    /// Loads what was compiled of it, which tries it in a child: not in a thread.
    pub(crate) fn load(self, compiled: CompiledZig) -> Result<Made<'e>> {
        let cases: Vec<&Case> = self.cases.iter().collect();
        let made = ZigCode::load(compiled, &cases)?;
        let missing = |i| Direction::ALL.map(|of| made.has(i, of).err().map(str::to_owned));
        Ok(Made {
            level: mode_flag(self.mode),
            mode: Some(self.mode),
            missing: (0..cases.len()).map(missing).collect(),
            entries: self.entries,
            layout: made.layout,
            code: made.loaded,
        })
    }
}

impl<'e> Made<'e> {
    fn of_c(code: LoadedCode, level: &'static str, entries: Vec<Entry<'e>>) -> Self {
        Self {
            entries,
            code,
            level,
            mode: None,
            layout: Vec::new(),
            missing: Vec::new(),
        }
    }
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
