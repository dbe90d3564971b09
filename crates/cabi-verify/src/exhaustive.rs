//! Every transition of argument assignment as a signature, for the runner of `signatures`: calls that show it in both directions, against one compiler.
//!
//! For each state and shape there is a function `f(arguments, VALUE, long, double, record in
//! memory)`: the arguments before the value make the state, those after it show the state it leads
//! to. The value's type is one of several of its shape (`exhaustive/types.rs`), by turns; the
//! result is nothing, a register, or in memory, whose address takes a register too.
//!
//! A transition that cannot be checked with one type, because the compiler refuses it or disagrees
//! with itself, is tried with the next of the same shape; only transitions that ran in both
//! directions are counted as shown.

use std::collections::{BTreeMap, BTreeSet};

use crate::build::{feature_flags, needs};
use crate::check::calls::all_settings;
use crate::generate::{CSignature, CType};
use crate::signatures::{self, Compared, PER_UNIT, SignatureUnit, subject};
use crate::states::{Measure, SYSV, Shape, Transition, WIN64};
use crate::tally::{Finding, Results};
use crate::threads::at_once;
use crate::verdict::Verdict;
use crate::verify::units::{Calls, Mistake, OtherSide};
use crate::verify::{Compiler, ProgramLimit, Progress, VerifyError};

mod functions;
mod types;

use functions::WitnessFunction;

