//! The corpus as all suites take it: each block of a folder read, or the failure noted.

use std::path::{Path, PathBuf};

use cabi_judge::case::Subject;
use cabi_judge::corpus::{CorpusFile, read_folder};
use cabi_judge::judge::judges_required;
use cabi_judge::report::Report;

/// The folder `tests/corpus`.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The known failures.
#[must_use]
pub fn expected() -> PathBuf {
    folder().join("expected.toml")
}

/// Files of the corpus with their blocks read.
#[derive(Debug)]
pub struct Corpus {
    /// The files as text.
    pub files: Vec<CorpusFile>,
    /// The blocks that could be read.
    pub subjects: Vec<Subject>,
}

impl Corpus {
    /// Reads `tests/corpus/<name>`. Blocks that cannot be read are failures in `report`, under `engine`; without libclang nothing can
    /// be read, which fails only where judges are required.
    ///
    /// # Errors
    /// A message, if a file is not in the format.
    pub fn read(name: &str, engine: &str, report: &mut Report) -> Result<Self, String> {
        let files = read_folder(&folder().join(name)).map_err(|error| error.to_string())?;
        let mut subjects = Vec::new();
        for block in files.iter().flat_map(|file| &file.blocks) {
            match Subject::read(block) {
                Ok(subject) => subjects.push(subject),
                Err(error) if error.is_missing_libclang() && !judges_required() => {
                    report.not_run(engine, &block.name, &error.to_string());
                }
                Err(error) => report.outcome(engine, &block.name, Err(error.to_string())),
            }
        }
        Ok(Self { files, subjects })
    }
}
