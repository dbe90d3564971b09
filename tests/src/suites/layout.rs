//! Sizes, alignments, offsets and bit-fields as each reference compiler has them, against `cabi`'s
//! layout. The types are those of the corpus, block by block, and a grid of records by the rules of
//! each compiler and system. Compilers write tables of the facts, which are read and not run. The
//! tables of clang can thus be for other targets too.
//!
//! The suite `random` compares random records.

mod grid;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use cabi::{RecordRules, Target};
use cabi_verify::build::{Reference, feature_flags};
use cabi_verify::case::Subject;
use cabi_verify::corpus::{DEFAULT_TARGET, TESTED_LIBCLANG, libclang};
use cabi_verify::layout::{self, Answer, Fact, ask_together, facts};
use cabi_verify::threads::{at_once, in_threads};

use super::conventions::facts_files::{FactsFile, folder};
use crate::corpus::OTHERS;
use crate::suite::{Result, Suite};

/// `true` if compilers make code of the default target without flags for it.
const IS_DEFAULT: bool = cfg!(all(target_arch = "x86_64", target_os = "linux"));

/// The compilers whose layouts are stored.
const COMPILERS: [&str; 2] = ["gcc", "clang"];

/// Each fact about a subject, and a compiler's answer, as files of facts have it.
type Answers = Vec<(Fact, String)>;

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    // An older one lays some types out differently: clang 18 aligns `_BitInt(65)` to 8 on AArch64.
    if let Err(why) = libclang(TESTED_LIBCLANG) {
        suite.report.absent("layout", &why);
        return Ok(());
    }
    let subjects = suite.corpus(&[&["x86-64-sysv", "layout"], &OTHERS[..]].concat())?;
    let grids = match suite.is_whole() {
        true => Grid::read()?,
        false => Vec::new(),
    };
    for reference in suite.references() {
        measure(&reference, &subjects, &grids, suite)?;
    }
    if suite.is_complete() {
        grid::check_read(&grid::all(), &mut suite.report)?;
    }
    Ok(())
}

/// Compares the stored facts about `subjects` and the grid. Returns the files of facts.
pub(super) fn check_stored(subjects: &[Subject], suite: &mut Suite) -> Result<Vec<PathBuf>> {
    let files = COMPILERS.into_iter().map(path).collect();
    if subjects.is_empty() || !suite.wants("facts layout") {
        return Ok(files);
    }
    if let Err(why) = libclang(TESTED_LIBCLANG) {
        suite.report.absent("facts layout", &why);
        return Ok(files);
    }
    let grids = Grid::read()?;
    suite.each(&COMPILERS, |compiler, suite| {
        let engine = format!("facts layout {compiler}");
        let subjects: Vec<&Subject> = subjects.iter().chain(of(compiler, &grids)).collect();
        let cases = subjects
            .iter()
            .map(|one| (&*one.block.name, &*one.block.code));
        let lines = FactsFile::compared_lines(&path(compiler), cases, &engine, suite)?;
        let mut outcomes = Vec::new();
        for (subject, lines) in subjects.iter().zip(lines) {
            let Some(lines) = lines else { continue };
            let answers = answers(subject, &lines);
            let noticed = answers.as_ref().map_or(Ok(()), control);
            let name = &subject.block.name;
            suite
                .report
                .outcome(&format!("{engine} control"), name, noticed);
            outcomes.push((*subject, answers));
        }
        suite.n_passed = Some(outcomes.len());
        report(&engine, &outcomes, suite);
        Ok(())
    })?;
    Ok(files)
}

/// Returns the file of a compiler.
fn path(compiler: &str) -> PathBuf {
    folder().join("layout").join(format!("{compiler}.txt"))
}

/// Flags for files that are not linked, nor run.
const OBJECT: [&str; 3] = ["-c", "-fno-pic", "-w"];

/// Most blocks of one file.
const FILE: usize = 64;

