//! Each type in each position against each compiler, in both directions, at every level of optimization.
//!
//! What the lowering does not support yet is looked at by the register-dump probe, which needs no code of ours: then it is known that
//! the place is right, though no call can be made.

use std::collections::{BTreeMap, BTreeSet};

use cabi::VectorLevel;
use cabi_verify::build::ReferenceError;
use cabi_verify::case::{Case, Entry};
use cabi_verify::check::calls::{Direction, Verdict, all_settings, reference_agrees};
use cabi_verify::corpus::Block;
use cabi_verify::generate::argument_positions::N_POSITIONS;
use cabi_verify::report::expected::{Bug, Expected, Shows};
use cabi_verify::run::child;
use cabi_verify::run::guard::GuardedBuffers;
use cabi_verify::threads::at_once;
use clif_cabi_jit::Settings;

use super::asked::{Asked, Made, ToMake, first_words};
use super::bug_of_zig;
use super::features::{Feature, Group};
use crate::compiled::buffers;
use crate::suite::Result;

/// The types of one group and what became of them.
#[derive(Clone, Debug)]
pub struct Table {
    /// The group's title.
    pub title: String,
    /// One row per type.
    pub rows: Vec<Row>,
    /// Why cells have no answer: the reason, and the compilers that have it.
    pub notes: Vec<(String, Vec<&'static str>)>,
}

/// One type.
#[derive(Clone, Debug)]
pub struct Row {
    /// The block that declares it.
    pub block: Block,
    /// For each position what became of it with each compiler.
    pub cells: Vec<Vec<Cell>>,
}

/// What became of a type in a position with a compiler.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cell {
    /// In a word.
    pub outcome: Outcome,
    /// The listed bugs of the compiler that it comes from.
    pub bugs: BTreeSet<String>,
}

/// What there is to say of a [`Cell`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// Right in both directions at every level of optimization.
    Passes,
    /// Right in one direction; the compiler cannot do the other.
    OneSided,
    /// Not lowered in some direction; the compiler puts every byte where `cabi` says, and what is lowered is right.
    NotLowered,
    /// The compiler lacks the type, or refuses it there, or this machine cannot run it.
    Lacks,
    /// `cabi` has no place for it, or the header reader does not know the type.
    Refused,
    /// Not as `cabi` has it, because of listed bugs of the compiler, whose own caller and callee disagree too.
    SelfInconsistent,
    /// Not as `cabi` has it either, and its own caller and callee agree as far as they can be asked.
    OwnWay,
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

/// What is known of one type in one position with one compiler, for each of [`Direction::ALL`].
#[derive(Clone, Debug, Default)]
struct Stats {
    /// How often it passed.
    passed: [usize; 2],
    /// How often the lowering refused it.
    not_lowered: [usize; 2],
    /// What went wrong.
    failed: Vec<Wrong>,
    /// Why the compiler lacks the other side.
    lacking: [Option<String>; 2],
}

/// Something that went wrong.
#[derive(Clone, Debug)]
struct Wrong {
    why: String,
    /// Whether the compiler's own caller and callee disagree too.
    self_inconsistent: bool,
    /// The bug of Zig's that it comes from, if it is known.
    bug: Option<String>,
}

/// The compiler's index and the case's name.
type Outcomes = BTreeMap<(usize, String), Stats>;

