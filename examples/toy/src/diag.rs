//! Diagnostics: what is wrong, where, and the source line under it.

use std::ops::Range;

/// Bytes of the source text, from `start` up to but not including `end`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// The span of a byte range; the lexer refuses sources in which it would not fit.
    pub(crate) fn from_range(range: &Range<usize>) -> Span {
        let [start, end] = [range.start, range.end].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
        Span { start, end }
    }

    /// From the start of `self` to the end of `end`.
    pub(crate) fn to(self, end: Span) -> Span {
        let end = end.end.max(self.start);
        Span { end, ..self }
    }

    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Error in a program, with its place and advice. Boxed, because results carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Diagnostic(Box<(Span, String, Vec<String>)>);

/// Result of a check, or the error in the program.
pub(crate) type Check<T> = Result<T, Diagnostic>;

/// The refusal of what stands at `span`.
pub(crate) fn fail<T>(span: Span, message: impl ToString) -> Check<T> {
    Err(Diagnostic::new(span, message))
}

/// Gives an error its place in the program.
pub(crate) trait At<T> {
    fn at(self, span: Span) -> Check<T>;
}

impl<T, E: ToString> At<T> for Result<T, E> {
    fn at(self, span: Span) -> Check<T> {
        self.map_err(|why| Diagnostic::new(span, why))
    }
}

impl Diagnostic {
    pub(crate) fn new(span: Span, message: impl ToString) -> Diagnostic {
        Diagnostic(Box::new((span, message.to_string(), Vec::new())))
    }

    /// A sentence below the source.
    pub(crate) fn note(mut self, text: impl Into<String>) -> Diagnostic {
        self.0.2.push(text.into());
        self
    }

    /// The diagnostic as text, with the line of `source` it is about.
    pub(crate) fn render(&self, file: &str, source: &str) -> String {
        let (span, message, notes) = &*self.0;
        let before = source.get(..span.range().start).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let shown = source[start..].lines().next().unwrap_or("");
        let column = source[start..before.len()].chars().count();
        let length = source.get(span.range()).unwrap_or("").chars().count();
        let length = length.min(shown.chars().count().saturating_sub(column));
        let marks = " ".repeat(column) + &"^".repeat(length.max(1));
        let notes = notes.iter().map(|note| format!("  = {note}\n"));
        format!(
            "Error: {message}\n  --> {file}:{line}:{}\n   | {shown}\n   | {marks}\n{}",
            column + 1,
            notes.collect::<String>()
        )
    }
}
