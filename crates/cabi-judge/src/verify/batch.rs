//! Cases of one compiler: their C halves compiled many to a file, in parallel, and every call made in a child process, by Cranelift or
//! by images of registers and stack.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use cabi::{Convention, FnAbi, FnSig, Policy, VectorLevel};
use clif_cabi_jit::Settings;

use super::{Compiler, Progress, Step, VerifyError, check_interrupt};
use crate::case::Case;
use crate::child::{self, Outcome};
use crate::guard::Rooms;
use crate::halves::Halves;
use crate::interop::{self, Difference, Direction, Fault, Ground, N_ROOMS, Together};
use crate::jit::{Twist, VARIANTS};
use crate::judge::{Built, JudgeError};
use crate::probe::Probe;

/// So many cases share a file: enough for the compiler's start not to matter, few enough for all processors to have work.
pub const BATCH: usize = 48;

/// Bytes of code that the cases of a batch may become together.
const MEMORY: usize = 1 << 24;

/// Cases whose C halves share one file.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// Who compiles them.
    pub compiler: &'a Compiler,
    /// Flags behind the compiler's own.
    pub flags: &'a [&'a str],
    /// The text that declares their types and functions.
    pub preamble: &'a str,
    /// The cases; their functions have different names.
    pub cases: Vec<&'a Case>,
    /// Whether the compiler's sizes and offsets are ours. Where not, its own two sides are not asked whether they agree about our bytes.
    pub same_layout: bool,
}

/// A compiled batch, or what is left of one of which something was refused.
#[derive(Debug)]
pub struct Loaded {
    /// The index of the batch it is of.
    pub batch: usize,
    /// Its cases, at the compiler's vector level.
    pub cases: Vec<Case>,
    /// Turns settings and variants where all cases share one engine.
    turn: usize,
    /// All its cases run under the settings of its turn.
    one_setting: bool,
    policy: Policy,
    same_layout: bool,
    halves: Halves,
}

/// Cases of a batch that came to nothing for one reason: usually a single one, which the compiler refuses.
#[derive(Debug)]
pub struct Refused<'a> {
    /// The index of the batch they are of.
    pub batch: usize,
    /// The cases.
    pub cases: Vec<&'a Case>,
    /// The compiler's words.
    pub why: JudgeError,
}

/// How calls are made.
#[derive(Clone, Copy, Debug)]
pub struct Calls<'a> {
    /// Engine settings with their names; the cases take turns.
    pub settings: &'a [(String, Settings)],
    /// What is made wrong on purpose.
    pub mistake: Mistake,
    /// Each case in one variant, all of a batch in one engine: ten times as fast as every case in every variant, in an engine of its own. Then
    /// nothing is made wrong.
    pub together: bool,
    /// Child processes at once.
    pub at_once: usize,
}

/// A deliberate mistake; usually none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mistake {
    /// Told to Cranelift instead of the case's own convention.
    pub convention: Option<&'static Convention>,
    /// Made otherwise in the code.
    pub twist: Twist,
}

/// What stands on the other side of a call from or to C.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Way {
    /// An image of registers and stack, as in [`probe`](crate::probe).
    Images,
    /// Code by Cranelift, as in [`interop`].
    Cranelift,
}

impl Way {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Images, Self::Cranelift];
}

/// What became of one case in one direction.
#[derive(Clone, Debug)]
pub struct Called {
    /// The case, at the compiler's vector level.
    pub case: Case,
    /// Who called whom.
    pub direction: Direction,
    /// The name of the engine settings it ran under; of an image, that it is one.
    pub setting: String,
    /// The result.
    pub verdict: Verdict,
}

/// The result of a case in one direction.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// Every byte was right in so many calls.
    Passed(usize),
    /// The lowering says that it does not support it, for this reason.
    NotLowered(String),
    /// It failed, and so it does between the compiler's own caller and callee: its bug.
    AgainstItself(Difference),
    /// It failed.
    Differs(Difference),
}

