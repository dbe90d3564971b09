//! Diagnostics: what is wrong, where, and the source line under it.

use ariadne::{CharSet, Config, IndexType, Label, Report, ReportKind, Source};
use std::ops::Range;

/// Bytes of the source text, from `start` up to but not including `end`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// The span of a byte range; the lexer refuses sources in which it would not fit.
    pub(crate) fn from_range(range: &Range<usize>) -> Span {
        let bound = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span {
            start: bound(range.start),
            end: bound(range.end),
        }
    }

    /// From the start of `self` to the end of `end`.
    pub(crate) fn to(self, end: Span) -> Span {
        Span {
            start: self.start,
            end: end.end.max(self.start),
        }
    }

    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Where the lines of a text end.
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    pub(crate) fn of(text: &str) -> Lines {
        Lines(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line of a byte, counted from 1.
    pub(crate) fn line(&self, at: u32) -> usize {
        self.0.partition_point(|&end| end < at as usize) + 1
    }
}

/// One complaint about the program. Boxed, because results carry it.
#[derive(Debug, Clone)]
pub(crate) struct Diagnostic(Box<Complaint>);

#[derive(Debug, Clone)]
struct Complaint {
    span: Span,
    message: String,
    label: Option<String>,
    /// Another place that matters, and why.
    other: Option<(Span, String)>,
    notes: Vec<String>,
    is_consequence: bool,
}

/// The refusal of what stands at `span`.
pub(crate) fn fail<T>(span: Span, message: impl Into<String>) -> Result<T, Diagnostic> {
    Err(Diagnostic::new(span, message))
}

/// Gives an error in words its place in the program.
pub(crate) trait At<T> {
    fn at(self, span: Span) -> Result<T, Diagnostic>;
}

impl<T> At<T> for Result<T, String> {
    fn at(self, span: Span) -> Result<T, Diagnostic> {
        self.map_err(|why| Diagnostic::new(span, why))
    }
}

impl Diagnostic {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Diagnostic {
        let message = message.into();
        Diagnostic(Box::new(Complaint {
            span,
            message,
            label: None,
            other: None,
            notes: Vec::new(),
            is_consequence: false,
        }))
    }

    /// Text right under the offending source.
    pub(crate) fn label(mut self, text: impl Into<String>) -> Diagnostic {
        self.0.label = Some(text.into());
        self
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

    /// Marks what is wrong only because something else is, which has a diagnostic of its own.
    pub(crate) fn consequence(mut self) -> Diagnostic {
        self.0.is_consequence = true;
        self
    }

    pub(crate) fn is_consequence(&self) -> bool {
        self.0.is_consequence
    }

    /// The diagnostic as text, with the lines of `source` it is about.
    pub(crate) fn render(&self, file: &str, source: &Source<&str>, color: bool) -> String {
        let config = Config::default()
            .with_index_type(IndexType::Byte)
            .with_char_set(if color {
                CharSet::Unicode
            } else {
                CharSet::Ascii
            })
            .with_color(color);
        let label = self.0.label.clone().unwrap_or_else(|| "here".to_string());
        let mut report = Report::build(ReportKind::Error, (file, self.0.span.range()))
            .with_config(config)
            .with_message(&self.0.message)
            .with_label(Label::new((file, self.0.span.range())).with_message(label));
        if let Some((span, text)) = &self.0.other {
            report = report.with_label(Label::new((file, span.range())).with_message(text));
        }
        report.with_notes(&self.0.notes);
        let mut text = Vec::new();
        // Writing to memory cannot fail; should the renderer refuse, the message alone remains.
        if report.finish().write((file, source), &mut text).is_err() {
            return format!("error: {}\n", self.0.message);
        }
        // ariadne pads lines with blanks, which no expected output should have to repeat.
        let text = String::from_utf8_lossy(&text);
        text.lines()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect()
    }
}
