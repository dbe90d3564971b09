//! Sizes, alignments, offsets and bit-fields as each reference compiler has them, against `cabi`'s layout: of the corpus' types block by block, and of a grid of
//! records by the rules of each compiler and system. Compilers write tables of the facts, which are read and not run; so clang is asked about other targets too.
//!
//! Random records are asked about by the suite `random`.

mod grid;

use std::collections::HashMap;

use cabi::{BitFieldStyle, DataModel, RecordRules, Target};
use cabi_verify::build::{Reference, feature_flags};
use cabi_verify::case::Subject;
use cabi_verify::check::layout::{Answer, Fact, Reply, ask_data, facts};
use cabi_verify::corpus::DEFAULT_TARGET;
use cabi_verify::report::Report;
use cabi_verify::threads::{at_once, in_threads};

use crate::suite::{Result, Suite};

/// Whether compilers make code of the default target without being told.
const IS_DEFAULT: bool = cfg!(all(target_arch = "x86_64", target_os = "linux"));

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let subjects = suite.corpus(&["x86-64-sysv", "x86-64-win64", "layout"])?;
    let references = suite.references();
    let complete = suite.is_complete();
    let report = &mut suite.report;
    for reference in &references {
        blocks(reference, &subjects, report);
    }
    if complete {
        for system in systems()? {
            let mut own = references
                .iter()
                .filter(|one| one.name() == system.compiler);
            own.try_for_each(|reference| system.check(reference, report))?;
        }
        grid::check_read(report);
    }
    Ok(())
}

/// Flags for files that are not linked, nor run.
const OBJECT: [&str; 3] = ["-c", "-fno-pic", "-w"];

/// What has clang make ELF files of `target`, whatever its own format is.
fn flag_for(target: &str) -> String {
    let elf = match target {
        "aarch64-apple-darwin" => "arm64-apple-macosx13-elf".to_owned(),
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

/// Each fact, made wrong by one byte or one bit, must be noticed.
fn control(replies: &Vec<(Fact, Reply)>) -> Result<(), String> {
    for (fact, reply) in replies {
        let mut wrong = fact.clone();
        match &mut wrong.ours {
            Answer::Bytes(bytes) => *bytes += 1,
            Answer::Bits(bytes) => match bytes.first_mut() {
                Some(byte) => *byte ^= 1,
                None => continue,
            },
            _ => continue,
        }
        if compare(&(wrong, reply.clone())).is_ok() {
            return Err(format!("a wrong {} was not noticed", fact.what));
        }
    }
    Ok(())
}

/// A compiler's C of a system, by which the grid is laid out.
struct System {
    name: &'static str,
    compiler: &'static str,
    /// What makes its C the system's.
    flag: Option<String>,
    model: DataModel,
    /// A model that is like it, for a control: so many facts at least are otherwise by it.
    other: (DataModel, usize),
}

/// gcc's C for Windows has here one compiler without Windows's `long`.
fn systems() -> Result<Vec<System>> {
    let (gcc, clang) = (
        DataModel::LP64.with_records(RecordRules::Gcc),
        DataModel::LP64.with_records(RecordRules::Clang),
    );
    let mut ms = DataModel::LP64;
    ms.bit_fields = BitFieldStyle::Ms;
    let system = |name, compiler, flag, model, other| System {
        name,
        compiler,
        flag,
        model,
        other,
    };
    let mut systems = Vec::new();
    if IS_DEFAULT {
        let (name, other) = ("-mms-bitfields", (DataModel::LP64, 10));
        systems.push(system("", "gcc", None, gcc, (clang, 300)));
        systems.push(system("", "clang", None, clang, (gcc, 300)));
        systems.push(system(name, "gcc", Some(name.to_owned()), ms, other));
    }
    for (name, other) in [
        ("aarch64-apple-darwin", DataModel::AARCH64),
        ("x86_64-pc-windows-msvc", DataModel::LLP64_GNU),
        ("x86_64-pc-windows-gnu", DataModel::LP64),
    ] {
        let mut model = *Target::named(name)?.data_model();
        if name == "x86_64-pc-windows-gnu" {
            model = model.with_records(RecordRules::Clang);
        }
        systems.push(system(
            name,
            "clang",
            Some(flag_for(name)),
            model,
            (other, 10),
        ));
    }
    Ok(systems)
}

/// Of so many facts at most one may be about a record that a compiler refuses.
const ANSWERED: usize = 20;

impl System {
    fn check(&self, reference: &Reference, report: &mut Report) -> Result<()> {
        let (other, least) = &self.other;
        let (subject, n_refused) = subject(&self.model);
        let flags: Vec<&str> = OBJECT.into_iter().chain(self.flag.as_deref()).collect();
        let replies = ask_data(reference, &flags, &subject.block.code, &subject)?;
        let differs = |one: &&(Fact, Reply)| matches!(one.1, Reply::Is(_)) && compare(one).is_err();
        let is_refused = |one: &&(Fact, Reply)| !matches!(one.1, Reply::Is(_));
        let differing: Vec<String> = (replies.iter().filter(differs))
            .filter_map(|one| compare(one).err())
            .collect();
        let refused: Vec<_> = replies.iter().filter(is_refused).collect();
        // By another model some of them must differ.
        let others = facts(&self::subject(other).0);
        let others: HashMap<&str, &Answer> = (others.iter())
            .map(|fact| (fact.what.as_str(), &fact.ours))
            .collect();
        let n_otherwise = replies.iter().filter(|(fact, reply)| {
            let ours = others.get(fact.what.as_str());
            matches!((reply, ours), (Reply::Is(theirs), Some(ours)) if *ours != theirs)
        });
        let (n, n_otherwise) = (subject.header.records.len(), n_otherwise.count());
        let engine = format!("layout grid {} {}", self.compiler, self.name);
        let engine = engine.trim_end();
        let n_alike = replies.len() - differing.len() - refused.len();
        report.note(format!(
            "{engine}: {n} records, {n_refused} refused by cabi, {n_alike} of {} facts alike, {n_otherwise} otherwise by another model",
            replies.len()
        ));
        let outcome = match differing.get(..differing.len().min(5)) {
            Some([]) | None if n < 1000 || refused.len() * ANSWERED > replies.len() => {
                Err(format!("{n} records; refused: {:?}", refused.first()))
            }
            Some([]) | None => Ok(()),
            Some(first) => Err(format!("{} differ:\n{}", differing.len(), first.join("\n"))),
        };
        report.outcome(engine, "all", outcome);
        let noticed = match n_otherwise < *least {
            true => Err("another model's layouts were not noticed".to_owned()),
            false => Ok(()),
        };
        report.outcome("layout control", engine, noticed);
        Ok(())
    }
}

/// The grid as `model` lays it out, and how many of its records `cabi` refuses.
fn subject(model: &DataModel) -> (Subject, usize) {
    let (mut code, mut named, mut n_refused) = (grid::PREAMBLE.to_owned(), Vec::new(), 0);
    for record in grid::all(model) {
        match record.ty {
            Ok(ty) => {
                code += &record.text;
                named.push((record.name, ty));
            }
            Err(_) => n_refused += 1,
        }
    }
    let subject = Subject::of_cases("grid", code, named, &[], Vec::new());
    (subject, n_refused)
}
