//! What clang says about the whole text: errors that end the reading, errors of single declarations, and attributes that it ignores.

use crate::clang::{Cursor, Diagnostic, Place, Unit};
use crate::header_error::{HeaderError, SourceError};
use crate::parse::errors::{Errors, Places};
use crate::parse::prelude;

/// Errors and warnings, sorted.
pub(crate) struct Diagnostics {
    pub(crate) errors: Errors,
    pub(crate) warnings: Vec<Diagnostic>,
}

impl Diagnostics {
    pub(crate) fn new(unit: &Unit<'_>) -> Result<Self, HeaderError> {
        let all = unit.diagnostics();
        let fatal: Vec<SourceError> = all
            .iter()
            .filter(|diagnostic| diagnostic.is_fatal)
            .map(SourceError::of)
            .collect();
        if !fatal.is_empty() {
            return Err(HeaderError::Source { errors: fatal });
        }
        let (errors, warnings): (Vec<_>, Vec<_>) = all
            .into_iter()
            .filter(|diagnostic| diagnostic.place.file != prelude::NAME)
            .partition(|diagnostic| diagnostic.is_error);
        Ok(Self {
            errors: Errors::new(errors),
            warnings,
        })
    }
}

/// Where attributes stand that clang ignores although they change the ABI, and the declarations start that they follow.
pub(crate) fn ignored_attributes(warnings: &[Diagnostic], declarations: &[Cursor<'_>]) -> Places {
    let mut found: Vec<Place> = warnings
        .iter()
        .filter(|warning| {
            warning.option == "-Wunknown-attributes"
                && warning.message.contains("scalar_storage_order")
        })
        .map(|warning| warning.place.clone())
        .collect();
    if found.is_empty() {
        return Places::default();
    }
    // An attribute after the closing brace is outside of the definition's own text.
    let starts: Vec<Place> = declarations
        .iter()
        .map(|declaration| declaration.extent().0)
        .collect();
    let by_place = Places::new(&starts);
    let before = found.iter().filter_map(|place| by_place.last_before(place));
    let before: Vec<Place> = before.filter_map(|i| starts.get(i).cloned()).collect();
    found.extend(before);
    Places::new(&found)
}
