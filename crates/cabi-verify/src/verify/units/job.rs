//! The calls of a unit in one direction, made in a child process.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cabi::{FnAbi, Place};
use clif_cabi_jit::Settings;

use super::{Called, Calls, Loaded, Mistake, OtherSide, Seen};
use crate::case::Case;
use crate::check::calls::{
    self, Caches, Difference, Direction, Fault, Harness, N_BUFFERS, SharedEngine, Verdict,
};
use crate::compare::compare_with_al;
use crate::generate::Random;
use crate::probe::Observed;
use crate::run::boundary::PHASES;
use crate::run::child::{self, Limits};
use crate::run::guard::GuardedBuffers;
use crate::run::loaded::LoadedCode;
use crate::verify::{Progress, RunStep, VerifyError, check_interrupt};

/// Compiled state of a child for the cases of its job.
#[derive(Default)]
pub(super) struct Made {
    /// All of them in one engine.
    together: Option<Result<SharedEngine, Fault>>,
    /// By the names of engine settings.
    caches: BTreeMap<String, Caches>,
}

pub(super) fn buffers() -> Result<GuardedBuffers, VerifyError> {
    GuardedBuffers::new(N_BUFFERS, 1 << 16).map_err(VerifyError::System)
}

/// Calls `one` for every case in both directions, in an order for each child; where that fails, the
/// compiler's own two sides are asked whether they agree.
pub(super) fn in_children(
    loaded: &[(&Loaded, &LoadedCode)],
    (at_once, order): (usize, Option<u64>),
    one: impl Fn(&Job<'_>, usize) -> Verdict,
    setting: impl Fn(&Job<'_>, usize) -> String,
    progress: Progress<'_>,
) -> Result<Vec<Vec<Called>>, VerifyError> {
    let jobs: Vec<Job<'_>> = loaded
        .iter()
        .flat_map(|&(loaded, code)| {
            Direction::ALL.map(|direction| Job {
                loaded,
                code,
                direction,
            })
        })
        .collect();
    let sizes: Vec<usize> = jobs.iter().map(|job| job.loaded.cases.len()).collect();
    let (mut done, all) = (0, sizes.iter().sum());
    progress(RunStep::Call, done, all);
    let told = |n: usize| {
        done += n;
        progress(RunStep::Call, done, all);
    };
    let orders = sizes.iter().enumerate();
    let orders: Vec<Vec<usize>> = orders.map(|(job, n)| in_order(order, job, *n)).collect();
    let one = |job: usize, at: usize| {
        let index = orders[job][at];
        match jobs[job].missing(index) {
            Some(why) => Verdict::NotRun(why.to_owned()),
            None => one(&jobs[job], index),
        }
    };
    let verdicts = child::run_telling(&sizes, at_once, Limits::default(), one, told);
    check_interrupt()?;
    let mut verdicts = verdicts.map_err(VerifyError::System)?;
    for (verdicts, order) in verdicts.iter_mut().zip(&orders) {
        let mut sorted: Vec<_> = order.iter().zip(std::mem::take(verdicts)).collect();
        sorted.sort_by_key(|(index, _)| **index);
        verdicts.extend(sorted.into_iter().map(|(_, verdict)| verdict));
    }
    ask_themselves(&jobs, at_once, &mut verdicts)?;
    let mut called: Vec<Vec<Called>> = loaded.iter().map(|_| Vec::new()).collect();
    for (number, (job, verdicts)) in jobs.iter().zip(verdicts).enumerate() {
        let Some(of_batch) = called.get_mut(number / Direction::ALL.len()) else {
            continue;
        };
        for (index, (case, verdict)) in job.loaded.cases.iter().zip(verdicts).enumerate() {
            of_batch.push(Called {
                case: case.clone(),
                direction: job.direction,
                setting: setting(job, index),
                verdict,
                shown: None,
            });
        }
    }
    Ok(called)
}

/// The numbers below `n` in the order of a seed and of child `job`; without a seed as they are.
fn in_order(seed: Option<u64>, job: usize, n: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..n).collect();
    let random = seed.map(|seed| Random::new(seed, job as u64));
    if let Some(mut random) = random {
        all.sort_by_cached_key(|_| random.any());
    }
    all
}

/// A batch in one direction.
pub(super) struct Job<'a> {
    loaded: &'a Loaded,
    code: &'a LoadedCode,
    direction: Direction,
}

