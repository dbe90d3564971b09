//! Calls that show every transition of argument assignment, both directions, against one compiler.
//!
//! For each state and shape there is a function `f(longs, doubles, record on the stack, VALUE, long, double, record in memory)`: what comes
//! before the value makes the state, what comes after shows the state it leads to. The value's type is one of several of its shape
//! (`exhaustive/types.rs`), by turns; the result is nothing, a register, or in memory, whose address takes a register too.
//!
//! ```text
//! transitions ──▶ C text, one per vector level ──▶ units ──▶ images of registers and stack (check::registers) ──▶ Cranelift (verify::units)
//! ```
//!
//! Images show that `FnAbi` is right, Cranelift that its lowering does what `FnAbi` says. What cannot be checked with one type, because the
//! compiler refuses it or disagrees with itself, is tried with the next of the same shape; nothing is counted that did not run.

use std::collections::BTreeMap;

use clif_cabi_jit::Settings;

use crate::build::{feature_flags, needs};
use crate::check::calls::all_settings;
use crate::states::{Measure, Shape, Transition};
use crate::threads::at_once;
use crate::verify::units::{Mistake, OtherSide};
use crate::verify::{Compiler, Progress, VerifyError};

mod functions;
mod report;
mod result;
mod run_cases;

mod types;

pub use report::report;
pub use result::{
    DifferingTransition, ExhaustiveRun, KEYS, KNOWN_BUG, OneDirection, REFUSED_HERE, REFUSED_THERE,
    SELF_INCONSISTENT, SetAside,
};

/// Everything that is to be run against one compiler.
#[derive(Debug)]
pub struct Exhaustive {
    /// The compiler at its own vector level.
    own: Level,
    /// The same at wider ones.
    wider: Vec<Level>,
    /// Levels that this machine or the compiler has not, with the reason.
    absent: Vec<(&'static str, String)>,
    /// Of so many states one is run with each shape, not the same one with all: with 1 all are.
    pub stride: usize,
    /// Compilers and child processes at once.
    pub at_once: usize,
    /// Engine settings with their names; the cases take turns.
    pub settings: Vec<(String, Settings)>,
    /// What is made wrong on purpose, usually nothing.
    pub mistake: Mistake,
    /// The states and shapes.
    pub(crate) measure: Measure,
}

/// A compiler at one vector level.
#[derive(Debug)]
struct Level {
    compiler: Compiler,
    /// The types of each shape, by their numbers in [`types::TYPES`].
    shapes: BTreeMap<Shape, Vec<usize>>,
}

impl Exhaustive {
    /// Everything, against `compiler` and against the same with the flags of wider vector levels than its own.
    ///
    /// # Errors
    /// [`VerifyError`] if the compiler cannot be asked.
    pub fn new(compiler: Compiler) -> Result<Self, VerifyError> {
        let measure = measure(&compiler);
        let mut plan = Self {
            own: Level::new(compiler, measure),
            measure,
            wider: Vec::new(),
            absent: Vec::new(),
            stride: 1,
            at_once: at_once(),
            settings: all_settings(),
            mistake: Mistake::default(),
        };
        // By reference wider vectors are like any record.
        let wider_levels = match measure {
            Measure::SysV => &["avx", "avx512f"][..],
            _ => &[],
        };
        for feature in wider_levels {
            if plan.shapes_left().next().is_none() {
                break;
            }
            match wider(&plan.own.compiler, feature)? {
                Ok(level) => plan.wider.push(level),
                Err(why) => plan.absent.push((feature, why)),
            }
        }
        Ok(plan)
    }

    /// All levels, narrow ones first.
    fn levels(&self) -> impl Iterator<Item = &Level> {
        std::iter::once(&self.own).chain(&self.wider)
    }

    /// Shapes that no type has at any of the levels.
    fn shapes_left(&self) -> impl Iterator<Item = Shape> {
        let shapes = self.measure.shapes().iter().copied();
        shapes.filter(|shape| self.level_of(*shape).is_none())
    }

    /// The narrowest level at which there are types of `shape`.
    fn level_of(&self, shape: Shape) -> Option<usize> {
        let has = |level: &Level| level.shapes.contains_key(&shape);
        self.levels().position(has)
    }

