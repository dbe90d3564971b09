//! The calls of a drive: halves compiled, then every function by images of registers and stack, then by Cranelift.

use super::functions::{Function, Sheet};
use super::{AGAINST_ITSELF, Driven, REFUSED_HERE, REFUSED_THERE, Way, abi};
use crate::automaton::Transition;
use crate::case::Case;
use crate::child::{self, Outcome};
use crate::guard::Rooms;
use crate::interop::{self, Difference, Direction, Ground, N_ROOMS};
use crate::probe::Probe;
use crate::verify::batch::{self, Batch, Calls, Loaded};
use crate::verify::{Progress, Step, VerifyError, check_interrupt, refusal};

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
    let mut batches = Vec::new();
    for sheet in sheets {
        let Some(level) = driven.drive.levels().nth(sheet.level) else {
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
            flags: &[],
            preamble: &sheet.subject.block.code,
            cases,
            same_layout: true,
        });
    }
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

/// Every function by images: children check, and where one fails, the compiler's own two sides are asked whether they agree.
fn images(
    driven: &mut Driven<'_>,
    sheets: &[Sheet],
    loaded: &[Loaded],
    again: &mut Again,
    progress: Progress<'_>,
) -> Result<(), VerifyError> {
    let rooms = Rooms::new(N_ROOMS, 1 << 16).map_err(VerifyError::System)?;
    let drive = driven.drive;
    let jobs: Vec<(&Loaded, Direction)> = loaded
        .iter()
        .flat_map(|loaded| Direction::ALL.map(|direction| (loaded, direction)))
        .collect();
    let sizes: Vec<usize> = jobs.iter().map(|(loaded, _)| loaded.cases.len()).collect();
    let (mut done, all) = (0, sizes.iter().sum());
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
    let outcomes = outcomes.map_err(VerifyError::System)?;
    let mut failed = Vec::new();
    for (job, outcomes) in outcomes.iter().enumerate() {
        let wrong = |outcome| !matches!(outcome, &Outcome::Passed(_));
        let indices = outcomes.iter().enumerate().filter(|(_, o)| wrong(o));
        failed.extend(indices.map(|(index, _)| (job, index)));
    }
    let agrees = |at: usize, _: usize| {
        let (job, index) = failed[at];
        let loaded = jobs[job].0;
        let ground = Ground {
            halves: loaded.halves(),
            settings: &drive.settings[0].1,
            rooms: &rooms,
        };
        let case = &loaded.cases[index];
        let sig = case.sig_under(loaded.policy()).map_err(|e| e.to_string());
        match sig.and_then(|sig| interop::judge_agrees_under(&ground, case, sig, index)) {
            Ok(()) => Outcome::Passed(1),
            Err(why) => Outcome::Failed(why),
        }
    };
    let themselves = child::run(&vec![1; failed.len()], drive.at_once, agrees);
    check_interrupt()?;
    let themselves = themselves.map_err(VerifyError::System)?;
    let mut themselves = failed.into_iter().zip(themselves).peekable();
    for (number, ((loaded, direction), outcomes)) in jobs.iter().zip(outcomes).enumerate() {
        for (index, (case, outcome)) in loaded.cases.iter().zip(outcomes).enumerate() {
            let own = themselves.next_if(|(at, _)| *at == (number, index));
            let agrees = own.is_some_and(|(_, own)| matches!(own.as_slice(), [Outcome::Passed(_)]));
            let verdict = match outcome {
                Outcome::Passed(_) => Verdict::Passed,
                Outcome::Refused(why) | Outcome::Failed(why) if !agrees => {
                    Verdict::Aside(AGAINST_ITSELF, Difference::read(&why).why)
                }
                Outcome::Crashed(why) if !agrees => Verdict::Aside(AGAINST_ITSELF, why),
                Outcome::Refused(why) | Outcome::Failed(why) => {
                    Verdict::Differs(Difference::read(&why))
                }
                Outcome::Crashed(why) => {
                    Verdict::Differs(Difference::from(format!("the call dies of {why}")))
                }
            };
            let leg = (Way::Images, *direction);
            take(driven, sheets, loaded.batch, case, leg, verdict, again);
        }
    }
    Ok(())
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
            let leg = (Way::Cranelift, called.direction);
            take(
                driven,
                sheets,
                loaded.batch,
                &called.case,
                leg,
                verdict,
                again,
            );
        }
    }
    Ok(())
}

fn take(
    driven: &mut Driven<'_>,
    sheets: &[Sheet],
    batch: usize,
    case: &Case,
    leg: (Way, Direction),
    verdict: Verdict,
    again: &mut Again,
) {
    if let Some(function) = function(sheets, batch, case)
        && !driven.take(function, case, leg, verdict)
    {
        again.push(function);
    }
}
