//! Calls that show every transition of the automaton, both directions, against one compiler.
//!
//! For each state and shape there is a function `f(longs, doubles, filler of the stack, VALUE, long, double, record in memory)`: what comes
//! before the value makes the state, what comes behind shows the state it leads to. The value's type is one of several of its shape
//! (`drive/types.rs`), by turns; the result is nothing, a register, or in memory, whose address takes a register too.
//!
//! ```text
//! transitions ──▶ C text, one per vector level ──▶ halves ──▶ images of registers and stack (probe) ──▶ Cranelift (verify::batch)
//! ```
//!
//! Images show that `FnAbi` is right, Cranelift that its lowering does what `FnAbi` says. What cannot be judged with one type, because the
//! compiler refuses it or disagrees with itself, is tried with the next of the same shape; nothing is counted that did not run.

use std::collections::BTreeMap;

use cabi::DataModel;
use clif_cabi_jit::Settings;

use super::{Coverage, Shape, Transition};
use crate::case::Case;
use crate::interop::{Difference, Direction, all_settings};
use crate::judge::{feature_flags, needs};
use crate::verify::batch::{Called, Mistake, Verdict, Way};
use crate::verify::{Compiler, NOT_SHOWN, Progress, Shown, VerifyError};

mod functions;
mod play;
mod types;

use functions::Function;

/// Everything that is to be driven against one compiler.
#[derive(Debug)]
pub struct Drive {
    /// The compiler at its own vector level.
    own: Level,
    /// The same at wider ones.
    wider: Vec<Level>,
    /// Levels that this machine or the compiler has not, with the reason.
    absent: Vec<(&'static str, String)>,
    /// Of so many transitions one is driven: with 1 all are. Every shape is among them.
    pub thinned: usize,
    /// Compilers and child processes at once.
    pub at_once: usize,
    /// Engine settings with their names; the cases take turns.
    pub settings: Vec<(String, Settings)>,
    /// What is made wrong on purpose, usually nothing.
    pub mistake: Mistake,
}

/// A compiler at one vector level.
#[derive(Debug)]
struct Level {
    compiler: Compiler,
    /// The types of each shape, by their numbers in [`types::TYPES`].
    shapes: BTreeMap<Shape, Vec<usize>>,
}

/// Calls of one way and direction. [`Direction::Call`] calls C.
#[derive(Clone, Debug)]
pub struct Leg {
    /// How.
    pub way: Way,
    /// Who calls whom.
    pub direction: Direction,
    /// What was driven without a difference.
    pub passed: Coverage,
    /// What was driven and differs.
    pub differs: Coverage,
    /// What Cranelift's lowering does not support, by its reason.
    pub not_lowered: BTreeMap<String, Coverage>,
}

impl Leg {
    /// Whether a call was made for `transition`, with whatever outcome.
    #[must_use]
    pub fn drove(&self, transition: Transition) -> bool {
        self.passed.has(transition) || self.differs.has(transition)
    }
}

/// A difference.
#[derive(Clone, Debug)]
pub struct Found {
    /// What was driven.
    pub transition: Transition,
    /// How.
    pub way: Way,
    /// Who called whom.
    pub direction: Direction,
    /// The function.
    pub case: Case,
    /// The declaration of the value's type.
    pub ty: String,
    /// The name of the engine settings; of an image, that it is one.
    pub setting: String,
    /// What differs.
    pub difference: Difference,
}

/// A function that was set aside; another one was tried for its transition, if there is one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Aside {
    /// What it was to show.
    pub transition: Transition,
    /// The declaration of the value's type.
    pub ty: String,
    /// A word for the kind of reason: one of [`KEYS`].
    pub key: &'static str,
    /// The reason.
    pub why: String,
    /// The program that shows it, where the compiler disagrees with itself.
    pub program: Option<String>,
}

/// `FnAbi` has no place for something in the signature.
pub const REFUSED_HERE: &str = "refused by the rules";
/// The compiler refuses the function.
pub const REFUSED_THERE: &str = crate::verify::REFUSED;
/// The compiler's own caller and callee disagree, as a program shows: a failure.
pub const AGAINST_ITSELF: &str = crate::verify::AGAINST_ITSELF;
/// They do, which is a known bug of the compiler.
pub const KNOWN_BUG: &str = crate::verify::KNOWN_BUG;
/// Kinds of reasons for which functions are set aside.
pub const KEYS: [&str; 4] = [REFUSED_HERE, REFUSED_THERE, AGAINST_ITSELF, KNOWN_BUG];

/// What came of a drive.
#[derive(Debug)]
pub struct Driven<'a> {
    /// What was to be driven, and how.
    pub drive: &'a Drive,
    /// What was to be driven.
    pub wanted: Coverage,
    /// Each way and direction.
    pub legs: Vec<Leg>,
    /// The differences.
    pub found: Vec<Found>,
    /// Functions that were set aside.
    pub aside: Vec<Aside>,
    /// Whether it ended early, because most of a sample differed.
    pub stopped: bool,
}

