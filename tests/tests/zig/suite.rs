//! The run: halves made by each back end, calls in both directions in child processes, layouts, controls.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use cabi::{FnAbi, FnSig, Policy, VectorLevel};
use cabi_judge::case::Case;
use cabi_judge::child::{self, Outcome};
use cabi_judge::expected::Expected;
use cabi_judge::guard::Rooms;
use cabi_judge::interop::{Direction, Fault, Ground, N_ROOMS, judge_agrees_under, observe};
use cabi_judge::jit::Twist;
use cabi_judge::judge::{Bench, Capability, Judge};
use cabi_judge::report::Report;
use cabi_judge::zig::{Fact, Mode, Zig, ZigHalves};
use cabi_tests::conformance::bugs::subject;
use cabi_tests::conformance::is_placed;
use cabi_tests::conformance::known::KnownBugs;
use cabi_tests::corpus::{Corpus, expected};
use clif_cabi_jit::Settings;

use super::cases::{self, Trial};

/// Children at once.
const AT_ONCE: usize = 2;

/// Cases of one vector level with their halves by one back end.
struct Batch<'a> {
    mode: Mode,
    trials: Vec<&'a Trial>,
    /// Under names that differ.
    cases: Vec<Case>,
    halves: ZigHalves,
}

impl<'a> Batch<'a> {
    fn build(zig: &Zig, frame: &Judge, mode: Mode, trials: &[&'a Trial]) -> Result<Self, String> {
        let numbered = trials.iter().enumerate().map(|(i, trial)| {
            let mut case = trial.case.clone();
            case.function.name = format!("c{i}_{}", case.function.name);
            case
        });
        let cases: Vec<Case> = numbered.collect();
        let level = cases
            .first()
            .map_or(VectorLevel::Baseline, |case| case.vectors);
        let all: Vec<&Case> = cases.iter().collect();
        let halves = zig
            .build(frame, mode, level, &all)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            mode,
            trials: trials.to_vec(),
            cases,
            halves,
        })
    }
}

pub(crate) fn run() -> Result<ExitCode, String> {
    let start = Instant::now();
    let mut report = Report::new("zig").with_expected(&expected())?;
    let bench = Bench::find();
    let zig = match (Zig::find(), bench.judges.first()) {
        (Ok(zig), Some(frame)) => (zig, frame),
        (Err(why), _) => {
            report.absent("zig", &why);
            return Ok(report.finish(false));
        }
        (_, None) => {
            report.absent("zig", "no C compiler for the frame");
            return Ok(report.finish(false));
        }
    };
    report.note(format!("judge: zig {}, frame: {}", zig.0.version(), zig.1));
    let corpus = Corpus::read("x86-64-sysv", "zig", &mut report)?;
    let expected = Expected::read(&expected())?;
    let known = KnownBugs::of(&expected)?;
    let mut trials = cases::of_corpus(&corpus.subjects);
    if !corpus.subjects.is_empty() {
        for bug in known.bugs().filter(|bug| bug.code.is_some()) {
            let shown = cases::of_corpus(&[subject(bug, &corpus.subjects)?]);
            trials.extend(shown.into_iter().map(|mut trial| {
                trial.case.name.insert_str(0, "bug-");
                trial
            }));
        }
        trials.extend(cases::bool_vectors()?);
        trials.extend(drawn());
    }
    let only = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    if let Some(only) = &only {
        trials.retain(|trial| trial.case.name.contains(only.as_str()));
    }
    let batches = build_all(&zig, &trials, &mut report)?;
    let built = start.elapsed();
    for batch in &batches {
        layouts(batch, &mut report);
    }
    calls(&batches, &known, &mut report, only.is_none())?;
    controls(&batches, &mut report)?;
    report.note(format!(
        "{built:.1?} to build the halves, {:.1?} in all",
        start.elapsed()
    ));
    Ok(report.finish(only.is_none()))
}

fn drawn() -> Vec<Trial> {
    let number = |name, usual| {
        let text = std::env::var(name).ok();
        text.and_then(|text| text.parse().ok()).unwrap_or(usual)
    };
    let seed = number("CABI_RANDOM_SEED", 1);
    cases::random(
        seed,
        number("CABI_RANDOM_FIRST", 0),
        number("CABI_RANDOM_COUNT", 200),
    )
}

