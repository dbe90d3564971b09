//! The calls of a run: C halves compiled in batches, in parallel, and every case run in a child process.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use cabi_judge::case::Case;
use cabi_judge::child::{self, Outcome};
use cabi_judge::from_header::Left;
use cabi_judge::guard::Rooms;
use cabi_judge::halves::Halves;
use cabi_judge::interop::{self, Direction, Fault, Ground, N_ROOMS};
use cabi_judge::jit::Twist;
use cabi_judge::judge::{Built, Judge, JudgeError};
use clif_cabi_jit::Settings;
use indicatif::{ProgressBar, ProgressStyle};

use super::Verify;
use super::course::{
    AGAINST_ITSELF, Asked, JUDGE_LACKS, NOT_LOWERED, Outcomes, Part, REFUSED, Read,
    check_interrupt, refusal,
};

/// The reason of cases that a compiler does not agree with itself about.
const THEIRS: &str = "the compiler's own caller and callee disagree";

/// Cases whose C halves share one file.
const BATCH: usize = 48;

/// Cases that one C file serves.
struct Batch<'a> {
    part: usize,
    cases: Vec<&'a Case>,
}

/// C halves, loaded, and their cases at their compiler's vector level.
pub(super) struct Loaded {
    part: usize,
    cases: Vec<Case>,
    halves: Halves,
}

fn bar(n: usize, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(n as u64);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar
}

/// Compiles the halves of all cases, in parallel; what a compiler refuses, it refuses alone.
pub(super) fn compile(
    verify: &Verify,
    judges: &[Asked],
    headers: &[Read],
    parts: &mut [Part],
    at_once: usize,
) -> Result<Vec<Loaded>, String> {
    let flags = verify.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let mut batches = Vec::new();
    for (i, part) in parts.iter().enumerate() {
        let cases = &headers[part.header].found.subject.cases;
        batches.extend(cases.chunks(BATCH).map(|cases| Batch {
            part: i,
            cases: cases.iter().collect(),
        }));
    }
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let progress = bar(batches.len(), "compiling");
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(batches.len()) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(batch) = batches.get(number) else {
                        break;
                    };
                    let part = &parts[batch.part];
                    let judge = &judges[part.judge].judge;
                    let code = &headers[part.header].found.subject.block.code;
                    let mut made = Vec::new();
                    compile_some(judge, &flags, code, &batch.cases, &mut made);
                    if let Ok(mut done) = done.lock() {
                        done.push((number, made));
                    }
                    progress.inc(1);
                }
            });
        }
    });
    progress.finish_and_clear();
    check_interrupt()?;
    let mut done = done.into_inner().unwrap_or_default();
    // Reports do not depend on which compiler was faster.
    done.sort_by_key(|(number, _)| *number);
    let mut loaded = Vec::new();
    for (number, made) in done {
        let part = batches.get(number).map_or(0, |batch| batch.part);
        for one in made {
            load(&judges[parts[part].judge], part, one, parts, &mut loaded);
        }
    }
    // Where sizes differ that is the result.
    if loaded.is_empty() && parts.iter().all(|part| part.layouts.is_empty()) {
        let why = parts.iter().flat_map(|part| &part.skipped).next();
        let why = why.map_or(String::new(), |left| format!(": {}", left.why));
        return Err(format!("nothing could be compiled{why}"));
    }
    Ok(loaded)
}

/// Loads a compiled batch of a part; of one that was refused, its cases are left out.
fn load(
    asked: &Asked,
    part: usize,
    (cases, built): Compiled<'_>,
    parts: &mut [Part],
    loaded: &mut Vec<Loaded>,
) {
    match built.and_then(|built| Halves::of_built(&built, &cases)) {
        Ok(halves) => {
            let cases = cases.iter().map(|case| (*case).clone());
            loaded.push(Loaded {
                part,
                cases: cases.map(|case| case.at_level(asked.level)).collect(),
                halves,
            });
        }
        Err(error) => parts[part].skipped.extend(cases.iter().map(|case| Left {
            name: case.name.clone(),
            key: lacking(&asked.judge, case).unwrap_or(REFUSED),
            why: refusal(&error),
        })),
    }
}

/// Whether `case` needs what `judge` has not.
fn lacking(judge: &Judge, case: &Case) -> Option<&'static str> {
    let mut block = cabi_judge::corpus::Block::default();
    block.code = format!("{} {}", case.function.result, case.function.list);
    let needs = cabi_judge::judge::needs(&block);
    needs
        .into_iter()
        .any(|capability| judge.has(capability).is_err())
        .then_some(JUDGE_LACKS)
}

type Compiled<'a> = (Vec<&'a Case>, Result<Built, JudgeError>);

