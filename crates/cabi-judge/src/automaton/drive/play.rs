//! The calls of a drive: halves compiled, then every function by images of registers and stack, then by Cranelift.

use std::collections::BTreeSet;

use clif_cabi_jit::Settings;

use super::functions::{Function, Sheet};
use super::{AGAINST_ITSELF, Drive, Driven, REFUSED_HERE, REFUSED_THERE, Way, abi};
use crate::automaton::Transition;
use crate::case::Case;
use crate::child::{self, Outcome};
use crate::guard::Rooms;
use crate::interop::{self, Difference, Direction, Ground, N_ROOMS};
use crate::probe::Probe;
use crate::verify::batch::{self, Batch, Calls, Loaded};
use crate::verify::{Compiler, Progress, Step, VerifyError, check_interrupt, refusal};

/// What became of a function in one way and direction.
pub(super) enum Verdict {
    Passed,
    NotLowered(String),
    Differs(Difference),
    /// It cannot be judged with this type, for a reason of this kind.
    Aside(&'static str, String),
}

/// Makes all calls of `sheets`. What is to be tried with another type comes back, with that type's turn.
pub(super) fn play(
    driven: &mut Driven<'_>,
    sheets: &[Sheet],
    progress: Progress<'_>,
) -> Result<Vec<(Transition, usize)>, VerifyError> {
    let mut again = Again::default();
    let batches = batches(driven, sheets, &mut again);
    let (loaded, refused) = batch::compile(&batches, driven.drive.at_once, progress)?;
    for refused in refused {
        for case in &refused.cases {
            if let Some(function) = function(sheets, refused.batch, case) {
                driven.set_aside(function, REFUSED_THERE, refusal(&refused.why));
                again.push(function);
            }
        }
    }
    let before = driven.found.len();
    images(driven, sheets, &loaded, &mut again, progress)?;
    let n: usize = loaded.iter().map(|loaded| loaded.cases.len()).sum();
    if driven.found.len() - before > n {
        // More than half of both directions.
        driven.stopped = true;
        return Ok(Vec::new());
    }
    cranelift(driven, sheets, &loaded, &mut again, progress)?;
    Ok(again.0)
}

/// What is to be compiled; signatures that do not show what they should are set aside.
fn batches<'s, 'd: 's>(
    driven: &mut Driven<'d>,
    sheets: &'s [Sheet],
    again: &mut Again,
) -> Vec<Batch<'s>> {
    let drive: &'d Drive = driven.drive;
    let mut batches = Vec::new();
    for sheet in sheets {
        let Some(level) = drive.levels().nth(sheet.level) else {
            continue;
        };
        let mut cases = Vec::new();
        for (function, case) in sheet.functions.iter().zip(&sheet.subject.cases) {
            match shown(function, case, level.compiler.policy) {
                Ok(()) => cases.push(case),
                Err(why) => {
                    driven.set_aside(function, REFUSED_HERE, why);
                    again.push(function);
                }
            }
        }
        batches.push(Batch {
            compiler: &level.compiler,
            flags: if chosen(&level.compiler) {
                &[]
            } else {
                &["-O0"]
            },
            preamble: &sheet.subject.block.code,
            cases,
            same_layout: true,
        });
    }
    batches
}

/// Whether the compiler's command says how to optimize: what stands there is the user's choice. Else what takes least time will do.
fn chosen(compiler: &Compiler) -> bool {
    compiler.judge.command().contains(" -O")
}

/// Functions to be tried with another type, each once.
#[derive(Default)]
struct Again(Vec<(Transition, usize)>);

impl Again {
    fn push(&mut self, function: &Function) {
        let next = (function.transition, function.turn + 1);
        if !self.0.contains(&next) {
            self.0.push(next);
        }
    }
}

/// Whether `case` is a signature, and its value shows what it is to show.
fn shown(function: &Function, case: &Case, policy: cabi::Policy) -> Result<(), String> {
    let right = abi(case, policy, batch::Mistake::default());
    right.map_err(|error| error.to_string())?;
    let shown = Transition::of_argument(case, policy, function.value_index());
    match shown.map_err(|error| error.to_string())? {
        Some(shown) if shown == function.transition => Ok(()),
        Some(shown) => Err(format!("it shows {shown}")),
        None => Err("it is outside of the measure".to_owned()),
    }
}

/// The function of `case` on the sheet of a batch.
fn function<'s>(sheets: &'s [Sheet], batch: usize, case: &Case) -> Option<&'s Function> {
    let number: usize = case.function.name.strip_prefix('f')?.parse().ok()?;
    sheets.get(batch)?.functions.get(number)
}

/// What stands for engine settings where there is no engine.
const IMAGE: &str = "none, an image of registers and stack";

/// Functions of one file, in one direction.
type Job<'a> = (&'a Loaded, Direction);