/// Builds the halves of all that this machine can run.
fn build_all<'a>(
    (zig, frame): &(Zig, &Judge),
    trials: &'a [Trial],
    report: &mut Report,
) -> Result<Vec<Batch<'a>>, String> {
    let mut levels: BTreeMap<VectorLevel, Vec<&Trial>> = BTreeMap::new();
    for trial in trials {
        levels.entry(trial.case.vectors).or_default().push(trial);
    }
    let mut batches = Vec::new();
    for (level, trials) in levels {
        let needed = match level {
            VectorLevel::Avx => frame.has(Capability::Avx),
            VectorLevel::Avx512 => frame.has(Capability::Avx512f),
            _ => Ok(()),
        };
        if let Err(why) = needed {
            for trial in trials {
                report.not_run("zig", &trial.case.name, why);
            }
            continue;
        }
        for mode in Mode::ALL {
            let start = Instant::now();
            batches.push(Batch::build(zig, frame, mode, &trials)?);
            let n = trials.len();
            report.note(format!(
                "{n} cases by zig {mode}, {level:?}: {:.1?}",
                start.elapsed()
            ));
        }
    }
    Ok(batches)
}

fn layouts(batch: &Batch<'_>, report: &mut Report) {
    let engine = format!("zig {} layout", batch.mode);
    for fact in &batch.halves.layout {
        let name = &batch.cases[fact.case].name;
        report.outcome(&engine, name, compare(fact));
    }
}

fn compare(fact: &Fact) -> Result<(), String> {
    if fact.zig == fact.ours {
        return Ok(());
    }
    let Fact {
        what, zig, ours, ..
    } = fact;
    Err(format!("{what}: Zig has {zig}, ours {ours}"))
}

fn calls(
    batches: &[Batch<'_>],
    known: &KnownBugs<'_>,
    report: &mut Report,
    complete: bool,
) -> Result<(), String> {
    let jobs: Vec<(&Batch<'_>, Direction)> = batches
        .iter()
        .flat_map(|batch| Direction::ALL.map(|direction| (batch, direction)))
        .collect();
    let rooms = Rooms::new(N_ROOMS, 1 << 16).map_err(|error| error.to_string())?;
    let settings = Settings::default().memory(1 << 20);
    let sizes: Vec<usize> = jobs.iter().map(|(batch, _)| batch.cases.len()).collect();
    let outcomes = child::run(&sizes, AT_ONCE, |job, index| {
        let (batch, direction) = jobs[job];
        let ground = Ground {
            halves: &batch.halves.halves,
            settings: &settings,
            rooms: &rooms,
        };
        one(&ground, batch, index, direction, Policy::ZIG)
    });
    let outcomes = outcomes.map_err(|error| error.to_string())?;
    let mut n_calls = 0;
    let mut met: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for ((batch, direction), outcomes) in jobs.iter().zip(outcomes) {
        let engine = format!("zig {} {}", batch.mode, direction.name());
        for (trial, outcome) in batch.trials.iter().zip(outcomes) {
            let name = &trial.case.name;
            let why = match outcome {
                Outcome::Passed(calls) => {
                    n_calls += calls;
                    report.outcome(&engine, name, Ok(()));
                    continue;
                }
                Outcome::Refused(why) => {
                    report.not_run(&engine, name, &why);
                    continue;
                }
                Outcome::Failed(why) => why,
                Outcome::Crashed(why) => format!("dies of {why}"),
            };
            match explanation(known, batch, trial, *direction) {
                Some(known) => *met.entry((known, batch.mode.to_string())).or_default() += 1,
                None => report.outcome(&engine, name, Err(format!("{why}\n{}", trial.code))),
            }
        }
    }
    report.note(format!("{n_calls} calls"));
    for ((name, mode), n) in &met {
        report.note(format!("zig {mode} does otherwise, {name}: {n}"));
    }
    if complete {
        for bug in known.bugs().filter(|bug| !bug.by_chance) {
            if !met.keys().any(|(name, _)| *name == bug.name) {
                let why = "nothing differs because of it any more: take it off the list";
                report.outcome("zig", &bug.name, Err(why.to_owned()));
            }
        }
    }
    Ok(())
}

fn explanation<'a>(
    known: &KnownBugs<'a>,
    batch: &Batch<'_>,
    trial: &Trial,
    direction: Direction,
) -> Option<&'a str> {
    let sig = trial.case.sig_under(Policy::ZIG).ok()?;
    let abi = FnAbi::new(&sig, &trial.case.target).ok()?;
    let bug = known.explanation(&trial.case, &abi, batch.mode, direction)?;
    Some(&bug.name)
}

