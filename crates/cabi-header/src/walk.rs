//! The walk over a header's declarations, which decides what is left out.
//!
//! A wrong declaration costs itself and what depends on it, never the header.

use std::collections::HashMap;

use cabi::Type;
use clang_sys::{
    CXCursor_EnumDecl, CXCursor_FunctionDecl, CXCursor_StructDecl, CXCursor_TypedefDecl,
    CXCursor_UnionDecl,
};

use crate::clang::{Cursor, Diagnostic, Place, Unit};
use crate::header::{Header, HeaderError, Location, NamedType, Prototype, Reason, Skipped};
use crate::prelude;
use crate::types::{Reader, is_unnamed};

/// Walks the declarations. Also returns the alignment expressions that are not in `alignments`.
pub(crate) fn read(
    unit: &Unit<'_>,
    alignments: HashMap<String, u32>,
) -> Result<(Header, Vec<String>), HeaderError> {
    let target = unit.triple();
    let diagnostics = Diagnostics::new(unit)?;
    let model = prelude::data_model(unit).map_err(|why| HeaderError::Unsupported {
        target: target.clone(),
        why,
    })?;
    let header = Header {
        target,
        model,
        prototypes: Vec::new(),
        records: Vec::new(),
        typedefs: Vec::new(),
        enums: Vec::new(),
        skipped: Vec::new(),
    };
    let declarations: Vec<Cursor<'_>> = unit.cursor().children();
    let ignored = ignored_attributes(&diagnostics.warnings, &declarations);
    let mut walk = Walk {
        reader: Reader::new(model, alignments, ignored),
        header,
        errors: diagnostics.errors,
    };
    for cursor in declarations {
        let file = cursor.place().file;
        if file != prelude::NAME && !file.is_empty() {
            walk.declaration(cursor, 0);
        }
    }
    let unknown = walk.reader.unknown_alignments();
    let unexplained: Vec<String> = walk
        .errors
        .iter()
        .filter(|(_, explained)| !explained)
        .map(|(error, _)| message_of(error))
        .collect();
    if unexplained.is_empty() {
        Ok((walk.header, unknown))
    } else {
        Err(HeaderError::Source {
            messages: unexplained,
        })
    }
}

/// Where attributes stand that clang ignores although they change the ABI, and the declarations start that they follow.
fn ignored_attributes(warnings: &[Diagnostic], declarations: &[Cursor<'_>]) -> Vec<Place> {
    let mut found: Vec<Place> = warnings
        .iter()
        .filter(|warning| {
            warning.option == "-Wunknown-attributes"
                && warning.message.contains("scalar_storage_order")
        })
        .map(|warning| warning.place.clone())
        .collect();
    if found.is_empty() {
        return found;
    }
    // An attribute behind the closing brace is outside of the definition's own text.
    let starts: Vec<Place> = declarations
        .iter()
        .map(|declaration| declaration.extent().0)
        .collect();
    for i in 0..found.len() {
        let before = |start: &&Place| {
            found
                .get(i)
                .is_some_and(|at| start.file == at.file && start.offset <= at.offset)
        };
        if let Some(start) = starts
            .iter()
            .filter(before)
            .max_by_key(|start| start.offset)
        {
            found.push(start.clone());
        }
    }
    found
}

struct Diagnostics {
    /// Each with whether a declaration was left out for it.
    errors: Vec<(Diagnostic, bool)>,
    warnings: Vec<Diagnostic>,
}

impl Diagnostics {
    fn new(unit: &Unit<'_>) -> Result<Self, HeaderError> {
        let all = unit.diagnostics();
        let fatal: Vec<String> = all
            .iter()
            .filter(|diagnostic| diagnostic.is_fatal)
            .map(message_of)
            .collect();
        if !fatal.is_empty() {
            return Err(HeaderError::Source { messages: fatal });
        }
        let (errors, warnings): (Vec<_>, Vec<_>) = all
            .into_iter()
            .filter(|diagnostic| diagnostic.place.file != prelude::NAME)
            .partition(|diagnostic| diagnostic.is_error);
        Ok(Self {
            errors: errors.into_iter().map(|error| (error, false)).collect(),
            warnings,
        })
    }
}

fn message_of(diagnostic: &Diagnostic) -> String {
    if diagnostic.place.file.is_empty() {
        return diagnostic.message.clone();
    }
    format!(
        "{}:{}: {}",
        diagnostic.place.file, diagnostic.place.line, diagnostic.message
    )
}

/// The walk over the declarations, and what it has found.
struct Walk<'u> {
    reader: Reader<'u>,
    header: Header,
    errors: Vec<(Diagnostic, bool)>,
}

