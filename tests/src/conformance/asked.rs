//! Compilers as the page knows them: compilers of C, for this machine and for targets whose code runs in programs of its own, and each back end of Zig.

use cabi::{Policy, Target, VectorLevel};
use cabi_verify::build::zig::{Backend, CompiledZig, Fact, Mode, Zig};
use cabi_verify::build::{Reference, ReferenceError, first_error, needs};
use cabi_verify::case::{Case, Entry};
use cabi_verify::check::calls::{Direction, all_settings};
use cabi_verify::corpus::Block;
use cabi_verify::run::HERE;
use cabi_verify::run::loaded::LoadedCode;
use cabi_verify::threads::{at_once, in_threads};
use cabi_verify::verify::Compiler;
use cabi_verify::verify::units::{Called, Code, Loaded, Mistake, OtherSide};

use super::LEVELS;
use crate::compiled::{File, compile_files, run_files};
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
    C(&'a Compiler),
    /// A back end of Zig's.
    Zig(OfZig<'a>),
}

/// A back end of Zig's.
#[derive(Clone, Copy, Debug)]
pub struct OfZig<'a> {
    zig: &'a Zig,
    backend: Backend,
    /// The compiler of C that makes the frame.
    frame: &'a Reference,
}

impl OfZig<'_> {
    /// Its modes.
    fn modes(self) -> impl Iterator<Item = Mode> {
        let modes = Mode::ALL.into_iter();
        modes.filter(move |mode| mode.backend == self.backend)
    }

    /// Its mode with this flag.
    fn mode(self, flag: &str) -> Option<Mode> {
        self.modes().find(|mode| mode_flag(*mode) == flag)
    }

    /// The flags of its modes.
    pub fn levels(self) -> Vec<&'static str> {
        self.modes().map(mode_flag).collect()
    }
}

impl<'a> Asked<'a> {
    /// All of them in the order of the page: the compilers of C, of this machine's code and others', with Zig's back ends between.
    pub fn all(here: &'a [Compiler], zig: &'a Zig, programs: &'a [Compiler]) -> Vec<Self> {
        let frame = here.first().map(|compiler| &compiler.reference);
        let of_zig = frame.into_iter().flat_map(|frame| Self::of_zig(zig, frame));
        let of_zig = of_zig.map(|own| Self {
            name: backend_name(own.backend),
            policy: Policy::ZIG,
            maker: Maker::Zig(own),
        });
        let here = here.iter().map(Self::of_c).chain(of_zig);
        here.chain(programs.iter().map(Self::of_c)).collect()
    }

    /// A compiler of C.
    pub fn of_c(compiler: &'a Compiler) -> Self {
        Self {
            name: compiler.reference.name(),
            policy: compiler.policy,
            maker: Maker::C(compiler),
        }
    }

    /// Both back ends of Zig's.
    pub fn of_zig(zig: &'a Zig, frame: &'a Reference) -> [OfZig<'a>; 2] {
        [Backend::Own, Backend::Llvm].map(|backend| OfZig {
            zig,
            backend,
            frame,
        })
    }

    /// Its version.
    pub fn version(&self) -> &'a str {
        match self.maker {
            Maker::C(compiler) => compiler.reference.version(),
            Maker::Zig(own) => own.zig.version(),
        }
    }

    /// The levels of optimization at which it is asked.
    pub fn levels(&self) -> Vec<&'static str> {
        match self.maker {
            Maker::C(_) => LEVELS.to_vec(),
            Maker::Zig(own) => own.levels(),
        }
    }

    /// The target that it makes code for.
    pub(super) fn target(&self) -> Target {
        match self.maker {
            Maker::C(compiler) => compiler.target(),
            Maker::Zig(_) => HERE,
        }
    }

    /// Its name; of a compiler for another target its command.
    pub(super) fn command(&self) -> String {
        match self.maker {
            Maker::C(compiler) if !self.is_here() => compiler.reference.command(),
            _ => self.name.to_owned(),
        }
    }

    /// Whether its code runs in this process; else in programs of another target.
    pub fn is_here(&self) -> bool {
        !matches!(self.maker, Maker::C(compiler) if compiler.programs.is_some())
    }

    /// Whether it can be asked about `block`. What Zig cannot say shows when it is asked.
    pub fn admits(&self, block: &Block) -> Result<(), String> {
        match self.maker {
            // Features of processors are x86-64's.
            Maker::C(_) if !self.is_here() && !block.features.is_empty() => {
                Err(format!("no {}", block.features.join(", ")))
            }
            Maker::C(compiler) => compiler.reference.admits(block),
            Maker::Zig(own) => {
                let mut block = block.clone();
                block.code.clear();
                block.references.clear();
                for capability in needs(&block) {
                    own.frame.has(capability)?;
                }
                Ok(())
            }
        }
    }
}

/// Cases of one vector level that a compiler is asked about at one of its levels of optimization.
pub(super) struct Question<'e> {
    pub(super) asked: Asked<'e>,
    pub(super) level: &'static str,
    pub(super) entries: Vec<Entry<'e>>,
}

