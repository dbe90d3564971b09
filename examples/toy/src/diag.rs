//! Diagnostics: what is wrong, where, and the source line under it.

use ariadne::{CharSet, Config, IndexType, Label, Report, ReportKind, Source};
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

/// One complaint about the program. Boxed, because results carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Diagnostic(Box<Complaint>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Complaint {
    span: Span,
    message: String,
    /// Another place that matters, and why.
    other: Option<(Span, String)>,
    notes: Vec<String>,
}

/// What is checked, or why the program is wrong.
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
        Diagnostic(Box::new(Complaint {
            span,
            message: message.to_string(),
            other: None,
            notes: Vec::new(),
        }))
    }

    /// A second place, with what it has to do with the first.
    pub(crate) fn other(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.0.other = Some((span, text.into()));
        self
    }

    /// A sentence below the source.
    pub(crate) fn note(mut self, text: impl Into<String>) -> Diagnostic {
        self.0.notes.push(text.into());
        self
    }

    /// The diagnostic as text, with the lines of `source` it is about.
    pub(crate) fn render(&self, file: &str, source: &str) -> String {
        let config = Config::default().with_index_type(IndexType::Byte);
        let config = config.with_char_set(CharSet::Ascii).with_color(false);
        let mut report = Report::build(ReportKind::Error, (file, self.0.span.range()))
            .with_config(config)
            .with_message(&self.0.message)
            .with_label(Label::new((file, self.0.span.range())).with_message("here"));
        if let Some((span, text)) = &self.0.other {
            report = report.with_label(Label::new((file, span.range())).with_message(text));
        }
        report.with_notes(&self.0.notes);
        let mut text = Vec::new();
        // Writing to memory cannot fail; should the renderer refuse, the message alone remains.
        let written = report
            .finish()
            .write((file, Source::from(source)), &mut text);
        if written.is_err() {
            return format!("error: {}\n", self.0.message);
        }
        // ariadne pads lines with blanks.
        let text = String::from_utf8_lossy(&text);
        text.lines()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect()
    }
}
