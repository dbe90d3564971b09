//! The `>` lines of the corpus are what an explanation of each block prints. `CABI_BLESS=1`
//! rewrites them.
//!
//! This suite only keeps the text from changing unseen; that it is true, the probe and the calls
//! show.

use std::collections::{BTreeMap, BTreeSet};

use cabi::Policy;
use cabi_verify::case::{Case, Subject};
use cabi_verify::report::Report;

use crate::corpus::{Corpus, OTHERS, SYSV};
use crate::kept::same;
use crate::suite::{Result, Suite, is_blessed};

const ENGINE: &str = "explain";

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let mut touched = BTreeSet::new();
    for folder in SYSV.into_iter().chain(OTHERS) {
        let corpus = Corpus::read(folder, ENGINE, &mut suite.report)?;
        if is_blessed() {
            rewrite(&corpus, &mut suite.report)?;
            continue;
        }
        for subject in &corpus.subjects {
            let outcome = compare(&subject.block.expected, subject);
            let name = &subject.block.name;
            suite.report.outcome(ENGINE, name, outcome);
        }
        control(&corpus.subjects, &mut suite.report);
        touched.extend(corpus.subjects.iter().flat_map(policy_bits));
    }
    if suite.is_complete() && !touched.is_empty() {
        for (_, bit) in Policy::NAMES {
            let matters = touched.contains(bit) || NOT_ON_LINUX.contains(bit);
            let why = "no block of the corpus depends on this choice";
            (suite.report).check("explain policy", bit, matters, why);
        }
    }
    Ok(())
}

/// Choices no compiler for Linux makes otherwise.
const NOT_ON_LINUX: [&str; 3] = [
    "INTEGER_VECTORS_IN_GPR",
    "NARROW_RESULTS_EXTENDED",
    "INT128_VECTORS_IN_GPR",
];

/// The choices that mattered in some signature of the block.
fn policy_bits(subject: &Subject) -> Vec<&'static str> {
    let bits = |case: &Case| {
        let sig = case.sig(subject.block.policy).ok()?;
        let explanation = cabi::explain(&sig, &[], &case.target).ok()?;
        let touched = explanation.touched.iter().map(|(bit, _)| *bit);
        Some(touched.collect::<Vec<_>>())
    };
    subject.cases.iter().filter_map(bits).flatten().collect()
}

fn compare(expected: &[String], subject: &Subject) -> Result<(), String> {
    same(&expected.join("\n"), &subject.summary().join("\n"))
}

/// A block whose line was changed must be found out.
fn control(subjects: &[Subject], report: &mut Report) {
    let with_lines = subjects.iter().filter(|s| !s.block.expected.is_empty());
    for subject in with_lines.take(20) {
        let mut lines = subject.block.expected.clone();
        lines[0] = lines[0].replace("rdi", "rsi") + "!";
        let (name, noticed) = (&subject.block.name, compare(&lines, subject).is_err());
        report.check(
            "explain control",
            name,
            noticed,
            "a changed line was not noticed",
        );
    }
}

fn rewrite(corpus: &Corpus, report: &mut Report) -> Result<()> {
    let mut texts = BTreeMap::new();
    for subject in &corpus.subjects {
        texts.insert(subject.block.name.clone(), subject.summary());
    }
    for file in &corpus.files {
        if file.bless(&texts)? {
            report.note(format!("blessed {}", file.path.display()));
        }
    }
    Ok(())
}