/// Asks `reference` about the layout of each of `subjects` and of the grid.
fn measure(
    reference: &Reference,
    subjects: &[Subject],
    grids: &[Grid],
    suite: &mut Suite,
) -> Result<()> {
    let engine = format!("layout {}", reference.name());
    let all: Vec<&Subject> = subjects.iter().chain(of(reference.name(), grids)).collect();
    let is_asked = |subject: &&&Subject| {
        let block = &subject.block;
        let why = match is_here(subject) {
            false if reference.name() != "clang" => Some("this gcc compiles for one target only"),
            _ if block.target == ARM_WINDOWS => Some("clang 19 makes no ELF file for this target"),
            _ => None,
        };
        let why = why.map(str::to_owned);
        let why = why.or(reference.admits_layouts(block).err());
        if let Some(why) = &why {
            suite.report.not_run(&engine, &block.name, why);
        }
        why.is_none()
    };
    let mut subjects: Vec<&Subject> = all.iter().filter(is_asked).copied().collect();
    subjects.sort_by_cached_key(flags);
    let groups = subjects.chunk_by(|one, next| flags(one) == flags(next));
    let files: Vec<&[&Subject]> = groups.flat_map(|group| group.chunks(FILE)).collect();
    let outcomes = in_threads(&files, at_once(), |file| ask(reference, file), |_| {});
    let outcomes = subjects.iter().copied().zip(outcomes.into_iter().flatten());
    let outcomes: Vec<(&Subject, Result<Answers, String>)> = outcomes.collect();
    for (subject, answers) in &outcomes {
        let noticed = answers.as_ref().map_or(Ok(()), control);
        (suite.report).outcome("layout control", &subject.block.name, noticed);
        let grid = grids
            .iter()
            .find(|one| std::ptr::eq(&one.subject, *subject));
        if let (Some(grid), Ok(answers)) = (grid, answers) {
            grid.control(answers, suite)?;
        }
    }
    if suite.is_whole() {
        let lines = outcomes.iter().filter_map(|(subject, answers)| {
            Some((&*subject.block.name, lines(answers.as_ref().ok()?)))
        });
        let lines: HashMap<&str, String> = lines.collect();
        let cases = all.iter().map(|one| {
            let name = &*one.block.name;
            (name, &*one.block.code, lines.get(name).cloned())
        });
        let version = reference.version().lines().next().unwrap_or_default();
        let text = FactsFile::text(version, cases);
        FactsFile::hold(&path(reference.name()), &text, &engine, suite)?;
    }
    report(&engine, &outcomes, suite);
    Ok(())
}

/// Returns the flags for code of `subject`: clang makes ELF files of it, whatever the format of its
/// target is.
fn flags(subject: &&Subject) -> Vec<String> {
    let target = &*subject.block.target;
    let elf = match target {
        APPLE => "arm64-apple-macosx13-elf".to_owned(),
        _ if target.contains("-windows-") => format!("{target}-elf"),
        _ => target.to_owned(),
    };
    let of_target = (!is_here(subject)).then(|| format!("--target={elf}"));
    let flags = feature_flags(&subject.block.features).into_iter();
    let flags = flags.chain(OBJECT).map(str::to_owned);
    flags.chain(of_target).collect()
}

/// Asks `reference` about the layouts of `subjects`, which have one set of flags.
fn ask(reference: &Reference, subjects: &[&Subject]) -> Vec<Result<Answers, String>> {
    let flags = subjects.first().map(flags).unwrap_or_default();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let word = |(fact, answer): (_, Answer)| (fact, answer.word());
    match ask_together(reference, &flags, subjects) {
        Err(why) => vec![Err(why.to_string()); subjects.len()],
        Ok(together) => {
            let words = |answers: layout::Answers| match answers {
                Ok(answers) => Ok(answers.into_iter().map(word).collect()),
                Err(why) => Err(why.to_string()),
            };
            together.into_iter().map(words).collect()
        }
    }
}

