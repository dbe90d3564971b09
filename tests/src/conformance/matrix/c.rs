//! gcc and clang: their C loaded, a few types to a file.

use std::collections::BTreeMap;

use cabi::VectorLevel;
use cabi_verify::build::{Reference, ReferenceError, feature_flags, first_error};
use cabi_verify::case::{Case, Entry};
use cabi_verify::check::calls::Direction;
use cabi_verify::check::calls::all_settings;
use cabi_verify::run::child::{self, Outcome};
use cabi_verify::run::loaded::LoadedCode;
use cabi_verify::verify::units::{self, Batch, Calls, Mistake};
use cabi_verify::verify::{Called, Compiler, OtherSide, Verdict, VerifyError};

use super::{Outcomes, Stats, Wrong, at};
use crate::conformance::asked::{Asked, Maker};
use crate::conformance::features::{Feature, Tried};
use crate::conformance::{LEVELS, check_places};
use crate::suite::Result;

/// Types whose C loaded share a file.
const TOGETHER: usize = 6;

/// Makes all calls, and has the probe look at what is not lowered. Returns how many calls were right.
pub(super) fn run(
    features: &[&Feature],
    asked: &[Asked<'_>],
    stats: &mut Outcomes,
) -> Result<usize> {
    let references: Vec<(usize, &Reference)> = asked
        .iter()
        .enumerate()
        .filter_map(|(i, one)| match one.maker {
            Maker::C(reference) => Some((i, reference)),
            Maker::Zig(..) => None,
        })
        .collect();
    let n_calls = call(features, &references, stats)?;
    for (i, reference) in references {
        probe(i, reference, features, stats)?;
    }
    Ok(n_calls)
}

/// Types of one compiler at one level whose C loaded share a file.
struct Together {
    reference: usize,
    level: VectorLevel,
    flags: Vec<&'static str>,
    preamble: String,
    cases: Vec<Case>,
}

/// Makes all calls, in both directions. Returns how many were right.
fn call(
    features: &[&Feature],
    references: &[(usize, &Reference)],
    stats: &mut Outcomes,
) -> Result<usize> {
    let compilers = compilers(references)?;
    let all = all_together(features, references);
    let mut batches = Vec::new();
    for one in &all {
        batches.push(Batch {
            compiler: compilers
                .get(&(one.reference, one.level))
                .ok_or("no compiler")?,
            flags: &one.flags,
            preamble: &one.preamble,
            cases: one.cases.iter().collect(),
            same_layout: true,
        });
    }
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let wrong = |error: VerifyError| error.to_string();
    let (loaded, refused) = units::compile(&batches, at_once, &|_, _, _| {}).map_err(wrong)?;
    let reference_of = |batch: usize| all.get(batch).map_or(0, |one| one.reference);
    for refused in refused {
        for case in &refused.cases {
            let key = (reference_of(refused.batch), case.name.clone());
            let stats = stats.entry(key).or_default();
            let why = in_own_words(&refused.why);
            stats.lacking = [Some(why.clone()), Some(why)];
        }
    }
    let settings = all_settings();
    let calls = Calls {
        settings: &settings,
        mistake: Mistake::default(),
        // Every variant of every case: a page is made seldom.
        shared_engine: false,
        at_once,
        to_show: None,
    };
    let called = units::run(&loaded, OtherSide::Cranelift, &calls, &|_, _, _| {}).map_err(wrong)?;
    let mut n_calls = 0;
    for (loaded, called) in loaded.iter().zip(called) {
        for called in called {
            let key = (reference_of(loaded.batch), called.case.name.clone());
            n_calls += stats.entry(key).or_default().take(called);
        }
    }
    Ok(n_calls)
}

/// A compiler's first error, with the name that a type has in its block.
fn in_own_words(error: &ReferenceError) -> String {
    let Some(messages) = error.messages() else {
        return error.to_string();
    };
    let prefixed = (0..TOGETHER).map(prefix);
    prefixed.fold(first_error(messages), |text, prefix| {
        text.replace(&prefix, "")
    })
}

/// What the names of a type start with in a file of several.
fn prefix(i: usize) -> String {
    format!("c{i}_")
}

/// Each compiler at each vector level that runs here.
fn compilers(
    references: &[(usize, &Reference)],
) -> Result<BTreeMap<(usize, VectorLevel), Compiler>> {
    let mut out = BTreeMap::new();
    for &(i, reference) in references {
        for level in [VectorLevel::Baseline, VectorLevel::Avx, VectorLevel::Avx512] {
            let compiler = Compiler {
                reference: Reference::of_command(&reference.command())?,
                policy: reference.profile().policy(),
                level,
                ms_abi: false,
            };
            out.insert((i, level), compiler);
        }
    }
    Ok(out)
}

/// The types that each compiler has, a few to a file.
fn all_together(features: &[&Feature], references: &[(usize, &Reference)]) -> Vec<Together> {
    let mut out = Vec::new();
    for &(i, reference) in references {
        let mut by_level: BTreeMap<VectorLevel, Vec<&Tried>> = BTreeMap::new();
        for feature in features {
            if let Ok(tried) = &feature.tried
                && reference.admits(&feature.block).is_ok()
            {
                by_level.entry(tried.level()).or_default().push(tried);
            }
        }
        for (level, all) in by_level {
            for some in all.chunks(TOGETHER) {
                out.extend(LEVELS.map(|optimize| together(i, level, optimize, some)));
            }
        }
    }
    out
}

fn together(
    reference: usize,
    level: VectorLevel,
    optimize: &'static str,
    some: &[&Tried],
) -> Together {
    let mut flags = vec![optimize];
    if let Some(first) = some.first() {
        flags.extend(feature_flags(&first.subject.block.features));
    }
    let (mut preamble, mut cases) = (String::new(), Vec::new());
    for (i, tried) in some.iter().enumerate() {
        let (text, renamed) = tried.under(&prefix(i));
        preamble.push_str(&text);
        cases.extend(renamed);
    }
    Together {
        reference,
        level,
        flags,
        preamble,
        cases,
    }
}

impl Stats {
    /// Takes note of one case in one direction. Returns how many calls were right.
    fn take(&mut self, called: Called) -> usize {
        let direction = at(called.direction);
        let (difference, against_itself) = match called.verdict {
            Verdict::Passed(n) => {
                self.passed[direction] += 1;
                return n;
            }
            Verdict::NotLowered(_) => {
                self.not_lowered[direction] += 1;
                return 0;
            }
            Verdict::SelfInconsistent(difference) => (difference.why, true),
            Verdict::Differs(difference) => (difference.why, false),
            other => (format!("{other:?}"), false),
        };
        let how = called.direction.name();
        self.failed.push(Wrong {
            why: format!("{how}, {}: {difference}", called.setting),
            against_itself,
            bug: None,
        });
        0
    }
}

/// Has the probe look at what is not lowered.
fn probe(
    index: usize,
    reference: &Reference,
    features: &[&Feature],
    stats: &mut Outcomes,
) -> Result<()> {
    let mut by_level: BTreeMap<VectorLevel, Vec<Entry<'_>>> = BTreeMap::new();
    for tried in features
        .iter()
        .filter_map(|feature| feature.tried.as_ref().ok())
    {
        for case in &tried.subject.cases {
            let stats = stats.get(&(index, case.name.clone()));
            if stats.is_some_and(|stats| stats.not_lowered != [0, 0]) {
                let entries = by_level.entry(tried.level()).or_default();
                entries.push((&tried.subject, case));
            }
        }
    }
    for entries in by_level.into_values() {
        for optimize in LEVELS {
            let loaded = LoadedCode::build_at(reference, optimize, &entries)?;
            let one = |_, i: usize| {
                let (_, case) = entries[i];
                match case.sig(reference.profile()) {
                    Ok(sig) => check_places(&loaded, &Direction::ALL, i, case, &sig),
                    Err(error) => Outcome::Failed(error.to_string()),
                }
            };
            let outcomes = child::run(&[entries.len()], 1, one)?;
            for ((_, case), outcome) in entries.iter().zip(outcomes.concat()) {
                if !matches!(outcome, Outcome::Passed(_)) {
                    let stats = stats.entry((index, case.name.clone())).or_default();
                    stats.failed.push(Wrong {
                        why: format!("probe {optimize}: {outcome:?}"),
                        against_itself: false,
                        bug: None,
                    });
                }
            }
        }
    }
    Ok(())
}
