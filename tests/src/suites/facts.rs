//! The stored facts of `tests/facts`, compared without a compiler: places of values in compilers'
//! code, and layouts of types. No code runs. The suite also checks which blocks of the corpus are
//! refused, and on which choices between compilers they depend.

use std::collections::BTreeSet;
use std::path::PathBuf;

use cabi::Policy;
use cabi_verify::case::Subject;

use super::conventions;
use super::conventions::facts_files::folder;
use super::layout;
use crate::corpus::OTHERS;
use crate::positions;
use crate::suite::{Result, Suite};

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    // Without libclang nothing is read.
    let mut subjects = suite.corpus(&[&["x86-64-sysv"], &OTHERS[..]].concat())?;
    let layouts = suite.corpus(&["layout"])?;
    decided(&subjects, suite);
    let n_decided = suite.report.n_passed();
    let mut files = layout::check_stored(&[&*subjects, &layouts].concat(), suite)?;
    if !subjects.is_empty() {
        subjects.extend(positions::subjects("facts", suite)?);
    }
    files.extend(conventions::check_stored(&subjects, suite)?);
    suite.n_passed = suite.n_passed.map(|n| n + n_decided);
    if suite.only.is_none() {
        let unused = unused_files(&files)?;
        let why = format!("no compiler of the suite uses {}", unused.join(", "));
        suite.report.check("facts", "files", unused.is_empty(), why);
        let is_noticed = !unused_files(&files[1..])?.is_empty();
        (suite.report).check(
            "facts control",
            "a file without a row",
            is_noticed,
            "the file was not noticed",
        );
    }
    Ok(())
}

/// Choices that all compilers of the suites make alike, or that C text alone does not need.
const NO_BLOCK: [&str; 5] = [
    "BIT_INTS_IN_TWO_EIGHTBYTES_NEED_NO_ALIGNMENT",
    "STATIC_CHAIN_IN_X15",
    "INTEGER_VECTORS_IN_GPR",
    "NARROW_RESULTS_EXTENDED",
    "INT128_VECTORS_IN_GPR",
];

/// Checks that `cabi` refuses the blocks that say so, in their words, and no others; and that some
/// block depends on each choice between compilers.
fn decided(subjects: &[Subject], suite: &mut Suite) {
    let mut touched = BTreeSet::new();
    for subject in subjects {
        let (block, bits) = (&subject.block, choices(subject));
        let refused = bits.as_ref().err();
        let holds = refused == block.refused.as_ref();
        let why = format!("refused: {refused:?}, stated: {:?}", block.refused);
        (suite.report).check("facts refused", &block.name, holds, why);
        touched.extend(bits.into_iter().flatten());
    }
    if suite.is_complete() && !subjects.is_empty() {
        for (_, bit) in Policy::NAMES {
            let matters = touched.contains(bit) || NO_BLOCK.contains(bit);
            let why = "no block of the corpus depends on this choice";
            (suite.report).check("facts policy", bit, matters, why);
        }
    }
}

/// Returns the choices that matter in some signature of the block.
///
/// # Errors
/// Words of the first signature that is refused.
fn choices(subject: &Subject) -> Result<Vec<&'static str>, String> {
    let mut bits = Vec::new();
    for case in &subject.cases {
        let explained = case
            .sig(subject.block.policy)
            .and_then(|sig| cabi::explain(&sig, &[], &case.target));
        let explained = explained.map_err(|error| error.to_string())?;
        bits.extend(explained.touched.iter().map(|(bit, _)| *bit));
    }
    Ok(bits)
}

/// Returns the files of facts that are not among `used`.
fn unused_files(used: &[PathBuf]) -> Result<Vec<String>> {
    let mut unused = Vec::new();
    for folder in std::fs::read_dir(folder())? {
        for file in std::fs::read_dir(folder?.path())? {
            let path = file?.path();
            if !used.contains(&path) {
                unused.push(path.display().to_string());
            }
        }
    }
    Ok(unused)
}
