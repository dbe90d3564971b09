//! Diagnostics: the error, its place, and the source line.

use std::fmt::Display;

/// Error in a program, and its first byte in the text if that is known. Boxed for small results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Diagnostic(Box<(Option<usize>, String)>);

/// Result of a check, or the error in the program.
pub(crate) type Check<T> = Result<T, Diagnostic>;

impl<E: Display> From<E> for Diagnostic {
    fn from(why: E) -> Diagnostic {
        Diagnostic(Box::new((None, why.to_string())))
    }
}

pub(crate) fn fail<T>(message: impl Display) -> Check<T> {
    Err(message.into())
}

/// Gives an error its place in the program, unless it has a narrower one.
pub(crate) trait AtPlace<T> {
    fn at(self, start: usize) -> Check<T>;
}

impl<T, E: Into<Diagnostic>> AtPlace<T> for Result<T, E> {
    fn at(self, start: usize) -> Check<T> {
        self.map_err(|why| {
            let mut why = why.into();
            why.0.0.get_or_insert(start);
            why
        })
    }
}

impl Diagnostic {
    /// Returns the diagnostic as text, with its line of `source`.
    pub(crate) fn render(&self, file: &str, source: &str) -> String {
        let (start, message) = (self.0.0.unwrap_or_default(), &self.0.1);
        let before = source.get(..start).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let shown = source[start..].lines().next().unwrap_or("");
        let column = source[start..before.len()].chars().count();
        let (before, column) = (" ".repeat(column), column + 1);
        format!("Error: {message}\n  --> {file}:{line}:{column}\n   | {shown}\n   | {before}^\n")
    }
}
