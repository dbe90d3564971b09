//! `toy emit abi`: where the parts of each function's arguments and result are passed, and those of each call
//! of its body. The words are `cabi`'s.

use crate::diag::{At, Check, Span};
use crate::lower::Note;
use cabi::{FnSig, Target, explain};
use std::collections::HashSet;
use std::fmt::Write;

/// The whole text; `source` is the program's.
pub(crate) fn emit(notes: &[Note], source: &str, target: &Target) -> Check<String> {
    let mut text = String::new();
    for note in notes {
        let names: Vec<Option<&str>> = note.params.iter().map(|name| Some(&**name)).collect();
        let placed = placement(&note.sig, Some(&names), target).at(note.span)?;
        // Writing to a string does not fail.
        let _ = write!(text, "{}\n{placed}", note.heading);
        let mut seen = HashSet::new();
        for (span, called, sig) in &note.calls {
            let (at, placed) = (line(source, *span), placement(sig, None, target).at(*span)?);
            let entry = format!("  line {at}: call of {called}\n{}", indented(&placed));
            if seen.insert(entry.clone()) {
                text.push_str(&entry);
            }
        }
        text.push('\n');
    }
    Ok(text)
}

/// The line of a span, counted from 1.
fn line(source: &str, span: Span) -> usize {
    source
        .bytes()
        .take(span.start as usize)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

/// Of a function all reasons are shown, of its calls only the outcome.
fn placement(
    sig: &FnSig,
    names: Option<&[Option<&str>]>,
    target: &Target,
) -> Result<String, String> {
    let explanation =
        explain(sig, names.unwrap_or(&[]), target).map_err(|error| error.to_string())?;
    Ok(indented(&match names {
        Some(_) => explanation.to_string(),
        None => explanation.summary(),
    }))
}

/// Empty lines stay empty.
fn indented(text: &str) -> String {
    let indent = |line: &str| format!("{}{line}\n", if line.is_empty() { "" } else { "  " });
    text.lines().map(indent).collect()
}
