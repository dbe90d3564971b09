//! Each type in each position against each compiler, in both directions, at every level of optimization.
//!
//! What the lowering does not support yet is looked at by the register-dump probe, which needs no code of ours: then it is known that
//! the place is right, though no call can be made.

use std::collections::{BTreeMap, BTreeSet};

use cabi::VectorLevel;
use cabi_verify::case::{Case, Entry};
use cabi_verify::generate::argument_positions::N_POSITIONS;
use cabi_verify::report::expected::{Bug, Expected, Shows};
use cabi_verify::run::HERE;
use cabi_verify::verdict::Verdict;
use cabi_verify::verify::units::{Called, OtherSide};

use super::compilers::{PageCompiler, first_words, in_own_words, run as ask};
use super::features::{Feature, Group};
use super::{LEVELS, bug_of_zig, without_folder};
use crate::compiled::File;
use crate::suite::Result;

/// A compiler and what became of each type with it.
#[derive(Clone, Debug)]
pub struct Column {
    /// The target that it makes code for.
    pub target: String,
    /// Its name on the page; of one for another target its command.
    pub name: String,
    /// The first line of its `--version`.
    pub version: String,
    /// Whether its code runs in this process.
    pub is_here: bool,
    /// What became of each type in each position.
    pub rows: Vec<Vec<Cell>>,
}

/// What became of a type in a position with a compiler.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cell {
    /// In a word.
    pub outcome: Outcome,
    /// The listed bugs of the compiler that it comes from.
    pub bugs: BTreeSet<String>,
    /// Why there is no answer, or what a program of the compiler alone says.
    pub whys: Vec<String>,
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

/// All columns.
#[derive(Debug)]
pub struct Matrix {
    /// One per compiler.
    pub columns: Vec<Column>,
    /// How many calls were right.
    pub n_calls: usize,
    /// What contradicts the lists.
    pub failures: Vec<String>,
}

/// What is known of one type in one position with one compiler, for each of the two directions.
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
    /// Why there is no answer, or what a program of the compiler alone says.
    whys: Vec<String>,
}

/// Something that went wrong.
#[derive(Clone, Debug)]
struct Wrong {
    why: String,
    /// Whether the compiler's own caller and callee disagree too, and whether a program of its own shows that.
    self_inconsistent: bool,
    is_shown: bool,
    /// The bug of Zig's that it comes from, if it is known.
    bug: Option<String>,
}

/// The compiler's index and the case's name.
type Outcomes = BTreeMap<(usize, String), Stats>;

/// Cases that share a file.
const BATCH: usize = 256;

/// Tries all `types`, as the target of each compiler has them.
pub fn run(
    types: &BTreeMap<String, Vec<Group>>,
    asked: &[PageCompiler],
    expected: &Expected,
) -> Result<Matrix> {
    let features = |one: &PageCompiler| -> Vec<&Feature> {
        let groups = types.get(one.target().name()).into_iter().flatten();
        groups.flat_map(|group| &group.features).collect()
    };
    let (mut of, mut files) = (Vec::new(), Vec::new());
    for (index, one) in asked.iter().enumerate() {
        add_files(one, &features(one), &mut files);
        of.resize(files.len(), index);
    }
    let mut stats = Outcomes::new();
    let all = ask(&files, OtherSide::CraneliftFirst, |file, case, error| {
        let why = first_words(error, file.entries.len());
        let stats = stats.entry((of[file.part], case.name.clone())).or_default();
        stats.lacking = [Some(why.clone()), Some(why)];
    })?;
    let mut n_calls = 0;
    for (at, called) in all {
        for one in called {
            let stats = stats.entry((of[at], one.case.name.clone())).or_default();
            n_calls += stats.take(&files[at], one, expected);
        }
    }
    let mut failures = Vec::new();
    let columns = asked.iter().enumerate().map(|(index, one)| {
        let cells =
            |feature: &&Feature| cells(feature, index, one, expected, &stats, &mut failures);
        Column {
            target: one.target().name().to_owned(),
            name: one.command(),
            version: one.version().to_owned(),
            is_here: one.is_here(),
            rows: features(one).iter().map(cells).collect(),
        }
    });
    let columns: Vec<Column> = columns.collect();
    let here = types.get(HERE.name()).into_iter().flatten();
    let here = here.flat_map(|group| &group.features);
    failures.extend(unmet(expected, &here.collect::<Vec<_>>(), &columns));
    Ok(Matrix {
        columns,
        n_calls,
        failures,
    })
}

/// What one compiler is asked: cases of one vector level, at one level of optimization.
fn add_files<'e>(asked: &'e PageCompiler, features: &[&'e Feature], files: &mut Vec<File<'e>>) {
    let mut by_level: BTreeMap<VectorLevel, Vec<Entry<'e>>> = BTreeMap::new();
    for feature in features {
        if let Ok(subject) = &feature.tried
            && asked.admits(&feature.block).is_ok()
        {
            let placed = subject.cases.iter();
            for case in placed.filter(|case| case.abi_under(asked.policy()).is_ok()) {
                let entries = by_level.entry(case.vectors).or_default();
                entries.push((subject, case));
            }
        }
    }
    // Which functions Zig's optimizer merges depends on what is in the file.
    let n = if asked.is_of_c() { BATCH } else { usize::MAX };
    for entries in by_level.values().flat_map(|entries| entries.chunks(n)) {
        for (optimize, compiler) in asked.levels(&LEVELS) {
            files.push(File {
                part: files.len(),
                compiler,
                optimize,
                entries: entries.to_vec(),
            });
        }
    }
}

