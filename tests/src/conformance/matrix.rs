//! Each type in each position against each compiler, in both directions, at every level of optimization.
//!
//! What the lowering does not support yet is looked at by the register-dump probe, which needs no code of ours: then it is known that
//! the place is right, though no call can be made.

use std::collections::{BTreeMap, BTreeSet};

use cabi::FnAbi;
use cabi_verify::check::calls::Direction;
use cabi_verify::generate::argument_positions::N_POSITIONS;
use cabi_verify::report::expected::{Bug, Expected, Shows};

use super::asked::Asked;
use super::features::{Feature, Group, Untried};
use super::known::KnownBugs;
use super::page::tables::{heading, short_heading};
use crate::suite::Result;

mod c;
mod zig;

/// The types of one group and what became of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// The group's title.
    pub title: String,
    /// One row per type.
    pub rows: Vec<Row>,
    /// Why cells have no answer: the reason, and the compilers that have it.
    pub notes: Vec<(String, Vec<&'static str>)>,
}

/// One type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The block's name.
    pub name: String,
    /// How its row begins.
    pub heading: String,
    /// How it begins where the type was described before.
    pub short_heading: String,
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
    /// Right in one direction; the compiler cannot do the other.
    OneSided,
    /// Not lowered; the compiler puts every byte where `cabi` says.
    Placed,
    /// The compiler has not got the type, or refuses it there.
    Lacks,
    /// The convention has no place for it: an error.
    NoPlace,
    /// The header reader does not know the type.
    Unread,
    /// Not as `cabi` has it, because of listed bugs of the compiler, whose own caller and callee agree as far as they can be asked.
    OwnWay(BTreeSet<String>),
    /// The same, and its own caller and callee disagree.
    SelfInconsistent(BTreeSet<String>),
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
struct Stats {
    /// Per direction, how often it passed.
    passed: [usize; 2],
    /// Per direction, how often the lowering refused it.
    not_lowered: [usize; 2],
    /// What went wrong.
    failed: Vec<Wrong>,
    /// Per direction, why the compiler lacks the other side.
    lacking: [Option<String>; 2],
}

/// Something that went wrong.
#[derive(Clone, Debug)]
struct Wrong {
    why: String,
    /// Whether the compiler's own caller and callee disagree too.
    against_itself: bool,
    /// The bug of Zig's that it comes from, if it is known.
    bug: Option<String>,
}

/// The compiler's index and the case's name.
type Outcomes = BTreeMap<(usize, String), Stats>;