fn compile_some<'a>(
    judge: &Judge,
    flags: &[&str],
    code: &str,
    cases: &[&'a Case],
    made: &mut Vec<Compiled<'a>>,
) {
    if child::was_interrupted() {
        return;
    }
    match Halves::compile_behind(judge, flags, code, cases) {
        Err(_) if cases.len() > 1 => {
            let (left, right) = cases.split_at(cases.len() / 2);
            compile_some(judge, flags, code, left, made);
            compile_some(judge, flags, code, right, made);
        }
        result => made.push((cases.to_vec(), result)),
    }
}

/// Makes all calls in child processes, and sorts what became of them into the parts.
pub(super) fn call(
    judges: &[Asked],
    loaded: &[Loaded],
    parts: &mut [Part],
    at_once: usize,
) -> Result<(), String> {
    let rooms = Rooms::new(N_ROOMS, 1 << 16).map_err(|e| format!("guard pages: {e}"))?;
    let settings = Settings::default();
    let jobs: Vec<(&Loaded, Direction)> = loaded
        .iter()
        .flat_map(|loaded| Direction::ALL.map(|direction| (loaded, direction)))
        .collect();
    let sizes: Vec<usize> = jobs.iter().map(|(loaded, _)| loaded.cases.len()).collect();
    let progress = bar(sizes.iter().sum(), "calling");
    let one = |job: usize, index: usize| {
        let (loaded, direction) = jobs[job];
        let ground = Ground {
            halves: &loaded.halves,
            settings: &settings,
            rooms: &rooms,
        };
        let case = &loaded.cases[index];
        let sig = match case.sig_under(judges[parts[loaded.part].judge].policy) {
            Ok(sig) => sig,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        let (same, right) = (|sig| sig, Twist::default());
        match interop::observe(&ground, case, sig, index, direction, same, right) {
            Ok(calls) => Outcome::Passed(calls),
            Err(Fault::Refused(why)) => Outcome::Refused(why),
            Err(Fault::Failed(difference)) => Outcome::Failed(difference.line()),
        }
    };
    let told = |n: usize| progress.inc(n as u64);
    let outcomes = child::run_telling(&sizes, at_once, one, told);
    progress.finish_and_clear();
    check_interrupt()?;
    let mut outcomes = outcomes.map_err(|e| format!("child processes: {e}"))?;
    against_itself(judges, parts, &jobs, &rooms, at_once, &mut outcomes)?;
    for ((loaded, direction), outcomes) in jobs.iter().zip(outcomes) {
        let part = &mut parts[loaded.part];
        for (case, outcome) in loaded.cases.iter().zip(outcomes) {
            if let Outcome::Refused(why) = &outcome {
                part.skipped.push(Left {
                    name: format!("{} ({})", case.name, direction.name()),
                    key: if why == THEIRS {
                        AGAINST_ITSELF
                    } else {
                        NOT_LOWERED
                    },
                    why: why.clone(),
                });
            } else {
                part.results.push(Outcomes {
                    case: case.clone(),
                    direction: *direction,
                    outcome,
                });
            }
        }
    }
    Ok(())
}

/// Lets the compiler's own caller and callee meet where a case failed: if they disagree, nobody can agree with both.
fn against_itself(
    judges: &[Asked],
    parts: &[Part],
    jobs: &[(&Loaded, Direction)],
    rooms: &Rooms,
    at_once: usize,
    outcomes: &mut [Vec<Outcome>],
) -> Result<(), String> {
    let mut failed = Vec::new();
    for (job, outcomes) in outcomes.iter().enumerate() {
        // Values of other sizes than ours are no test of that.
        if !parts[jobs[job].0.part].layouts.is_empty() {
            continue;
        }
        let wrong = |outcome| matches!(outcome, &Outcome::Failed(_) | &Outcome::Crashed(_));
        let indices = outcomes.iter().enumerate().filter(|(_, o)| wrong(o));
        failed.extend(indices.map(|(index, _)| (job, index)));
    }
    let settings = Settings::default();
    let one = |at: usize, _: usize| {
        let (job, index) = failed[at];
        let loaded = jobs[job].0;
        let ground = Ground {
            halves: &loaded.halves,
            settings: &settings,
            rooms,
        };
        let case = &loaded.cases[index];
        let sig = case.sig_under(judges[parts[loaded.part].judge].policy);
        let agrees = sig.map_err(|e| e.to_string());
        match agrees.and_then(|sig| interop::judge_agrees_under(&ground, case, sig, index)) {
            Ok(()) => Outcome::Passed(1),
            Err(why) => Outcome::Failed(why),
        }
    };
    let again = child::run(&vec![1; failed.len()], at_once, one);
    check_interrupt()?;
    let again = again.map_err(|e| format!("child processes: {e}"))?;
    for (&(job, index), again) in failed.iter().zip(again) {
        if !matches!(again.as_slice(), [Outcome::Passed(_)]) {
            outcomes[job][index] = Outcome::Refused(THEIRS.to_owned());
        }
    }
    Ok(())
}
