//! Sizes, alignments, offsets and bit-fields of the corpus' types, as every judge has them, against `cabi`'s layout.

#[path = "layout/declare.rs"]
mod declare;
#[path = "layout/grid.rs"]
mod grid;

use std::collections::BTreeMap;
use std::process::ExitCode;

use cabi_judge::case::Subject;
use cabi_judge::corpus::DEFAULT_TARGET;
use cabi_judge::judge::{Bench, Judge};
use cabi_judge::layout::{Answer, Fact, ask, assertions, facts, foreign};
use cabi_judge::report::Report;
use cabi_tests::corpus::{Corpus, expected};

fn main() -> ExitCode {
    run().unwrap_or_else(|why| {
        eprintln!("layout: {why}");
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode, String> {
    let mut report = Report::new("layout").with_expected(&expected())?;
    let mut subjects = Vec::new();
    for folder in ["x86-64-sysv", "x86-64-win64", "layout"] {
        subjects.extend(Corpus::read(folder, "layout", &mut report)?.subjects);
    }
    let bench = Bench::find();
    for (name, why) in &bench.absent {
        report.absent(&format!("layout {name}"), why);
    }
    for judge in &bench.judges {
        report.note(format!("judge: {judge}"));
        for group in groups(judge, &subjects, &mut report) {
            if group[0].block.target != DEFAULT_TARGET {
                check_foreign(judge, &group, &mut report);
            } else if cfg!(all(target_arch = "x86_64", target_os = "linux")) {
                check_here(judge, &group, &mut report);
            } else {
                for subject in group {
                    report.not_run(
                        "layout",
                        &subject.block.name,
                        "this machine is not x86-64 Linux",
                    );
                }
            }
        }
    }
    if std::env::var_os("CABI_CORPUS").is_none() {
        if cfg!(all(target_arch = "x86_64", target_os = "linux")) {
            for judge in &bench.judges {
                grid::check_judge(judge, &mut report);
            }
        }
        grid::check_read(&mut report);
    }
    Ok(report.finish(std::env::var_os("CABI_CORPUS").is_none()))
}

/// The blocks `judge` can be asked about, those of one target and one set of features together.
fn groups<'a>(
    judge: &Judge,
    subjects: &'a [Subject],
    report: &mut Report,
) -> Vec<Vec<&'a Subject>> {
    let mut groups: BTreeMap<(&str, &[String]), Vec<&Subject>> = BTreeMap::new();
    for subject in subjects {
        let block = &subject.block;
        let engine = format!("layout {}", judge.name());
        if let Err(why) = judge.admits(block) {
            report.not_run(&engine, &block.name, &why);
        } else if block.target != DEFAULT_TARGET && judge.name() != "clang" {
            report.not_run(&engine, &block.name, "one gcc compiles for one target only");
        } else {
            groups
                .entry((&block.target, &block.features))
                .or_default()
                .push(subject);
        }
    }
    groups.into_values().collect()
}

/// Asks about all blocks in one program; where that does not compile, about each half of them.
fn check_here(judge: &Judge, group: &[&Subject], report: &mut Report) {
    let engine = format!("layout {}", judge.name());
    match ask(judge, group) {
        Ok(answers) => {
            let facts = facts(group);
            report.note(format!(
                "{engine}: {} facts of {} blocks",
                facts.len(),
                group.len()
            ));
            for subject in group {
                let name = &subject.block.name;
                let asked = facts
                    .iter()
                    .zip(&answers)
                    .filter(|(fact, _)| fact.block == *name);
                let asked: Vec<(&Fact, &Option<Answer>)> = asked.collect();
                report.outcome(&engine, name, compare(&asked));
                control(name, &asked, report);
            }
        }
        Err(error) if group.len() == 1 => {
            report.outcome(&engine, &group[0].block.name, Err(error.to_string()))
        }
        Err(error) if error.messages().is_some() => {
            let (left, right) = group.split_at(group.len() / 2);
            check_here(judge, left, report);
            check_here(judge, right, report);
        }
        Err(error) => report.outcome(&engine, &group[0].block.name, Err(error.to_string())),
    }
}

fn compare(asked: &[(&Fact, &Option<Answer>)]) -> Result<(), String> {
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
fn control(name: &str, asked: &[(&Fact, &Option<Answer>)], report: &mut Report) {
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
            report.outcome(
                "layout control",
                name,
                Err(format!("a wrong {} was not noticed", fact.what)),
            );
            return;
        }
    }
    report.outcome("layout control", name, Ok(()));
}

/// Has clang check the numbers as static assertions for a target that does not run here.
fn check_foreign(judge: &Judge, group: &[&Subject], report: &mut Report) {
    let target = &group[0].block.target;
    let engine = format!("layout {} {target}", judge.name());
    for subject in group {
        let name = &subject.block.name;
        let one = [*subject];
        let outcome = match foreign(judge, target, &one) {
            Ok(failed) if failed.is_empty() => Ok(()),
            Ok(failed) => Err(failed.join("; ")),
            Err(error) => Err(error.to_string()),
        };
        report.outcome(&engine, name, outcome);
        let asked = facts(&one)
            .iter()
            .filter(|fact| matches!(fact.ours, Answer::Bytes(_)))
            .count();
        let noticed = assertions(judge, target, &one, 1).map_or(0, |failed| failed.len());
        let caught = if noticed == asked {
            Ok(())
        } else {
            Err(format!("{asked} wrong numbers, {noticed} noticed"))
        };
        report.outcome("layout control", name, caught);
    }
}
