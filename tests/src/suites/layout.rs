//! Sizes, alignments, offsets and bit-fields as each reference compiler has them, against `cabi`'s
//! layout: of the corpus' types block by block, and of a grid of records by the rules of each
//! compiler and system. Compilers write tables of the facts, which are read and not run; so clang
//! is asked about other targets too.
//!
//! Random records are asked about by the suite `random`.

mod grid;

use std::collections::{BTreeMap, HashMap};

use cabi::{RecordRules, Target};
use cabi_verify::build::{Reference, feature_flags};
use cabi_verify::case::Subject;
use cabi_verify::corpus::{DEFAULT_TARGET, TESTED_LIBCLANG, libclang};
use cabi_verify::layout::{Answer, Fact, Reply, ask_data, facts};
use cabi_verify::report::Report;
use cabi_verify::threads::{at_once, in_threads};

use crate::suite::{Result, Suite};

/// `true` if compilers make code of the default target without being told.
const IS_DEFAULT: bool = cfg!(all(target_arch = "x86_64", target_os = "linux"));

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    // An older one lays some types out otherwise: clang 18 aligns `_BitInt(65)` to 8 on AArch64.
    if let Err(why) = libclang(TESTED_LIBCLANG) {
        suite.report.absent("layout", &why);
        return Ok(());
    }
    let subjects = suite.corpus(&["x86-64-sysv", "x86-64-win64", "layout"])?;
    let references = suite.references();
    let complete = suite.is_complete();
    let report = &mut suite.report;
    for reference in &references {
        blocks(reference, &subjects, report);
    }
    if complete {
        let records = grid::all();
        for row in SYSTEMS.lines().filter(|row| !row.starts_with('#')) {
            let system = System::parse(row)?;
            let mut own = references.iter();
            let own = own.find(|one| one.name() == system.compiler);
            if let Some(reference) = own.filter(|_| IS_DEFAULT || system.target != LINUX) {
                check(&system, reference, &records, report)?;
            }
        }
        grid::check_read(&records, report)?;
    }
    Ok(())
}

/// Flags for files that are not linked, nor run.
const OBJECT: [&str; 3] = ["-c", "-fno-pic", "-w"];

/// Returns the flag by which clang makes ELF files of `target`, whatever its own format is.
fn flag_for(target: &str) -> String {
    let elf = match target {
        APPLE => "arm64-apple-macosx13-elf".to_owned(),
        _ if target.contains("-windows-") => format!("{target}-elf"),
        _ => target.to_owned(),
    };
    format!("--target={elf}")
}

/// Each block that `reference` can be asked about.
fn blocks(reference: &Reference, subjects: &[Subject], report: &mut Report) {
    let engine = format!("layout {}", reference.name());
    let mut asked = Vec::new();
    for subject in subjects {
        let block = &subject.block;
        let is_here = IS_DEFAULT && block.target == DEFAULT_TARGET;
        if let Err(why) = reference.admits(block) {
            report.not_run(&engine, &block.name, &why);
        } else if !is_here && reference.name() != "clang" {
            report.not_run(&engine, &block.name, "one gcc compiles for one target only");
        } else {
            asked.push((subject, is_here));
        }
    }
    let ask = |(subject, is_here): &(&Subject, bool)| {
        let block = &subject.block;
        let of_target = (!is_here).then(|| flag_for(&block.target));
        let mut flags = feature_flags(&block.features);
        flags.extend(OBJECT.into_iter().chain(of_target.as_deref()));
        ask_data(reference, &flags, &block.code, subject).map_err(|error| error.to_string())
    };
    let replies = in_threads(&asked, at_once(), ask, |_| {});
    let n_facts: usize = replies.iter().flatten().map(Vec::len).sum();
    report.note(format!(
        "{engine}: {n_facts} facts of {} blocks",
        asked.len()
    ));
    for ((subject, is_here), replies) in asked.iter().zip(replies) {
        let block = &subject.block;
        let engine = match is_here {
            true => engine.clone(),
            false => format!("{engine} {}", block.target),
        };
        let noticed = replies.as_ref().map_or(Ok(()), control);
        report.outcome("layout control", &block.name, noticed);
        let all_same = replies.and_then(|replies| replies.iter().try_for_each(compare));
        report.outcome(&engine, &block.name, all_same);
    }
}

fn compare((fact, reply): &(Fact, Reply)) -> Result<(), String> {
    match reply {
        Reply::Is(theirs) if *theirs == fact.ours => Ok(()),
        Reply::Is(theirs) => Err(format!("{} is {theirs}, ours {}", fact.what, fact.ours)),
        refused => Err(format!("{}: {refused:?}", fact.what)),
    }
}

