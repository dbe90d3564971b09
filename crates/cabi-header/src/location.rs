//! Places in source files.

use std::fmt;

/// A place in a source file.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Location {
    /// The file as clang found it, or the name given for text in memory.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
}

impl Location {
    /// Returns the place of a declaration that stands in no file.
    pub(crate) fn none() -> Self {
        Self {
            file: String::new(),
            line: 0,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
