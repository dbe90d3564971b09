//! The calls of units in programs of another target: both directions and the compiler's own pair in one program, for each unit.

use std::collections::BTreeMap;

use cabi::Policy;

use super::{Called, Calls, Code, Loaded, Mistake, Shown};
use crate::build::{Built, ProgramTarget, Reference, ReferenceError};
use crate::case::{Case, Direction};
use crate::check::program_calls::{Pair, ProgramCases};
use crate::emit::c_program::reproduction_alone;
use crate::threads::in_threads;
use crate::verdict::Verdict;
use crate::verify::{Progress, Step, VerifyError, check_interrupt, known_bug};

/// Ours calls C, C calls ours, and C calls C.
const PAIRS: [Pair; 3] = [
    Pair::Ours(Direction::Call),
    Pair::Ours(Direction::Callee),
    Pair::C,
];

/// As [`units::run`](super::run), of those of `loaded` that are code for other targets.
///
/// # Errors
/// [`VerifyError`]: a program that cannot be built or started, an interrupt.
pub(super) fn run(
    loaded: &[Loaded],
    calls: &Calls<'_>,
    progress: Progress<'_>,
) -> Result<Vec<Vec<Called>>, VerifyError> {
    let units: Vec<UnitProgram<'_>> = loaded.iter().filter_map(UnitProgram::of).collect();
    if units.is_empty() {
        return Ok(Vec::new());
    }
    let mistake = calls.mistake;
    if mistake.mutation.stub.is_some() || mistake.mutation.func.is_some() {
        let why = "mistakes of code are made in this process only";
        return Err(VerifyError::Runner(why.to_owned()));
    }
    let all = 2 * units.iter().map(|one| one.cases.len()).sum::<usize>();
    let each = all / units.len();
    progress(Step::Call, 0, all);
    let one = |one: &UnitProgram<'_>| one.call(mistake);
    let called = in_threads(&units, calls.at_once, one, |n| {
        progress(Step::Call, (n * each).min(all), all);
    });
    progress(Step::Call, all, all);
    check_interrupt()?;
    Ok(called.into_iter().collect::<Result<_, _>>()?)
}

/// What a program is made of: all of a unit but code that runs here, which threads cannot share.
struct UnitProgram<'a> {
    cases: &'a [Case],
    built: &'a Built,
    target: &'a ProgramTarget,
    reference: &'a Reference,
    policy: Policy,
    same_layout: bool,
}

impl<'a> UnitProgram<'a> {
    /// `None` of code that runs here.
    fn of(loaded: &'a Loaded) -> Option<Self> {
        let Code::InPrograms(built, target) = &loaded.code else {
            return None;
        };
        Some(Self {
            cases: &loaded.cases,
            built,
            target,
            reference: &loaded.reference,
            policy: loaded.policy,
            same_layout: loaded.same_layout,
        })
    }

    /// What does not link costs the cases of the unit alone.
    fn call(&self, mistake: Mistake) -> Result<Vec<Called>, ReferenceError> {
        let all: Vec<usize> = (0..self.cases.len()).collect();
        let mut verdicts = match self.verdicts(&all, &PAIRS, mistake) {
            Err(error) if !error.is_about_the_system() => {
                let failed = Verdict::Differs(error.to_string().into());
                vec![vec![failed; all.len()]; 2]
            }
            verdicts => verdicts?,
        };
        let own = verdicts.split_off(2).into_iter().flatten();
        let differs = |verdict: &Verdict| matches!(verdict, Verdict::Differs(_));
        let both = |at: usize| verdicts.iter().any(|of| of.get(at).is_some_and(differs));
        let asked: Vec<usize> = own
            .enumerate()
            .filter(|(at, own)| self.same_layout && differs(own) && both(*at))
            .map(|(at, _)| at)
            .collect();
        let shown = self.shown(&asked, mistake)?;
        let mut all = Vec::new();
        for (direction, verdicts) in Direction::ALL.into_iter().zip(verdicts) {
            for (at, (case, verdict)) in self.cases.iter().zip(verdicts).enumerate() {
                let shown = shown.get(&at).filter(|_| differs(&verdict)).cloned();
                let verdict = match (verdict, &shown) {
                    (Verdict::Differs(found), Some(_)) => Verdict::SelfInconsistent(found),
                    (verdict, _) => verdict,
                };
                all.push(Called {
                    case: case.clone(),
                    direction,
                    setting: setting(self.target),
                    verdict,
                    shown,
                });
            }
        }
        Ok(all)
    }

    fn verdicts(
        &self,
        at: &[usize],
        pairs: &[Pair],
        mistake: Mistake,
    ) -> Result<Vec<Vec<Verdict>>, ReferenceError> {
        let cases = at.iter().filter_map(|at| self.cases.get(*at));
        let cases: Vec<(&Case, String)> = cases
            .map(|case| (case, case.function.name.clone()))
            .collect();
        let program = ProgramCases {
            target: self.target,
            object: &self.built.object,
            cases: &cases,
            policy: self.policy,
            convention: mistake.convention,
        };
        program.verdicts(pairs)
    }

    /// In which of these cases the compiler's own two sides differ in a program of their own too, none of whose calls is ours: no ABI agrees with both.
    fn shown(
        &self,
        asked: &[usize],
        mistake: Mistake,
    ) -> Result<BTreeMap<usize, Shown>, ReferenceError> {
        if asked.is_empty() {
            return Ok(BTreeMap::new());
        }
        let (reference, cases) = (self.reference, self.cases);
        let shown = |(at, verdict): (&usize, Verdict)| {
            let (Verdict::Differs(theirs), Some(case)) = (verdict, cases.get(*at)) else {
                return None;
            };
            let program = reproduction_alone(case, &reference.command()).unwrap_or_default();
            let shown = Shown {
                says: theirs.why,
                program,
                known: known_bug(reference.name(), case),
            };
            Some((*at, shown))
        };
        let again = self.verdicts(asked, &[Pair::C], mistake)?;
        let again = asked.iter().zip(again.into_iter().flatten());
        Ok(again.filter_map(shown).collect())
    }
}

fn setting(target: &ProgramTarget) -> String {
    match target.emulator.first() {
        Some(emulator) => format!("a program under {emulator}"),
        None => "a program".to_owned(),
    }
}