/// Everything that is to be run against one compiler.
#[derive(Debug)]
pub struct Exhaustive {
    /// The compiler at its own vector level, then at wider ones.
    levels: Vec<Level>,
    /// Levels that this machine or the compiler has not, with the reason.
    absent: Vec<(&'static str, String)>,
    /// Each shape is run with one of so many states, another one for each shape; 1: with all
    /// states.
    pub stride: usize,
    /// Compilers and child processes at once.
    pub at_once: usize,
    /// A mistake made on purpose, usually none.
    pub mistake: Mistake,
    measure: &'static Measure,
}

/// A compiler at one vector level.
#[derive(Debug)]
struct Level {
    compiler: Compiler,
    shapes: BTreeMap<Shape, Vec<CType>>,
}

/// Number of transitions that tell whether it is worth going on.
const SAMPLE: usize = 400;

impl Exhaustive {
    /// Makes the run against `compiler`, at its own vector level and at wider ones by flags.
    ///
    /// # Errors
    /// [`VerifyError`] if the compiler cannot be asked.
    pub fn new(compiler: Compiler) -> Result<Self, VerifyError> {
        let measure = Measure::of_target(&compiler.target(), compiler.ms_abi);
        let mut plan = Self {
            levels: vec![Level::new(compiler)],
            measure,
            absent: Vec::new(),
            stride: 1,
            at_once: at_once(),
            mistake: Mistake::NONE,
        };
        // By reference wider vectors are like any record.
        let wider: &[&str] = match *measure == SYSV {
            true => &["avx", "avx512f"],
            false => &[],
        };
        for feature in wider {
            if plan.shapes_left().next().is_none() {
                break;
            }
            let (own, features) = (plan.compiler(), [(*feature).to_owned()]);
            let reference = own.reference.with_flags(&feature_flags(&features));
            match Compiler::new(reference, Some(own.policy)) {
                Ok(compiler) => plan.levels.push(Level::new(compiler)),
                Err(error @ (VerifyError::Machine { .. } | VerifyError::Reference(_))) => {
                    plan.absent.push((feature, error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(plan)
    }

    /// The narrowest level at which there are types of `shape`.
    fn level_of(&self, shape: Shape) -> Option<usize> {
        let has = |level: &Level| level.shapes.contains_key(&shape);
        self.levels.iter().position(has)
    }

    /// Shapes that no type has at any of the levels.
    fn shapes_left(&self) -> impl Iterator<Item = Shape> {
        let shapes = self.measure.shapes.iter().copied();
        shapes.filter(|shape| self.level_of(*shape).is_none())
    }

    /// Returns the compiler at its own vector level.
    pub fn compiler(&self) -> &Compiler {
        &self.levels[0].compiler
    }

    /// Checks whether there are types for every shape, wherever this machine has the registers.
    pub fn has_all_shapes(&self) -> bool {
        !self.absent.is_empty() || self.shapes_left().next().is_none()
    }

    /// Returns the number of transitions to run.
    pub fn n_wanted(&self) -> usize {
        self.wanted().count()
    }

    /// The shapes of which nothing can be run, with the reason.
    fn shapes_absent(&self) -> impl Iterator<Item = (Shape, String)> {
        // Most of System V's shapes are none of Win64's.
        let left = (*self.measure != WIN64).then(|| self.shapes_left());
        let why = self.absent.iter();
        let why: Vec<String> = why.map(|(name, why)| format!("no {name}: {why}")).collect();
        let why = match why.is_empty() {
            true => "no type of this compiler has it".to_owned(),
            false => why.join("; "),
        };
        let left = left.into_iter().flatten();
        left.map(move |shape| (shape, why.clone()))
    }

    /// Returns, for each shape, every n-th of the states that arguments can leave, from another one
    /// on.
    fn wanted(&self) -> impl Iterator<Item = Transition> {
        let (measure, stride) = (self.measure, self.stride.max(1));
        measure.states().enumerate().flat_map(move |(i, state)| {
            let shapes = measure.shapes.iter().enumerate();
            let shapes = shapes.filter(move |(at, _)| (i + at).is_multiple_of(stride));
            let shapes = shapes.filter(|(_, shape)| self.level_of(**shape).is_some());
            shapes.map(move |(_, &shape)| Transition { state, shape })
        })
    }

    /// Runs it, and counts under the compiler at its own level.
    ///
    /// # Errors
    /// No processes or memory, a compiler that cannot be asked, an interrupt.
    pub fn run(&self, progress: Progress<'_>) -> Result<Results, String> {
        let mut results = Results::new(Vec::new(), std::slice::from_ref(self.compiler()));
        let n_states = self.measure.states().len() as u64;
        for (shape, why) in self.shapes_absent() {
            results.compilers[0].left_out(&format!("{shape}: {why}"), n_states);
        }
        let mut seen = Seen {
            missed: BTreeSet::new(),
            results,
        };
        let start = std::time::Instant::now();
        let all: Vec<Transition> = self.wanted().collect();
        // A compiler with another convention fails nearly everywhere, and a process dies of each: a sample tells.
        let sample = match all.len() > 2 * SAMPLE {
            // Odd, as the number of shapes is not: all of them are in it.
            true => (all.len() / SAMPLE) | 1,
            false => 1,
        };
        let is_first = |(i, _): &(usize, &Transition)| i % sample == 0;
        let (first, rest): (Vec<_>, Vec<_>) = all.iter().enumerate().partition(is_first);
        for part in [first, rest] {
            let tally = &mut seen.results.compilers[0];
            if 2 * tally.failures.len() > all.len().min(SAMPLE) {
                let why = "stopped: more than half of a sample differs";
                tally.left_out(why, part.len() as u64);
                break;
            }
            let mut open: Vec<(Transition, usize)> = Vec::new();
            open.extend(part.into_iter().map(|(_, transition)| (*transition, 0)));
            seen.missed
                .extend(open.iter().map(|(transition, _)| *transition));
            while !open.is_empty() {
                open = self.run_each(open, &mut seen, progress)?;
            }
        }
        let Seen {
            missed,
            mut results,
        } = seen;
        let tally = &mut results.compilers[0];
        tally.missed = missed.iter().map(Transition::to_string).collect();
        tally.seconds = start.elapsed().as_secs_f64() * self.at_once as f64;
        Ok(results)
    }

    /// Makes the calls of a function for each transition, with the type whose turn it is. Returns
    /// those to be tried with another type.
    fn run_each(
        &self,
        open: Vec<(Transition, usize)>,
        seen: &mut Seen,
        progress: Progress<'_>,
    ) -> Result<Vec<(Transition, usize)>, String> {
        let mut of_level = vec![Vec::new(); self.levels.len()];
        for (transition, turn) in open {
            if let Some(level) = self.level_of(transition.shape)
                && let Some(types) = self.levels[level].shapes.get(&transition.shape)
            {
                let function = WitnessFunction::new(self.measure, transition, types, turn);
                of_level[level].extend(function);
            }
        }
        let (mut units, mut functions) = (Vec::new(), Vec::new());
        for (level, of_level) in self.levels.iter().zip(&of_level) {
            for of_unit in of_level.chunks(PER_UNIT) {
                let says = level.compiler.reference.says_how_to_optimize();
                units.push(SignatureUnit {
                    compiler: &level.compiler,
                    signatures: (of_unit.iter())
                        .map(|function| function.signature(level.compiler.ms_abi))
                        .collect(),
                    // The fastest level will do.
                    optimize: (!says).then_some("-O0"),
                    turn: units.len(),
                });
                functions.push(of_unit);
            }
        }
        // So many from one run; the rest are differences like any other.
        let limit = ProgramLimit::after(seen.results.compilers[0].inconsistent.len());
        let calls = Calls {
            settings: &all_settings(),
            mistake: self.mistake,
            shared_engine: self.mistake.convention.is_none(),
            at_once: self.at_once,
            order: None,
            to_show: Some(&limit),
        };
        let ran = signatures::run(&units, OtherSide::Both, &calls, progress)?;
        let mut again = Vec::new();
        for ((unit, functions), ran) in units.iter().zip(functions).zip(ran) {
            for ((function, signature), one) in functions.iter().zip(&unit.signatures).zip(&ran) {
                if seen.take(function, unit.compiler, signature, one) {
                    again.push((function.transition, function.turn + 1));
                }
            }
        }
        Ok(again)
    }
}

/// Outcome of a run so far.
struct Seen {
    results: Results,
    /// Transitions that were to be run, and were not in both directions, with any outcome.
    missed: BTreeSet<Transition>,
}

impl Seen {
    /// Counts the outcome of a function. Returns whether its transition is to be tried with another
    /// type.
    fn take(
        &mut self,
        function: &WitnessFunction,
        asked: &Compiler,
        signature: &CSignature,
        compared: &Compared,
    ) -> bool {
        let (transition, tally) = (function.transition, &mut self.results.compilers[0]);
        tally.take(compared);
        let (label, n) = (tally.label.clone(), tally.signatures);
        if let Some(kept) = tally.samples(compared) {
            let why = format!("{transition}: {}", compared.why().unwrap_or_default());
            let name = format!("exhaustive-{label}-{n}");
            let again = "verify --exhaustive".to_owned();
            kept.push(Finding::new(asked, name, again, signature, &why));
        }
        match &compared.verdict {
            Verdict::Passed(_) if compared.one_direction.is_none() => {
                let case = compared.case.as_ref();
                let shown = case.and_then(|case| Transition::of_case(case, asked.policy).ok());
                let at = function.before.len();
                if shown.and_then(|shown| *shown.get(at)?) != Some(transition) {
                    return true;
                }
                tally.coverage.mark(transition);
                self.missed.remove(&transition);
                false
            }
            Verdict::Differs(_) => {
                self.missed.remove(&transition);
                false
            }
            Verdict::Passed(_) | Verdict::NotLowered(_) => false,
            Verdict::NotRun(_) | Verdict::SelfInconsistent(_) => true,
        }
    }
}

impl Level {
    /// The types that `compiler` has, by their shapes.
    fn new(compiler: Compiler) -> Self {
        let mut shapes: BTreeMap<Shape, Vec<CType>> = BTreeMap::new();
        // As in fuzz runs: on AArch64 compilers align wider ones to 16 bytes.
        let widest = match compiler.target().name().starts_with("x86_64") {
            true => 64,
            false => 16,
        };
        for (number, ty) in types::all(widest).enumerate() {
            let signature = CSignature {
                params: vec![ty.clone()],
                ms_abi: compiler.ms_abi,
                ..CSignature::default()
            };
            let Ok(subject) = subject(number, &signature, &compiler) else {
                continue;
            };
            let lacks = |need| compiler.reference.has(need).is_err();
            if needs(&subject.block).into_iter().any(lacks) {
                continue;
            }
            let case = subject.cases.first();
            let shown = case.map(|case| Transition::of_case(case, compiler.policy));
            if let Some(Ok(shown)) = shown
                && let Some(Some(Transition { shape, .. })) = shown.first()
            {
                shapes.entry(*shape).or_default().push(ty);
            }
        }
        Self { compiler, shapes }
    }
}