/// Tries everything.
///
/// # Errors
/// What is missing on this machine.
pub fn run(groups: &[Group], asked: &[Asked<'_>], expected: &Expected) -> Result<Matrix> {
    let features: Vec<&Feature> = groups.iter().flat_map(|group| &group.features).collect();
    let mut stats = Outcomes::new();
    let mut n_calls = c::run(&features, asked, &mut stats)?;
    n_calls += zig::run(&features, asked, &KnownBugs::of(expected)?, &mut stats)?;
    let mut failures = Vec::new();
    let tables: Vec<Table> = groups
        .iter()
        .map(|group| table(group, asked, expected, &stats, &mut failures))
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
        let is_it = |cell: &Outcome| cell.bugs().is_some_and(|bugs| bugs.contains(&bug.name));
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

/// The index of a direction in a [`Stats`].
fn at(direction: Direction) -> usize {
    match direction {
        Direction::Call => 0,
        Direction::Callee => 1,
    }
}

fn table(
    group: &Group,
    asked: &[Asked<'_>],
    expected: &Expected,
    stats: &Outcomes,
    failures: &mut Vec<String>,
) -> Table {
    let (mut rows, mut notes) = (Vec::new(), Vec::<(String, Vec<&'static str>)>::new());
    for feature in &group.features {
        let mut cells = vec![Vec::new(); N_POSITIONS];
        for (index, one) in asked.iter().enumerate() {
            let (outcomes, whys) = outcomes(feature, index, one, expected, stats, failures);
            for (cell, outcome) in cells.iter_mut().zip(outcomes) {
                cell.push(outcome);
            }
            for why in whys {
                match notes.iter_mut().find(|(known, _)| *known == why) {
                    Some((_, names)) if names.contains(&one.name) => {}
                    Some((_, names)) => names.push(one.name),
                    None => notes.push((why, vec![one.name])),
                }
            }
        }
        rows.push(Row {
            name: feature.block.name.clone(),
            heading: heading(&feature.block),
            short_heading: short_heading(&feature.block),
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
    asked: &Asked<'_>,
    expected: &Expected,
    stats: &Outcomes,
    failures: &mut Vec<String>,
) -> (Vec<Outcome>, Vec<String>) {
    let everywhere = |outcome: Outcome, why: &str| {
        let outcomes = vec![outcome; N_POSITIONS];
        (outcomes, vec![why.to_owned()])
    };
    let tried = match &feature.tried {
        Ok(tried) => tried,
        Err(Untried::Unread(why)) => return everywhere(Outcome::Unread, why),
        Err(Untried::NoPlace(why)) => return everywhere(Outcome::NoPlace, why),
    };
    if let Err(why) = asked.admits(&feature.block) {
        let here = why.contains("this machine has no");
        return match here {
            true => everywhere(Outcome::NotHere, &why),
            false => everywhere(Outcome::Lacks, &why),
        };
    }
    let bug = expected
        .bugs
        .iter()
        .find(|bug| bug.is_of(asked.name) && bug.meets.contains(&feature.block.name));
    let (mut outcomes, mut whys) = (Vec::new(), Vec::new());
    for case in &tried.subject.cases {
        let placed = case.sig_under(asked.policy);
        if let Err(error) = placed.and_then(|sig| FnAbi::new(&sig, &case.target)) {
            whys.push(error.to_string());
            outcomes.push(Outcome::NoPlace);
            continue;
        }
        let stats = stats.get(&(index, case.name.clone()));
        let stats = stats.cloned().unwrap_or_default();
        whys.extend(stats.lacking.iter().flatten().cloned());
        let outcome = stats.outcome(asked.levels().len(), bug);
        if outcome == Outcome::Fails {
            let why = stats.unlisted(bug).next();
            let why = why.map_or("it was not run", |wrong| wrong.why.as_str());
            failures.push(format!("{} [{}]: {why}", case.name, asked.name));
        }
        outcomes.push(outcome);
    }
    (outcomes, whys)
}

impl Outcome {
    /// The bugs after it.
    #[must_use]
    pub fn bugs(&self) -> Option<&BTreeSet<String>> {
        match self {
            Self::OwnWay(bugs) | Self::SelfInconsistent(bugs) => Some(bugs),
            _ => None,
        }
    }
}

impl Stats {
    /// What went wrong and no bug explains; `bug` is what the type is known to meet with this compiler.
    fn unlisted(&self, bug: Option<&Bug>) -> impl Iterator<Item = &Wrong> {
        let listed = bug.is_some();
        let failed = self.failed.iter();
        failed.filter(move |wrong| !listed && wrong.bug.is_none())
    }

    /// The outcome of runs at `n` levels of optimization; `bug` is what the type is known to meet with this compiler.
    fn outcome(&self, n: usize, bug: Option<&Bug>) -> Outcome {
        #[derive(PartialEq)]
        enum State {
            Passes,
            NotLowered,
            Lacks,
            Unknown,
        }
        if self.unlisted(bug).next().is_some() {
            return Outcome::Fails;
        }
        if !self.failed.is_empty() {
            let own = self.failed.iter().filter_map(|wrong| wrong.bug.clone());
            let bugs = own.chain(bug.map(|bug| bug.name.clone())).collect();
            // Where the probe looked, caller and callee did not meet.
            let by_calls = bug.is_some_and(|bug| bug.shows == Shows::Calls);
            return match by_calls || self.failed.iter().any(|wrong| wrong.against_itself) {
                true => Outcome::SelfInconsistent(bugs),
                false => Outcome::OwnWay(bugs),
            };
        }
        let state = |direction: Direction| match at(direction) {
            i if self.lacking[i].is_some() => State::Lacks,
            i if self.passed[i] == n => State::Passes,
            i if self.not_lowered[i] == n => State::NotLowered,
            _ => State::Unknown,
        };
        match (state(Direction::Call), state(Direction::Callee)) {
            (State::Passes, State::Passes) => Outcome::Passes,
            (State::Passes, State::NotLowered) => Outcome::Calls,
            (State::NotLowered, State::Passes) => Outcome::Called,
            (State::Passes, State::Lacks) | (State::Lacks, State::Passes) => Outcome::OneSided,
            (State::Lacks, State::Lacks) => Outcome::Lacks,
            (State::Unknown, _) | (_, State::Unknown) => Outcome::Fails,
            _ => Outcome::Placed,
        }
    }
}