/// Every function by images, in child processes; where one fails, the compiler's own two sides are asked whether they agree.
fn images(
    driven: &mut Driven<'_>,
    sheets: &[Sheet],
    loaded: &[Loaded],
    again: &mut Again,
    progress: Progress<'_>,
) -> Result<(), VerifyError> {
    let jobs: Vec<Job<'_>> = loaded
        .iter()
        .flat_map(|loaded| Direction::ALL.map(|direction| (loaded, direction)))
        .collect();
    let outcomes = probed(driven.drive, &jobs, progress)?;
    let torn = torn(driven.drive, &jobs, &outcomes)?;
    for (number, ((loaded, direction), outcomes)) in jobs.iter().zip(outcomes).enumerate() {
        for (index, (case, outcome)) in loaded.cases.iter().zip(outcomes).enumerate() {
            let difference = match outcome {
                Outcome::Passed(_) => None,
                Outcome::Refused(line) | Outcome::Failed(line) => Some(Difference::read(&line)),
                Outcome::Crashed(why) => Some(format!("the call dies of {why}").into()),
            };
            let verdict = match difference {
                None => Verdict::Passed,
                Some(difference) if torn.contains(&(number, index)) => {
                    Verdict::Aside(AGAINST_ITSELF, difference.why)
                }
                Some(difference) => Verdict::Differs(difference),
            };
            let leg = (Way::Images, *direction);
            if let Some(function) = function(sheets, loaded.batch, case)
                && !driven.take(function, case, leg, IMAGE, verdict)
            {
                again.push(function);
            }
        }
    }
    Ok(())
}

fn probed(
    drive: &Drive,
    jobs: &[Job<'_>],
    progress: Progress<'_>,
) -> Result<Vec<Vec<Outcome>>, VerifyError> {
    let sizes: Vec<usize> = jobs.iter().map(|(loaded, _)| loaded.cases.len()).collect();
    let (mut done, all) = (0, sizes.iter().sum());
    progress(Step::Call, done, all);
    let told = |n: usize| {
        done += n;
        progress(Step::Call, done, all);
    };
    let one = |job: usize, index: usize| {
        let (loaded, direction) = jobs[job];
        let case = &loaded.cases[index];
        let abi = match abi(case, loaded.policy(), drive.mistake) {
            Ok(abi) => abi,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        let probe = Probe::new(loaded.halves(), case.vectors);
        let outcome = match direction {
            Direction::Call => probe.check_callee(index, case, &abi),
            Direction::Callee => probe.check_caller(index, case, &abi),
        };
        match outcome {
            Ok(()) => Outcome::Passed(1),
            Err(difference) => Outcome::Failed(difference.line()),
        }
    };
    let outcomes = child::run_telling(&sizes, drive.at_once, one, told);
    check_interrupt()?;
    outcomes.map_err(VerifyError::System)
}

/// Of what failed, by job and index, that about which the compiler's own caller and callee disagree.
fn torn(
    drive: &Drive,
    jobs: &[Job<'_>],
    outcomes: &[Vec<Outcome>],
) -> Result<BTreeSet<(usize, usize)>, VerifyError> {
    let rooms = Rooms::new(N_ROOMS, 1 << 16).map_err(VerifyError::System)?;
    let mut failed = Vec::new();
    for (job, outcomes) in outcomes.iter().enumerate() {
        let wrong = |outcome| !matches!(outcome, &Outcome::Passed(_));
        let indices = outcomes.iter().enumerate().filter(|(_, o)| wrong(o));
        failed.extend(indices.map(|(index, _)| (job, index)));
    }
    let settings = Settings::default();
    let agrees = |at: usize, _: usize| {
        let (job, index) = failed[at];
        let loaded = jobs[job].0;
        let ground = Ground {
            halves: loaded.halves(),
            settings: &settings,
            rooms: &rooms,
        };
        let case = &loaded.cases[index];
        let sig = case.sig_under(loaded.policy()).map_err(|e| e.to_string());
        match sig.and_then(|sig| interop::judge_agrees_under(&ground, case, sig, index)) {
            Ok(()) => Outcome::Passed(1),
            Err(why) => Outcome::Failed(why),
        }
    };
    let agree = child::run(&vec![1; failed.len()], drive.at_once, agrees);
    check_interrupt()?;
    let agree = agree.map_err(VerifyError::System)?;
    let mut torn = BTreeSet::new();
    for (at, agrees) in failed.into_iter().zip(agree) {
        if !matches!(agrees.as_slice(), [Outcome::Passed(_)]) {
            torn.insert(at);
        }
    }
    Ok(torn)
}

/// Every function by Cranelift.
fn cranelift(
    driven: &mut Driven<'_>,
    sheets: &[Sheet],
    loaded: &[Loaded],
    again: &mut Again,
    progress: Progress<'_>,
) -> Result<(), VerifyError> {
    let mistake = driven.drive.mistake;
    let calls = Calls {
        settings: &driven.drive.settings,
        mistake,
        together: mistake.convention.is_none(),
        at_once: driven.drive.at_once,
    };
    let all = batch::call(loaded, &calls, progress)?;
    for (loaded, called) in loaded.iter().zip(all) {
        for called in called {
            let verdict = match called.verdict {
                batch::Verdict::Passed(_) => Verdict::Passed,
                batch::Verdict::NotLowered(why) => Verdict::NotLowered(why),
                batch::Verdict::AgainstItself(difference) => {
                    Verdict::Aside(AGAINST_ITSELF, difference.why)
                }
                batch::Verdict::Differs(difference) => Verdict::Differs(difference),
            };
            let (case, setting) = (&called.case, &called.setting);
            let leg = (Way::Cranelift, called.direction);
            if let Some(function) = function(sheets, loaded.batch, case)
                && !driven.take(function, case, leg, setting, verdict)
            {
                again.push(function);
            }
        }
    }
    Ok(())
}
