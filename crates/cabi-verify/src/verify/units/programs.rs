//! The calls of units in programs of another target: both directions and the compiler's own pair in one program, for each unit.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cabi::Policy;

use super::{Called, Calls, Code, Loaded, Mistake, Shown};
use crate::build::cranelift_object::{CraneliftObject, ours};
use crate::build::{Built, ProgramTarget, Reference, ReferenceError};
use crate::case::{Case, Direction};
use crate::check::calls::{CallCase, check_seen, needed, rounds};
use crate::emit::c::main_program::ProgramCall;
use crate::emit::c_program::reproduction_alone;
use crate::pattern::{Values, images};
use crate::run::Written;
use crate::scratch::Scratch;
use crate::threads::in_threads;
use crate::verdict::{Difference, Fault, Value, Verdict};
use crate::verify::{Progress, Step, VerifyError, check_interrupt, known_bug};

/// Which direction is called where one side is Cranelift's; nothing where both are C's.
type Pair = Option<Direction>;

/// Ours calls C, C calls ours, and C calls C.
const PAIRS: [Pair; 3] = [Some(Direction::Call), Some(Direction::Callee), None];

/// As [`units::run`](super::run), of those of `loaded` that are code for other targets.
///
/// # Errors
/// [`VerifyError`]: a program that cannot be built or started, an interrupt.
pub(super) fn run(
    loaded: &[Loaded],
    calls: &Calls<'_>,
    progress: Progress<'_>,
) -> Result<Vec<Vec<Called>>, VerifyError> {
    let mistake = calls.mistake;
    let units: Vec<UnitProgram<'_>> = loaded
        .iter()
        .filter_map(|one| UnitProgram::of(one, mistake))
        .collect();
    if units.is_empty() {
        return Ok(Vec::new());
    }
    if mistake.mutation.stub.is_some() || mistake.mutation.func.is_some() {
        let why = "mistakes of code are made in this process only";
        return Err(VerifyError::Runner(why.to_owned()));
    }
    let all = 2 * units.iter().map(|one| one.cases.len()).sum::<usize>();
    let each = all / units.len();
    progress(Step::Call, 0, all);
    let called = in_threads(&units, calls.at_once, UnitProgram::call, |n| {
        progress(Step::Call, (n * each).min(all), all);
    });
    progress(Step::Call, all, all);
    check_interrupt()?;
    Ok(called.into_iter().collect::<Result<_, _>>()?)
}

/// Contents of a program: all of a unit but code that runs here, which threads cannot share.
struct UnitProgram<'a> {
    cases: &'a [Case],
    built: &'a Built,
    target: &'a ProgramTarget,
    reference: &'a Reference,
    policy: Policy,
    same_layout: bool,
    mistake: Mistake,
}

/// An object file, the plans of each pair, and their calls.
type Made = (Vec<u8>, Vec<Vec<Result<CallCase, Fault>>>, Vec<ProgramCall>);

