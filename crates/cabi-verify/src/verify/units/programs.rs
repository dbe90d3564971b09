//! Cases whose code runs in programs: the probe looks at both sides of the compiler's code, and at
//! both of ours.

use cabi::{FnAbi, FnSig, Policy};
use clif_cabi::LowerError;

use super::{CSides, Called, Calls, Loaded, Mistake, Seen, Shown, observe, probe_of};
use crate::build::{ProgramTarget, Reference, ReferenceError};
use crate::case::{Case, Direction};
use crate::check::calls::needed;
use crate::compare::compare;
use crate::emit::c_program::reproduction_alone;
use crate::facts::Facts;
use crate::probe::{Emission, Emitted, Observed, Probe, SETTINGS};
use crate::threads::in_threads;
use crate::verdict::{Difference, Fault, Verdict};
use crate::verify::{Progress, RunStep, VerifyError, check_interrupt, known_bug};

/// As [`units::run`](super::run), of those of `loaded` that are code for other targets.
///
/// # Errors
/// [`VerifyError`]: a program that cannot be built or started, an interrupt.
pub(super) fn run(
    loaded: &[Loaded],
    calls: &Calls<'_>,
    progress: Progress<'_>,
) -> Result<Vec<Vec<Called>>, VerifyError> {
    let is_of_program = |one: &&Loaded| one.here().is_none();
    if loaded.iter().filter(is_of_program).count() == 0 {
        return Ok(Vec::new());
    }
    if calls.mistake.mutation.stub.is_some() || calls.mistake.mutation.func.is_some() {
        let why = "mistakes of code are made in this process only";
        return Err(VerifyError::Runner(why.to_owned()));
    }
    observe(loaded, calls.at_once)?;
    let units = loaded.iter().enumerate();
    let units = units.filter_map(|(turn, one)| UnitProgram::of(one, calls.mistake, turn));
    let units: Vec<UnitProgram<'_>> = units.collect();
    let all = 2 * units.iter().map(|one| one.cases.len()).sum::<usize>();
    let each = all / units.len().max(1);
    progress(RunStep::Call, 0, all);
    let emitted = in_threads(&units, calls.at_once, UnitProgram::emitted, |n| {
        progress(RunStep::Call, (n * each).min(all), all);
    });
    progress(RunStep::Call, all, all);
    check_interrupt()?;
    let called = units.iter().zip(emitted);
    let called = called.map(|(unit, emitted)| Ok(unit.called(&emitted?)));
    Ok(called.collect::<Result<_, ReferenceError>>()?)
}

/// A unit without code that runs here, which threads cannot share.
struct UnitProgram<'a> {
    cases: &'a [Case],
    seen: &'a [Seen],
    target: &'a ProgramTarget,
    probe: &'a Result<Probe, String>,
    reference: &'a Reference,
    policy: Policy,
    same_layout: bool,
    mistake: Mistake,
    turn: usize,
}

impl<'a> UnitProgram<'a> {
    /// `None` of code that runs here.
    fn of(loaded: &'a Loaded, mistake: Mistake, turn: usize) -> Option<Self> {
        let CSides::InPrograms(_, target) = &loaded.code else {
            return None;
        };
        Some(Self {
            cases: &loaded.cases,
            seen: loaded.seen(),
            target,
            probe: probe_of(loaded),
            reference: &loaded.reference,
            policy: loaded.policy,
            same_layout: loaded.same_layout,
            mistake,
            turn,
        })
    }

    /// Facts about our code for each case, with the mistake.
    fn emitted(&self) -> Result<Vec<Emitted>, ReferenceError> {
        let told = self.cases.iter().map(|case| {
            let sig = case
                .sig_under(self.policy)
                .map(|sig| self.mistake.told(sig));
            sig.map_err(|error| Fault::from(error.to_string()))
        });
        let told: Vec<Result<FnSig, Fault>> = told.collect();
        let probe = match self.probe {
            Ok(probe) => probe,
            Err(why) => return Ok(vec![Err(Fault::Untried(why.clone())); told.len()]),
        };
        let sigs: Vec<FnSig> = told.iter().flatten().cloned().collect();
        let vectors = self.cases.first().map(|case| case.vectors);
        let emission = Emission {
            target: &self.target.target,
            vectors: vectors.unwrap_or_default(),
            settings: SETTINGS[self.turn % SETTINGS.len()],
            turn: self.turn,
            mutation: self.mistake.mutation,
        };
        let emitted = match probe.emitted(&sigs, &emission) {
            // A unit that does not link costs its own cases alone.
            Err(error) if !error.is_about_the_system() => {
                return Ok(vec![Err(Fault::from(error.to_string())); told.len()]);
            }
            emitted => emitted?,
        };
        let mut emitted = emitted.into_iter();
        let nothing = || Err(Fault::Untried("nothing was said of it".to_owned()));
        let emitted = told
            .into_iter()
            .map(|told| told.and_then(|_| emitted.next().unwrap_or_else(nothing)));
        Ok(emitted.collect())
    }

