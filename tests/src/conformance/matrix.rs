//! Each type in each position against each compiler, in both directions, at every level of optimization.
//!
//! What the lowering does not support yet is looked at by the register-dump probe, which needs no code of ours: then it is known that
//! the place is right, though no call can be made.

use std::collections::{BTreeMap, BTreeSet};

use cabi_verify::case::Case;
use cabi_verify::generate::argument_positions::N_POSITIONS;
use cabi_verify::report::expected::Expected;
use cabi_verify::verdict::Verdict;
use cabi_verify::verify::units::{Called, OtherSide};

use super::compilers::{PageCompiler, first_words, in_own_words, run as ask};
use super::features::{Feature, Group};
use super::{LEVELS, known, without_folder};
use crate::compiled::{File, admits, entries};
use crate::suite::Result;

/// A compiler and what became of each type with it.
#[derive(Clone, Debug)]
pub struct Column {
    /// The compiler.
    pub asked: PageCompiler,
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

/// What there is to say of a [`Cell`], in the order of the rows of `page.md` that give each a sign.
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

/// What became of a case in one direction at one level of optimization.
#[derive(Clone, Debug)]
struct Answer {
    /// Whether our code calls, or the compiler's: 0 or 1.
    direction: usize,
    verdict: Verdict,
    /// Why there is no answer, or what a program of the compiler alone says.
    why: Option<String>,
    /// The listed bug of the compiler that it comes from, if it is wrong.
    bug: Option<String>,
}

/// By the compiler's index and the case's name.
type Answers = BTreeMap<(usize, String), Vec<Answer>>;

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
    let (mut answers, mut n_calls) = (Answers::new(), 0);
    let all = ask(&files, OtherSide::CraneliftFirst, |file, case, error| {
        let why = first_words(error, file.entries.len());
        let both = [0, 1].map(|direction| Answer {
            direction,
            verdict: Verdict::NotRun(why.clone()),
            why: Some(why.clone()),
            bug: None,
        });
        let case = (of[file.part], case.name.clone());
        answers.entry(case).or_default().extend(both);
    })?;
    for (at, called) in all {
        for one in called {
            if let Verdict::Passed(n) = one.verdict {
                n_calls += n;
            }
            let case = (of[at], one.case.name.clone());
            let answer = Answer::of(&files[at], one, expected);
            answers.entry(case).or_default().push(answer);
        }
    }
    let mut failures = Vec::new();
    let columns = asked.iter().enumerate().map(|(index, one)| {
        let row = |feature: &&Feature| row(feature, index, one, &answers, &mut failures);
        Column {
            asked: one.clone(),
            rows: features(one).iter().map(row).collect(),
        }
    });
    Ok(Matrix {
        columns: columns.collect(),
        n_calls,
        failures,
    })
}

