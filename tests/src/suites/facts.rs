//! The stored facts of `tests/facts`, judged where no compiler is asked and nothing runs: places of
//! values in compilers' code, and layouts of types.

use std::path::PathBuf;

use super::conventions;
use super::conventions::stored::folder;
use super::layout;
use crate::corpus::OTHERS;
use crate::positions;
use crate::suite::{Result, Suite};

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    // Without libclang nothing is read.
    let mut subjects = suite.corpus(&[&["x86-64-sysv"], &OTHERS[..]].concat())?;
    let own = suite.corpus(&["layout"])?;
    let mut files = layout::judge_stored(&[&*subjects, &own].concat(), suite)?;
    if !subjects.is_empty() {
        subjects.extend(positions::subjects("facts", suite)?);
    }
    files.extend(conventions::judge_stored(&subjects, suite)?);
    if suite.only.is_none() {
        let unused = unused_files(&files)?;
        let why = format!("no compiler of the suite has {}", unused.join(", "));
        suite.report.check("facts", "files", unused.is_empty(), why);
        let is_noticed = !unused_files(&files[1..])?.is_empty();
        (suite.report).check(
            "facts control",
            "a file without a row",
            is_noticed,
            "it is not",
        );
    }
    Ok(())
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
