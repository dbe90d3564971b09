//! Cases of one compiler: their C sides compiled many to a file, in parallel, and every call made in a child process, by Cranelift or
//! by images of registers and stack.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cabi::{Convention, FnAbi, FnSig, Policy};
use clif_cabi_jit::Settings;

use super::{Compiler, Progress, Step, VerifyError, check_interrupt};
use crate::build::{ReferenceError, Unit};
use crate::case::Case;
use crate::check::calls::{
    self, Difference, Direction, Fault, Harness, N_BUFFERS, SharedEngine, Verdict,
};
use crate::check::registers::Probe;
use crate::emit::cranelift::{Mutation, VARIANTS};
use crate::run::child::{self, Outcome};
use crate::run::guard::GuardedBuffers;
use crate::run::loaded::LoadedCode;
use crate::threads::in_threads;

/// So many cases share a file: enough for the compiler's start not to matter, few enough for all processors to have work.
pub const BATCH: usize = 48;

/// Bytes of code that the cases of a batch may become together.
const MEMORY: usize = 1 << 24;

/// Cases whose C sides share one file.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// Who compiles them.
    pub compiler: &'a Compiler,
    /// Flags after the compiler's own.
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
    code: LoadedCode,
}

/// Cases of a batch that came to nothing for one reason: usually a single one, which the compiler refuses.
#[derive(Debug)]
pub struct Refused<'a> {
    /// The index of the batch they are of.
    pub batch: usize,
    /// The cases.
    pub cases: Vec<&'a Case>,
    /// The compiler's words.
    pub why: ReferenceError,
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
    pub shared_engine: bool,
    /// Child processes at once.
    pub at_once: usize,
}

/// A deliberate mistake; usually none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mistake {
    /// Told to Cranelift instead of the case's own convention.
    pub convention: Option<&'static Convention>,
    /// Made otherwise in the code.
    pub mutation: Mutation,
}

/// What stands on the other side of a call from or to C.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum OtherSide {
    /// An image of registers and stack, as in [`probe`](crate::check::registers).
    RegisterFile,
    /// Code by Cranelift, as in `interop`.
    Cranelift,
}

impl OtherSide {
    /// Both.
    pub const ALL: [Self; 2] = [Self::RegisterFile, Self::Cranelift];
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

/// Compiles the units of all batches, up to `at_once` compilers at a time. What comes back stands in the order of the batches.
///
/// # Errors
/// [`VerifyError::Interrupted`]; [`VerifyError::Reference`] if a compiler cannot be asked: the disk is full, it hangs.
pub fn compile<'a>(
    batches: &[Batch<'a>],
    at_once: usize,
    progress: Progress<'_>,
) -> Result<(Vec<Loaded>, Vec<Refused<'a>>), VerifyError> {
    progress(Step::Compile, 0, batches.len());
    let told = |done| progress(Step::Compile, done, batches.len());
    let compiled = in_threads(batches, at_once, |batch| batch.unit().compile(), told);
    check_interrupt()?;
    let (mut all, mut refused) = (Vec::new(), Vec::new());
    for (number, (batch, compiled)) in batches.iter().zip(compiled).enumerate() {
        // A child tries to load it: not in a thread.
        let loaded = LoadedCode::load(&batch.unit(), compiled?)?;
        let of = |at: &usize| batch.cases.get(*at).copied();
        let own = loaded.refused.into_iter().map(|own| Refused {
            batch: number,
            cases: own.cases.iter().filter_map(of).collect(),
            why: own.why,
        });
        refused.extend(own);
        if let Some(code) = loaded.code {
            let level = batch.compiler.level;
            let cases = loaded.cases.iter().filter_map(of);
            all.push(Loaded {
                batch: number,
                cases: cases.map(|case| case.clone().at_level(level)).collect(),
                turn: number,
                one_setting: false,
                policy: batch.compiler.policy,
                same_layout: batch.same_layout,
                code,
            });
        }
    }
    Ok((all, refused))
}

impl<'a> Batch<'a> {
    fn unit(&self) -> Unit<'a> {
        let reference = &self.compiler.reference;
        Unit::after_declarations(reference, self.flags, self.preamble, &self.cases)
    }
}

