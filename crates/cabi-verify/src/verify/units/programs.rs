//! The calls of units in programs of another target: both directions and the compiler's own pair in one program, for each unit.

use cabi::Policy;

use super::{Called, Calls, Code, Loaded, Mistake};
use crate::build::{Built, ProgramTarget, Reference, ReferenceError};
use crate::case::{Case, Direction};
use crate::check::program_calls::{Pair, ProgramCases};
use crate::emit::c_program::reproduction_alone;
use crate::threads::in_threads;
use crate::verdict::Verdict;
use crate::verify::self_inconsistent::Shown;
use crate::verify::{Progress, Step, VerifyError, check_interrupt, known_bug};

/// Ours calls C, C calls ours, and C calls C.
const PAIRS: [Pair; 3] = [
    Pair::Ours(Direction::Call),
    Pair::Ours(Direction::Callee),
    Pair::C,
];

/// As [`units::run`](super::run), of code for other targets.
///
/// # Errors
/// [`VerifyError`]: a program that cannot be built or started, an interrupt.
pub(super) fn run(
    loaded: &[Loaded],
    calls: &Calls<'_>,
    progress: Progress<'_>,
) -> Result<Vec<Vec<Called>>, VerifyError> {
    let units: Vec<UnitProgram<'_>> = loaded.iter().filter_map(UnitProgram::of).collect();
    if units.len() < loaded.len() {
        let why = "programs of one target, and calls here, are two runs".to_owned();
        let error = ReferenceError::io("a program")(std::io::Error::other(why));
        return Err(error.into());
    }
    let all = 2 * units.iter().map(|one| one.cases.len()).sum::<usize>();
    let each = all / units.len().max(1);
    progress(Step::Call, 0, all);
    let mistake = calls.mistake;
    let one = |one: &UnitProgram<'_>| one.call(mistake);
    let called = in_threads(&units, calls.at_once, one, |n| {
        progress(Step::Call, (n * each).min(all), all);
    });
    progress(Step::Call, all, all);
    check_interrupt()?;
    Ok(called.into_iter().collect::<Result<_, _>>()?)
}

/// What a program is made of.
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

    fn call(&self, mistake: Mistake) -> Result<Vec<Called>, ReferenceError> {
        let cases = self.cases.iter();
        let cases: Vec<(&Case, String)> = cases
            .map(|case| (case, case.function.name.clone()))
            .collect();
        let program = ProgramCases {
            target: self.target,
            objects: &[&self.built.object],
            cases: &cases,
            policy: self.policy,
            convention: mistake.convention,
        };
        let mut verdicts = program.verdicts(&PAIRS)?.into_iter();
        let mut next = || verdicts.next().unwrap_or_default();
        let (ours, theirs, own) = (next(), next(), next());
        let mut all = Vec::new();
        for (direction, verdicts) in Direction::ALL.into_iter().zip([ours, theirs]) {
            for ((case, verdict), own) in self.cases.iter().zip(verdicts).zip(&own) {
                let (verdict, shown) = self.settled(case, verdict, own);
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

    /// Where a value differs, and the compiler's own two sides differ as well in the program, no ABI agrees with both.
    fn settled(&self, case: &Case, verdict: Verdict, own: &Verdict) -> (Verdict, Option<Shown>) {
        match (verdict, own) {
            (Verdict::Differs(found), Verdict::Differs(theirs)) if self.same_layout => {
                let command = self.reference.command();
                let shown = Shown {
                    says: theirs.why.clone(),
                    program: reproduction_alone(case, &command).unwrap_or_default(),
                    known: known_bug(self.reference.name(), case),
                };
                (Verdict::SelfInconsistent(found), Some(shown))
            }
            (verdict, _) => (verdict, None),
        }
    }
}

fn setting(target: &ProgramTarget) -> String {
    match target.emulator.first() {
        Some(emulator) => format!("a program under {emulator}"),
        None => "a program".to_owned(),
    }
}
