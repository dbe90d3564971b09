//! What clang says about the whole text: errors that end the reading, errors of single declarations, and attributes that it ignores.

use crate::clang::{Cursor, Diagnostic, SourcePlace, Unit};
use crate::header_error::{HeaderError, SourceError};
use crate::parse::errors::{Errors, Places};
use crate::parse::prelude;

/// What clang says about the text, sorted.
#[derive(Default)]
pub(crate) struct Diagnostics {
    pub(crate) errors: Errors,
    pub(crate) ignored: IgnoredAttributes,
}

/// Where attributes stand that clang ignores although they change the ABI, and the declarations start that they follow.
#[derive(Default)]
pub(crate) struct IgnoredAttributes {
    /// `scalar_storage_order`, of records.
    pub(crate) records: Places,
    /// `target`, of functions.
    pub(crate) targets: Places,
}

impl Diagnostics {
    pub(crate) fn new(unit: &Unit<'_>, declarations: &[Cursor<'_>]) -> Result<Self, HeaderError> {
        let all = unit.diagnostics();
        let fatal: Vec<SourceError> = all
            .iter()
            .filter(|diagnostic| diagnostic.is_fatal)
            .map(SourceError::from)
            .collect();
        if !fatal.is_empty() {
            return Err(HeaderError::Source { errors: fatal });
        }
        let (errors, warnings): (Vec<_>, Vec<_>) = all
            .into_iter()
            .filter(|diagnostic| diagnostic.place.file != prelude::NAME)
            .partition(|diagnostic| diagnostic.is_error);
        let ignored = |option: &str, attribute: &str| {
            let is = |warning: &&Diagnostic| {
                warning.option == option && warning.message.contains(attribute)
            };
            let found = warnings.iter().filter(is).map(|found| found.place.clone());
            with_starts(found.collect(), declarations)
        };
        Ok(Self {
            ignored: IgnoredAttributes {
                records: ignored("-Wunknown-attributes", "scalar_storage_order"),
                targets: ignored("-Wignored-attributes", "'target' attribute ignored"),
            },
            errors: Errors::new(errors),
        })
    }
}

/// The places, and those where the declarations start that they belong to: an attribute after the closing brace, or in brackets at the start, is
/// outside of the declaration's own text.
fn with_starts(mut found: Vec<SourcePlace>, declarations: &[Cursor<'_>]) -> Places {
    if found.is_empty() {
        return Places::default();
    }
    let extents: Vec<(SourcePlace, SourcePlace)> = declarations
        .iter()
        .map(|declaration| declaration.full_extent())
        .collect();
    let by_place = Places::new(extents.iter().map(|(start, _)| start));
    let mut starts = Vec::new();
    for place in &found {
        let before = by_place.last_before(place);
        let at = before.and_then(|i| extents.get(i));
        starts.extend(at.map(|(start, _)| start.clone()));
        if at.is_none_or(|(_, end)| end.offset < place.offset) {
            let mut after = extents.iter().map(|(start, _)| start);
            let is_next =
                |start: &&SourcePlace| start.file == place.file && start.offset > place.offset;
            starts.extend(after.find(is_next).cloned());
        }
    }
    found.extend(starts);
    Places::new(&found)
}