impl Drive {
    /// Everything, against `compiler` and against the same with the flags of wider vector levels than its own.
    ///
    /// # Errors
    /// [`VerifyError`] if the compiler cannot be asked.
    pub fn new(compiler: Compiler) -> Result<Self, VerifyError> {
        let processors = std::thread::available_parallelism();
        let mut drive = Self {
            own: Level::new(compiler),
            wider: Vec::new(),
            absent: Vec::new(),
            thinned: 1,
            at_once: processors.map_or(1, usize::from),
            settings: all_settings(),
            mistake: Mistake::default(),
        };
        for feature in ["avx", "avx512f"] {
            if drive.shapes_left().next().is_none() {
                break;
            }
            match wider(&drive.own.compiler, feature)? {
                Ok(level) => drive.wider.push(level),
                Err(why) => drive.absent.push((feature, why)),
            }
        }
        Ok(drive)
    }

    /// All levels, narrow ones first.
    fn levels(&self) -> impl Iterator<Item = &Level> {
        std::iter::once(&self.own).chain(&self.wider)
    }

    /// Shapes that no type has at any of the levels.
    fn shapes_left(&self) -> impl Iterator<Item = Shape> {
        Shape::ALL
            .into_iter()
            .filter(|shape| self.level_of(*shape).is_none())
    }

    /// The narrowest level at which there are types of `shape`.
    fn level_of(&self, shape: Shape) -> Option<usize> {
        let has = |level: &Level| level.shapes.contains_key(&shape);
        self.levels().position(has)
    }

    /// The compiler at its own vector level.
    #[must_use]
    pub fn compiler(&self) -> &Compiler {
        &self.own.compiler
    }

    /// The shapes of which nothing can be driven, with the reason.
    pub fn shapes_absent(&self) -> impl Iterator<Item = (Shape, String)> {
        let why = self
            .absent
            .iter()
            .map(|(name, why)| format!("no {name}: {why}"));
        let why = why.collect::<Vec<_>>().join("; ");
        self.shapes_left().map(move |shape| {
            let why = if why.is_empty() {
                "no type of this compiler has it"
            } else {
                &why
            };
            (shape, why.to_owned())
        })
    }

