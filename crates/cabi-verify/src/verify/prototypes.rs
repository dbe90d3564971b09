//! Each prototype as the compiler under test reads it, compared with the one that libclang has read: a header may declare a function otherwise
//! for another compiler, or under another macro.
//!
//! One file includes the header and asserts each prototype's type, in lines that are to the compiler a file of their own, so that each message
//! names its prototype:
//!
//! ```text
//! #include "header.h"
//! # 1 "cabi-there-0"
//! extern __typeof__(f) *cabi_there_0;
//! # 1 "cabi-same-0"
//! _Static_assert(__builtin_types_compatible_p(__typeof__(f) *, __typeof__(double (double)) *), "cabi: another type");
//! ```
//!
//! The types of functions of other conventions (`ms_abi`) are not compatible to gcc and clang, so that they are noticed too.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cabi_header::Prototype;

use crate::build::{Reference, ReferenceError, first_error};

/// How the compiler reads a prototype.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Reading {
    /// As libclang does.
    Same,
    /// As a function of another type, which is this one.
    Other(String),
    /// It declares no such function, in the compiler's words.
    Absent(String),
    /// No text is this type in another place: a record or enumeration of it has neither a tag nor a typedef.
    Unnamed,
    /// The type cannot be asked about, for this reason.
    Unasked(String),
}

const OTHER: &str = "cabi: another type";

/// How `reference` reads each of `prototypes`, which `include` declares.
///
/// # Errors
/// [`ReferenceError`] if it cannot be started, or says nothing about any of them.
pub(super) fn compare(
    reference: &Reference,
    flags: &[&str],
    include: &str,
    prototypes: &[&Prototype],
) -> Result<Vec<Reading>, ReferenceError> {
    let first = |prototype: &&Prototype| match is_unnamed(&prototype.spelled) {
        true => Reading::Unnamed,
        false => Reading::Same,
    };
    let mut readings: Vec<Reading> = prototypes.iter().map(first).collect();
    // A compiler may stop at its first error: what is known is not asked again.
    loop {
        let text = text(include, prototypes, &readings);
        let mut flags = flags.to_vec();
        if reference.name() == "clang" {
            flags.push("-ferror-limit=0");
        }
        let error = match reference.check(&text, &flags) {
            Ok(_) => return Ok(readings),
            Err(error) => error,
        };
        let blamed = error.messages().map(blamed).unwrap_or_default();
        let mut found = false;
        for (at, message) in blamed {
            let reading = readings
                .get_mut(at.index)
                .filter(|one| **one == Reading::Same);
            if let (Some(reading), Some(prototype)) = (reading, prototypes.get(at.index)) {
                found = true;
                *reading = match at.line {
                    Line::There => Reading::Absent(message),
                    // A type that the header has for another compiler only.
                    Line::Same if message.contains(OTHER) || is_unknown(&message) => {
                        Reading::Other(theirs(reference, &flags, include, &prototype.name))
                    }
                    Line::Same => Reading::Unasked(message),
                };
            }
        }
        if !found {
            return Err(error);
        }
    }
}

fn text(include: &str, prototypes: &[&Prototype], readings: &[Reading]) -> String {
    let mut text = include.to_owned();
    let asked = prototypes.iter().zip(readings).enumerate();
    for (i, (Prototype { name, spelled, .. }, reading)) in asked {
        if *reading == Reading::Same {
            // A macro of the same name hides the function.
            let _ = write!(
                text,
                "\n#undef {name}\n# 1 \"cabi-there-{i}\"\nextern __typeof__({name}) *cabi_there_{i};\n\
                 # 1 \"cabi-same-{i}\"\n_Static_assert(__builtin_types_compatible_p(__typeof__({name}) *, \
                 __typeof__({spelled}) *), \"{OTHER}\");\n"
            );
        }
    }
    text
}

/// Whether clang spells a type by the place of its declaration, `struct (unnamed struct at header.h:1:9)`.
fn is_unnamed(spelled: &str) -> bool {
    ["(unnamed ", "(anonymous "]
        .iter()
        .any(|place| spelled.contains(place))
}

fn is_unknown(message: &str) -> bool {
    message.contains("unknown type name") || message.contains("undeclared")
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Line {
    There,
    Same,
}

/// A line of the text, the first of a prototype first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    index: usize,
    line: Line,
}

/// The first error in each line that has one.
fn blamed(messages: &str) -> BTreeMap<At, String> {
    let mut blamed = BTreeMap::new();
    for message in messages.lines().filter(|line| line.contains("error:")) {
        let file = message.split(':').next().unwrap_or_default();
        let lines = [("cabi-there-", Line::There), ("cabi-same-", Line::Same)];
        let at = lines.iter().find_map(|(prefix, line)| {
            let index = file.strip_prefix(prefix)?.parse().ok()?;
            Some(At { index, line: *line })
        });
        if let Some(at) = at {
            let words = || first_error(message);
            blamed.entry(at).or_insert_with(words);
        }
    }
    blamed
}

/// The function's type in the compiler's words: those of a message that it has to write.
fn theirs(reference: &Reference, flags: &[&str], include: &str, name: &str) -> String {
    let text = format!("{include}\n#undef {name}\nchar (*cabi_wrong)[1] = &{name};\n");
    let messages = match reference.check(&text, flags) {
        Ok(warnings) => warnings,
        Err(error) => error.messages().unwrap_or_default().to_owned(),
    };
    let line = messages.lines().find(|line| line.contains("'char (*)[1]'"));
    let quoted = line.and_then(|line| line.split(" type '").last());
    let ty = quoted.and_then(|rest| rest.split('\'').next());
    ty.map_or("another type".to_owned(), |ty| {
        ty.replacen("(*)", "", 1).replace(" (", "(")
    })
}