/// What one compiler is asked: cases of one vector level, at one level of optimization.
fn add_files<'e>(asked: &'e PageCompiler, features: &[&'e Feature], files: &mut Vec<File<'e>>) {
    let tried = features
        .iter()
        .filter_map(|feature| feature.tried.as_ref().ok());
    let levels = entries(tried, asked.first(), |(_, case), admitted| {
        admitted.is_ok() && case.abi_under(asked.policy()).is_ok()
    });
    // Which functions Zig's optimizer merges depends on what is in the file.
    let n = if asked.is_of_c() { BATCH } else { usize::MAX };
    for entries in levels.iter().flat_map(|entries| entries.chunks(n)) {
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

/// What became of a type in each position with one compiler.
fn row(
    feature: &Feature,
    index: usize,
    asked: &PageCompiler,
    answers: &Answers,
    failures: &mut Vec<String>,
) -> Vec<Cell> {
    let subject = match (admits(asked.first(), &feature.block), &feature.tried) {
        (Err(why), _) => return vec![Cell::new(Outcome::Lacks, why); N_POSITIONS],
        (_, Err(why)) => return vec![Cell::new(Outcome::Refused, why.clone()); N_POSITIONS],
        (Ok(()), Ok(subject)) => subject,
    };
    let cell = |case: &Case| {
        if let Err(why) = case.abi_under(asked.policy()) {
            return Cell::new(Outcome::Refused, why.to_string());
        }
        let answers = answers.get(&(index, case.name.clone()));
        let answers = answers.map_or(&[][..], Vec::as_slice);
        let cell = Cell::of(answers, asked.levels(&LEVELS).len());
        if cell.outcome == Outcome::Fails {
            let wrong = answers.iter().find(|one| one.is_unlisted());
            let why = wrong.and_then(|one| one.verdict.difference());
            let why = why.map_or("it was not run", |difference| &difference.why);
            let column = asked.command();
            failures.push(without_folder(&format!("{} [{column}]: {why}", case.name)));
        }
        cell
    };
    subject.cases.iter().map(cell).collect()
}

impl Answer {
    fn of(file: &File<'_>, called: Called, expected: &Expected) -> Self {
        let Called {
            case,
            direction,
            verdict,
            shown,
            ..
        } = called;
        let bug = verdict.difference();
        let bug = bug.and_then(|_| known(expected, file.compiler, &case, direction));
        let why = match &verdict {
            Verdict::NotRun(why) => Some(in_own_words(why, file.entries.len())),
            Verdict::NotLowered(why) => Some(why.clone()),
            _ => shown.map(|shown| format!("{}: {}", case.name, shown.says)),
        };
        Self {
            direction: direction as usize,
            bug: bug.map(|bug| bug.name.clone()),
            verdict,
            why,
        }
    }

    fn is_wrong(&self) -> bool {
        self.verdict.difference().is_some()
    }

    /// Whether it is wrong, no bug explains it, and no program of the compiler alone shows it.
    fn is_unlisted(&self) -> bool {
        self.is_wrong() && self.bug.is_none() && self.why.is_none()
    }
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

    /// What the answers at `n` levels of optimization come to.
    fn of(answers: &[Answer], n: usize) -> Self {
        let mut cell = Self::new(Outcome::Fails, None);
        for why in answers.iter().filter_map(|one| one.why.as_ref()) {
            if !cell.whys.contains(why) {
                cell.whys.push(why.clone());
            }
        }
        cell.bugs = answers.iter().filter_map(|one| one.bug.clone()).collect();
        let count = |of: fn(&Answer) -> bool| answers.iter().filter(|one| of(one)).count();
        let is_inconsistent = |one: &Answer| matches!(one.verdict, Verdict::SelfInconsistent(_));
        cell.outcome = match () {
            () if count(Answer::is_unlisted) > 0 => Outcome::Fails,
            // Where the probe looked, caller and callee did not meet.
            () if count(is_inconsistent) > 0 => Outcome::SelfInconsistent,
            () if count(Answer::is_wrong) > 0 => Outcome::OwnWay,
            () => match [0, 1].map(|direction| of_direction(answers, direction, n)) {
                [one, other] if one == other => one,
                [Outcome::Fails, _] | [_, Outcome::Fails] => Outcome::Fails,
                [Outcome::NotLowered, _] | [_, Outcome::NotLowered] => Outcome::NotLowered,
                _ => Outcome::OneSided,
            },
        };
        cell
    }
}

/// What the answers in one direction come to, none of which is wrong.
fn of_direction(answers: &[Answer], direction: usize, n: usize) -> Outcome {
    let own = || answers.iter().filter(|one| one.direction == direction);
    let count = |of: fn(&Verdict) -> bool| own().filter(|one| of(&one.verdict)).count();
    match () {
        () if count(|one| matches!(one, Verdict::NotRun(_))) > 0 => Outcome::Lacks,
        () if count(|one| matches!(one, Verdict::Passed(_))) == n => Outcome::Passes,
        () if count(|one| matches!(one, Verdict::NotLowered(_))) == n => Outcome::NotLowered,
        () => Outcome::Fails,
    }
}