/// Compiles the halves of all batches, up to `at_once` compilers at a time. Where something is refused, it is refused alone. What comes back
/// stands in the order of the batches.
///
/// # Errors
/// [`VerifyError::Interrupted`]; [`VerifyError::Judge`] if a compiler cannot be asked: the disk is full, it hangs.
pub fn compile<'a>(
    batches: &[Batch<'a>],
    at_once: usize,
    progress: Progress<'_>,
) -> Result<(Vec<Loaded>, Vec<Refused<'a>>), VerifyError> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    progress(Step::Compile, 0, batches.len());
    std::thread::scope(|scope| {
        for _ in 0..at_once.clamp(1, batches.len().max(1)) {
            scope.spawn(|| {
                while let Some((number, batch)) = {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    batches.get(number).map(|batch| (number, batch))
                } {
                    let mut made = Vec::new();
                    compile_some(batch, &batch.cases, &mut made);
                    if let Ok(mut done) = done.lock() {
                        done.push((number, made));
                        progress(Step::Compile, done.len(), batches.len());
                    }
                }
            });
        }
    });
    check_interrupt()?;
    let mut done = done.into_inner().unwrap_or_default();
    // Results do not depend on which compiler was faster.
    done.sort_by_key(|(number, _)| *number);
    let (mut loaded, mut refused) = (Vec::new(), Vec::new());
    for (batch, made) in done {
        let Some(from) = batches.get(batch) else {
            continue;
        };
        for (cases, halves) in load_some(from, made) {
            match halves {
                Ok(halves) => loaded.push(load(batch, from, &cases, halves)),
                // Nothing was refused: a full disk, a compiler that hangs.
                Err(why) if why.is_about_the_system() => return Err(why.into()),
                Err(why) => refused.push(Refused { batch, cases, why }),
            }
        }
    }
    Ok((loaded, refused))
}

fn load(batch: usize, from: &Batch<'_>, cases: &[&Case], halves: Halves) -> Loaded {
    let level: VectorLevel = from.compiler.level;
    let cases = cases.iter().map(|&case| case.clone().at_level(level));
    Loaded {
        batch,
        cases: cases.collect(),
        turn: batch,
        one_setting: false,
        policy: from.compiler.policy,
        same_layout: from.same_layout,
        halves,
    }
}

impl Loaded {
    /// The halves of `cases`, compiled in another way than [`compile`] does. All of them run under one of the settings, which `turn` chooses.
    #[must_use]
    pub fn of_halves(
        batch: usize,
        turn: usize,
        cases: Vec<Case>,
        policy: Policy,
        halves: Halves,
    ) -> Self {
        Self {
            batch,
            cases,
            turn,
            one_setting: true,
            policy,
            same_layout: true,
            halves,
        }
    }
}

type Compiled<'a> = (Vec<&'a Case>, Result<Built, JudgeError>);

/// Compiles `cases` of a batch together; if that fails, each half of them for itself.
fn compile_some<'a>(batch: &Batch<'a>, cases: &[&'a Case], made: &mut Vec<Compiled<'a>>) {
    if child::was_interrupted() {
        return;
    }
    let judge = &batch.compiler.judge;
    match Halves::compile_behind(judge, batch.flags, batch.preamble, cases) {
        Err(error) if cases.len() > 1 && !error.is_about_the_system() => {
            let (left, right) = cases.split_at(cases.len() / 2);
            compile_some(batch, left, made);
            compile_some(batch, right, made);
        }
        result => made.push((cases.to_vec(), result)),
    }
}

type Halved<'a> = (Vec<&'a Case>, Result<Halves, JudgeError>);

/// Loads what was made of a batch. Of a file that cannot be loaded each half is compiled for itself, unless there is none without cases either.
fn load_some<'a>(batch: &Batch<'a>, made: Vec<Compiled<'a>>) -> Vec<Halved<'a>> {
    let judge = &batch.compiler.judge;
    let mut loads_without = None;
    let mut has_culprit = || {
        *loads_without.get_or_insert_with(|| {
            let built = Halves::compile_behind(judge, batch.flags, batch.preamble, &[]);
            built
                .and_then(|built| Halves::of_built(&built, &[]))
                .is_ok()
        })
    };
    let (mut all, mut left) = (Vec::new(), made);
    left.reverse();
    while let Some((cases, built)) = left.pop() {
        let halves = built.and_then(|built| Halves::of_built(&built, &cases));
        match halves {
            Err(JudgeError::Unloadable { .. }) if cases.len() > 1 && has_culprit() => {
                let (first, second) = cases.split_at(cases.len() / 2);
                let mut again = Vec::new();
                compile_some(batch, first, &mut again);
                compile_some(batch, second, &mut again);
                left.extend(again.into_iter().rev());
            }
            halves => all.push((cases, halves)),
        }
    }
    all
}

