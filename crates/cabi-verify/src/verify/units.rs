//! Cases of one compiler: their C sides compiled many to a file, in parallel. Every call is made in
//! a child process, by Cranelift, or observed by the probe; for another target the probe observes
//! both sides of the compiler's code, and of ours.

use std::cell::RefCell;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use cabi::{Convention, FnSig, Policy};
use clif_cabi_jit::Settings;

use super::{Progress, VerifyError, check_interrupt};
use crate::build::zig::ZigNumber;
use crate::build::{Built, ProgramTarget, Reference, ReferenceError};
use crate::case::Case;
use crate::check::calls::{Direction, Key, Verdict};
use crate::emit::cranelift::Mutation;
use crate::probe::{Observed, Probe, has_room};
use crate::run::loaded::LoadedCode;
use crate::threads::in_threads;

mod batch;
mod job;
mod programs;
mod self_inconsistent;

pub use batch::{Batch, RefusedCases, compile};
use job::{Job, Made, buffers, in_children};
use self_inconsistent::settle;
pub(crate) use self_inconsistent::{NOT_ASKED, is_inconsistent_here};
pub use self_inconsistent::{ProgramLimit, Shown};

/// So many cases share a file: enough for the compiler's start not to matter, few enough for all processors to have work.
pub const BATCH: usize = 48;

/// A compiled batch, or the rest of one of which something was refused.
#[derive(Debug)]
pub struct Loaded {
    /// The index of the part that its cases are of.
    pub part: usize,
    /// Its cases, at the compiler's vector level.
    pub cases: Vec<Case>,
    /// The choices that its calls are compared with.
    pub policy: Policy,
    /// For each case and direction the reason why it is not called: the compiler's side is missing,
    /// or it is not asked for. Empty if all are called.
    pub missing: Vec<[Option<String>; 2]>,
    /// Zig's answers about the layouts of the types of its cases.
    pub layout: Vec<ZigNumber>,
    /// All its cases run under the settings of this turn, which turns the variants too where all share one engine; without one they take turns.
    turn: Option<usize>,
    same_layout: bool,
    code: CSides,
    /// Compiler of the cases, with its further flags.
    reference: Reference,
    flags: Vec<String>,
    probe: Arc<OnceLock<Result<Probe, String>>>,
    seen: OnceLock<Vec<Seen>>,
}

/// The probe's observation of a case, or the reason why there is none.
pub type Seen = Result<Observed, String>;

/// Compiled C sides, and where they run.
#[derive(Debug)]
pub enum CSides {
    /// In children of this process.
    Here(LoadedCode),
    /// In programs of a target.
    InPrograms(Built, Arc<ProgramTarget>),
}

/// Way in which calls are made.
#[derive(Clone, Copy, Debug)]
pub struct Calls<'a> {
    /// Engine settings with their names; the cases take turns.
    pub settings: &'a [(String, Settings)],
    /// A mistake made on purpose.
    pub mistake: Mistake,
    /// Each case in one variant, all of a batch in one engine: ten times as fast as every case in every variant, in an engine of its own. Then
    /// nothing is made wrong.
    pub shared_engine: bool,
    /// Child processes at once.
    pub at_once: usize,
    /// Seed of the order in which each child runs its cases; without one they run as they stand.
    pub order: Option<u64>,
    /// Number of further cases, in which a compiler seems to disagree with itself, that programs
    /// may show. With `None`, nothing is shown, and such a case is what it seems.
    pub to_show: Option<&'a ProgramLimit>,
}

/// A deliberate mistake; usually none.
#[derive(Clone, Copy, Debug)]
pub struct Mistake {
    /// Told to Cranelift instead of the case's own convention.
    pub convention: Option<&'static Convention>,
    /// Made otherwise in the code.
    pub mutation: Mutation,
    /// Key by which plans, invokers and closures are found.
    pub key: Option<Key>,
    /// A mistake of the runner itself with the verdicts of a unit: it must notice.
    pub runner: Option<fn(&mut Vec<Called>)>,
}

impl Mistake {
    /// No mistake.
    pub const NONE: Self = Self {
        convention: None,
        mutation: Mutation {
            stub: None,
            func: None,
        },
        key: None,
        runner: None,
    };

    /// Returns the mistake that Cranelift has another convention.
    pub const fn of_convention(convention: &'static Convention) -> Self {
        Self {
            convention: Some(convention),
            ..Self::NONE
        }
    }