/// Each fact, made wrong by one byte or one bit, or the other sign, must be noticed.
fn control(replies: &Vec<(Fact, Reply)>) -> Result<(), String> {
    for (fact, reply) in replies {
        let mut wrong = fact.clone();
        match &mut wrong.ours {
            Answer::Bytes(bytes) => *bytes += 1,
            Answer::Bits(bytes) => match bytes.first_mut() {
                Some(byte) => *byte ^= 1,
                None => continue,
            },
            Answer::Signed(signed) => *signed = !*signed,
            other => return Err(format!("{}: no control makes {other} wrong", fact.what)),
        }
        if compare(&(wrong, reply.clone())).is_ok() {
            return Err(format!("a wrong {} was not noticed", fact.what));
        }
    }
    Ok(())
}

/// The compilers and targets by whose rules the grid is laid out; the file says how a row is read.
const SYSTEMS: &str = include_str!("layout/systems.txt");

/// A row of [`SYSTEMS`].
struct System {
    compiler: &'static str,
    target: &'static str,
    /// A target with rules that is like it, for a control: so many facts at least are otherwise by
    /// it.
    other: (&'static str, RecordRules, usize),
    /// Number of records that are left out, for each reason.
    left_out: &'static str,
}

impl System {
    fn parse(row: &'static str) -> Result<Self> {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [compiler, target, other, others_rules, least, left_out] = cells[..] else {
            return Err(format!("systems.txt: {row}").into());
        };
        Ok(Self {
            compiler,
            target,
            other: (other, rules_of(others_rules)?, least.parse()?),
            left_out,
        })
    }
}

/// The rules of a compiler.
fn rules_of(compiler: &str) -> Result<RecordRules> {
    match compiler {
        "gcc" => Ok(RecordRules::Gcc),
        "clang" => Ok(RecordRules::Clang),
        _ => Err(format!("{compiler} has no rules of its own").into()),
    }
}

const APPLE: &str = "aarch64-apple-darwin";
const LINUX: &str = "x86_64-linux-gnu";

/// Compares the grid as `system` has it.
fn check(
    system: &System,
    reference: &Reference,
    records: &[grid::Record],
    report: &mut Report,
) -> Result<()> {
    let (target, (other, others_rules, least)) = (system.target, system.other);
    let (subject, left_out) = subject(records, target, rules_of(system.compiler)?)?;
    let left_out = left_out.iter().map(|(why, n)| format!("{n} {why}"));
    let left_out = left_out.collect::<Vec<_>>().join(", ");
    let left_out = if left_out.is_empty() {
        "nothing"
    } else {
        &left_out
    };
    let (flag, engine) = match target {
        LINUX => (None, format!("layout grid {}", system.compiler)),
        _ => {
            let engine = format!("layout grid {} {target}", system.compiler);
            (Some(flag_for(target)), engine)
        }
    };
    let flags: Vec<&str> = OBJECT.into_iter().chain(flag.as_deref()).collect();
    let replies = ask_data(reference, &flags, &subject.block.code, &subject)?;
    let differing = replies.iter().filter_map(|one| compare(one).err());
    let differing: Vec<String> = differing.collect();
    let others = facts(&self::subject(records, other, others_rules)?.0);
    let others = others.iter().map(|fact| (&fact.what, &fact.ours));
    let others: HashMap<&String, &Answer> = others.collect();
    let n_otherwise = replies.iter().filter(|(fact, reply)| {
        let others = others.get(&fact.what);
        others.is_some_and(|others| *reply != Reply::Is((*others).clone()))
    });
    let (n, n_facts, n_otherwise) = (
        subject.header.records.len(),
        replies.len(),
        n_otherwise.count(),
    );
    report.note(format!(
        "{engine}: {n} records, left out {left_out}, {} of {n_facts} facts alike, {n_otherwise} otherwise by another model",
        n_facts - differing.len(),
    ));
    let outcome = match differing.get(..differing.len().min(5)) {
        Some(first @ [_, ..]) => Err(format!("{} differ:\n{}", differing.len(), first.join("\n"))),
        _ if left_out != system.left_out => Err(format!("left out: {left_out}")),
        _ => Ok(()),
    };
    report.outcome(&engine, "all", outcome);
    let why = "another model's layouts were not noticed";
    report.check("layout control", &engine, n_otherwise >= least, why);
    Ok(())
}

/// The grid as it is read for `target` by `rules`, and how many of its records are left out for
/// which reasons.
fn subject(
    records: &[grid::Record],
    target: &str,
    rules: RecordRules,
) -> Result<(Subject, BTreeMap<&'static str, usize>)> {
    let (mut code, mut named) = (grid::PREAMBLE.to_owned(), Vec::new());
    let (read, mut left_out) = (grid::read(records, target, Some(rules))?, BTreeMap::new());
    for record in records {
        match &read[&record.name] {
            Ok(ty) => {
                code += &record.text;
                named.push((record.name.clone(), ty.clone()));
            }
            Err(why) => *left_out.entry(*why).or_default() += 1,
        }
    }
    let subject = Subject::of_cases("grid", &Target::X86_64_LINUX, code, named, Vec::new());
    Ok((subject, left_out))
}
