//! The corpus as all suites take it: each block of a folder read, or the failure noted.

use std::path::{Path, PathBuf};

use cabi_verify::case::Subject;
use cabi_verify::corpus::{Block, CorpusError, read_folder};
use cabi_verify::report::Report;
use cabi_verify::threads::{at_once, in_threads};

/// Folders of blocks for System V on x86-64.
pub(crate) const SYSV: [&str; 2] = ["x86-64-sysv", "x86-64-sizes"];

/// Folders of blocks for other conventions. Those of programs come after Win64.
pub(crate) const OTHERS: [&str; 7] = [
    "x86-64-win64",
    "aarch64-linux",
    "aarch64-apple",
    "aarch64-windows",
    "riscv64-linux",
    "s390x-linux",
    "x86-64-windows",
];

/// Returns the folder `tests/corpus`.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Returns the files below `folder` whose names end in `extension`.
pub fn files(folder: &Path, extension: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            paths.extend(files(&path, extension)?);
        } else if path.extension().is_some_and(|other| other == extension) {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// Returns the list of compiler bugs.
pub fn expected() -> PathBuf {
    folder().join("expected.toml")
}

/// Reads each block, in threads: libclang takes a while for one.
pub(crate) fn read_blocks(blocks: &[&Block]) -> Vec<Result<Subject, CorpusError>> {
    in_threads(blocks, at_once(), |block| Subject::read(block), |_| ())
}

/// Reads `tests/corpus/<name>`, or the folder that `CABI_CORPUS` names instead (and then nothing
/// for every other name). Blocks that cannot be read are failures in `report`, under `engine`.
/// Without libclang no block can be read, which fails only if reference compilers are required.
///
/// # Errors
/// A message, if a file is not in the format.
pub(crate) fn read(name: &str, engine: &str, report: &mut Report) -> Result<Vec<Subject>, String> {
    let blocks = match std::env::var_os("CABI_CORPUS") {
        Some(other) if name == "x86-64-sysv" => read_folder(Path::new(&other)),
        Some(_) => Ok(Vec::new()),
        None => read_folder(&folder().join(name)),
    };
    let blocks = blocks.map_err(|error| error.to_string())?;
    let mut subjects = Vec::new();
    let blocks: Vec<&Block> = blocks.iter().collect();
    for (block, read) in blocks.iter().zip(read_blocks(&blocks)) {
        match read {
            Ok(subject) => subjects.push(subject),
            Err(error) if error.is_missing_libclang => {
                report.absent(engine, &error.why);
                break;
            }
            Err(error) => report.outcome(engine, &block.name, Err(error.to_string())),
        }
    }
    Ok(subjects)
}