/// Checks whether a compiler makes code of the subject's target without flags for it.
fn is_here(subject: &Subject) -> bool {
    IS_DEFAULT && subject.block.target == DEFAULT_TARGET
}

/// Returns the lines of a subject in a file of facts, one for each type.
fn lines(answers: &Answers) -> String {
    let words = answers.iter().map(|(fact, word)| {
        let is_first = fact.what.starts_with("sizeof(");
        [if is_first { "\n" } else { " " }, word].concat()
    });
    words.collect::<String>().trim_start().to_owned() + "\n"
}

/// Reads the answers of a subject in `lines`.
fn answers(subject: &Subject, lines: &str) -> Result<Answers, String> {
    let (facts, words) = (facts(subject), lines.split_whitespace());
    match (facts.len(), words.clone().count()) {
        (n, n_words) if n == n_words => {
            Ok(facts.into_iter().zip(words.map(str::to_owned)).collect())
        }
        (n, n_words) => Err(format!("{n_words} answers, but {n} questions")),
    }
}

/// Reports the differences of a compiler's answers from the layout of each subject.
fn report(engine: &str, outcomes: &[(&Subject, Result<Answers, String>)], suite: &mut Suite) {
    let facts = outcomes.iter().flat_map(|(_, answers)| answers);
    let (n_facts, n) = (facts.map(Vec::len).sum::<usize>(), outcomes.len());
    let note = format!("{engine}: {n_facts} facts of {n} subjects");
    suite.report.note(note);
    for (subject, answers) in outcomes {
        let name = &subject.block.name;
        let engine = match is_here(subject) {
            true => engine.to_owned(),
            false => format!("{engine} {}", subject.block.target),
        };
        let all_same = answers.as_ref().map_err(Clone::clone).and_then(same);
        suite.report.outcome(&engine, name, all_same);
    }
}

/// Checks whether all answers are those of `cabi`; the error has the first that are not.
fn same(answers: &Answers) -> Result<(), String> {
    let differing = answers.iter().filter_map(|one| compare(one).err());
    let differing: Vec<String> = differing.collect();
    match differing.len() {
        0 => Ok(()),
        n => Err(format!("{n} differ:\n{}", differing[..n.min(5)].join("\n"))),
    }
}

fn compare((fact, theirs): &(Fact, String)) -> Result<(), String> {
    match fact.ours.word() {
        ours if ours == *theirs => Ok(()),
        ours => Err(format!("{} is {theirs}, ours {ours}", fact.what)),
    }
}

/// Checks that each fact is noticed that is wrong by one byte or one bit, or has the other sign.
fn control(answers: &Answers) -> Result<(), String> {
    for (fact, answer) in answers {
        let mut wrong = fact.clone();
        match &mut wrong.ours {
            Answer::Bytes(bytes) => *bytes += 1,
            Answer::Bits(bytes) => match bytes.first_mut() {
                Some(byte) => *byte ^= 1,
                None => continue,
            },
            Answer::Signed(signed) => *signed = !*signed,
            other => return Err(format!("{}: no control changes {other}", fact.what)),
        }
        if compare(&(wrong, answer.clone())).is_ok() {
            return Err(format!("a wrong {} was not noticed", fact.what));
        }
    }
    Ok(())
}

/// The compilers and targets by whose rules the grid is laid out; the file says how a row is read.
const SYSTEMS: &str = include_str!("layout/systems.txt");

/// A row of [`SYSTEMS`].
struct System {
    /// Target, and compiler whose rules they are.
    own: (&'static str, &'static str),
    /// Target and compiler of a system that is like it, for a control.
    other: (&'static str, &'static str),
    /// Number of facts that are at least otherwise by it.
    least: usize,
    /// Number of records that are left out, for each reason.
    left_out: &'static str,
}

impl System {
    fn parse(row: &'static str) -> Result<Self> {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [compiler, target, other, others_compiler, least, left_out] = cells[..] else {
            return Err(format!("systems.txt: expected six cells: {row}").into());
        };
        Ok(Self {
            own: (target, compiler),
            other: (other, others_compiler),
            least: least.parse()?,
            left_out: left_out.trim_start_matches("nothing"),
        })
    }
}

