//! Attributes of gcc's that change layouts or calls, and that clang ignores with a warning.
//!
//! clang warns, and goes on with another layout or call than gcc. A pragma may hide the warning:
//! then every declaration may have an attribute whose name occurs.

use Subject::{Function, Record, Typedef};

/// Kinds of declarations that have attributes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Record,
    Typedef,
    Function,
}

/// Each attribute with the declarations to which it matters.
pub(crate) const IGNORED: [(&str, &[Subject]); 5] = [
    ("scalar_storage_order", &[Record]),
    ("gcc_struct", &[Record]),
    ("copy", &[Record, Typedef, Function]),
    ("strub", &[Function]),
    ("no_callee_saved_registers", &[Function]),
];

/// Returns whether `text` may use the attribute `name`.
pub(crate) fn occurs(text: &str, name: &str) -> bool {
    if name != "copy" {
        return text.contains(name);
    }
    // `copy` is the name of functions too. glibc's <sys/cdefs.h> has a macro with the attribute.
    let is_attribute = |(at, _): (usize, &str)| {
        let before = text.get(..at).unwrap_or("").trim_end_matches('_');
        before.trim_end().ends_with(['(', ',', ':'])
    };
    !text.contains("#undef __attribute_copy__")
        && (text.contains("__attribute_copy__") || text.match_indices(name).any(is_attribute))
}