fn one(
    ground: &Ground<'_>,
    batch: &Batch<'_>,
    index: usize,
    direction: Direction,
    policy: Policy,
) -> Outcome {
    let case = &batch.cases[index];
    if let Err(why) = batch.halves.has(index, direction) {
        return Outcome::Refused(why.to_owned());
    }
    let sig = match case.sig_under(policy) {
        Ok(sig) => sig,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    let tell = |sig: FnSig| sig;
    let outcome = observe(
        ground,
        case,
        sig.clone(),
        index,
        direction,
        tell,
        Twist::default(),
    );
    match outcome {
        Ok(calls) => Outcome::Passed(calls),
        // What is not lowered is looked at where it is.
        Err(Fault::Refused(why)) => match FnAbi::new(&sig, &case.target) {
            Ok(abi) => match is_placed(ground.halves, direction, index, case, &abi) {
                Ok(()) => Outcome::Refused(why.to_string()),
                Err(difference) => Outcome::Failed(format!("probe: {}", difference.why)),
            },
            Err(_) => Outcome::Refused(why.to_string()),
        },
        Err(fault) => {
            let itself = Direction::ALL
                .iter()
                .all(|half| batch.halves.has(index, *half).is_ok());
            match itself.then(|| judge_agrees_under(ground, case, sig, index)) {
                Some(Err(why)) => Outcome::Failed(format!("{fault}; Zig to Zig: {why}")),
                Some(Ok(())) => Outcome::Failed(format!("{fault}; Zig agrees with itself")),
                None => Outcome::Failed(fault.to_string()),
            }
        }
    }
}

/// Negative controls: under clang's profile the blocks of Zig's own bits must differ, and a number of a layout that is changed by one too.
fn controls(batches: &[Batch<'_>], report: &mut Report) -> Result<(), String> {
    let rooms = Rooms::new(N_ROOMS, 1 << 16).map_err(|error| error.to_string())?;
    let settings = Settings::default().memory(1 << 20);
    for batch in batches {
        let engine = format!("zig {} control", batch.mode);
        let own: Vec<usize> = (0..batch.cases.len())
            .filter(|i| batch.cases[*i].name.starts_with("zig-"))
            .filter(|i| batch.halves.has(*i, Direction::Call).is_ok())
            .collect();
        let outcomes = child::run(&[own.len()], 1, |_, i| {
            let ground = Ground {
                halves: &batch.halves.halves,
                settings: &settings,
                rooms: &rooms,
            };
            one(&ground, batch, own[i], Direction::Call, Policy::CLANG)
        });
        let outcomes = outcomes.map_err(|error| error.to_string())?;
        for (i, outcome) in own.iter().zip(outcomes.into_iter().flatten()) {
            let noticed = match outcome {
                Outcome::Failed(_) | Outcome::Crashed(_) => Ok(()),
                other => Err(format!("clang's profile was not noticed: {other:?}")),
            };
            report.outcome(&engine, &batch.cases[*i].name, noticed);
        }
        for fact in &batch.halves.layout {
            let changed = Fact {
                zig: fact.zig + 1,
                ..fact.clone()
            };
            if compare(&changed).is_ok() {
                let why = format!("a changed number was not noticed: {}", fact.what);
                report.outcome(&engine, &batch.cases[fact.case].name, Err(why));
            }
        }
    }
    Ok(())
}