/// Returns the rules of a compiler.
fn rules_of(compiler: &str) -> Result<RecordRules> {
    match compiler {
        "gcc" => Ok(RecordRules::Gcc),
        "clang" => Ok(RecordRules::Clang),
        _ => Err(format!("unknown record rules: {compiler}").into()),
    }
}

const APPLE: &str = "aarch64-apple-darwin";
const ARM_WINDOWS: &str = "aarch64-pc-windows-msvc";

/// The grid as a system has it.
struct Grid {
    system: System,
    subject: Subject,
    /// Number of records that are left out, for each reason.
    left_out: String,
}

impl Grid {
    /// Reads the grid of each row.
    fn read() -> Result<Vec<Self>> {
        let rows = SYSTEMS.lines().filter(|row| !row.starts_with('#'));
        let systems: Vec<System> = rows.map(System::parse).collect::<Result<_>>()?;
        let records = grid::all();
        let read = |system: &System| {
            let read = subject(&records, system.own);
            read.map_err(|why| why.to_string())
        };
        let read = in_threads(&systems, at_once(), read, |_| {});
        let grids = systems.into_iter().zip(read).map(|(system, read)| {
            let (subject, left_out) = read?;
            Ok(Self {
                system,
                subject,
                left_out,
            })
        });
        Ok(grids.collect::<Result<_, String>>()?)
    }

    /// Reports whether so many of the `answers` differ under another model, and so many records are
    /// left out, as the row says.
    fn control(&self, answers: &Answers, suite: &mut Suite) -> Result<()> {
        let (system, left_out) = (&self.system, &self.left_out);
        let others = facts(&subject(&grid::all(), system.other)?.0);
        let others = others.iter().map(|fact| (&fact.what, fact.ours.word()));
        let others: HashMap<&String, String> = others.collect();
        let is_otherwise = |(fact, word): &&(Fact, String)| {
            let others = others.get(&fact.what);
            others.is_some_and(|others| others != word)
        };
        let n_otherwise = answers.iter().filter(is_otherwise).count();
        let name = format!("grid {} {}", system.own.1, system.own.0);
        let note = format!("{n_otherwise} differ under another model, left out: {left_out}");
        suite.report.note(format!("layout {name}: {note}"));
        let is_expected = n_otherwise >= system.least && left_out == system.left_out;
        (suite.report).check("layout control", &name, is_expected, note);
        Ok(())
    }
}

/// Returns the grids of a compiler.
fn of<'g>(compiler: &str, grids: &'g [Grid]) -> impl Iterator<Item = &'g Subject> {
    let own = grids.iter().filter(move |one| one.system.own.1 == compiler);
    own.map(|one| &one.subject)
}

/// Reads the grid for a target by the rules of a compiler. The text is how many of its records are
/// left out, for each reason.
fn subject(
    records: &[grid::Record],
    (target, compiler): (&str, &str),
) -> Result<(Subject, String)> {
    let (mut code, mut types) = (grid::PREAMBLE.to_owned(), Vec::new());
    let read = grid::read(records, target, Some(rules_of(compiler)?))?;
    let mut left_out: BTreeMap<&str, usize> = BTreeMap::new();
    for record in records {
        match &read[&record.name] {
            Ok(ty) => {
                code += &record.text;
                types.push((record.name.clone(), ty.clone()));
            }
            Err(why) => *left_out.entry(*why).or_default() += 1,
        }
    }
    let name = format!("grid/{target}");
    let mut subject = Subject::of_types(&name, &Target::X86_64_LINUX, code, types);
    target.clone_into(&mut subject.block.target);
    let left_out = left_out.iter().map(|(why, n)| format!("{n} {why}"));
    Ok((subject, left_out.collect::<Vec<_>>().join(", ")))
}