impl Job<'_> {
    fn missing(&self, index: usize) -> Option<&str> {
        self.loaded.missing(index, self.direction)
    }

    /// The engine settings of case `index`, if there are any. Cases come in groups of eight positions, and there are eight settings: each group
    /// begins with another setting, so that a position is run with all of them.
    pub(super) fn setting<'s>(
        &self,
        index: usize,
        calls: &Calls<'s>,
    ) -> Option<&'s (String, Settings)> {
        let n = calls.settings.len().max(1);
        let turn = match self.direction {
            Direction::Call => 0,
            Direction::Callee => n / 2,
        };
        let at = match self.loaded.turn {
            // After the ways, which turn too.
            Some(turn) => turn / calls::WAYS,
            None => index + index / n,
        };
        calls.settings.get((at + turn) % n)
    }

    pub(super) fn call(
        &self,
        index: usize,
        calls: &Calls<'_>,
        way: OtherSide,
        buffers: &GuardedBuffers,
        made: &RefCell<Made>,
    ) -> Verdict {
        let case = &self.loaded.cases[index];
        let sig = match case.sig_under(self.loaded.policy) {
            Ok(sig) => sig,
            Err(error) => return Verdict::Differs(error.to_string().into()),
        };
        let Some((name, settings)) = self.setting(index, calls) else {
            return Verdict::Differs("there are no engine settings".into());
        };
        let harness = Harness {
            loaded: self.code,
            settings,
            buffers,
        };
        let mut made = made.borrow_mut();
        let Made { together, caches } = &mut *made;
        if calls.shared_engine
            && let Ok(together) = together.get_or_insert_with(|| self.all(&harness))
        {
            return together.execute(&harness, index).map(|()| 1).into();
        }
        // If they cannot be together, only each alone can tell which of the cases is to blame.
        let caches = caches.entry(name.clone()).or_default();
        let mut told = calls.mistake.told(sig.clone());
        if let Some(key) = calls.mistake.key {
            told = caches.first(key, told);
        }
        let how = (way == OtherSide::AtRunTime, calls.mistake.mutation);
        let with = (&harness, caches);
        calls::observe(with, case, sig, index, self.direction, |_| told, how).into()
    }

    /// All cases in one engine.
    fn all(&self, harness: &Harness<'_>) -> Result<SharedEngine, Fault> {
        let settings = harness.settings.clone().memory(calls::MEMORY);
        let harness = Harness {
            settings: &settings,
            ..*harness
        };
        let cases = self.loaded.cases.iter();
        let cases = cases.map(|case| (case, case.sig_under(self.loaded.policy)));
        let turn = self.loaded.turn.unwrap_or(0);
        let build = || SharedEngine::build(&harness, cases, self.direction, turn);
        let panicked = |_| Err(Difference::from("panicked").into());
        catch_unwind(AssertUnwindSafe(build)).unwrap_or_else(panicked)
    }

    /// Returns the verdict of the probe's observation alone.
    pub(super) fn observed(&self, index: usize, mistake: Mistake) -> Verdict {
        match self.seen(index) {
            Some(Ok(seen)) => self.checked(index, seen, (mistake, false)).into(),
            Some(Err(why)) => Verdict::NotRun(why.clone()),
            None => Verdict::Differs("nobody has looked at it".into()),
        }
    }

    /// Returns the verdict of the probe's observation, if there is one, and of the call `called`.
    /// al may be an upper bound, as psABI says.
    pub(super) fn observed_and_called(
        &self,
        index: usize,
        mistake: Mistake,
        call: impl FnOnce() -> Verdict,
    ) -> Verdict {
        // A case without places is not lowered either, and the lowering gives the reason.
        let seen = self.seen(index).and_then(|seen| seen.as_ref().ok());
        let seen = seen.filter(|_| self.placed(index, mistake).is_ok());
        let checked = seen.map_or(Ok(()), |seen| self.checked(index, seen, (mistake, true)));
        match (seen, checked) {
            // A call tells more.
            (Some(Err(_)), Err(found)) => match call() {
                Verdict::Passed(_) | Verdict::NotLowered(_) => Verdict::Differs(found),
                called => called,
            },
            (_, Err(found)) => Verdict::Differs(found),
            (_, Ok(())) => call(),
        }
    }

    /// Returns `called`, unless the probe has found a difference: calls show nothing about cases
    /// that are not lowered, and our variadic callee stores every vector register, whatever al
    /// says.
    pub(super) fn with_what_calls_do_not_tell(&self, index: usize, called: Verdict) -> Verdict {
        let prototype = &self.loaded.cases[index].prototype;
        let reads_al =
            self.direction == Direction::Callee && (prototype.variadic || prototype.unprototyped);
        let is_asked = match &called {
            Verdict::Passed(_) => reads_al,
            Verdict::NotLowered(_) => true,
            _ => false,
        };
        let right = Mistake::NONE;
        match self.seen(index) {
            Some(Ok(seen)) if is_asked && self.placed(index, right).is_ok() => {
                let checked = self.checked(index, seen, (right, false));
                checked.map_or_else(|why| Verdict::Differs(why.inside("probe")), |()| called)
            }
            _ => called,
        }
    }

    /// Facts that the probe has of case `index`. A caller's result in memory is shown by its callee.
    fn seen(&self, index: usize) -> Option<&Seen> {
        let is_elsewhere = |(_, abi): (_, FnAbi)| !matches!(abi.ret.place, Place::Indirect { .. });
        let is_shown = self.direction == Direction::Call
            || self.loaded.missing(index, Direction::Call).is_none()
            || self.placed(index, Mistake::NONE).is_ok_and(is_elsewhere);
        self.loaded.seen().get(index).filter(|_| is_shown)
    }

    /// Compares the observation of case `index` with the places of its values.
    fn checked(
        &self,
        index: usize,
        seen: &Observed,
        (mistake, al_is_bound): (Mistake, bool),
    ) -> Result<(), Difference> {
        let (case, abi) = self.placed(index, mistake)?;
        let facts = match seen {
            Ok(facts) => facts,
            Err(ending) => return Err(format!("it ends the process: {ending}").into()),
        };
        let (name, types) = (self.loaded.reference.name(), case.argument_types());
        let [call, callee] = compare_with_al(name, facts, &types, (&abi, al_is_bound));
        let found = match self.direction {
            Direction::Call => call,
            Direction::Callee => callee,
        };
        found.into_iter().next().map_or(Ok(()), Err)
    }

    fn placed(&self, index: usize, mistake: Mistake) -> Result<(&Case, FnAbi), Difference> {
        let case = &self.loaded.cases[index];
        let sig = case.sig_under(self.loaded.policy).map(|s| mistake.told(s));
        let abi = sig.and_then(|sig| FnAbi::new(&sig, &case.target));
        let abi = abi.map_err(|error| Difference::from(error.to_string()))?;
        Ok((case, abi))
    }
}