    /// Drives it.
    ///
    /// # Errors
    /// [`VerifyError`]: no processes or memory, an interrupt.
    pub fn run(&self, progress: Progress<'_>) -> Result<Driven<'_>, VerifyError> {
        let mut driven = Driven::new(self);
        let all: Vec<Transition> = Transition::all().filter(|t| self.wants(*t)).collect();
        // A compiler with another convention fails nearly everywhere, and a process dies of each: a sample tells.
        let sample = if all.len() > 2 * SAMPLE {
            // Odd, as the number of shapes is not: all of them are in it.
            (all.len() / SAMPLE) | 1
        } else {
            1
        };
        let (first, rest): (Vec<_>, Vec<_>) = all
            .iter()
            .copied()
            .enumerate()
            .partition(|(i, _)| i % sample == 0);
        for part in [first, rest] {
            let part: Vec<Transition> =
                part.into_iter().map(|(_, transition)| transition).collect();
            if driven.stopped {
                break;
            }
            driven.drive_all(part, progress)?;
        }
        Ok(driven)
    }

    fn wants(&self, transition: Transition) -> bool {
        let Transition { state, shape } = transition;
        let at = Shape::ALL.iter().position(|one| *one == shape).unwrap_or(0);
        (state.number() + at).is_multiple_of(self.thinned.max(1)) && self.level_of(shape).is_some()
    }
}

/// So many transitions tell whether it is worth going on.
const SAMPLE: usize = 400;

/// The compiler of `own` with the flags of a wider level; the inner error is the reason why not.
fn wider(own: &Compiler, feature: &str) -> Result<Result<Level, String>, VerifyError> {
    let features = [feature.to_owned()];
    let judge = own.judge.with_flags(&feature_flags(&features));
    match Compiler::new(judge, Some(own.policy)) {
        Ok(compiler) => Ok(Ok(Level::new(compiler))),
        Err(error @ (VerifyError::Machine { .. } | VerifyError::Judge(_))) => {
            Ok(Err(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

impl Level {
    fn new(compiler: Compiler) -> Self {
        let mut shapes: BTreeMap<Shape, Vec<usize>> = BTreeMap::new();
        let has = |number: &usize| {
            let mut block = crate::corpus::Block::default();
            let declared = functions::of_type(*number).declared("", &DataModel::LP64);
            block.code = declared.types.clone() + &declared.prototype();
            let needs = needs(&block);
            needs
                .into_iter()
                .all(|need| compiler.judge.has(need).is_ok())
        };
        let numbers: Vec<usize> = (0..types::TYPES.len()).filter(has).collect();
        for (number, shape) in functions::shapes(&numbers, &compiler) {
            shapes.entry(shape).or_default().push(number);
        }
        Self { compiler, shapes }
    }
}

impl<'a> Driven<'a> {
    fn new(drive: &'a Drive) -> Self {
        let legs = Way::ALL.iter().flat_map(|way| {
            Direction::ALL.map(|direction| Leg {
                way: *way,
                direction,
                passed: Coverage::default(),
                differs: Coverage::default(),
                not_lowered: BTreeMap::new(),
            })
        });
        Self {
            drive,
            wanted: Coverage::default(),
            legs: legs.collect(),
            found: Vec::new(),
            aside: Vec::new(),
            stopped: false,
        }
    }

    /// Drives `transitions`, each with the types of its shape in turn until one can be judged.
    fn drive_all(
        &mut self,
        transitions: Vec<Transition>,
        progress: Progress<'_>,
    ) -> Result<(), VerifyError> {
        for transition in &transitions {
            self.wanted.mark(*transition);
        }
        let mut open: Vec<(Transition, usize)> = transitions.into_iter().map(|t| (t, 0)).collect();
        while !open.is_empty() && !self.stopped {
            let mut functions = Vec::new();
            for (transition, turn) in open {
                functions.extend(Function::new(self.drive, transition, turn));
            }
            let sheets = functions::sheets(self.drive, functions)?;
            open = play::play(self, &sheets, progress)?;
        }
        Ok(())
    }

    /// Takes what became of `function` in one way and direction; whether it can be judged. `shown`: by what the compiler disagrees with itself.
    fn take(
        &mut self,
        function: &Function,
        way: Way,
        mut called: Called,
        shown: Option<Shown>,
    ) -> bool {
        let (transition, direction) = (function.transition, called.direction);
        let of = |leg: &&mut Leg| (leg.way, leg.direction) == (way, direction);
        let Some(leg) = self.legs.iter_mut().find(of) else {
            return true;
        };
        if let (Verdict::AgainstItself(difference), None) = (&called.verdict, &shown) {
            let mut difference = difference.clone();
            difference.why.push_str(NOT_SHOWN);
            called.verdict = Verdict::Differs(difference);
        }
        match called.verdict {
            Verdict::Passed(_) => leg.passed.mark(transition),
            Verdict::NotLowered(why) => leg.not_lowered.entry(why).or_default().mark(transition),
            Verdict::Differs(difference) => {
                leg.differs.mark(transition);
                self.found.push(Found {
                    transition,
                    way,
                    direction,
                    case: called.case,
                    ty: function.ty(),
                    setting: called.setting,
                    difference,
                });
            }
            Verdict::AgainstItself(_) => {
                if let Some(shown) = shown {
                    self.set_aside_by(function, shown);
                }
                return false;
            }
        }
        true
    }

    fn set_aside(&mut self, function: &Function, key: &'static str, why: String) {
        self.put_aside(function, key, why, None);
    }

    /// Sets a function aside in which the compiler disagrees with itself.
    fn set_aside_by(&mut self, function: &Function, shown: Shown) {
        let (key, why) = match shown.known {
            Some(bug) => (KNOWN_BUG, format!("{bug}: {}", shown.says)),
            None => (AGAINST_ITSELF, shown.says),
        };
        self.put_aside(function, key, why, Some(shown.program));
    }

    fn put_aside(
        &mut self,
        function: &Function,
        key: &'static str,
        why: String,
        program: Option<String>,
    ) {
        let aside = Aside {
            transition: function.transition,
            ty: function.ty(),
            key,
            why,
            program,
        };
        if self.aside.last() != Some(&aside) {
            self.aside.push(aside);
        }
    }

    /// What was driven in both directions, by some way.
    #[must_use]
    pub fn both(&self) -> Coverage {
        let driven = |transition, direction| {
            let mut legs = self.legs.iter().filter(|leg| leg.direction == direction);
            legs.any(|leg| leg.drove(transition))
        };
        let mut both = Coverage::default();
        for transition in Transition::all() {
            if Direction::ALL
                .into_iter()
                .all(|direction| driven(transition, direction))
            {
                both.mark(transition);
            }
        }
        both
    }

    /// What was to be driven and was not in some way and direction, though the lowering does not refuse it; and what was driven in no way.
    pub fn undriven(&self) -> impl Iterator<Item = Transition> {
        let both = self.both();
        let left_out = |leg: &Leg, transition| {
            let refused = leg.not_lowered.values().any(|not| not.has(transition));
            !refused && !leg.drove(transition)
        };
        Transition::all().filter(move |transition| {
            let missing = self.legs.iter().any(|leg| left_out(leg, *transition));
            self.wanted.has(*transition) && (missing || !both.has(*transition))
        })
    }

    /// In what the compiler disagrees with itself, and not by a known bug.
    pub fn inconsistent(&self) -> impl Iterator<Item = &Aside> {
        self.aside
            .iter()
            .filter(|aside| aside.key == AGAINST_ITSELF)
    }

    /// Whether everything was driven, without a difference. In some of it the compiler may disagree with itself if `allow_itself` says so.
    #[must_use]
    pub fn is_clean(&self, allow_itself: bool) -> bool {
        self.found.is_empty()
            && !self.stopped
            && (allow_itself || self.inconsistent().next().is_none())
            && self.undriven().next().is_none()
    }
}