/// Tries everything.
pub fn run(groups: &[Group], asked: &[Asked<'_>], expected: &Expected) -> Result<Matrix> {
    let features: Vec<&Feature> = groups.iter().flat_map(|group| &group.features).collect();
    let (mut stats, mut n_calls) = (Outcomes::new(), 0);
    let indexed = asked.iter().enumerate();
    let files = indexed.flat_map(|(index, one)| {
        let files = files(one, &features).into_iter();
        files.map(move |file| (index, file))
    });
    let (of, files): (Vec<usize>, Vec<ToMake<'_>>) = files.unzip();
    let compiled = ToMake::compile_all(&files);
    for ((index, file), compiled) in of.into_iter().zip(files).zip(compiled) {
        let n = file.entries.len();
        let mut refused = |case: &Case, error: &ReferenceError| {
            let why = first_words(error, n);
            let stats = stats.entry((index, case.name.clone())).or_default();
            stats.lacking = [Some(why.clone()), Some(why)];
        };
        if let Some(made) = file.load(compiled?, &mut refused)? {
            n_calls += call(index, &asked[index], &made, expected, &mut stats)?;
        }
    }
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

/// What one compiler is asked, one file for each vector level and level of optimization.
fn files<'e>(asked: &Asked<'e>, features: &[&'e Feature]) -> Vec<ToMake<'e>> {
    let mut by_level: BTreeMap<VectorLevel, Vec<Entry<'e>>> = BTreeMap::new();
    for feature in features {
        if let Ok(subject) = &feature.tried
            && asked.admits(&feature.block).is_ok()
        {
            for case in &subject.cases {
                let entries = by_level.entry(case.vectors).or_default();
                entries.push((subject, case));
            }
        }
    }
    let file = |entries: &Vec<Entry<'e>>| {
        let levels = asked.levels().into_iter();
        let files = levels.map(|level| ToMake::new(*asked, level, entries));
        files.collect::<Vec<_>>()
    };
    by_level.values().flat_map(file).collect()
}

/// Makes the calls of one compiler at one level of optimization.
fn call(
    index: usize,
    asked: &Asked<'_>,
    made: &Made<'_>,
    expected: &Expected,
    stats: &mut Outcomes,
) -> Result<usize> {
    let (buffers, settings, policy) = (buffers()?, all_settings(), asked.policy);
    let one = |job: usize, i: usize| {
        // Cases come in groups of eight positions, and there are eight settings.
        let (_, settings) = &settings[(i + i / settings.len() + job) % settings.len()];
        made.observed((&buffers, settings), policy, i, Direction::ALL[job])
    };
    let n_cases = Direction::ALL.map(|_| made.entries.len());
    let verdicts = child::run(&n_cases, at_once(), one)?;
    let inconsistent = self_inconsistent(asked, made, &verdicts, &buffers)?;
    let mut n_calls = 0;
    for (job, verdicts) in verdicts.into_iter().enumerate() {
        let direction = Direction::ALL[job];
        for (i, ((_, case), verdict)) in made.entries.iter().zip(verdicts).enumerate() {
            let stats = stats.entry((index, case.name.clone())).or_default();
            if let Some(why) = made.missing(i)[job] {
                stats.lacking[job] = Some(made.in_own_words(why));
                continue;
            }
            match verdict {
                Verdict::Passed(n) => {
                    stats.passed[job] += 1;
                    n_calls += n;
                }
                Verdict::NotLowered(_) | Verdict::NotRun(_) => stats.not_lowered[job] += 1,
                wrong => {
                    let why = wrong.passed().err().unwrap_or_default();
                    let mode = made.mode;
                    let bug = mode.and_then(|mode| bug_of_zig(expected, case, mode, direction));
                    stats.failed.push(Wrong {
                        why: format!("{}, {}: {why}", made.level, direction.name()),
                        self_inconsistent: inconsistent.contains(&i),
                        bug: bug.map(|bug| bug.name.clone()),
                    });
                }
            }
        }
    }
    Ok(n_calls)
}

/// The cases that failed in which the compiler's own caller and callee disagree too.
fn self_inconsistent(
    asked: &Asked<'_>,
    made: &Made<'_>,
    verdicts: &[Vec<Verdict>],
    buffers: &GuardedBuffers,
) -> Result<Vec<usize>> {
    let is_wrong = |verdict: Option<&Verdict>| matches!(verdict, Some(Verdict::Differs(_)));
    let wrong: Vec<usize> = (0..made.entries.len())
        .filter(|i| verdicts.iter().any(|verdicts| is_wrong(verdicts.get(*i))))
        .filter(|i| made.missing(*i) == [None; 2])
        .collect();
    let settings = Settings::default();
    let one = |_, n: usize| {
        let (i, harness) = (wrong[n], made.harness(&settings, buffers));
        let case = made.entries[i].1;
        match case.sig_under(asked.policy) {
            Ok(sig) => reference_agrees(&harness, case, sig, i).map(|()| 1).into(),
            Err(error) => Verdict::Differs(error.to_string().into()),
        }
    };
    let verdicts = child::run(&[wrong.len()], 1, one)?.concat();
    let told = wrong.into_iter().zip(verdicts);
    let disagree = told.filter(|(_, verdict)| is_wrong(Some(verdict)));
    Ok(disagree.map(|(i, _)| i).collect())
}

/// Types that a bug says meet it, and do not.
fn unmet(expected: &Expected, tables: &[Table]) -> Vec<String> {
    let mut out = Vec::new();
    for bug in &expected.bugs {
        let is_it = |cell: &Cell| cell.bugs.contains(&bug.name);
        for name in &bug.meets {
            let mut rows = tables.iter().flat_map(|table| &table.rows);
            let row = rows.find(|row| row.block.name == *name);
            if !row.is_some_and(|row| row.cells.iter().flatten().any(is_it)) {
                out.push(format!("{name} does not meet the bug {}", bug.name));
            }
        }
    }
    out
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
            block: feature.block.clone(),
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
) -> (Vec<Cell>, Vec<String>) {
    let everywhere = |outcome: Outcome, why: &str| {
        (vec![Cell::from(outcome); N_POSITIONS], vec![why.to_owned()])
    };
    let subject = match &feature.tried {
        Ok(subject) => subject,
        Err(why) => return everywhere(Outcome::Refused, why),
    };
    if let Err(why) = asked.admits(&feature.block) {
        return everywhere(Outcome::Lacks, &why);
    }
    let bug = expected
        .bugs
        .iter()
        .find(|bug| bug.is_of(asked.name) && bug.meets.contains(&feature.block.name));
    let (mut cells, mut whys) = (Vec::new(), Vec::new());
    for case in &subject.cases {
        if let Err(error) = case.abi_under(asked.policy) {
            whys.push(error.to_string());
            cells.push(Outcome::Refused.into());
            continue;
        }
        let stats = stats.get(&(index, case.name.clone()));
        let stats = stats.cloned().unwrap_or_default();
        whys.extend(stats.lacking.iter().flatten().cloned());
        let cell = stats.cell(asked.levels().len(), bug);
        if cell.outcome == Outcome::Fails {
            let why = stats.unlisted(bug).next();
            let why = why.map_or("it was not run", |wrong| wrong.why.as_str());
            failures.push(format!("{} [{}]: {why}", case.name, asked.name));
        }
        cells.push(cell);
    }
    (cells, whys)
}

impl From<Outcome> for Cell {
    fn from(outcome: Outcome) -> Self {
        let bugs = BTreeSet::new();
        Self { outcome, bugs }
    }
}

impl Stats {
    /// What went wrong and no bug explains; `bug` is what the type is known to meet with this compiler.
    fn unlisted(&self, bug: Option<&Bug>) -> impl Iterator<Item = &Wrong> {
        let listed = bug.is_some();
        let failed = self.failed.iter();
        failed.filter(move |wrong| !listed && wrong.bug.is_none())
    }

    /// What runs at `n` levels of optimization come to; `bug` is what the type is known to meet with this compiler.
    fn cell(&self, n: usize, bug: Option<&Bug>) -> Cell {
        if self.unlisted(bug).next().is_some() {
            return Outcome::Fails.into();
        }
        if !self.failed.is_empty() {
            let own = self.failed.iter().filter_map(|wrong| wrong.bug.clone());
            let bugs = own.chain(bug.map(|bug| bug.name.clone())).collect();
            // Where the probe looked, caller and callee did not meet.
            let by_calls = bug.is_some_and(|bug| bug.shows == Shows::Calls);
            let outcome = match by_calls || self.failed.iter().any(|wrong| wrong.self_inconsistent)
            {
                true => Outcome::SelfInconsistent,
                false => Outcome::OwnWay,
            };
            return Cell { outcome, bugs };
        }
        let one = |i: usize| match () {
            () if self.lacking[i].is_some() => Outcome::Lacks,
            () if self.passed[i] == n => Outcome::Passes,
            () if self.not_lowered[i] == n => Outcome::NotLowered,
            () => Outcome::Fails,
        };
        let outcome = match (one(0), one(1)) {
            (one, other) if one == other => one,
            (Outcome::Fails, _) | (_, Outcome::Fails) => Outcome::Fails,
            (Outcome::NotLowered, _) | (_, Outcome::NotLowered) => Outcome::NotLowered,
            _ => Outcome::OneSided,
        };
        outcome.into()
    }
}