impl<'a> UnitProgram<'a> {
    /// `None` of code that runs here.
    fn of(loaded: &'a Loaded, mistake: Mistake) -> Option<Self> {
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
            mistake,
        })
    }

    /// A file that does not link costs the cases of the unit alone.
    fn call(&self) -> Result<Vec<Called>, ReferenceError> {
        let all: Vec<usize> = (0..self.cases.len()).collect();
        let mut verdicts = match self.verdicts(&all, &PAIRS) {
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
        let shown = self.shown(&asked)?;
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

    /// Calls the cases `at` these places by each of `pairs`. One verdict for each case of each pair: a call is made in two rounds, which differ in every
    /// byte.
    ///
    /// # Errors
    /// [`ReferenceError`]: an object that does not link, no static libraries, a program that cannot
    /// be started.
    fn verdicts(&self, at: &[usize], pairs: &[Pair]) -> Result<Vec<Vec<Verdict>>, ReferenceError> {
        let made = catch_unwind(AssertUnwindSafe(|| self.object(at, pairs)));
        let Ok(made) = made else {
            let panicked = "panic: while our sides were made";
            let one = |pair: &Pair| match pair {
                Some(_) => Verdict::Differs(panicked.into()),
                None => Verdict::NotRun(panicked.to_owned()),
            };
            return Ok(pairs.iter().map(|pair| vec![one(pair); at.len()]).collect());
        };
        let failed = |why| ReferenceError::Unloadable {
            what: "our sides of a program".to_owned(),
            why,
        };
        let (object, plans, calls) = made.map_err(failed)?;
        let io = || ReferenceError::io("an object file of a program");
        let folder = Scratch::new().map_err(io())?;
        let path = folder.path().join("ours.o");
        std::fs::write(&path, object).map_err(io())?;
        let objects = [&*self.built.object, &path];
        let mut written = self.target.run(&objects, &calls)?.into_iter();
        let mut verdict = |pair: Pair, plan: &Result<CallCase, Fault>| match plan {
            Ok(plan) => {
                let checked =
                    rounds(plan).map(|round| check(pair, plan, &round.values, written.next()));
                let n = checked.len();
                let all: Result<Vec<()>, Verdict> = checked.into_iter().collect();
                all.map_or_else(|verdict| verdict, |_| Verdict::Passed(n))
            }
            // C against C is asked about cases that are called with ours.
            Err(fault) if pair.is_none() => Verdict::NotRun(fault.to_string()),
            Err(fault) => Err(fault.clone()).into(),
        };
        let of_pair = |(pair, plans): (&Pair, &Vec<Result<CallCase, Fault>>)| {
            plans.iter().map(|plan| verdict(*pair, plan)).collect()
        };
        Ok(pairs.iter().zip(&plans).map(of_pair).collect())
    }

    /// Returns our sides as an object file, the plans of the calls of each pair, and these calls. A
    /// case that is not lowered has no plan.
    fn object(&self, at: &[usize], pairs: &[Pair]) -> Result<Made, String> {
        let vectors = self.cases.first().map(|case| case.vectors);
        let mut object = CraneliftObject::new(vectors.unwrap_or_default(), &self.target.target)?;
        let (mut calls, mut all) = (Vec::new(), Vec::new());
        for pair in pairs {
            let mut plans = Vec::new();
            let cases = at.iter().filter_map(|at| self.cases.get(*at));
            for (index, case) in cases.enumerate() {
                let symbol = &case.function.name;
                let plan = self.plan(case, index).and_then(|plan| {
                    if let Some(direction) = *pair {
                        let offsets = &plan.images.offsets;
                        let added = object.add(direction, symbol, &plan.told, offsets, index);
                        added.map_err(|fault| needed(fault, &plan, direction))?;
                    }
                    Ok(plan)
                });
                if let Ok(plan) = &plan {
                    calls.extend(calls_of(*pair, symbol, plan));
                }
                plans.push(plan);
            }
            all.push(plans);
        }
        Ok((object.finish()?, all, calls))
    }

    fn plan(&self, case: &Case, index: usize) -> Result<CallCase, Fault> {
        let sig = case.sig_under(self.policy);
        let sig = sig.map_err(clif_cabi::LowerError::from)?;
        CallCase::new(case, sig, |sig| self.mistake.told(sig), index)
    }

    /// Returns the cases in which the compiler's own two sides differ in a program of their own
    /// too, none of whose calls is ours: no ABI agrees with both.
    fn shown(&self, asked: &[usize]) -> Result<BTreeMap<usize, Shown>, ReferenceError> {
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
        let again = self.verdicts(asked, &[None])?;
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

/// The calls of one plan.
fn calls_of(pair: Pair, symbol: &str, plan: &CallCase) -> [ProgramCall; 2] {
    let (caller, callee) = match pair {
        Some(Direction::Call) => (ours(symbol), symbol.to_owned()),
        Some(Direction::Callee) => (symbol.to_owned(), ours(symbol)),
        None => (symbol.to_owned(), symbol.to_owned()),
    };
    // C promotes by itself.
    let sent = |values: &Values| match pair {
        Some(Direction::Call) => values.promoted.clone(),
        _ => values.declared.clone(),
    };
    let is_ours = pair == Some(Direction::Call);
    rounds(plan).map(|round| ProgramCall {
        caller: format!("{caller}_call"),
        callee: callee.clone(),
        images: images(&sent(&round.values), &plan.images.offsets, plan.images.size),
        given: round.values.result.bytes.clone(),
        n_seen: plan.images.size,
        n_wide: match is_ours {
            true => 8 * plan.n_named.min(256),
            false => 0,
        },
        offsets: is_ours.then(|| plan.images.offsets.clone()),
    })
}

/// Compares the records of one round with the values sent.
fn check(
    pair: Pair,
    plan: &CallCase,
    values: &Values,
    written: Option<Result<Written, String>>,
) -> Result<(), Verdict> {
    let written = written.ok_or_else(|| Verdict::Differs("no call was made".into()))?;
    let written = written.map_err(|why| Verdict::died(&why))?;
    let compared = || {
        check_seen(values, &plan.images, &written, "from C")?;
        if pair == Some(Direction::Call) {
            plan.check_widened(values, &written)?;
        }
        match plan.has_result {
            true => Difference::check(&values.result, &written.got, Value::Result, "in C"),
            false => Ok(()),
        }
    };
    compared().map_err(Verdict::Differs)
}
