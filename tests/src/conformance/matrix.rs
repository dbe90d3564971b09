//! Each type in each position against each compiler, in both directions, at every level of optimization.
//!
//! What the lowering does not support yet is looked at by the register-dump probe, which needs no code of ours: then it is known that
//! the place is right, though no call can be made.

use std::collections::BTreeMap;

use cabi::{FnAbi, VectorLevel};
use cabi_judge::case::{Case, Entry};
use cabi_judge::child::{self, Outcome as ChildOutcome};
use cabi_judge::expected::{Bug, Expected};
use cabi_judge::halves::Halves;
use cabi_judge::interop::{Direction, all_settings};
use cabi_judge::judge::{Bench, Judge, JudgeError, feature_flags, first_error};
use cabi_judge::positions::N_POSITIONS;
use cabi_judge::verify::batch::{self, Batch, Calls, Mistake};
use cabi_judge::verify::{Called, Compiler, Verdict, VerifyError};

use super::features::{Feature, Group, Tried, Untried};
use super::page::heading;
use super::{LEVELS, check_places};

/// Types whose C halves share a file.
const TOGETHER: usize = 6;

/// The types of one group and what became of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// The group's title.
    pub title: String,
    /// One row per type.
    pub rows: Vec<Row>,
    /// Why cells have no answer.
    pub notes: Vec<String>,
}

/// One type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The block's name.
    pub name: String,
    /// How its row begins.
    pub heading: String,
    /// For each position the outcome with each compiler.
    pub cells: Vec<Vec<Outcome>>,
}

/// What became of a type in a position with a compiler.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Right in both directions at every level of optimization.
    Passes,
    /// Right where Cranelift calls C; the other direction is placed right but not lowered.
    Calls,
    /// Right where C calls Cranelift; the other direction is placed right but not lowered.
    Called,
    /// Not lowered; the compiler puts every byte where `cabi` says.
    Placed,
    /// The compiler has not got the type, or refuses it there.
    Lacks,
    /// The convention has no place for it: an error.
    NoPlace,
    /// The header reader does not know the type.
    Unread,
    /// A listed bug of the compiler.
    Bug(String),
    /// This machine cannot run it.
    NotHere,
    /// It fails, and no list says so.
    Fails,
}

/// All tables.
#[derive(Debug)]
pub struct Matrix {
    /// One per group.
    pub tables: Vec<Table>,
    /// How many calls were right.
    pub n_calls: usize,
    /// What contradicts the lists.
    pub failures: Vec<String>,
}

/// What is known of one type in one position with one compiler.
#[derive(Clone, Debug, Default)]
struct Tally {
    /// Per direction, how often it passed.
    passed: [usize; 2],
    /// Per direction, how often the lowering refused it.
    not_lowered: [usize; 2],
    /// What went wrong.
    failed: Vec<String>,
    /// What the compiler said instead of compiling it.
    refused: Option<String>,
}

/// The compiler's index and the case's name.
type Tallies = BTreeMap<(usize, String), Tally>;

/// Tries everything.
///
/// # Errors
/// What is missing on this machine.
pub fn run(groups: &[Group], bench: &Bench, expected: &Expected) -> Result<Matrix, String> {
    let features: Vec<&Feature> = groups.iter().flat_map(|group| &group.features).collect();
    let mut tallies = Tallies::new();
    let n_calls = call(&features, bench, &mut tallies)?;
    for (i, judge) in bench.judges.iter().enumerate() {
        probe(i, judge, &features, &mut tallies)?;
    }
    let mut failures = Vec::new();
    let tables: Vec<Table> = groups
        .iter()
        .map(|group| table(group, bench, expected, &tallies, &mut failures))
        .collect();
    failures.extend(unmet(expected, &tables));
    Ok(Matrix {
        tables,
        n_calls,
        failures,
    })
}