/// Makes the calls of all cases between C and Cranelift in child processes, in both directions. What comes back stands in the order of
/// `loaded`, one direction behind the other, and in each in the order of its cases.
///
/// # Errors
/// [`VerifyError`]: the system has no pages or processes for it, or an interrupt.
pub fn call(
    loaded: &[Loaded],
    calls: &Calls<'_>,
    progress: Progress<'_>,
) -> Result<Vec<Vec<Called>>, VerifyError> {
    let rooms = rooms()?;
    // Filled in children only, each of which runs one job.
    let engine = RefCell::new(None);
    let one = |job: &Job<'_>, index: usize| job.call(index, calls, &rooms, &engine);
    let setting = |job: &Job<'_>, index: usize| match job.setting(index, calls) {
        Some((name, _)) => name.clone(),
        None => String::new(),
    };
    in_children(loaded, calls.at_once, one, setting, progress)
}

/// The same between C and images of registers and stack: what [`call`] does for Cranelift's lowering this does for `FnAbi` itself, and for
/// what is not lowered. `mistake` may be in the convention only.
///
/// # Errors
/// As [`call`].
pub fn probe(
    loaded: &[Loaded],
    mistake: Mistake,
    at_once: usize,
    progress: Progress<'_>,
) -> Result<Vec<Vec<Called>>, VerifyError> {
    let one = |job: &Job<'_>, index: usize| match job.probe(index, mistake) {
        Ok(()) => Outcome::Passed(1),
        Err(difference) => Outcome::Failed(difference.line()),
    };
    let setting = |_: &Job<'_>, _| "none, an image of registers and stack".to_owned();
    in_children(loaded, at_once, one, setting, progress)
}

fn rooms() -> Result<Rooms, VerifyError> {
    Rooms::new(N_ROOMS, 1 << 16).map_err(VerifyError::System)
}

/// Does `one` for every case in both directions; where that fails, the compiler's own two sides are asked whether they agree.
fn in_children(
    loaded: &[Loaded],
    at_once: usize,
    one: impl Fn(&Job<'_>, usize) -> Outcome,
    setting: impl Fn(&Job<'_>, usize) -> String,
    progress: Progress<'_>,
) -> Result<Vec<Vec<Called>>, VerifyError> {
    let jobs: Vec<Job<'_>> = loaded
        .iter()
        .flat_map(|loaded| Direction::ALL.map(|direction| Job { loaded, direction }))
        .collect();
    let sizes: Vec<usize> = jobs.iter().map(|job| job.loaded.cases.len()).collect();
    let (mut done, all) = (0, sizes.iter().sum());
    progress(Step::Call, done, all);
    let told = |n: usize| {
        done += n;
        progress(Step::Call, done, all);
    };
    let one = |job: usize, index: usize| one(&jobs[job], index);
    let outcomes = child::run_telling(&sizes, at_once, one, told);
    check_interrupt()?;
    let outcomes = outcomes.map_err(VerifyError::System)?;
    let mut verdicts: Vec<Vec<Verdict>> = outcomes
        .into_iter()
        .map(|outcomes| outcomes.into_iter().map(verdict).collect())
        .collect();
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
            });
        }
    }
    Ok(called)
}

/// A batch in one direction.
struct Job<'a> {
    loaded: &'a Loaded,
    direction: Direction,
}

