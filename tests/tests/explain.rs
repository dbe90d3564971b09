//! The `>` lines of the corpus are what an explanation of each block prints. `CABI_BLESS=1` rewrites them.
//!
//! This suite only keeps the text from changing unseen; that it is true, the probe and the calls show.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use cabi::Policy;
use cabi_judge::case::{Case, Subject};
use cabi_judge::report::Report;
use cabi_tests::corpus::{Corpus, expected};

const ENGINE: &str = "explain";

fn main() -> ExitCode {
    let mut report = match Report::new("explain").with_expected(&expected()) {
        Ok(report) => report,
        Err(why) => return refuse(&why),
    };
    let bless = std::env::var("CABI_BLESS").is_ok_and(|value| value == "1");
    let mut touched = BTreeSet::new();
    for folder in ["x86-64-sysv", "x86-64-win64"] {
        let corpus = match Corpus::read(folder, ENGINE, &mut report) {
            Ok(corpus) => corpus,
            Err(why) => return refuse(&why),
        };
        if bless {
            if let Err(why) = rewrite(&corpus, &mut report) {
                return refuse(&why);
            }
            continue;
        }
        for subject in &corpus.subjects {
            let outcome = compare(&subject.block.expected, &subject.summary());
            report.outcome(ENGINE, &subject.block.name, outcome);
        }
        control(&corpus.subjects, &mut report);
        touched.extend(corpus.subjects.iter().flat_map(policy_bits));
    }
    if !bless && std::env::var_os("CABI_CORPUS").is_none() && !touched.is_empty() {
        for (_, bit) in Policy::NAMES {
            let outcome = if touched.contains(bit) || NOT_ON_LINUX.contains(bit) {
                Ok(())
            } else {
                Err("no block of the corpus depends on this choice".to_owned())
            };
            report.outcome("explain policy", bit, outcome);
        }
    }
    report.finish(!bless && std::env::var_os("CABI_CORPUS").is_none())
}

/// Choices no compiler for Linux makes otherwise.
const NOT_ON_LINUX: [&str; 2] = ["INTEGER_VECTORS_IN_GPR", "NARROW_RESULTS_EXTENDED"];

/// The choices that mattered in some signature of the block.
fn policy_bits(subject: &Subject) -> Vec<&'static str> {
    let bits = |case: &Case| {
        let sig = case.sig(subject.block.policy).ok()?;
        let explanation = cabi::explain(&sig, &[], &case.target).ok()?;
        Some(
            explanation
                .touched
                .iter()
                .map(|(bit, _)| *bit)
                .collect::<Vec<_>>(),
        )
    };
    subject.cases.iter().filter_map(bits).flatten().collect()
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("explain: {why}");
    ExitCode::FAILURE
}

fn compare(expected: &[String], got: &[String]) -> Result<(), String> {
    if expected == got {
        return Ok(());
    }
    let mut text = String::from("the lines differ; CABI_BLESS=1 rewrites them");
    for line in expected.iter().filter(|line| !got.contains(line)) {
        text.push_str(&format!("\n  - {line}"));
    }
    for line in got.iter().filter(|line| !expected.contains(line)) {
        text.push_str(&format!("\n  + {line}"));
    }
    Err(text)
}

/// A block whose line was changed must be found out.
fn control(subjects: &[Subject], report: &mut Report) {
    for subject in subjects
        .iter()
        .filter(|subject| !subject.block.expected.is_empty())
        .take(20)
    {
        let mut lines = subject.block.expected.clone();
        lines[0] = lines[0].replace("rdi", "rsi") + "!";
        let caught = compare(&lines, &subject.summary()).is_err();
        let outcome = if caught {
            Ok(())
        } else {
            Err("a changed line was not noticed".to_owned())
        };
        report.outcome("explain control", &subject.block.name, outcome);
    }
}

fn rewrite(corpus: &Corpus, report: &mut Report) -> Result<(), String> {
    let summaries = corpus
        .subjects
        .iter()
        .map(|subject| (subject.block.name.clone(), subject.summary()));
    let texts: BTreeMap<String, Vec<String>> = summaries.collect();
    for file in &corpus.files {
        if file.bless(&texts).map_err(|error| error.to_string())? {
            report.note(format!("blessed {}", file.path.display()));
        }
    }
    Ok(())
}
