//! Both back ends of Zig: all types of a vector level in one file.

use std::collections::BTreeMap;

use cabi::{FnAbi, Policy, VectorLevel};
use cabi_judge::case::Case;
use cabi_judge::child::{self, Outcome};
use cabi_judge::guard::Rooms;
use cabi_judge::interop::{self, Direction, Fault, Ground, N_ROOMS, all_settings};
use cabi_judge::jit::Twist;
use cabi_judge::zig::{Mode, ZigHalves};
use clif_cabi_jit::Settings;

use super::{Tallies, Wrong, at};
use crate::conformance::asked::{Asked, Maker};
use crate::conformance::features::Feature;
use crate::conformance::is_placed;
use crate::conformance::known::KnownBugs;

/// A case under a name of its own.
struct Named {
    case: Case,
    /// What its names start with.
    prefix: String,
}

/// Makes all calls; what is not lowered the probe looks at. Returns how many calls were right.
pub(super) fn run(
    features: &[&Feature],
    asked: &[Asked<'_>],
    known: &KnownBugs<'_>,
    tallies: &mut Tallies,
) -> Result<usize, String> {
    let mut n_calls = 0;
    for (index, one) in asked.iter().enumerate() {
        let Maker::Zig(zig, _, frame) = one.maker else {
            continue;
        };
        for (level, cases) in by_level(features, one) {
            let all: Vec<&Case> = cases.iter().map(|named| &named.case).collect();
            for mode in one.modes() {
                let halves = zig
                    .build(frame, mode, level, &all)
                    .map_err(|e| e.to_string())?;
                let made = Made {
                    mode,
                    halves,
                    policy: one.policy,
                };
                n_calls += call(index, &made, &cases, known, tallies)?;
            }
        }
    }
    Ok(n_calls)
}

fn by_level(features: &[&Feature], asked: &Asked<'_>) -> BTreeMap<VectorLevel, Vec<Named>> {
    let mut out: BTreeMap<VectorLevel, Vec<Named>> = BTreeMap::new();
    for (number, feature) in features.iter().enumerate() {
        let Ok(tried) = &feature.tried else { continue };
        if asked.admits(&feature.block).is_err() {
            continue;
        }
        let prefix = format!("c{number}_");
        let (_, cases) = tried.under(&prefix);
        let named = cases.into_iter().map(|case| Named {
            case,
            prefix: prefix.clone(),
        });
        out.entry(tried.level()).or_default().extend(named);
    }
    out
}

/// What one back end made in one mode.
struct Made {
    mode: Mode,
    halves: ZigHalves,
    policy: Policy,
}

/// Makes the calls of one back end in one mode.
fn call(
    index: usize,
    made: &Made,
    cases: &[Named],
    known: &KnownBugs<'_>,
    tallies: &mut Tallies,
) -> Result<usize, String> {
    let (halves, policy) = (&made.halves, made.policy);
    let rooms = Rooms::new(N_ROOMS, 1 << 16).map_err(|error| error.to_string())?;
    let settings = all_settings();
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let one = |job: usize, i: usize| {
        let direction = Direction::ALL[job];
        let ground = Ground {
            halves: &halves.halves,
            // Cases come in groups of eight positions, and there are eight settings.
            settings: &settings[(i + i / settings.len() + job) % settings.len()].1,
            rooms: &rooms,
        };
        match halves.has(i, direction) {
            Ok(()) => observed(&ground, &cases[i].case, policy, i, direction),
            Err(_) => Outcome::Passed(0),
        }
    };
    let outcomes = child::run(&Direction::ALL.map(|_| cases.len()), at_once, one);
    let outcomes = outcomes.map_err(|error| error.to_string())?;
    let itself = against_itself(policy, halves, cases, &outcomes, &rooms)?;
    let mut n_calls = 0;
    for (direction, outcomes) in Direction::ALL.into_iter().zip(outcomes) {
        for (i, (named, outcome)) in cases.iter().zip(outcomes).enumerate() {
            let tally = tallies.entry((index, named.case.name.clone())).or_default();
            if let Err(why) = halves.has(i, direction) {
                tally.lacking[at(direction)] = Some(why.replace(&named.prefix, ""));
                continue;
            }
            match outcome {
                Outcome::Passed(n) => {
                    tally.passed[at(direction)] += 1;
                    n_calls += n;
                }
                Outcome::Refused(_) => tally.not_lowered[at(direction)] += 1,
                Outcome::Failed(why) | Outcome::Crashed(why) => {
                    tally.failed.push(Wrong {
                        why: format!("{}, {}: {why}", made.mode, direction.name()),
                        against_itself: itself.contains(&i),
                        bug: bug(made, &named.case, direction, known),
                    });
                }
            }
        }
    }
    Ok(n_calls)
}

/// The name of the bug that a difference in `case` comes from.
fn bug(made: &Made, case: &Case, direction: Direction, known: &KnownBugs<'_>) -> Option<String> {
    let sig = case.sig_under(made.policy).ok()?;
    let abi = FnAbi::new(&sig, &case.target).ok()?;
    let bug = known.explanation(case, &abi, made.mode, direction)?;
    Some(bug.name.clone())
}

/// The cases that failed in which Zig's own caller and callee disagree too.
fn against_itself(
    policy: Policy,
    halves: &ZigHalves,
    cases: &[Named],
    outcomes: &[Vec<Outcome>],
    rooms: &Rooms,
) -> Result<Vec<usize>, String> {
    let wrong = |outcome: Option<&Outcome>| {
        matches!(outcome, Some(Outcome::Failed(_) | Outcome::Crashed(_)))
    };
    let asked: Vec<usize> = (0..cases.len())
        .filter(|i| outcomes.iter().any(|outcomes| wrong(outcomes.get(*i))))
        .filter(|i| {
            Direction::ALL
                .iter()
                .all(|half| halves.has(*i, *half).is_ok())
        })
        .collect();
    let settings = Settings::default();
    let one = |_, n: usize| {
        let (i, ground) = (
            asked[n],
            Ground {
                halves: &halves.halves,
                settings: &settings,
                rooms,
            },
        );
        let case = &cases[i].case;
        let sig = case.sig_under(policy).map_err(|error| error.to_string());
        match sig.and_then(|sig| {
            interop::judge_agrees_under(&ground, case, sig, i).map_err(|f| f.to_string())
        }) {
            Ok(()) => Outcome::Passed(1),
            Err(why) => Outcome::Failed(why),
        }
    };
    let outcomes = child::run(&[asked.len()], 1, one).map_err(|error| error.to_string())?;
    let told = asked.iter().zip(outcomes.concat());
    let disagree = told.filter(|(_, outcome)| !matches!(outcome, Outcome::Passed(_)));
    Ok(disagree.map(|(i, _)| *i).collect())
}

/// One case in one direction: called, or, where that is not lowered, looked at by the probe.
fn observed(
    ground: &Ground<'_>,
    case: &Case,
    policy: Policy,
    index: usize,
    direction: Direction,
) -> Outcome {
    let placed = case.sig_under(policy);
    let placed = placed.and_then(|sig| Ok((FnAbi::new(&sig, &case.target)?, sig)));
    let (abi, sig) = match placed {
        Ok(placed) => placed,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    let same = |sig| sig;
    match interop::observe(ground, case, sig, index, direction, same, Twist::default()) {
        Ok(n) => Outcome::Passed(n),
        Err(Fault::Failed(difference)) => Outcome::Failed(difference.why),
        Err(Fault::Refused(why)) => match is_placed(ground.halves, direction, index, case, &abi) {
            Ok(()) => Outcome::Refused(why.to_string()),
            Err(difference) => Outcome::Failed(format!("probe: {}", difference.why)),
        },
    }
}
