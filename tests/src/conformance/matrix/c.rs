//! gcc and clang: their C halves, a few types to a file.

use std::collections::BTreeMap;

use cabi::VectorLevel;
use cabi_judge::case::{Case, Entry};
use cabi_judge::child::{self, Outcome};
use cabi_judge::halves::Halves;
use cabi_judge::interop::Direction;
use cabi_judge::interop::all_settings;
use cabi_judge::judge::{Judge, JudgeError, feature_flags, first_error};
use cabi_judge::verify::batch::{self, Batch, Calls, Mistake};
use cabi_judge::verify::{Called, Compiler, Verdict, VerifyError};

use super::{Tallies, Tally, Wrong, at};
use crate::conformance::asked::{Asked, Maker};
use crate::conformance::features::{Feature, Tried};
use crate::conformance::{LEVELS, check_places};

/// Types whose C halves share a file.
const TOGETHER: usize = 6;

/// Makes all calls, and has the probe look at what is not lowered. Returns how many calls were right.
pub(super) fn run(
    features: &[&Feature],
    asked: &[Asked<'_>],
    tallies: &mut Tallies,
) -> Result<usize, String> {
    let judges: Vec<(usize, &Judge)> = asked
        .iter()
        .enumerate()
        .filter_map(|(i, one)| match one.maker {
            Maker::C(judge) => Some((i, judge)),
            Maker::Zig(..) => None,
        })
        .collect();
    let n_calls = call(features, &judges, tallies)?;
    for (i, judge) in judges {
        probe(i, judge, features, tallies)?;
    }
    Ok(n_calls)
}

/// Types of one compiler at one level whose C halves share a file.
struct Together {
    judge: usize,
    level: VectorLevel,
    flags: Vec<&'static str>,
    preamble: String,
    cases: Vec<Case>,
}

/// Makes all calls, in both directions. Returns how many were right.
fn call(
    features: &[&Feature],
    judges: &[(usize, &Judge)],
    tallies: &mut Tallies,
) -> Result<usize, String> {
    let compilers = compilers(judges)?;
    let all = all_together(features, judges);
    let mut batches = Vec::new();
    for one in &all {
        batches.push(Batch {
            compiler: compilers
                .get(&(one.judge, one.level))
                .ok_or("no compiler")?,
            flags: &one.flags,
            preamble: &one.preamble,
            cases: one.cases.iter().collect(),
            same_layout: true,
        });
    }
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let wrong = |error: VerifyError| error.to_string();
    let (loaded, refused) = batch::compile(&batches, at_once, &|_, _, _| {}).map_err(wrong)?;
    let judge_of = |batch: usize| all.get(batch).map_or(0, |one| one.judge);
    for refused in refused {
        for case in &refused.cases {
            let key = (judge_of(refused.batch), case.name.clone());
            let tally = tallies.entry(key).or_default();
            let why = in_own_words(&refused.why);
            tally.lacking = [Some(why.clone()), Some(why)];
        }
    }
    let settings = all_settings();
    let calls = Calls {
        settings: &settings,
        mistake: Mistake::default(),
        // Every variant of every case: a page is made seldom.
        together: false,
        at_once,
    };
    let called = batch::call(&loaded, &calls, &|_, _, _| {}).map_err(wrong)?;
    let mut n_calls = 0;
    for (loaded, called) in loaded.iter().zip(called) {
        for called in called {
            let key = (judge_of(loaded.batch), called.case.name.clone());
            n_calls += tallies.entry(key).or_default().take(called);
        }
    }
    Ok(n_calls)
}

/// A compiler's first error, with the name that a type has in its block.
fn in_own_words(error: &JudgeError) -> String {
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
    judges: &[(usize, &Judge)],
) -> Result<BTreeMap<(usize, VectorLevel), Compiler>, String> {
    let mut out = BTreeMap::new();
    for &(i, judge) in judges {
        for level in [VectorLevel::Baseline, VectorLevel::Avx, VectorLevel::Avx512] {
            let compiler = Compiler {
                judge: Judge::of_command(&judge.command())?,
                policy: judge.profile().policy(),
                level,
            };
            out.insert((i, level), compiler);
        }
    }
    Ok(out)
}

/// The types that each compiler has, a few to a file.
fn all_together(features: &[&Feature], judges: &[(usize, &Judge)]) -> Vec<Together> {
    let mut out = Vec::new();
    for &(i, judge) in judges {
        let mut by_level: BTreeMap<VectorLevel, Vec<&Tried>> = BTreeMap::new();
        for feature in features {
            if let Ok(tried) = &feature.tried
                && judge.admits(&feature.block).is_ok()
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

fn together(judge: usize, level: VectorLevel, optimize: &'static str, some: &[&Tried]) -> Together {
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
        judge,
        level,
        flags,
        preamble,
        cases,
    }
}

impl Tally {
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
            Verdict::AgainstItself(difference) => (difference.why, true),
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
    judge: &Judge,
    features: &[&Feature],
    tallies: &mut Tallies,
) -> Result<(), String> {
    let mut by_level: BTreeMap<VectorLevel, Vec<Entry<'_>>> = BTreeMap::new();
    for tried in features
        .iter()
        .filter_map(|feature| feature.tried.as_ref().ok())
    {
        for case in &tried.subject.cases {
            let tally = tallies.get(&(index, case.name.clone()));
            if tally.is_some_and(|tally| tally.not_lowered != [0, 0]) {
                let entries = by_level.entry(tried.level()).or_default();
                entries.push((&tried.subject, case));
            }
        }
    }
    for entries in by_level.into_values() {
        for optimize in LEVELS {
            let halves = Halves::build_at(judge, optimize, &entries).map_err(|e| e.to_string())?;
            let one = |_, i: usize| {
                let (_, case) = entries[i];
                match case.sig(judge.profile()) {
                    Ok(sig) => check_places(&halves, &Direction::ALL, i, case, &sig),
                    Err(error) => Outcome::Failed(error.to_string()),
                }
            };
            let outcomes = child::run(&[entries.len()], 1, one).map_err(|e| e.to_string())?;
            for ((_, case), outcome) in entries.iter().zip(outcomes.concat()) {
                if !matches!(outcome, Outcome::Passed(_)) {
                    let tally = tallies.entry((index, case.name.clone())).or_default();
                    tally.failed.push(Wrong {
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