    /// Returns `sig` with the mistake, for Cranelift's lowering and for images.
    pub fn told(&self, sig: FnSig) -> FnSig {
        match self.convention {
            Some(convention) => sig.convention(convention),
            None => sig,
        }
    }
}

/// The other side of a call from or to C.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OtherSide {
    /// None of ours: the [`probe`](crate::probe) observes where the code has its values, and they
    /// are compared.
    Probe,
    /// Code by Cranelift, as in `interop`.
    Cranelift,
    /// Code made at run time for any signature, alone: invokers and closures. Code by Cranelift
    /// where neither can be.
    AtRunTime,
    /// The probe, which sees all registers, and code by Cranelift.
    Both,
    /// First code by Cranelift, then the probe for the facts that such calls do not show.
    CraneliftFirst,
}

/// Outcome of one case in one direction.
#[derive(Clone, Debug)]
pub struct Called {
    /// The case, at the compiler's vector level.
    pub case: Case,
    /// Caller and callee.
    pub direction: Direction,
    /// The name of the engine settings it ran under; of the probe, that there are none.
    pub setting: String,
    /// The result.
    pub verdict: Verdict,
    /// The program that shows that the compiler disagrees with itself, if that is the result.
    pub shown: Option<Shown>,
}

impl Loaded {
    /// Returns its code, if that runs here.
    pub fn here(&self) -> Option<&LoadedCode> {
        match &self.code {
            CSides::Here(code) => Some(code),
            CSides::InPrograms(..) => None,
        }
    }

    /// Returns the reason why case `index` is not called in `direction`, if it is not.
    fn missing(&self, index: usize, direction: Direction) -> Option<&str> {
        let sides = self.missing.get(index)?;
        sides[direction as usize].as_deref()
    }

    /// Returns the probe's observation of each case, after [`observe`].
    pub fn seen(&self) -> &[Seen] {
        self.seen.get().map_or(&[], |seen| seen)
    }

    pub(crate) fn built(&self) -> &Built {
        match &self.code {
            CSides::Here(code) => code.built(),
            CSides::InPrograms(built, _) => built,
        }
    }

    /// Leaves out the cases that are not to be called.
    pub(crate) fn retain(&mut self, is_called: impl Fn(&Case) -> bool) {
        self.seen.take();
        let mut is_kept = self.cases.iter().map(&is_called);
        if let CSides::Here(code) = &mut self.code {
            code.retain(|| is_kept.next() == Some(true));
        }
        self.cases.retain(is_called);
    }
}

/// Makes the calls of all cases between C and the other side of `way`, in child processes and in
/// both directions. The results stand in the order of `loaded`, one direction after the other, and
/// in each in the order of its cases.
///
/// Cranelift shows that the lowering follows `FnAbi`; the probe shows `FnAbi` itself, also for
/// cases that are not lowered. A mistake of theirs may be in the convention only.
///
/// If a case fails, the compiler's own two sides are asked whether they agree, here and in a
/// program of the compiler alone.
///
/// Code for another target is observed by the probe in programs, whatever `way` says, and so is ours.
///
/// # Errors
/// [`VerifyError`]: the system has no pages or processes for it, a compiler cannot be asked, an interrupt.
pub fn run(
    loaded: &[Loaded],
    way: OtherSide,
    calls: &Calls<'_>,
    progress: Progress<'_>,
) -> Result<Vec<Vec<Called>>, VerifyError> {
    let mut in_programs = programs::run(loaded, calls, progress)?.into_iter();
    let here = loaded.iter().filter_map(|one| Some((one, one.here()?)));
    let here: Vec<(&Loaded, &LoadedCode)> = here.collect();
    if !matches!(way, OtherSide::Cranelift | OtherSide::AtRunTime) {
        observe(loaded, calls.at_once)?;
    }
    let buffers = buffers()?;
    // Filled in children only, each of which runs one job.
    let made = RefCell::new(Made::default());
    let call = |job: &Job<'_>, index| job.call(index, calls, way, &buffers, &made);
    let one = |job: &Job<'_>, index: usize| match way {
        OtherSide::Cranelift | OtherSide::AtRunTime => call(job, index),
        OtherSide::Probe => job.observed(index, calls.mistake),
        OtherSide::Both => job.observed_and_called(index, calls.mistake, || call(job, index)),
        OtherSide::CraneliftFirst => job.with_what_calls_do_not_tell(index, call(job, index)),
    };
    let setting = |job: &Job<'_>, index: usize| match (way, job.setting(index, calls)) {
        (OtherSide::Probe, _) => "none, what the code does is observed".to_owned(),
        (_, Some((name, _))) => name.clone(),
        (_, None) => String::new(),
    };
    let children = (calls.at_once, calls.order);
    let mut called = in_children(&here, children, one, setting, progress)?;
    if let Some(limit) = calls.to_show {
        for ((loaded, _), called) in here.iter().zip(&mut called) {
            settle(loaded, called, limit, calls.at_once)?;
        }
    }
    let mut called = called.into_iter();
    let all = loaded.iter().map_while(|one| match one.here() {
        Some(_) => called.next(),
        None => in_programs.next(),
    });
    complete(loaded, all.collect(), calls.mistake)
}

