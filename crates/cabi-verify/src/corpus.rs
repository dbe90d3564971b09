//! The `.abi` corpus: C text, and what it proves. Compilers' answers are in `tests/facts`.
//!
//! ```text
//! # Comments stand before the first block.
//! == rollback-pair
//! proves: psABI 3.2.3, Passing: no register for one eightbyte, so all of it goes to the stack
//! target: x86_64-linux-gnu      kills: no-rollback
//! struct pair { long a, b; };
//! long f(long, long, long, long, long, struct pair p, long last);
//! ```
//!
//! A block is a name, keys and C text, in that order. A key's text goes on in indented lines;
//! several keys may share a line with two spaces or more between them:
//!
//! - `proves`: the rule, with its section; every block has one.
//! - `target`: the triple, by default `x86_64-linux-gnu`.
//! - `kills`: mutations that must fail on this block, by default none.
//! - `compilers`: reference compilers that may compile it, or capabilities a reference compiler
//!   must have, then the reason in parentheses; by default all.
//! - `policy`: the profile that the block is about: `default`, `gcc`, `clang`, `zig`.
//! - `features`: vector levels of the signature: `avx`, `avx512f`; by default none.
//! - `unnamed`: the types of the unnamed arguments in a call of the variadic function declared; by
//!   default none.
//! - `refused`: the error of a type or signature that has no place in the convention.
//!
//! `case.rs` finds the meaning of the C text; this file knows the frame only.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cabi::Profile;
use cabi_header::Options;
use thiserror::Error;

pub mod capability;
mod reader;
#[cfg(test)]
mod tests;

/// The triple of a block that names none.
pub const DEFAULT_TARGET: &str = "x86_64-linux-gnu";

/// One block of a file.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// The name after `==`, unique in the corpus.
    pub name: String,
    /// The file it stands in.
    pub file: PathBuf,
    /// The line of its name, from 1.
    pub line: usize,
    /// The rule it proves, with its section.
    pub proves: String,
    /// The triple.
    pub target: String,
    /// Mutations that must fail on it.
    pub kills: Vec<String>,
    /// Names of reference compilers or capabilities it is restricted to.
    pub references: Vec<String>,
    /// Why it is restricted.
    pub references_reason: Option<String>,
    /// The profile it is about; without one, the common choices of the target's compilers, and
    /// gcc's where they differ.
    pub policy: Option<Profile>,
    /// Vector levels of its signatures.
    pub features: Vec<String>,
    /// The types of the unnamed arguments, as C spells them.
    pub unnamed: Option<String>,
    /// The C text.
    pub code: String,
    /// The error of `cabi` for its signature, if that is refused.
    pub refused: Option<String>,
}

/// Oldest libclang that reads all of the corpus as it is meant.
pub const OLDEST_LIBCLANG: i128 = 18;

/// Oldest libclang whose words and layouts tests compare.
pub const TESTED_LIBCLANG: i128 = 19;

/// Checks that there is libclang of the version `oldest` or a later one.
///
/// # Errors
/// libclang cannot be loaded, or is older.
pub fn libclang(oldest: i128) -> Result<(), String> {
    static FOUND: LazyLock<Result<i128, String>> = LazyLock::new(|| {
        let text = "enum { version = __clang_major__ };";
        let header = cabi_header::parse(text, &Options::new()).map_err(|why| why.to_string())?;
        Ok(header.constant("version").map_or(0, |own| own.value))
    });
    match &*FOUND {
        Ok(found) if *found < oldest => Err(format!(
            "libclang {found} is too old: {oldest} or later is needed"
        )),
        Ok(_) => Ok(()),
        Err(why) => Err(why.clone()),
    }
}

/// Why a file or a block could not be read or written.
#[derive(Debug, Error)]
#[error("{place}: {why}")]
pub struct CorpusError {
    /// The file or folder, and in a file the line.
    pub(crate) place: String,
    /// The error there.
    pub why: String,
    /// `true` for the errors of [`libclang`].
    pub is_missing_libclang: bool,
}

impl CorpusError {
    pub(crate) fn new(place: impl Display, why: impl Display) -> Self {
        Self {
            place: place.to_string(),
            why: why.to_string(),
            is_missing_libclang: false,
        }
    }

    /// Makes an error of line `line_idx`, from 0, of `file`.
    fn at_line(file: &Path, line_idx: usize, why: impl Display) -> Self {
        Self::new(format!("{}:{}", file.display(), line_idx + 1), why)
    }

    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::new(path.display(), source)
    }
}

/// Reads the blocks of every `.abi` file of `folder`, in the order of the files' names, and checks
/// that no two blocks share a name.
///
/// # Errors
/// [`CorpusError`] for a file that cannot be read or is not in the format.
pub fn read_folder(folder: &Path) -> Result<Vec<Block>, CorpusError> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(CorpusError::io(folder))? {
        let path = entry.map_err(CorpusError::io(folder))?.path();
        if path.extension().is_some_and(|ext| ext == "abi") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut blocks = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(CorpusError::io(&path))?;
        blocks.extend(Block::parse(&path, &text)?);
    }
    no_name_twice(&blocks)?;
    Ok(blocks)
}

fn no_name_twice(blocks: &[Block]) -> Result<(), CorpusError> {
    let mut first_seen = BTreeMap::new();
    for block in blocks {
        if let Some(other) = first_seen.insert(&block.name, block) {
            let (name, file, line) = (&block.name, other.file.display(), other.line);
            let why = format!("`{name}` is also the name of {file}:{line}");
            return Err(CorpusError::at_line(&block.file, block.line - 1, why));
        }
    }
    Ok(())
}

impl Block {
    /// Reads the blocks of `text`, the content of the file `path`, which need not exist.
    ///
    /// # Errors
    /// [`CorpusError`] naming the line.
    ///
    /// # Example
    /// ```
    /// use cabi_verify::corpus::Block;
    ///
    /// let text = "== one\nproves: psABI 3.2.3\nint f(int);\n";
    /// let blocks = Block::parse("a.abi".as_ref(), text)?;
    /// assert_eq!(blocks[0].code, "int f(int);\n");
    ///
    /// let refused = Block::parse("a.abi".as_ref(), "== one\nint f(int);\n").unwrap_err();
    /// assert_eq!(refused.to_string(), "a.abi:1: block `one` has no key `proves`");
    /// # Ok::<(), cabi_verify::corpus::CorpusError>(())
    /// ```
    pub fn parse(path: &Path, text: &str) -> Result<Vec<Self>, CorpusError> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut starts: Vec<usize> = Vec::new();
        for (i, line) in lines.iter().enumerate() {
            if line.starts_with("==") {
                starts.push(i);
            } else if starts.is_empty() && !line.trim().is_empty() && !line.starts_with('#') {
                return Err(CorpusError::at_line(
                    path,
                    i,
                    "text before the first block; comments start with `#`",
                ));
            }
        }
        let mut blocks = Vec::new();
        for (n, &start) in starts.iter().enumerate() {
            let end = starts.get(n + 1).copied().unwrap_or(lines.len());
            let block = reader::read(path, lines.get(..end).unwrap_or_default(), start)?;
            blocks.push(block);
        }
        no_name_twice(&blocks)?;
        Ok(blocks)
    }
}