impl Loaded {
    /// The code of `cases`, compiled in another way than [`compile`] does. All of them run under one of the settings, which `turn` chooses.
    #[must_use]
    pub fn of_code(
        batch: usize,
        turn: usize,
        cases: Vec<Case>,
        policy: Policy,
        code: LoadedCode,
    ) -> Self {
        Self {
            batch,
            cases,
            turn,
            one_setting: true,
            policy,
            same_layout: true,
            code,
        }
    }
}

/// Makes the calls of all cases between C and Cranelift in child processes, in both directions. What comes back stands in the order of
/// `loaded`, one direction after the other, and in each in the order of its cases.
///
/// # Errors
/// [`VerifyError`]: the system has no pages or processes for it, or an interrupt.
pub fn call(
    loaded: &[Loaded],
    calls: &Calls<'_>,
    progress: Progress<'_>,
) -> Result<Vec<Vec<Called>>, VerifyError> {
    let buffers = buffers()?;
    // Filled in children only, each of which runs one job.
    let engine = RefCell::new(None);
    let one = |job: &Job<'_>, index: usize| job.call(index, calls, &buffers, &engine);
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

fn buffers() -> Result<GuardedBuffers, VerifyError> {
    GuardedBuffers::new(N_BUFFERS, 1 << 16).map_err(VerifyError::System)
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
        .map(|outcomes| outcomes.into_iter().map(Verdict::from).collect())
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
        let at = if calls.shared_engine || self.loaded.one_setting {
            // After the variants, which turn too.
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
        buffers: &GuardedBuffers,
        engine: &RefCell<Option<Result<SharedEngine, Fault>>>,
    ) -> Outcome {
        let case = &self.loaded.cases[index];
        let sig = match case.sig_under(self.loaded.policy) {
            Ok(sig) => sig,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        let Some((_, settings)) = self.setting(index, calls) else {
            return Outcome::Failed("there are no engine settings".to_owned());
        };
        let harness = Harness {
            loaded: &self.loaded.code,
            settings,
            buffers,
        };
        let tell = |sig: FnSig| calls.mistake.told(sig);
        let mutation = calls.mistake.mutation;
        let apart = || calls::observe(&harness, case, sig, index, self.direction, tell, mutation);
        let result = if calls.shared_engine {
            let mut engine = engine.borrow_mut();
            match engine.get_or_insert_with(|| self.all(&harness)) {
                Ok(together) => together.execute(&harness, index).map(|()| 1),
                // Which of the cases is to blame, only each alone can tell.
                Err(_) => apart(),
            }
        } else {
            apart()
        };
        result.into()
    }

    /// All cases in one engine.
    fn all(&self, harness: &Harness<'_>) -> Result<SharedEngine, Fault> {
        let settings = harness.settings.clone().memory(MEMORY);
        let harness = Harness {
            settings: &settings,
            ..*harness
        };
        let cases = self.loaded.cases.iter();
        let cases = cases.map(|case| (case, case.sig_under(self.loaded.policy)));
        let build = || SharedEngine::build(&harness, cases, self.direction, self.loaded.turn);
        let panicked = |_| Err(Difference::from("panicked").into());
        catch_unwind(AssertUnwindSafe(build)).unwrap_or_else(panicked)
    }

    fn probe(&self, index: usize, mistake: Mistake) -> Result<(), Difference> {
        let case = &self.loaded.cases[index];
        let sig = case.sig_under(self.loaded.policy).map(|s| mistake.told(s));
        let abi = sig.and_then(|sig| FnAbi::new(&sig, &case.target));
        let abi = abi.map_err(|error| Difference::from(error.to_string()))?;
        let probe = Probe::new(&self.loaded.code, case.vectors);
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

/// Lets the compiler's own caller and callee meet where a case failed: if they disagree, nobody can agree with both.
fn ask_themselves(
    jobs: &[Job<'_>],
    at_once: usize,
    verdicts: &mut [Vec<Verdict>],
) -> Result<(), VerifyError> {
    // No engine is made, and no page is touched.
    let (buffers, settings) = (buffers()?, Settings::default());
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
        let harness = Harness {
            loaded: &job.loaded.code,
            settings: &settings,
            buffers: &buffers,
        };
        let sig = match case.sig_under(job.loaded.policy) {
            Ok(sig) => sig,
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        calls::reference_agrees(&harness, case, sig, index)
            .map(|()| 1)
            .into()
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
            *verdict = Verdict::SelfInconsistent(difference.clone());
        }
    }
    Ok(())
}
