//! Both back ends of Zig: all types of a vector level in one file.

use std::collections::BTreeMap;

use cabi::{Policy, VectorLevel};
use cabi_verify::build::zig::Mode;
use cabi_verify::case::Case;
use cabi_verify::check::calls::{self, Direction, Harness, N_BUFFERS, all_settings};
use cabi_verify::run::child::{self, Outcome};
use cabi_verify::run::guard::GuardedBuffers;
use cabi_verify::run::zig::ZigCode;
use clif_cabi_jit::Settings;

use super::{Outcomes, Wrong, at};
use crate::conformance::asked::{Asked, Maker};
use crate::conformance::features::Feature;
use crate::conformance::known::KnownBugs;
use crate::conformance::observed;
use crate::suite::Result;

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
    stats: &mut Outcomes,
) -> Result<usize> {
    let mut n_calls = 0;
    for (index, one) in asked.iter().enumerate() {
        let Maker::Zig(zig, _, frame) = one.maker else {
            continue;
        };
        for (level, cases) in by_level(features, one) {
            let all: Vec<&Case> = cases.iter().map(|named| &named.case).collect();
            for mode in one.modes() {
                let loaded = zig.build(frame, mode, level, &all)?;
                let made = Made {
                    mode,
                    loaded,
                    policy: one.policy,
                };
                n_calls += call(index, &made, &cases, known, stats)?;
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
    loaded: ZigCode,
    policy: Policy,
}

/// Makes the calls of one back end in one mode.
fn call(
    index: usize,
    made: &Made,
    cases: &[Named],
    known: &KnownBugs<'_>,
    stats: &mut Outcomes,
) -> Result<usize> {
    let (loaded, policy) = (&made.loaded, made.policy);
    let buffers = GuardedBuffers::new(N_BUFFERS, 1 << 16)?;
    let settings = all_settings();
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let one = |job: usize, i: usize| {
        let direction = Direction::ALL[job];
        let harness = Harness {
            loaded: &loaded.loaded,
            // Cases come in groups of eight positions, and there are eight settings.
            settings: &settings[(i + i / settings.len() + job) % settings.len()].1,
            buffers: &buffers,
        };
        match loaded.has(i, direction) {
            Ok(()) => observed(&harness, &cases[i].case, policy, i, direction),
            Err(_) => Outcome::Passed(0),
        }
    };
    let outcomes = child::run(&Direction::ALL.map(|_| cases.len()), at_once, one);
    let outcomes = outcomes?;
    let itself = against_itself(policy, loaded, cases, &outcomes, &buffers)?;
    let mut n_calls = 0;
    for (direction, outcomes) in Direction::ALL.into_iter().zip(outcomes) {
        for (i, (named, outcome)) in cases.iter().zip(outcomes).enumerate() {
            let stats = stats.entry((index, named.case.name.clone())).or_default();
            if let Err(why) = loaded.has(i, direction) {
                stats.lacking[at(direction)] = Some(why.replace(&named.prefix, ""));
                continue;
            }
            match outcome {
                Outcome::Passed(n) => {
                    stats.passed[at(direction)] += 1;
                    n_calls += n;
                }
                Outcome::Refused(_) => stats.not_lowered[at(direction)] += 1,
                Outcome::Failed(why) | Outcome::Crashed(why) => {
                    stats.failed.push(Wrong {
                        why: format!("{}, {}: {why}", made.mode, direction.name()),
                        against_itself: itself.contains(&i),
                        bug: known
                            .explanation(&named.case, policy, made.mode, direction)
                            .map(|bug| bug.name.clone()),
                    });
                }
            }
        }
    }
    Ok(n_calls)
}

/// The cases that failed in which Zig's own caller and callee disagree too.
fn against_itself(
    policy: Policy,
    loaded: &ZigCode,
    cases: &[Named],
    outcomes: &[Vec<Outcome>],
    buffers: &GuardedBuffers,
) -> Result<Vec<usize>> {
    let wrong = |outcome: Option<&Outcome>| {
        matches!(outcome, Some(Outcome::Failed(_) | Outcome::Crashed(_)))
    };
    let asked: Vec<usize> = (0..cases.len())
        .filter(|i| outcomes.iter().any(|outcomes| wrong(outcomes.get(*i))))
        .filter(|i| {
            Direction::ALL
                .iter()
                .all(|half| loaded.has(*i, *half).is_ok())
        })
        .collect();
    let settings = Settings::default();
    let one = |_, n: usize| {
        let (i, harness) = (
            asked[n],
            Harness {
                loaded: &loaded.loaded,
                settings: &settings,
                buffers,
            },
        );
        let case = &cases[i].case;
        let sig = case.sig_under(policy).map_err(|error| error.to_string());
        match sig.and_then(|sig| {
            calls::reference_agrees(&harness, case, sig, i).map_err(|f| f.to_string())
        }) {
            Ok(()) => Outcome::Passed(1),
            Err(why) => Outcome::Failed(why),
        }
    };
    let outcomes = child::run(&[asked.len()], 1, one)?;
    let told = asked.iter().zip(outcomes.concat());
    let disagree = told.filter(|(_, outcome)| !matches!(outcome, Outcome::Passed(_)));
    Ok(disagree.map(|(i, _)| *i).collect())
}