    /// The compiler at its own vector level.
    pub fn compiler(&self) -> &Compiler {
        &self.own.compiler
    }

    /// How many transitions are to be run.
    pub fn n_wanted(&self) -> usize {
        self.wanted().count()
    }

    /// The shapes of which nothing can be run, with the reason.
    pub fn shapes_absent(&self) -> impl Iterator<Item = (Shape, String)> {
        // Most of System V's shapes are none of Win64's.
        let left = (self.measure != Measure::Win64).then(|| self.shapes_left());
        let why = self
            .absent
            .iter()
            .map(|(name, why)| format!("no {name}: {why}"));
        let why = why.collect::<Vec<_>>().join("; ");
        left.into_iter().flatten().map(move |shape| {
            let why = if why.is_empty() {
                "no type of this compiler has it"
            } else {
                &why
            };
            (shape, why.to_owned())
        })
    }

    /// Runs it.
    ///
    /// # Errors
    /// [`VerifyError`]: no processes or memory, an interrupt.
    pub fn run(&self, progress: Progress<'_>) -> Result<ExhaustiveRun<'_>, VerifyError> {
        let mut run = ExhaustiveRun::new(self);
        let all: Vec<Transition> = self.wanted().collect();
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
            if run.stopped {
                break;
            }
            run_cases::run_all(&mut run, part, progress)?;
        }
        Ok(run)
    }

    /// Of each shape every n-th of the states that arguments can leave, from another one on.
    fn wanted(&self) -> impl Iterator<Item = Transition> {
        let (measure, stride) = (self.measure, self.stride.max(1));
        let states = measure
            .states()
            .filter(move |state| measure.reaches(*state));
        states.enumerate().flat_map(move |(i, state)| {
            let shapes = measure.shapes().iter().enumerate();
            let shapes = shapes.filter(move |(at, _)| (i + at).is_multiple_of(stride));
            let shapes = shapes.filter(|(_, shape)| self.level_of(**shape).is_some());
            shapes.map(move |(_, &shape)| Transition { state, shape })
        })
    }

    /// How the calls of one side are made: images of registers are those of x86-64, in this process.
    pub(crate) fn ways(&self) -> &'static [OtherSide] {
        match self.own.compiler.programs {
            None if cfg!(target_arch = "x86_64") => &OtherSide::EACH,
            _ => &[OtherSide::Cranelift],
        }
    }
}

/// The states and shapes of the functions that are made for `compiler`.
fn measure(compiler: &Compiler) -> Measure {
    if compiler.ms_abi {
        return Measure::Win64;
    }
    let own = compiler.target().convention().and_then(Measure::of);
    own.unwrap_or_default()
}

/// So many transitions tell whether it is worth going on.
const SAMPLE: usize = 400;

/// The compiler of `own` with the flags of a wider level; the inner error is the reason why not.
fn wider(own: &Compiler, feature: &str) -> Result<Result<Level, String>, VerifyError> {
    let features = [feature.to_owned()];
    let reference = own.reference.with_flags(&feature_flags(&features));
    match Compiler::new(reference, Some(own.policy)) {
        Ok(compiler) => Ok(Ok(Level::new(compiler, Measure::SysV))),
        Err(error @ (VerifyError::Machine { .. } | VerifyError::Reference(_))) => {
            Ok(Err(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

impl Level {
    fn new(compiler: Compiler, measure: Measure) -> Self {
        let mut shapes: BTreeMap<Shape, Vec<usize>> = BTreeMap::new();
        let has = |number: &usize| {
            let mut block = crate::corpus::Block::default();
            let signature = functions::of_type(*number, compiler.ms_abi);
            let declared = signature.declared("", compiler.target().data_model());
            block.code = declared.types.clone() + &declared.prototype();
            let needs = needs(&block);
            needs
                .into_iter()
                .all(|need| compiler.reference.has(need).is_ok())
        };
        let numbers: Vec<usize> = (0..types::TYPES.len()).filter(has).collect();
        for (number, shape) in functions::shapes(&numbers, &compiler) {
            shapes.entry(shape).or_default().push(number);
        }
        shapes.retain(|shape, _| measure.shapes().contains(shape));
        Self { compiler, shapes }
    }
}