/// Has the compiler's own caller call its own callee where a case failed: if they disagree, no ABI agrees with both.
fn ask_themselves(
    jobs: &[Job<'_>],
    at_once: usize,
    verdicts: &mut [Vec<Verdict>],
) -> Result<(), VerifyError> {
    // No engine is made, and no page is touched.
    let (buffers, settings) = (buffers()?, Settings::default());
    let failed = |(job, verdicts): (&Job<'_>, &Vec<Verdict>)| {
        let wrong = verdicts.iter().enumerate();
        let is_whole = |index: usize| {
            let mut directions = Direction::ALL.into_iter();
            directions.all(|of| job.loaded.missing(index, of).is_none())
        };
        let wrong = wrong.filter(|(index, verdict)| {
            let is_asked = job.loaded.same_layout && is_whole(*index);
            is_asked && matches!(verdict, Verdict::Differs(_))
        });
        wrong.map(|(index, _)| index).collect()
    };
    let failed: Vec<Vec<usize>> = jobs.iter().zip(verdicts.iter()).map(failed).collect();
    let one = |number: usize, at: usize| {
        let (job, index) = (&jobs[number], failed[number][at]);
        let case = &job.loaded.cases[index];
        let harness = Harness {
            loaded: job.code,
            settings: &settings,
            buffers: &buffers,
        };
        let sig = match case.sig_under(job.loaded.policy) {
            Ok(sig) => sig,
            Err(error) => return Verdict::NotRun(error.to_string()),
        };
        let mut times = 0..PHASES;
        let agrees =
            times.try_for_each(|_| calls::reference_agrees(&harness, case, sig.clone(), index));
        agrees.map(|()| 1).into()
    };
    let sizes: Vec<usize> = failed.iter().map(Vec::len).collect();
    let again = child::run(&sizes, at_once, one);
    check_interrupt()?;
    let again = again.map_err(VerifyError::System)?;
    for ((verdicts, failed), again) in verdicts.iter_mut().zip(&failed).zip(again) {
        for (&index, again) in failed.iter().zip(again) {
            // A failure to ask is not the compiler's fault.
            if let Some(verdict) = verdicts.get_mut(index)
                && let Verdict::Differs(difference) = &*verdict
                && matches!(again, Verdict::Differs(_))
            {
                *verdict = Verdict::SelfInconsistent(difference.clone());
            }
        }
    }
    Ok(())
}