/// Types that a bug says meet it, and do not.
fn unmet(expected: &Expected, tables: &[Table]) -> Vec<String> {
    let mut out = Vec::new();
    for bug in &expected.bugs {
        let is_it = |cell: &Outcome| *cell == Outcome::Bug(bug.name.clone());
        for name in &bug.meets {
            let mut rows = tables.iter().flat_map(|table| &table.rows);
            let row = rows.find(|row| row.name == *name);
            if !row.is_some_and(|row| row.cells.iter().flatten().any(is_it)) {
                out.push(format!("{name} does not meet the bug {}", bug.name));
            }
        }
    }
    out
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
fn call(features: &[&Feature], bench: &Bench, tallies: &mut Tallies) -> Result<usize, String> {
    let compilers = compilers(bench)?;
    let all = all_together(features, bench);
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
            tally.refused = Some(in_own_words(&refused.why));
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
    let JudgeError::Refused { messages, .. } = error else {
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
fn compilers(bench: &Bench) -> Result<BTreeMap<(usize, VectorLevel), Compiler>, String> {
    let mut out = BTreeMap::new();
    for (i, judge) in bench.judges.iter().enumerate() {
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
fn all_together(features: &[&Feature], bench: &Bench) -> Vec<Together> {
    let mut out = Vec::new();
    for (i, judge) in bench.judges.iter().enumerate() {
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
        let direction = match called.direction {
            Direction::Call => 0,
            Direction::Callee => 1,
        };
        match called.verdict {
            Verdict::Passed(n) => {
                self.passed[direction] += 1;
                return n;
            }
            Verdict::NotLowered(_) => self.not_lowered[direction] += 1,
            Verdict::AgainstItself(difference) | Verdict::Differs(difference) => {
                let how = called.direction.name();
                self.failed
                    .push(format!("{how}, {}: {}", called.setting, difference.why));
            }
            other => self.failed.push(format!("{other:?}")),
        }
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
                    Ok(sig) => check_places(&halves, i, case, &sig),
                    Err(error) => ChildOutcome::Failed(error.to_string()),
                }
            };
            let outcomes = child::run(&[entries.len()], 1, one).map_err(|e| e.to_string())?;
            for ((_, case), outcome) in entries.iter().zip(outcomes.concat()) {
                if !matches!(outcome, ChildOutcome::Passed(_)) {
                    let tally = tallies.entry((index, case.name.clone())).or_default();
                    tally.failed.push(format!("probe {optimize}: {outcome:?}"));
                }
            }
        }
    }
    Ok(())
}

fn table(
    group: &Group,
    bench: &Bench,
    expected: &Expected,
    tallies: &Tallies,
    failures: &mut Vec<String>,
) -> Table {
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    for feature in &group.features {
        let mut cells = vec![Vec::new(); N_POSITIONS];
        for (i, judge) in bench.judges.iter().enumerate() {
            let (outcomes, note) = outcomes(feature, i, judge, expected, tallies, failures);
            for (cell, outcome) in cells.iter_mut().zip(outcomes) {
                cell.push(outcome);
            }
            notes.extend(note.filter(|note| !notes.contains(note)));
        }
        rows.push(Row {
            name: feature.block.name.clone(),
            heading: heading(&feature.block),
            cells,
        });
    }
    Table {
        title: group.title.clone(),
        rows,
        notes,
    }
}

/// The outcome in each position with one compiler, and why there is none.
fn outcomes(
    feature: &Feature,
    index: usize,
    judge: &Judge,
    expected: &Expected,
    tallies: &Tallies,
    failures: &mut Vec<String>,
) -> (Vec<Outcome>, Option<String>) {
    let everywhere = |outcome: Outcome| vec![outcome; N_POSITIONS];
    let declaration = Feature::declaration(&feature.block);
    let tried = match &feature.tried {
        Ok(tried) => tried,
        Err(untried) => {
            let (outcome, why) = match untried {
                Untried::Unread(why) => (Outcome::Unread, why),
                Untried::NoPlace(why) => (Outcome::NoPlace, why),
            };
            return (everywhere(outcome), Some(format!("`{declaration}`: {why}")));
        }
    };
    if let Err(why) = judge.admits(&feature.block) {
        let here = why.contains("this machine has no");
        let outcome = if here {
            Outcome::NotHere
        } else {
            Outcome::Lacks
        };
        return (
            everywhere(outcome),
            Some(format!("{}: {why}", judge.name())),
        );
    }
    let bug = expected
        .bugs
        .iter()
        .find(|bug| bug.compiler == judge.name() && bug.meets.contains(&feature.block.name));
    let (mut outcomes, mut note) = (Vec::new(), None);
    for case in &tried.subject.cases {
        let placed = case.sig(judge.profile());
        let placed = placed.and_then(|sig| FnAbi::new(&sig, &case.target));
        if let Err(error) = placed {
            note = Some(format!("`{declaration}`: {error}"));
            outcomes.push(Outcome::NoPlace);
            continue;
        }
        let tally = tallies.get(&(index, case.name.clone()));
        let tally = tally.cloned().unwrap_or_default();
        if let Some(why) = &tally.refused {
            note = Some(format!("{}: `{declaration}`: {why}", judge.name()));
        }
        let outcome = tally.outcome(bug);
        if outcome == Outcome::Fails {
            let why = tally
                .failed
                .first()
                .map_or("it was not run", String::as_str);
            failures.push(format!("{} [{}]: {why}", case.name, judge.name()));
        }
        outcomes.push(outcome);
    }
    (outcomes, note)
}

impl Tally {
    /// The outcome; `bug` is what the type is known to meet with this compiler.
    fn outcome(&self, bug: Option<&Bug>) -> Outcome {
        let n = LEVELS.len();
        match (self.passed, self.not_lowered) {
            _ if self.refused.is_some() => Outcome::Lacks,
            _ if !self.failed.is_empty() => {
                bug.map_or(Outcome::Fails, |bug| Outcome::Bug(bug.name.clone()))
            }
            ([a, b], _) if a == n && b == n => Outcome::Passes,
            ([a, _], [_, b]) if a == n && b == n => Outcome::Calls,
            ([_, b], [a, _]) if a == n && b == n => Outcome::Called,
            (_, [a, b]) if a == n && b == n => Outcome::Placed,
            _ => Outcome::Fails,
        }
    }
}