impl<'u> Walk<'u> {
    fn declaration(&mut self, cursor: Cursor<'u>, depth: u16) {
        let kind = cursor.kind();
        let is_record = kind == CXCursor_StructDecl || kind == CXCursor_UnionDecl;
        // clang bounds the nesting of the source; this bounds ours.
        if is_record && depth < cabi::MAX_DEPTH {
            for child in cursor.children() {
                let is_type = [CXCursor_StructDecl, CXCursor_UnionDecl, CXCursor_EnumDecl]
                    .contains(&child.kind());
                if is_type {
                    self.declaration(child, depth + 1);
                }
            }
        }
        let error = self.error_within(cursor);
        let name = cursor.name();
        if kind == CXCursor_FunctionDecl {
            let read = error.map_or_else(|| self.reader.prototype(cursor), Err);
            self.add_prototype(cursor, read);
        } else if kind == CXCursor_TypedefDecl {
            let read = error.map_or_else(|| self.reader.ty(cursor.ty()), Err);
            self.add_type(cursor, name, read);
        } else if is_record || kind == CXCursor_EnumDecl {
            let ty = cursor.ty();
            if cursor == cursor.definition_or_null() && !is_unnamed(&ty.canonical().spelling()) {
                let read = error.map_or_else(|| self.reader.ty(ty), Err);
                self.add_type(cursor, ty.canonical().spelling(), read);
            }
        }
    }

    /// The first error inside the declaration's text; all of them count as explained.
    fn error_within(&mut self, cursor: Cursor<'u>) -> Option<Reason> {
        if self.errors.is_empty() {
            return None;
        }
        let (start, end) = cursor.extent();
        let mut first = None;
        for (error, explained) in &mut self.errors {
            if is_within(&error.place, &start, &end) {
                *explained = true;
                first.get_or_insert_with(|| Reason::Invalid(error.message.clone()));
            }
        }
        first
    }

    fn add_type(&mut self, cursor: Cursor<'u>, name: String, read: Result<Type, Reason>) {
        let location = location(cursor);
        match read {
            Ok(ty) => {
                let list = match cursor.kind() {
                    kind if kind == CXCursor_TypedefDecl => &mut self.header.typedefs,
                    kind if kind == CXCursor_EnumDecl => &mut self.header.enums,
                    _ => &mut self.header.records,
                };
                // C11 lets a typedef be repeated.
                if !list.iter().any(|known| known.name == name) {
                    list.push(NamedType { name, ty, location });
                }
            }
            Err(reason) => self.skip(name, reason, location),
        }
    }

    fn skip(&mut self, name: String, reason: Reason, location: Location) {
        if !self
            .header
            .skipped
            .iter()
            .any(|known| known.name == name && known.reason == reason)
        {
            self.header.skipped.push(Skipped {
                name,
                reason,
                location,
            });
        }
    }

    /// Adds a function, or joins what another declaration says about it.
    fn add_prototype(&mut self, cursor: Cursor<'u>, read: Result<Prototype, Reason>) {
        let new = match read {
            Ok(new) => new,
            Err(reason) => {
                let name = cursor.name();
                let is_known = self
                    .header
                    .prototypes
                    .iter()
                    .any(|known| known.name == name);
                if !(is_known && reason == Reason::Inline) {
                    self.header.prototypes.retain(|known| known.name != name);
                    self.skip(name, reason, location(cursor));
                }
                return;
            }
        };
        match self
            .header
            .prototypes
            .iter_mut()
            .find(|known| known.name == new.name)
        {
            None => {
                let inline = |skipped: &Skipped| {
                    skipped.name == new.name && skipped.reason == Reason::Inline
                };
                self.header.skipped.retain(|skipped| !inline(skipped));
                if !self
                    .header
                    .skipped
                    .iter()
                    .any(|skipped| skipped.name == new.name)
                {
                    self.header.prototypes.push(new);
                }
            }
            Some(known) => {
                known.noreturn |= new.noreturn;
                if new.symbol != new.name {
                    known.symbol.clone_from(&new.symbol);
                }
                if known.unprototyped && !new.unprototyped {
                    let (noreturn, symbol) = (known.noreturn, known.symbol.clone());
                    *known = Prototype {
                        noreturn,
                        symbol,
                        ..new
                    };
                }
            }
        }
    }
}

pub(crate) fn location(cursor: Cursor<'_>) -> Location {
    let Place { file, line, .. } = cursor.place();
    Location { file, line }
}

pub(crate) fn is_within(place: &Place, start: &Place, end: &Place) -> bool {
    place.file == start.file && (start.offset..=end.offset).contains(&place.offset)
}