/// Types that a bug says meet it, and do not.
fn unmet(expected: &Expected, features: &[&Feature], columns: &[Column]) -> Vec<String> {
    let mut out = Vec::new();
    for bug in &expected.bugs {
        for name in &bug.meets {
            let at = features.iter().position(|one| one.block.name == *name);
            let rows = columns.iter().filter_map(|column| column.rows.get(at?));
            if !rows.flatten().any(|cell| cell.bugs.contains(&bug.name)) {
                out.push(format!("{name} does not meet the bug {}", bug.name));
            }
        }
    }
    out
}

/// What became of a type in each position with one compiler.
fn cells(
    feature: &Feature,
    index: usize,
    asked: &PageCompiler,
    expected: &Expected,
    stats: &Outcomes,
    failures: &mut Vec<String>,
) -> Vec<Cell> {
    let subject = match (asked.admits(&feature.block), &feature.tried) {
        (Err(why), _) => return vec![Cell::new(Outcome::Lacks, why); N_POSITIONS],
        (_, Err(why)) => return vec![Cell::new(Outcome::Refused, why.clone()); N_POSITIONS],
        (Ok(()), Ok(subject)) => subject,
    };
    let mut meeting = expected.bugs.iter();
    let meeting = meeting.find(|bug| {
        asked.is_here() && bug.is_of(asked.name) && bug.meets.contains(&feature.block.name)
    });
    let cell = |case: &Case| {
        if let Err(why) = case.abi_under(asked.policy()) {
            return Cell::new(Outcome::Refused, why.to_string());
        }
        let stats = stats.get(&(index, case.name.clone()));
        let stats = stats.cloned().unwrap_or_default();
        let cell = stats.cell(asked.levels(&LEVELS).len(), meeting);
        if cell.outcome == Outcome::Fails {
            let why = stats.unlisted(meeting).next();
            let why = why.map_or("it was not run", |wrong| wrong.why.as_str());
            let column = asked.command();
            failures.push(without_folder(&format!("{} [{column}]: {why}", case.name)));
        }
        cell
    };
    subject.cases.iter().map(cell).collect()
}

impl Cell {
    /// Without bugs; and why there is no answer, if there is a reason.
    fn new(outcome: Outcome, why: impl Into<Option<String>>) -> Self {
        Self {
            outcome,
            bugs: BTreeSet::new(),
            whys: why.into().into_iter().collect(),
        }
    }
}

impl Stats {
    /// Takes what became of a case in one direction. Returns how many calls were right.
    fn take(&mut self, file: &File<'_>, called: Called, expected: &Expected) -> usize {
        let Called {
            case,
            direction,
            verdict,
            shown,
            ..
        } = called;
        let at = direction as usize;
        match verdict {
            Verdict::Passed(n) => {
                self.passed[at] += 1;
                return n;
            }
            Verdict::NotRun(why) => {
                self.lacking[at] = Some(in_own_words(&why, file.entries.len()));
            }
            Verdict::NotLowered(why) => {
                self.not_lowered[at] += 1;
                self.whys.push(why);
            }
            wrong => {
                let self_inconsistent = matches!(wrong, Verdict::SelfInconsistent(_));
                let why = wrong.passed().err().unwrap_or_default();
                let zig = file.compiler.zig.as_ref();
                let bug = zig.and_then(|(_, mode)| bug_of_zig(expected, &case, *mode, direction));
                let says = shown
                    .as_ref()
                    .map(|shown| format!("{}: {}", case.name, shown.says));
                self.whys.extend(says);
                self.failed.push(Wrong {
                    why: format!("{}, {}: {why}", file.optimize, direction.name()),
                    self_inconsistent,
                    is_shown: shown.is_some(),
                    bug: bug.map(|bug| bug.name.clone()),
                });
            }
        }
        0
    }

    /// What went wrong and no bug explains; `bug` is what the type is known to meet with this compiler.
    fn unlisted(&self, bug: Option<&Bug>) -> impl Iterator<Item = &Wrong> {
        let listed = bug.is_some();
        let failed = self.failed.iter();
        failed.filter(move |wrong| !listed && !wrong.is_shown && wrong.bug.is_none())
    }

    /// What runs at `n` levels of optimization come to; `bug` is what the type is known to meet with this compiler.
    fn cell(&self, n: usize, bug: Option<&Bug>) -> Cell {
        let mut cell = Cell::new(Outcome::Fails, None);
        let lacking = self.lacking.iter().flatten();
        cell.whys.extend(lacking.chain(&self.whys).cloned());
        cell.whys.dedup();
        if self.unlisted(bug).next().is_some() {
            return cell;
        }
        if !self.failed.is_empty() {
            let own = self.failed.iter().filter_map(|wrong| wrong.bug.clone());
            cell.bugs = own.chain(bug.map(|bug| bug.name.clone())).collect();
            // Where the probe looked, caller and callee did not meet.
            let by_calls = bug.is_some_and(|bug| bug.shows == Shows::Calls);
            let mut failed = self.failed.iter();
            cell.outcome = match by_calls || failed.any(|wrong| wrong.self_inconsistent) {
                true => Outcome::SelfInconsistent,
                false => Outcome::OwnWay,
            };
            return cell;
        }
        let one = |i: usize| match () {
            () if self.lacking[i].is_some() => Outcome::Lacks,
            () if self.passed[i] == n => Outcome::Passes,
            () if self.not_lowered[i] == n => Outcome::NotLowered,
            () => Outcome::Fails,
        };
        cell.outcome = match (one(0), one(1)) {
            (one, other) if one == other => one,
            (Outcome::Fails, _) | (_, Outcome::Fails) => Outcome::Fails,
            (Outcome::NotLowered, _) | (_, Outcome::NotLowered) => Outcome::NotLowered,
            _ => Outcome::OneSided,
        };
        cell
    }
}
