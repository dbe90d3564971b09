//! Cases compiled many to a file, and run in child processes.

use cabi::FnSig;
use cabi_verify::build::{Reference, ReferenceError, Unit};
use cabi_verify::case::{Case, Entry};
use cabi_verify::check::calls::{self, Direction, Harness, N_BUFFERS};
use cabi_verify::run::child::{self, Outcome};
use cabi_verify::run::guard::GuardedBuffers;
use cabi_verify::run::loaded::LoadedCode;
use cabi_verify::verdict::Fault;
use cabi_verify::verify::units::Mistake;
use clif_cabi_jit::Settings;

use crate::suite::Result;

/// Child processes at once.
const AT_ONCE: usize = 2;

/// Cases of one vector level with what a reference compiler made of them: a caller and a callee each.
pub(crate) struct Compiled<'a> {
    pub(crate) reference: &'a Reference,
    /// One for each level of optimization that was asked for.
    pub(crate) levels: Vec<LoadedCode>,
    pub(crate) entries: Vec<Entry<'a>>,
}

/// Has `reference` compile `entries` at each of these levels of optimization, all in one file a level. What it refuses at any of them is left out, and
/// `refused` is told; `None` if nothing is left.
pub(crate) fn compile<'a>(
    reference: &'a Reference,
    optimize: &[&str],
    mut entries: Vec<Entry<'a>>,
    refused: &mut dyn FnMut(&Case, &ReferenceError),
) -> Result<Option<Compiled<'a>>> {
    let mut levels = Vec::new();
    while let (Some(level), false) = (optimize.get(levels.len()), entries.is_empty()) {
        let unit = Unit::of_entries(reference, level, &entries);
        let loaded = LoadedCode::load(&unit, unit.compile()?)?;
        levels.extend(loaded.code);
        for one in &loaded.refused {
            for at in &one.cases {
                refused(entries[*at].1, &one.why);
            }
        }
        if loaded.cases.len() < entries.len() {
            entries = loaded.cases.iter().map(|at| entries[*at]).collect();
            // The levels before have the cases under other indices.
            levels.truncate(usize::from(levels.len() == 1));
        }
    }
    Ok((!entries.is_empty()).then_some(Compiled {
        reference,
        levels,
        entries,
    }))
}

impl Compiled<'_> {
    /// Makes the calls of one case in one direction. Returns how many were right.
    pub(crate) fn call(
        &self,
        buffers: &GuardedBuffers,
        settings: &Settings,
        direction: Direction,
        index: usize,
        mistake: &Mistake,
    ) -> std::result::Result<usize, Fault> {
        let (case, sig) = self.case(index)?;
        let (harness, told) = (self.harness(buffers, settings), |sig| mistake.told(sig));
        calls::observe(
            &harness,
            case,
            sig,
            index,
            direction,
            told,
            mistake.mutation,
        )
    }

    /// The same by an invoker or a closure alone.
    pub(crate) fn call_at_run_time(
        &self,
        buffers: &GuardedBuffers,
        settings: &Settings,
        direction: Direction,
        index: usize,
        mistake: &Mistake,
    ) -> std::result::Result<usize, Fault> {
        let (case, sig) = self.case(index)?;
        let (harness, told) = (self.harness(buffers, settings), |sig| mistake.told(sig));
        calls::observe_at_run_time(&harness, case, sig, index, direction, told)
    }

    fn case(&self, index: usize) -> std::result::Result<(&Case, FnSig), Fault> {
        let (case, profile) = (self.entries[index].1, self.reference.profile());
        let sig = case.sig(profile).map_err(|error| error.to_string())?;
        Ok((case, sig))
    }

    /// The first of the levels, to be called with these settings.
    pub(crate) fn harness<'s>(
        &'s self,
        buffers: &'s GuardedBuffers,
        settings: &'s Settings,
    ) -> Harness<'s> {
        Harness {
            loaded: &self.levels[0],
            settings,
            buffers,
        }
    }
}

/// Memory for the objects of calls.
pub(crate) fn buffers() -> Result<GuardedBuffers> {
    Ok(GuardedBuffers::new(N_BUFFERS, 1 << 16)?)
}

/// Runs `case(job, index)` in child processes, for as many cases as each job has.
pub(crate) fn in_children<J>(
    jobs: &[J],
    n_cases: impl Fn(&J) -> usize,
    case: impl Fn(&J, usize) -> Outcome,
) -> Result<Vec<Vec<Outcome>>> {
    let sizes: Vec<usize> = jobs.iter().map(n_cases).collect();
    Ok(child::run(&sizes, AT_ONCE, |job, i| case(&jobs[job], i))?)
}

/// What a report says of an outcome.
pub(crate) fn outcome(outcome: Outcome) -> std::result::Result<usize, String> {
    match outcome {
        Outcome::Passed(calls) => Ok(calls),
        Outcome::Refused(why) | Outcome::Failed(why) => Err(why),
        Outcome::Crashed(why) => Err(format!("dies of {why}")),
    }
}