/// Has the probe look at the code of `loaded`, as far as it has not.
///
/// # Errors
/// [`VerifyError::Reference`]: a program that cannot be started, or is not linked.
pub fn observe(loaded: &[Loaded], at_once: usize) -> Result<(), VerifyError> {
    let is_to_be_seen = |one: &&Loaded| one.seen.get().is_none();
    let loaded: Vec<&Loaded> = loaded.iter().filter(is_to_be_seen).collect();
    let asked = loaded.iter().map(|one| Asked {
        probe: probe_of(one),
        code: &one.built().object,
        is_shared: one.here().is_some(),
        cases: &one.cases,
    });
    let asked: Vec<Asked<'_>> = asked.collect();
    let all = in_threads(&asked, at_once, Asked::seen, |_| ());
    for (one, seen) in loaded.iter().zip(all) {
        let seen = seen?;
        one.seen.get_or_init(|| seen);
    }
    check_interrupt()
}

/// Returns the probe of the machine whose code `loaded` has.
fn probe_of(loaded: &Loaded) -> &Result<Probe, String> {
    loaded.probe.get_or_init(|| match &loaded.code {
        CSides::Here(_) => Probe::of_here(),
        CSides::InPrograms(_, target) => {
            Probe::of_target(target).map_err(|error| error.to_string())
        }
    })
}

/// State of compiled code that threads share.
struct Asked<'a> {
    probe: &'a Result<Probe, String>,
    code: &'a Path,
    is_shared: bool,
    cases: &'a [Case],
}

impl Asked<'_> {
    fn seen(&self) -> Result<Vec<Seen>, ReferenceError> {
        let probe = match self.probe {
            Ok(probe) => probe,
            Err(why) => return Ok(vec![Err(why.clone()); self.cases.len()]),
        };
        let room: Vec<Result<(), &str>> = self.cases.iter().map(has_room).collect();
        let small = self.cases.iter().zip(&room);
        let small: Vec<Case> = small
            .filter(|(_, room)| room.is_ok())
            .map(|(case, _)| case.clone())
            .collect();
        let observed = match probe.observe(self.code, self.is_shared, &small) {
            // A program that does not link costs the cases of its unit alone.
            Err(error) if !self.is_shared && !error.is_about_the_system() => {
                vec![Err(error.to_string()); small.len()]
            }
            observed => observed?,
        };
        let mut observed = observed.into_iter();
        let seen = room.into_iter().map(|room| {
            room?;
            Ok(observed
                .next()
                .unwrap_or(Err("nothing was said of it".to_owned())))
        });
        Ok(seen.collect())
    }
}

/// `all`, if each case of each unit has one verdict in each direction, in order, and none has passed without a comparison.
fn complete(
    loaded: &[Loaded],
    mut all: Vec<Vec<Called>>,
    mistake: Mistake,
) -> Result<Vec<Vec<Called>>, VerifyError> {
    if let Some(wrong) = mistake.runner {
        all.iter_mut().for_each(wrong);
    }
    if all.len() != loaded.len() {
        let why = format!("{} units of {} were run", all.len(), loaded.len());
        return Err(VerifyError::Runner(why));
    }
    for (unit, called) in loaded.iter().zip(&all) {
        let expected = Direction::ALL.into_iter().flat_map(|of| {
            let cases = unit.cases.iter();
            cases.map(move |case| (&case.function.name, of))
        });
        let found = called.iter();
        let found = found.map(|one| (&one.case.function.name, one.direction));
        if !found.eq(expected) {
            let why = "a case has not one verdict in each direction";
            return Err(VerifyError::Runner(why.to_owned()));
        }
        let is_silent = |one: &&Called| one.verdict == Verdict::Passed(0);
        if let Some(one) = called.iter().find(is_silent) {
            let why = format!("nothing was compared of {}", one.case.name);
            return Err(VerifyError::Runner(why));
        }
    }
    Ok(all)
}