    fn called(&self, emitted: &[Emitted]) -> Vec<Called> {
        let mut all = Vec::new();
        for direction in Direction::ALL {
            for ((case, seen), emitted) in self.cases.iter().zip(self.seen).zip(emitted) {
                let (verdict, shown) = self.verdict(case, direction, (seen, emitted));
                all.push(Called {
                    case: case.clone(),
                    direction,
                    setting: setting(self.target),
                    verdict,
                    shown,
                });
            }
        }
        all
    }

    /// Compares the compiler's side, and ours on the other side of the call. A difference of ours
    /// counts, whatever is wrong with the compiler's.
    fn verdict(
        &self,
        case: &Case,
        direction: Direction,
        (seen, emitted): (&Seen, &Emitted),
    ) -> (Verdict, Option<Shown>) {
        let seen = match seen {
            Ok(seen) => seen,
            Err(why) => return (Verdict::NotRun(why.clone()), None),
        };
        let right = case.sig_under(self.policy);
        let told = right.clone().map(|sig| self.mistake.told(sig));
        let refused = |error| Fault::from(LowerError::from(error));
        let abi = |sig: Result<FnSig, cabi::Error>| {
            let sig = sig.map_err(refused)?;
            let abi = FnAbi::new(&sig, &self.target.target);
            abi.map(|abi| (sig, abi)).map_err(refused)
        };
        let (right, told) = match (abi(right), abi(told)) {
            (Ok(right), Ok(told)) => (right, told),
            (Err(fault), _) | (_, Err(fault)) => return (Err(fault).into(), None),
        };
        let (sig, right) = right;
        let ours = match emitted {
            Ok(ours) => {
                let params = sig.params().iter();
                let types: Vec<_> = params.map(|param| param.ty.clone()).collect();
                let side = other(direction);
                self.ours(ours, &types, &right, side)
            }
            // Both sides are made together: a refusal of the callee's `va_arg` is the case's.
            Err(fault) => Err(needed(fault.clone(), &right, Direction::Callee)),
        };
        let types = case.argument_types();
        let theirs = differs((self.reference.name(), seen), &types, &told.1, direction);
        match (theirs, ours) {
            (_, Err(Fault::Failed(found))) => (Verdict::Differs(found), None),
            (Err(found), _) => self.settled(case, seen, found),
            (Ok(()), ours) => (ours.map(|()| 1).into(), None),
        }
    }

    /// Compares one of our sides. A register that Cranelift does not keep leaves it untried, if
    /// nothing else differs.
    fn ours(
        &self,
        seen: &Observed,
        types: &[cabi::Type],
        abi: &FnAbi,
        side: Direction,
    ) -> Result<(), Fault> {
        let probe = self.probe.as_ref().ok();
        let kept = probe.and_then(|probe| probe.without_spoiled(seen.as_ref().ok()?));
        let Some((spoiled, kept)) = kept else {
            return Ok(differs(("Cranelift", seen), types, abi, side)?);
        };
        differs(("Cranelift", &Ok(kept)), types, abi, side)?;
        match side {
            Direction::Call => Err(Fault::Untried(format!("Cranelift does not keep {spoiled}"))),
            Direction::Callee => Ok(()),
        }
    }

    /// If the compiler's caller and callee have the value in different places, no ABI agrees
    /// with both.
    fn settled(&self, case: &Case, seen: &Observed, found: Difference) -> (Verdict, Option<Shown>) {
        let is_inconsistent = |facts: &Facts| self.same_layout && facts.disagree(found.value);
        match seen {
            Ok(facts) if is_inconsistent(facts) => {
                let name = self.reference.command();
                let shown = Shown {
                    says: found.why.clone(),
                    program: reproduction_alone(case, &name).unwrap_or_default(),
                    known: known_bug(self.reference.name(), case),
                };
                (Verdict::SelfInconsistent(found), Some(shown))
            }
            _ => (Verdict::Differs(found), None),
        }
    }
}

/// Returns the side of ours on the other end of a call.
fn other(direction: Direction) -> Direction {
    match direction {
        Direction::Call => Direction::Callee,
        Direction::Callee => Direction::Call,
    }
}

/// Compares the function that is called if `direction` is that of a call to it, else the one that
/// calls.
fn differs(
    (compiler, seen): (&str, &Observed),
    types: &[cabi::Type],
    abi: &FnAbi,
    direction: Direction,
) -> Result<(), Difference> {
    let facts = match seen {
        Ok(facts) => facts,
        Err(ending) => return Err(format!("it ends the process: {ending}").into()),
    };
    let [callee, caller] = compare(compiler, facts, types, abi);
    let found = match direction {
        Direction::Call => callee,
        Direction::Callee => caller,
    };
    found.into_iter().next().map_or(Ok(()), Err)
}

fn setting(target: &ProgramTarget) -> String {
    match target.emulator.first() {
        Some(emulator) => format!("a program under {emulator}"),
        None => "a program".to_owned(),
    }
}
