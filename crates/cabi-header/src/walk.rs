//! The walk over a header's declarations, which decides what is left out.
//!
//! A wrong declaration costs itself and what depends on it, never the header.

use std::collections::{HashMap, HashSet};

use cabi::Type;
use clang_sys::{
    CXCursor_EnumDecl, CXCursor_FunctionDecl, CXCursor_StructDecl, CXCursor_TypedefDecl,
    CXCursor_UnionDecl,
};

use crate::clang::{Cursor, Diagnostic, Place, Unit};
use crate::header::{Header, HeaderError, Location, NamedType, Prototype, Reason, Skipped};
use crate::prelude;
use crate::source::{Answers, Questions};
use crate::types::{Reader, is_unnamed};

/// Walks the declarations, and asks what they do not say themselves.
pub(crate) fn read(unit: &Unit<'_>, answers: &Answers) -> Result<(Header, Questions), HeaderError> {
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
        reader: Reader::new(model, answers, ignored),
        header,
        errors: diagnostics.errors,
        functions: Vec::new(),
        function_at: HashMap::new(),
        types: HashSet::new(),
    };
    for cursor in declarations {
        let file = cursor.place().file;
        if file != prelude::NAME && !file.is_empty() {
            walk.declaration(cursor, 0);
        }
    }
    let questions = walk.reader.questions();
    let unexplained: Vec<String> = walk
        .errors
        .iter()
        .filter(|(_, explained)| !explained)
        .map(|(error, _)| message_of(error))
        .collect();
    if unexplained.is_empty() {
        Ok((walk.finish(), questions))
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
    /// What the declarations seen so far say about each function, in the order of their first.
    functions: Vec<Result<Prototype, Skipped>>,
    /// Where in `functions` a name is.
    function_at: HashMap<String, usize>,
    /// Names of types that are in the header or left out.
    types: HashSet<String>,
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
            let location = location(cursor);
            self.add_function(read.map_err(|reason| Skipped {
                name,
                reason,
                location,
            }));
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
        // C11 lets a typedef be repeated; a record without tag goes by its typedef's name.
        if !self.types.insert(format!("{} {name}", cursor.kind())) {
            return;
        }
        let location = location(cursor);
        let list = match cursor.kind() {
            kind if kind == CXCursor_TypedefDecl => &mut self.header.typedefs,
            kind if kind == CXCursor_EnumDecl => &mut self.header.enums,
            _ => &mut self.header.records,
        };
        match read {
            Ok(ty) => list.push(NamedType { name, ty, location }),
            Err(reason) => self.header.skipped.push(Skipped {
                name,
                reason,
                location,
            }),
        }
    }

    fn add_function(&mut self, new: Result<Prototype, Skipped>) {
        let name = match &new {
            Ok(prototype) => &prototype.name,
            Err(skipped) => &skipped.name,
        };
        let at = self.function_at.get(name).copied();
        match at.and_then(|at| self.functions.get_mut(at)) {
            Some(known) => join(known, new),
            None => {
                self.function_at.insert(name.clone(), self.functions.len());
                self.functions.push(new);
            }
        }
    }

    fn finish(mut self) -> Header {
        for function in self.functions {
            match function {
                Ok(prototype) => self.header.prototypes.push(prototype),
                Err(skipped) => self.header.skipped.push(skipped),
            }
        }
        self.header
    }
}

/// Adds to what is known about a function what another declaration of it says.
fn join(known: &mut Result<Prototype, Skipped>, new: Result<Prototype, Skipped>) {
    let is_inline = |skipped: &Skipped| skipped.reason == Reason::Inline;
    match (known, new) {
        (Ok(known), Ok(new)) => {
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
        // A declaration that is not inline gives an inline function its symbol.
        (Ok(_), Err(new)) if is_inline(&new) => {}
        (Err(known), Ok(_)) if !is_inline(known) => {}
        (known, new) => *known = new,
    }
}

pub(crate) fn location(cursor: Cursor<'_>) -> Location {
    let Place { file, line, .. } = cursor.place();
    Location { file, line }
}

pub(crate) fn is_within(place: &Place, start: &Place, end: &Place) -> bool {
    place.file == start.file && (start.offset..=end.offset).contains(&place.offset)
}
