//! Attributes of gcc's that change layouts or calls, and that clang ignores with a warning.
//!
//! clang warns, and goes on with another layout or call than gcc. A pragma may hide the warning:
//! then every declaration may have an attribute whose name occurs.

use cabi::BitFieldStyle;

use crate::clang::Cursor;
use crate::parse::types::Reader;
use crate::reason::Reason;

/// Kinds of declarations that have attributes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Record,
    Typedef,
    Function,
}

use Subject::{Function, Record, Typedef};

/// Each attribute with the declarations to which it matters.
pub(crate) const IGNORED: [(&str, &[Subject]); 5] = [
    ("scalar_storage_order", &[Record]),
    ("gcc_struct", &[Record]),
    ("copy", &[Record, Typedef, Function]),
    ("strub", &[Function]),
    ("no_callee_saved_registers", &[Function]),
];

impl<'u> Reader<'u> {
    /// Refuses a declaration with such an attribute, and one that may have it.
    pub(crate) fn check_ignored(
        &self,
        declaration: Cursor<'u>,
        subject: Subject,
    ) -> Result<(), Reason> {
        let known = IGNORED.iter().zip(&self.errors.ignored);
        for (((name, subjects), places), occurs) in known.zip(self.pragmas.ignored) {
            let matters = match *name {
                "scalar_storage_order" => true,
                "gcc_struct" => !self.is_as_clang() && self.model.bit_fields == BitFieldStyle::Ms,
                _ => !self.is_as_clang(),
            };
            if !matters || !subjects.contains(&subject) {
                continue;
            }
            if places.is_in(declaration) {
                return Err(Reason::Attribute((*name).to_owned()));
            }
            if occurs && self.pragmas.ignores_unknown {
                let what = format!("{name}, which clang ignores where a pragma may hide that,");
                return Err(Reason::Attribute(what));
            }
        }
        Ok(())
    }
}

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
