//! `toy emit abi`: where the parts of each function's arguments and result are passed, and those of each call
//! of its body. The words are `cabi`'s.

use crate::diag::Lines;
use crate::lower::{LowerError, call_signature, signature};
use crate::typed::{Called, Checked, Origin};
use cabi::{FnSig, Target, explain};
use std::collections::HashSet;
use std::fmt::Write;

/// The whole text.
pub(crate) fn emit(checked: &Checked, lines: &Lines) -> Result<String, LowerError> {
    let mut text = String::new();
    for function in &checked.functions {
        let Some(span) = function.span else { continue };
        let sig = signature(&checked.types, function)?;
        let origin = match &function.origin {
            Origin::Extern {
                library: Some(library),
                ..
            } => format!("extern \"{library}\" "),
            Origin::Extern { library: None, .. } => "extern ".to_string(),
            Origin::Toy(_) => String::new(),
        };
        let ty = checked.heading(function);
        let names = function.param_names.iter().map(|name| Some(&**name));
        let names: Vec<Option<&str>> = names.collect();
        let target = &checked.types.target;
        let placed =
            placement(&sig, Some(&names), target).map_err(|why| LowerError::at(span, why))?;
        // Writing to a string does not fail.
        let _ = write!(text, "{origin}{ty}\n{placed}");
        let Origin::Toy(body) = &function.origin else {
            text.push('\n');
            continue;
        };
        let mut seen = HashSet::new();
        for (span, called, args) in &body.calls {
            let name = match called {
                // The language calls it by itself.
                Called::Function(id) if checked.functions[id.0].span.is_none() => continue,
                Called::Function(id) => checked.functions[id.0].name.to_string(),
                Called::Pointer(ty) => format!("a pointer, {}", checked.types.name(*ty)),
            };
            let sig = call_signature(checked, *called, args.iter().copied())?;
            let at = lines.line(span.start);
            let placed = placement(&sig, None, target).map_err(|why| LowerError::at(*span, why))?;
            let entry = format!("  line {at}: call of {name}\n{}", indented(&placed));
            if seen.insert(entry.clone()) {
                text.push_str(&entry);
            }
        }
        text.push('\n');
    }
    Ok(text)
}

/// Of a function all reasons are shown, of its calls only the outcome.
fn placement(
    sig: &FnSig,
    names: Option<&[Option<&str>]>,
    target: &Target,
) -> Result<String, String> {
    let explanation = explain(sig, names.unwrap_or(&[]), target);
    let explanation = explanation.map_err(|error| error.to_string())?;
    let text = match names {
        Some(_) => explanation.to_string(),
        None => explanation.summary(),
    };
    Ok(indented(&text))
}

/// Empty lines stay empty.
fn indented(text: &str) -> String {
    let indent = |line: &str| format!("{}{line}\n", if line.is_empty() { "" } else { "  " });
    text.lines().map(indent).collect()
}
