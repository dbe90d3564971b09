//! The calls of units, each unit in each direction in a child process.

use std::cell::RefCell;
use std::collections::BTreeMap;

use clif_cabi_jit::Settings;

use super::engine::{Sides, Ways};
use super::{Caches, CallCase, Direction, Harness, Key, N_BUFFERS, Verdict};
use crate::generate::Random;
use crate::run::child;
use crate::run::guard::GuardedBuffers;
use crate::run::loaded::LoadedCode;
use crate::verify::VerifyError;
use crate::verify::units::{Called, Loaded, Mistake, complete};

/// How calls are made.
#[derive(Clone, Copy, Debug)]
pub struct Calls<'a> {
    /// Engine settings with their names; the cases take turns.
    pub settings: &'a [(String, Settings)],
    /// A mistake made on purpose.
    pub mistake: Mistake,
    /// Key by which plans, invokers and closures are found: a mistake too.
    pub key: Option<Key>,
    /// By code made at run time for any signature alone, which invokers and closures are; by
    /// compiled code where neither can be.
    pub at_run_time: bool,
    /// Child processes at once.
    pub at_once: usize,
    /// Seed of the order in which each child runs its cases; without one they run as they stand.
    pub order: Option<u64>,
}

/// Makes the calls of all cases between C and Cranelift, in child processes and in both directions,
/// of code that this process can load. The results stand as those of
/// [`units::run`](crate::verify::units::run).
///
/// # Errors
/// [`VerifyError`]: the system has no pages or processes for it, or code cannot be loaded.
pub fn run(loaded: &[Loaded], calls: &Calls<'_>) -> Result<Vec<Vec<Called>>, VerifyError> {
    let mut codes = Vec::new();
    for one in loaded {
        codes.push(LoadedCode::of_built(&one.built, &one.cases)?);
    }
    let jobs = loaded.iter().zip(&codes).flat_map(|(loaded, code)| {
        Direction::ALL.map(|direction| Job {
            loaded,
            code,
            direction,
        })
    });
    let jobs: Vec<Job<'_>> = jobs.collect();
    let sizes: Vec<usize> = jobs.iter().map(|job| job.loaded.cases.len()).collect();
    let orders = sizes.iter().enumerate();
    let orders: Vec<Vec<usize>> = orders
        .map(|(job, n)| in_order(calls.order, job, *n))
        .collect();
    let buffers = GuardedBuffers::new(N_BUFFERS, 1 << 16).map_err(VerifyError::System)?;
    // Filled in children only, each of which runs one job.
    let made = RefCell::new(BTreeMap::new());
    let one = |job: usize, at: usize| {
        let index = orders[job][at];
        match jobs[job].loaded.missing(index, jobs[job].direction) {
            Some(why) => Verdict::NotRun(why.to_owned()),
            None => jobs[job].call(index, calls, &buffers, &made),
        }
    };
    let verdicts = child::run(&sizes, calls.at_once, one);
    let verdicts = verdicts.map_err(VerifyError::System)?;
    let mut called: Vec<Vec<Called>> = loaded.iter().map(|_| Vec::new()).collect();
    for (number, ((job, verdicts), order)) in jobs.iter().zip(verdicts).zip(&orders).enumerate() {
        let mut sorted: Vec<(usize, Verdict)> = order.iter().copied().zip(verdicts).collect();
        sorted.sort_by_key(|(index, _)| *index);
        let of_job = sorted.into_iter().map(|(index, verdict)| Called {
            case: job.loaded.cases[index].clone(),
            direction: job.direction,
            setting: job
                .setting(index, calls)
                .map_or(String::new(), |(name, _)| name.clone()),
            verdict,
            shown: None,
        });
        called[number / Direction::ALL.len()].extend(of_job);
    }
    complete(loaded, called, calls.mistake)
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
struct Job<'a> {
    loaded: &'a Loaded,
    code: &'a LoadedCode,
    direction: Direction,
}

impl Job<'_> {
    /// The engine settings of case `index`, if there are any.
    fn setting<'s>(&self, index: usize, calls: &Calls<'s>) -> Option<&'s (String, Settings)> {
        calls.settings.get(index % calls.settings.len().max(1))
    }

    fn call(
        &self,
        index: usize,
        calls: &Calls<'_>,
        buffers: &GuardedBuffers,
        made: &RefCell<BTreeMap<String, Caches>>,
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
        let caches = made.entry(name.clone()).or_default();
        let mut told = calls.mistake.told(sig.clone());
        if let Some(key) = calls.key {
            told = caches.first(key, told);
        }
        let mutation = calls.mistake.mutation;
        let ways = match mutation.stub.is_some() || mutation.func.is_some() {
            true => Ways::Compiled,
            false if calls.at_run_time => Ways::AtRunTime,
            false => Ways::All,
        };
        let plan = CallCase::new(case, sig, told, index);
        let sides =
            plan.and_then(|plan| Sides::of(&harness, caches, plan, self.direction, ways, mutation));
        sides.and_then(|sides| sides.rounds(&harness)).into()
    }
}
