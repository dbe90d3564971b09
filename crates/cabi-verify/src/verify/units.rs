//! Cases of one compiler: both sides of their calls are compiled many to a file, in parallel. The
//! [probe](crate::probe) observes them, and our own on the other side; both are compared with where
//! [`FnAbi`](cabi::FnAbi) has the values.

use std::sync::OnceLock;

use cabi::{Convention, FnSig, Policy};

use super::{Compiler, Progress, VerifyError, check_interrupt, try_out};
use crate::build::zig::ZigNumber;
use crate::build::{Built, ReferenceError};
use crate::case::{Case, Direction};
pub use crate::emit::cranelift::Mutation;
use crate::probe::{CaseFacts, has_room, nothing};
use crate::threads::in_threads;
use crate::verdict::{Fault, Verdict};

mod unit;
mod verdicts;

pub use unit::{RefusedCases, Unit, compile};

/// Number of cases in a file: enough for a compiler's start and the header not to matter, few
/// enough for all processors to have work.
pub const BATCH: usize = 192;

/// A compiled unit, or the rest of one of which a case was refused.
#[derive(Debug)]
pub struct CompiledUnit {
    /// The index of the part that its cases are of.
    pub part: usize,
    /// Its cases, at the compiler's vector level.
    pub cases: Vec<Case>,
    /// The choices that its calls are compared with.
    pub policy: Policy,
    /// The reason, for each case and direction, why the case is not observed. The compiler's side
    /// is missing, or it is not wanted. Empty if all are observed.
    pub missing: Vec<[Option<String>; 2]>,
    /// Zig's answers about the layouts of the types of its cases.
    pub layout: Vec<ZigNumber>,
    /// Turns the forms of values in our code, and its settings.
    pub turn: Turn,
    same_layout: bool,
    pub(crate) built: Built,
    compiler: Compiler,
    seen: OnceLock<Vec<CaseFacts>>,
}

/// Way in which our code for a unit is made.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Settings of Cranelift, by turns.
    pub settings: usize,
    /// Forms of the first case's values.
    pub first: usize,
    /// Forms between one case and the next.
    pub step: usize,
}

impl Turn {
    /// Returns the turn of the unit with this number.
    pub fn of(number: usize) -> Self {
        Self {
            settings: number,
            first: number,
            step: 1,
        }
    }
}

/// A deliberate mistake; usually none.
#[derive(Clone, Copy, Debug)]
pub struct Mistake {
    /// Told to Cranelift instead of the case's own convention.
    pub convention: Option<&'static Convention>,
    /// Made otherwise in the code.
    pub mutation: Mutation,
    /// A mistake of the runner itself with the verdicts of a unit: it must notice.
    pub runner: Option<fn(&mut Vec<CaseVerdict>)>,
}

impl Mistake {
    /// No mistake.
    pub const NONE: Self = Self {
        convention: None,
        mutation: Mutation {
            stub: None,
            func: None,
        },
        runner: None,
    };

    /// Returns the mistake that Cranelift has another convention.
    pub const fn of_convention(convention: &'static Convention) -> Self {
        Self {
            convention: Some(convention),
            ..Self::NONE
        }
    }

    /// Returns `sig` with the mistake.
    pub fn apply(&self, sig: FnSig) -> FnSig {
        match self.convention {
            Some(convention) => sig.convention(convention),
            None => sig,
        }
    }
}

/// Outcome of one case in one direction.
#[derive(Clone, Debug)]
pub struct CaseVerdict {
    /// The case, at the compiler's vector level.
    pub case: Case,
    /// Caller and callee.
    pub direction: Direction,
    /// Way in which our side was made.
    pub setting: String,
    /// The result.
    pub verdict: Verdict,
    /// Evidence that the compiler disagrees with itself, if that is the result.
    pub shown: Option<SelfDifference>,
}

/// A compiler's own difference, shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SelfDifference {
    /// Places of the value on both of its sides, or how one of them ends the process.
    pub says: String,
    /// A program of the compiler alone.
    pub program: String,
}

impl CompiledUnit {
    /// Returns the reason why case `index` is not looked at in `direction`, if it is not.
    pub(crate) fn missing(&self, index: usize, direction: Direction) -> Option<&str> {
        let sides = self.missing.get(index)?;
        sides[direction as usize].as_deref()
    }

    /// Returns the probe's observation of each case, after [`observe`].
    pub fn facts(&self) -> &[CaseFacts] {
        self.seen.get().map_or(&[], |seen| seen)
    }
}

/// Compares both sides of all cases, and ours on the other side of each call, with the places of
/// their values. The results stand in the order of `compiled`, one direction after the other, and
/// in each in the order of its cases.
///
/// # Errors
/// [`VerifyError`]: a program that cannot be built or started, an interrupt.
pub fn run(
    compiled: &[CompiledUnit],
    mistake: Mistake,
    at_once: usize,
    progress: Progress<'_>,
) -> Result<Vec<Vec<CaseVerdict>>, VerifyError> {
    observe(compiled, at_once)?;
    let all = verdicts::run(compiled, mistake, at_once, progress)?;
    complete(compiled, all, mistake)
}