impl Job<'_> {
    /// The engine settings of case `index`, if there are any. Cases come in groups of eight positions, and there are eight settings: each group
    /// begins with another one, or a position would never meet but one.
    fn setting<'s>(&self, index: usize, calls: &Calls<'s>) -> Option<&'s (String, Settings)> {
        let n = calls.settings.len().max(1);
        let turn = match self.direction {
            Direction::Call => 0,
            Direction::Callee => n / 2,
        };
        let at = if calls.together || self.loaded.one_setting {
            // Behind the variants, which turn too.
            self.loaded.turn / VARIANTS
        } else {
            index + index / n
        };
        calls.settings.get((at + turn) % n)
    }

    fn call(
        &self,
        index: usize,
        calls: &Calls<'_>,
        rooms: &Rooms,
        engine: &RefCell<Option<Result<Together, Fault>>>,
    ) -> Outcome {
        let case = &self.loaded.cases[index];
        let sig = match case.sig_under(self.loaded.policy) {
            Ok(sig) => sig,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        let Some((_, settings)) = self.setting(index, calls) else {
            return Outcome::Failed("there are no engine settings".to_owned());
        };
        let ground = Ground {
            halves: &self.loaded.halves,
            settings,
            rooms,
        };
        let tell = |sig: FnSig| calls.mistake.told(sig);
        let twist = calls.mistake.twist;
        let apart = || interop::observe(&ground, case, sig, index, self.direction, tell, twist);
        let result = if calls.together {
            let mut engine = engine.borrow_mut();
            match engine.get_or_insert_with(|| self.all(&ground)) {
                Ok(together) => together.play(&ground, index).map(|()| 1),
                // Which of the cases is to blame, only each alone can tell.
                Err(_) => apart(),
            }
        } else {
            apart()
        };
        match result {
            Ok(n) => Outcome::Passed(n),
            Err(Fault::Refused(why)) => Outcome::Refused(why.to_string()),
            Err(Fault::Failed(difference)) => Outcome::Failed(difference.line()),
        }
    }

    /// All cases in one engine.
    fn all(&self, ground: &Ground<'_>) -> Result<Together, Fault> {
        let settings = ground.settings.clone().memory(MEMORY);
        let ground = Ground {
            settings: &settings,
            ..*ground
        };
        let cases = self.loaded.cases.iter();
        let cases = cases.map(|case| (case, case.sig_under(self.loaded.policy)));
        let build = || Together::build(&ground, cases, self.direction, self.loaded.turn);
        let panicked = |_| Err(Difference::from("panicked").into());
        catch_unwind(AssertUnwindSafe(build)).unwrap_or_else(panicked)
    }

    fn probe(&self, index: usize, mistake: Mistake) -> Result<(), Difference> {
        let case = &self.loaded.cases[index];
        let sig = case.sig_under(self.loaded.policy).map(|s| mistake.told(s));
        let abi = sig.and_then(|sig| FnAbi::new(&sig, &case.target));
        let abi = abi.map_err(|error| Difference::from(error.to_string()))?;
        let probe = Probe::new(&self.loaded.halves, case.vectors);
        match self.direction {
            Direction::Call => probe.check_callee(index, case, &abi),
            Direction::Callee => probe.check_caller(index, case, &abi),
        }
    }
}

impl Mistake {
    /// What Cranelift, or an image, is told of a function of `sig`.
    fn told(&self, sig: FnSig) -> FnSig {
        match self.convention {
            Some(convention) => sig.convention(convention),
            None => sig,
        }
    }
}

fn verdict(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Passed(n) => Verdict::Passed(n),
        Outcome::Refused(why) => Verdict::NotLowered(why),
        Outcome::Failed(line) => Verdict::Differs(Difference::read(&line)),
        Outcome::Crashed(why) => {
            Verdict::Differs(Difference::from(format!("the call dies of {why}")))
        }
    }
}

/// Lets the compiler's own caller and callee meet where a case failed: if they disagree, nobody can agree with both.
fn ask_themselves(
    jobs: &[Job<'_>],
    at_once: usize,
    verdicts: &mut [Vec<Verdict>],
) -> Result<(), VerifyError> {
    // No engine is made, and no page is touched.
    let (rooms, settings) = (rooms()?, Settings::default());
    let mut failed = Vec::new();
    for (number, (job, verdicts)) in jobs.iter().zip(verdicts.iter()).enumerate() {
        if job.loaded.same_layout {
            let wrong = verdicts.iter().enumerate();
            let wrong = wrong.filter(|(_, verdict)| matches!(verdict, Verdict::Differs(_)));
            failed.extend(wrong.map(|(index, _)| (number, index)));
        }
    }
    let one = |at: usize, _: usize| {
        let (number, index) = failed[at];
        let job = &jobs[number];
        let case = &job.loaded.cases[index];
        let ground = Ground {
            halves: &job.loaded.halves,
            settings: &settings,
            rooms: &rooms,
        };
        let sig = match case.sig_under(job.loaded.policy) {
            Ok(sig) => sig,
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        match interop::judge_agrees_under(&ground, case, sig, index) {
            Ok(()) => Outcome::Passed(1),
            Err(Fault::Refused(why)) => Outcome::Refused(why.to_string()),
            Err(Fault::Failed(difference)) => Outcome::Failed(difference.why),
        }
    };
    let again = child::run(&vec![1; failed.len()], at_once, one);
    check_interrupt()?;
    for (&(number, index), again) in failed.iter().zip(again.map_err(VerifyError::System)?) {
        // What could not be asked is not the compiler's fault.
        let disagrees = matches!(again.as_slice(), [Outcome::Failed(_) | Outcome::Crashed(_)]);
        let verdict = verdicts.get_mut(number).and_then(|all| all.get_mut(index));
        if let Some(verdict) = verdict
            && let Verdict::Differs(difference) = &*verdict
            && disagrees
        {
            *verdict = Verdict::AgainstItself(difference.clone());
        }
    }
    Ok(())
}