impl Question<'_> {
    /// The mode, of Zig's code.
    pub(super) fn mode(&self) -> Option<Mode> {
        match self.asked.maker {
            Maker::C(_) => None,
            Maker::Zig(own) => own.mode(self.level),
        }
    }
}

/// Has the runner compile and call all of them, each case in both directions: what became of the cases of a question, after its place. `refused` is told
/// what a compiler refuses.
pub(super) fn run(
    questions: &[Question<'_>],
    way: OtherSide,
    mut refused: impl FnMut(usize, &Case, &ReferenceError),
) -> Result<Vec<(usize, Vec<Called>)>> {
    let (mut files, mut of_zig, mut zig) = (Vec::new(), Vec::new(), Vec::new());
    for (part, one) in questions.iter().enumerate() {
        match one.asked.maker {
            Maker::C(compiler) => files.push(File {
                part,
                compiler,
                optimize: one.level,
                entries: one.entries.clone(),
            }),
            Maker::Zig(own) => {
                of_zig.push(part);
                zig.push(ToMake::new(own, one.level, &one.entries));
            }
        }
    }
    let mut loaded = compile_files(&files, |file, case, why| refused(file.part, case, why))?;
    let compiled = ToMake::compile_all(&zig);
    for ((part, file), compiled) in of_zig.into_iter().zip(zig).zip(compiled) {
        match compiled {
            Ok(compiled) => {
                let (_, mut own) = file.load(compiled)?;
                own.part = part;
                loaded.push(own);
            }
            Err(why @ ReferenceError::Crashed { .. }) => {
                let cases = file.entries.iter();
                cases.for_each(|(_, case)| refused(part, case, &why));
            }
            Err(why) => return Err(why.into()),
        }
    }
    for one in &mut loaded {
        one.policy = questions[one.part].asked.policy;
    }
    let is_here = |one: &Loaded| questions[one.part].asked.is_here();
    let (here, programs): (Vec<_>, Vec<_>) = loaded.into_iter().partition(is_here);
    let mut all = Vec::new();
    for loaded in [here, programs] {
        let called = run_files(&loaded, way, &all_settings(), Mistake::NONE)?;
        all.extend(loaded.iter().map(|one| one.part).zip(called));
    }
    Ok(all)
}

/// What Zig made of cases, besides code.
pub(crate) struct Made<'e> {
    pub(crate) entries: Vec<Entry<'e>>,
    pub(crate) mode: Mode,
    /// Sizes, alignments and offsets, as Zig has them.
    pub(crate) layout: Vec<Fact>,
}

/// Cases of one vector level that Zig is to compile in one of its modes.
pub(crate) struct ToMake<'e> {
    zig: &'e Zig,
    frame: &'e Reference,
    mode: Mode,
    entries: Vec<Entry<'e>>,
    /// The cases under names that differ.
    cases: Vec<Case>,
}

impl<'e> ToMake<'e> {
    pub(crate) fn new(own: OfZig<'e>, level: &str, entries: &[Entry<'e>]) -> Self {
        // Functions of one block keep their order by name, on which it depends which of two the optimizer merges.
        let named = entries.iter().map(|(subject, case)| {
            let same = |(other, _): &Entry<'_>| std::ptr::eq(*other, *subject);
            let block = entries.iter().position(same).unwrap_or(0);
            let mut case = (*case).clone();
            case.function.name.insert_str(0, &format!("c{block}_"));
            case
        });
        Self {
            zig: own.zig,
            frame: own.frame,
            mode: own.mode(level).unwrap_or(Mode::ALL[0]),
            cases: named.collect(),
            entries: entries.to_vec(),
        }
    }

    /// What becomes of each of `files`, as many at once as this machine has processors.
    pub(crate) fn compile_all(files: &[Self]) -> Vec<Result<CompiledZig, ReferenceError>> {
        in_threads(files, at_once(), Self::compile, |_| {})
    }

    fn compile(&self) -> Result<CompiledZig, ReferenceError> {
        let cases: Vec<&Case> = self.cases.iter().collect();
        let first = self.cases.first();
        let vectors = first.map_or(VectorLevel::Baseline, |case| case.vectors);
        self.zig.compile(self.frame, self.mode, vectors, &cases)
    }

    /// Loads what was compiled of it, which tries it in a child: not in a thread.
    pub(crate) fn load(self, compiled: CompiledZig) -> Result<(Made<'e>, Loaded), ReferenceError> {
        let cases: Vec<&Case> = self.cases.iter().collect();
        let code = LoadedCode::of_built(&compiled.built, &cases)?;
        let why = |i, of| compiled.has(i, of).err().map(str::to_owned);
        let missing = |i| Direction::ALL.map(|of| why(i, of));
        let missing = (0..cases.len()).map(missing).collect();
        let made = Made {
            layout: compiled.layout,
            mode: self.mode,
            entries: self.entries,
        };
        let compiler = Compiler {
            reference: self.frame.clone(),
            policy: Policy::ZIG,
            level: VectorLevel::Baseline,
            ms_abi: false,
            programs: None,
        };
        let code = Code::Here(code);
        let mut loaded = Loaded::of_code(&compiler, &[], 0, self.cases, code);
        (loaded.missing, loaded.one_setting) = (missing, false);
        Ok((made, loaded))
    }
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