/// Compares the compiler's sides of all cases alone with the places of their values, as [`run`]
/// does.
///
/// # Errors
/// [`VerifyError`]: a program that cannot be started, an interrupt.
pub fn compare(
    compiled: &[CompiledUnit],
    mistake: Mistake,
    at_once: usize,
) -> Result<Vec<Vec<CaseVerdict>>, VerifyError> {
    observe(compiled, at_once)?;
    let all = compiled.iter().map(|one| one.verdicts(mistake, None));
    complete(compiled, all.collect(), mistake)
}

/// Observes the code of `compiled` with the probe, as far as that has not been done.
///
/// # Errors
/// [`VerifyError::Reference`]: a program that cannot be started, or a compiler whose code does not
/// run.
pub fn observe(compiled: &[CompiledUnit], at_once: usize) -> Result<(), VerifyError> {
    let is_to_be_seen = |unit: &&CompiledUnit| unit.seen.get().is_none();
    let compiled: Vec<&CompiledUnit> = compiled.iter().filter(is_to_be_seen).collect();
    let observations = in_threads(&compiled, at_once, |unit| probe_facts(unit), |_| ());
    for (unit, observed) in compiled.iter().zip(observations) {
        let observed = observed?;
        let has_run =
            |seen: &CaseFacts| matches!(seen, Ok(facts) if facts.caller.state("ends").is_none());
        let is_of_here = unit.compiler.programs.is_none() && unit.compiler.zig.is_none();
        if is_of_here && !observed.iter().any(has_run) {
            try_out(&unit.compiler.reference)?;
        }
        unit.seen.get_or_init(|| observed);
    }
    // If no program of a compiler links, every failure would look like the compiler's own.
    let has_programs = |unit: &&&CompiledUnit| unit.compiler.programs.is_some();
    for unit in compiled.iter().filter(has_programs) {
        let of = |unit: &CompiledUnit| unit.compiler.reference.command();
        let of_command = compiled.iter().filter(|other| of(other) == of(unit));
        let observed = of_command.flat_map(|unit| unit.facts());
        let unlinked = |observed: &CaseFacts| match observed {
            Err(Fault::Failed(difference)) => Some(difference.why.clone()),
            _ => None,
        };
        let unlinked: Option<Vec<String>> = observed.map(unlinked).collect();
        if let Some([why, ..]) = unlinked.as_deref() {
            let (what, why) = (format!("code by {}", of(unit)), why.clone());
            return Err(ReferenceError::Unusable { what, why }.into());
        }
    }
    check_interrupt()
}

fn probe_facts(unit: &CompiledUnit) -> Result<Vec<CaseFacts>, ReferenceError> {
    let probe = match unit.compiler.probe() {
        Ok(probe) => probe,
        Err(why) => return Ok(vec![Err(Fault::Untried(why.clone())); unit.cases.len()]),
    };
    let room: Vec<Result<(), &str>> = unit.cases.iter().map(has_room).collect();
    let small = unit.cases.iter().zip(&room);
    let small: Vec<Case> = small
        .filter(|(_, room)| room.is_ok())
        .map(|(case, _)| case.clone())
        .collect();
    let is_shared = unit.compiler.programs.is_none();
    let observed = match probe.observe(&unit.built.object, is_shared, &small) {
        // A program that does not link costs the cases of its unit alone.
        Err(error) if !error.is_about_the_system() => {
            vec![Err(Fault::from(error.to_string())); small.len()]
        }
        observed => observed?,
    };
    let mut observed = observed.into_iter();
    let facts = room.into_iter().map(|room| {
        room.map_err(|why| Fault::Untried(why.to_owned()))?;
        observed.next().unwrap_or_else(nothing)
    });
    Ok(facts.collect())
}

/// Returns `results`, if each case of each unit has one verdict in each direction, in order, and
/// none has passed without a comparison.
fn complete(
    compiled: &[CompiledUnit],
    mut results: Vec<Vec<CaseVerdict>>,
    mistake: Mistake,
) -> Result<Vec<Vec<CaseVerdict>>, VerifyError> {
    if let Some(wrong) = mistake.runner {
        results.iter_mut().for_each(wrong);
    }
    if results.len() != compiled.len() {
        let why = format!("{} units of {} were run", results.len(), compiled.len());
        return Err(VerifyError::Runner(why));
    }
    for (unit, verdicts) in compiled.iter().zip(&results) {
        let expected = Direction::ALL.into_iter().flat_map(|direction| {
            let cases = unit.cases.iter();
            cases.map(move |case| (&case.prototype.name, direction))
        });
        let actual = verdicts.iter();
        let actual = actual.map(|outcome| (&outcome.case.prototype.name, outcome.direction));
        if !actual.eq(expected) {
            let why = "the cases do not have one verdict in each direction";
            return Err(VerifyError::Runner(why.to_owned()));
        }
        let is_silent = |outcome: &&CaseVerdict| outcome.verdict == Verdict::Passed(0);
        if let Some(outcome) = verdicts.iter().find(is_silent) {
            let why = format!("{}: nothing was compared", outcome.case.name);
            return Err(VerifyError::Runner(why));
        }
    }
    Ok(results)
}
