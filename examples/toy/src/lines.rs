//! `-g`: the lines of the program that instructions are from, for debuggers.

use crate::diag::Span;
use clif_cabi_unwind::Sources;
use cranelift_codegen::ir::SourceLoc;
use std::path::Path;

/// Starts of the lines of a program, and the places in it that code is from.
pub(crate) struct Lines {
    pub(crate) sources: Sources,
    starts: Vec<usize>,
}

impl Lines {
    /// Reads the lines of the program `text` in the file `file`.
    pub(crate) fn new(file: &str, text: &str) -> Lines {
        let path = std::path::absolute(file).unwrap_or_else(|_| file.into());
        let directory = path.parent().unwrap_or(Path::new("."));
        let name = path.file_name().map(Path::new).unwrap_or(&path);
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Lines {
            sources: Sources::new(
                &directory.display().to_string(),
                &name.display().to_string(),
            ),
            starts: [0].into_iter().chain(ends).collect(),
        }
    }

    /// Returns the location that stands for the place in CLIF.
    pub(crate) fn place(&mut self, at: Span) -> SourceLoc {
        let at = at.range().start;
        let line = self.starts.partition_point(|start| *start <= at);
        let start = line.checked_sub(1).and_then(|line| self.starts.get(line));
        let column = at - start.copied().unwrap_or(0) + 1;
        let [line, column] = [line, column].map(|number| u32::try_from(number).unwrap_or(0));
        self.sources.place(0, line, column)
    }
}
