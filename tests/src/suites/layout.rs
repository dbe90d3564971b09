//! Sizes, alignments, offsets and bit-fields of the corpus' types, as every reference compiler has them, against `cabi`'s layout.

mod declare;
mod elsewhere;
mod grid;

use std::collections::BTreeMap;

use cabi_verify::build::Reference;
use cabi_verify::case::Subject;
use cabi_verify::check::layout::{Answer, Fact, ask, assertions, facts};
use cabi_verify::corpus::DEFAULT_TARGET;
use cabi_verify::report::Report;
use cabi_verify::threads::{at_once, in_threads};

use crate::suite::{Result, Suite};

/// Whether programs of the default target run here.
const RUNS_HERE: bool = cfg!(all(target_arch = "x86_64", target_os = "linux"));

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let subjects = suite.corpus(&["x86-64-sysv", "x86-64-win64", "layout"])?;
    let references = suite.references();
    let complete = suite.is_complete();
    let elsewhere = suite.wants("elsewhere");
    let report = &mut suite.report;
    for reference in &references {
        for ((target, _), group) in groups(reference, &subjects, report) {
            if target != DEFAULT_TARGET {
                check_foreign(reference, target, &group, report);
            } else if RUNS_HERE {
                check_here(reference, &group, report);
            } else {
                for subject in group {
                    let why = "this machine is not x86-64 Linux";
                    report.not_run("layout", &subject.block.name, why);
                }
            }
        }
    }
    if complete {
        if RUNS_HERE {
            grid::check_references(&references, report);
        }
        grid::check_read(report);
    }
    if elsewhere {
        elsewhere::check(&references, report)?;
    }
    Ok(())
}

/// Blocks of one target and one set of features.
type Groups<'a> = BTreeMap<(&'a str, &'a [String]), Vec<&'a Subject>>;

/// The blocks `reference` can be asked about.
fn groups<'a>(reference: &Reference, subjects: &'a [Subject], report: &mut Report) -> Groups<'a> {
    let mut groups = Groups::new();
    for subject in subjects {
        let block = &subject.block;
        let engine = format!("layout {}", reference.name());
        if let Err(why) = reference.admits(block) {
            report.not_run(&engine, &block.name, &why);
        } else if block.target != DEFAULT_TARGET && reference.name() != "clang" {
            report.not_run(&engine, &block.name, "one gcc compiles for one target only");
        } else {
            let group = groups.entry((&block.target, &block.features));
            group.or_default().push(subject);
        }
    }
    groups
}

/// A fact with what a compiler says.
type Asked<'a> = (&'a Fact, &'a Option<Answer>);

/// Asks about all blocks in one program; where that does not compile, about half of them at a time.
fn check_here(reference: &Reference, group: &[&Subject], report: &mut Report) {
    let engine = format!("layout {}", reference.name());
    match ask(reference, None, group) {
        Ok(answers) => {
            let facts = facts(group);
            let n = (facts.len(), group.len());
            report.note(format!("{engine}: {} facts of {} blocks", n.0, n.1));
            for subject in group {
                let name = &subject.block.name;
                let asked = facts.iter().zip(&answers);
                let asked: Vec<Asked<'_>> = asked.filter(|(fact, _)| fact.block == *name).collect();
                report.outcome(&engine, name, compare(&asked));
                control(name, &asked, report);
            }
        }
        Err(error) if group.len() > 1 && error.messages().is_some() => {
            let (left, right) = group.split_at(group.len() / 2);
            check_here(reference, left, report);
            check_here(reference, right, report);
        }
        Err(error) => report.outcome(&engine, &group[0].block.name, Err(error.to_string())),
    }
}

fn compare(asked: &[Asked<'_>]) -> Result<(), String> {
    for (fact, theirs) in asked {
        match theirs {
            Some(theirs) if *theirs == fact.ours => {}
            Some(theirs) => return Err(format!("{} is {theirs}, ours {}", fact.what, fact.ours)),
            None => return Err(format!("{} was not answered", fact.what)),
        }
    }
    Ok(())
}

/// Each fact, made wrong by one byte or one bit, must be noticed.
fn control(name: &str, asked: &[Asked<'_>], report: &mut Report) {
    for (fact, theirs) in asked {
        let mut wrong = (*fact).clone();
        match &mut wrong.ours {
            Answer::Bytes(bytes) => *bytes += 1,
            Answer::Bits(bytes) => match bytes.first_mut() {
                Some(byte) => *byte ^= 1,
                None => continue,
            },
            _ => continue,
        }
        if compare(&[(&wrong, theirs)]).is_ok() {
            let why = format!("a wrong {} was not noticed", fact.what);
            return report.outcome("layout control", name, Err(why));
        }
    }
    report.outcome("layout control", name, Ok(()));
}

/// Has clang check the numbers as static assertions for a target that does not run here.
fn check_foreign(reference: &Reference, target: &str, group: &[&Subject], report: &mut Report) {
    let engine = format!("layout {} {target}", reference.name());
    let flags = [&*format!("--target={target}"), "-ferror-limit=0"];
    let check = |subject: &&Subject| {
        let one = [*subject];
        let right = match assertions(reference, &flags, &one, 0) {
            Ok(failed) if failed.is_empty() => Ok(()),
            Ok(failed) => Err(failed.join("; ")),
            Err(error) => Err(error.to_string()),
        };
        let facts = facts(&one);
        let bytes = |fact: &&Fact| matches!(fact.ours, Answer::Bytes(_));
        let asked = facts.iter().filter(bytes).count();
        let noticed = assertions(reference, &flags, &one, 1).map_or(0, |failed| failed.len());
        let caught = match noticed == asked {
            true => Ok(()),
            false => Err(format!("{asked} wrong numbers, {noticed} noticed")),
        };
        (right, caught)
    };
    let checked = in_threads(group, at_once(), check, |_| {});
    for (subject, (right, caught)) in group.iter().zip(checked) {
        let name = &subject.block.name;
        report.outcome(&engine, name, right);
        report.outcome("layout control", name, caught);
    }
}
