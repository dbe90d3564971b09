//! The walk over a header's declarations, which decides what is left out.
//!
//! A wrong declaration costs itself and what depends on it, never the header.

use cabi::{Record, RecordRules, Type};
use clang_sys::*;

use crate::clang::{Cursor, Ty, Unit};
use crate::header::{Constant, DeclaredKind, DeclaredName, Header, NamedType, TypeSpelling};
use crate::header_error::HeaderError;
use crate::options::of_target;
use crate::parse::clang_record::size_mismatch;
use crate::parse::classes::qualified_name;
use crate::parse::declarations::{Declarations, skipped_declaration};
use crate::parse::errors::Errors;
use crate::parse::functions::function_type_of;
use crate::parse::kinds::{
    SCOPES, TYPEDEFS, innermost, integer, is_preprocessing, is_type, is_walked, unsupported_cxx,
};
use crate::parse::macros;
use crate::parse::pragmas::Pragmas;
use crate::parse::prelude;
use crate::parse::questions::{Answers, Questions};
use crate::parse::types::{Reader, is_unnamed};
use crate::parse::written_types::without_place;
use crate::reason::Reason;
use crate::written_type::WrittenType;

/// Walks the declarations. Returns the header, and questions about what declarations do not state.
pub(crate) fn read(
    unit: &Unit<'_>,
    answers: &Answers,
    pragmas: Pragmas,
    records: Option<RecordRules>,
) -> Result<(Header, Questions), HeaderError> {
    let target = unit.triple();
    let mut declarations: Vec<Cursor<'_>> = unit.cursor().children();
    declarations.retain(|cursor| !is_preprocessing(cursor.kind()));
    let errors = Errors::new(unit, &declarations)?;
    let facts = prelude::facts(unit).map_err(|why| HeaderError::Unsupported {
        target: target.clone(),
        why,
    })?;
    let model = match facts.model.records {
        RecordRules::Clang => facts
            .model
            .with_records(records.unwrap_or_else(|| of_target(&target))),
        _ => facts.model,
    };
    let mut header = Header::empty(&target, model);
    let unknown_macros = macros::read(unit, answers, &mut header);
    let mut walk = Walk {
        reader: Reader::new(facts, &target, answers, errors, pragmas, records),
        found: Declarations::new(header),
        main: unit.cursor().name(),
    };
    for cursor in declarations {
        let file = cursor.place().file;
        if file != prelude::NAME && !file.is_empty() {
            walk.declaration(cursor, 0);
        }
    }
    let mut questions = std::mem::take(&mut walk.reader.questions);
    questions.macros = unknown_macros;
    questions.spoilt = walk.reader.errors.spoilt.clone();
    walk.reader.errors.finish()?;
    Ok((walk.found.finish(), questions))
}

/// The walk over the declarations, and what it has found.
struct Walk<'u> {
    reader: Reader<'u>,
    found: Declarations,
    /// The name of the text itself.
    main: String,
}

impl<'u> Walk<'u> {
    fn declaration(&mut self, cursor: Cursor<'u>, depth: u16) {
        let kind = cursor.kind();
        if let Some(construct) = unsupported_cxx(kind) {
            self.skip(cursor, qualified_name(cursor), Reason::Cxx(construct));
            self.explain(cursor);
            let symbol = Some(self.reader.symbol(cursor));
            self.note(cursor, DeclaredKind::Function { symbol });
            return;
        }
        // clang bounds the nesting of the source; this bounds ours.
        if depth < cabi::MAX_DEPTH {
            for child in cursor.children() {
                if is_walked(cursor, child.kind()) {
                    self.declaration(child, depth + 1);
                }
            }
        }
        if SCOPES.contains(&kind) {
            return;
        }
        let error = self.reader.errors.reason(cursor);
        if kind == CXCursor_FunctionDecl {
            self.function(cursor, error);
        } else if TYPEDEFS.contains(&kind) {
            let (name, underlying) = (qualified_name(cursor), cursor.underlying());
            self.note_type(cursor, underlying, error.as_ref());
            let entry = self.unless_wrong(cursor, &cursor.name(), error, |reader| {
                let ty = reader.ty(cursor.ty())?;
                Ok(NamedType {
                    written: reader.written(underlying),
                    spelled: vec![spelled(reader, underlying, 0)],
                    ..NamedType::new(&name, ty)
                })
            });
            self.add_type(cursor, name, entry);
        } else if is_type(kind) {
            let name = cursor.ty().canonical().spelling();
            if !is_unnamed(&name) {
                self.note_as(name.clone(), cursor, DeclaredKind::Other(name.clone()));
            }
            let definition = cursor.type_definition();
            if definition == cursor {
                self.tagged(cursor, error);
            } else if definition.is_null() && kind != CXCursor_EnumDecl {
                self.found.header.incomplete.push(name);
            } else if let Some(reason) = error.filter(|_| !definition.is_null()) {
                // Another definition, which contradicts the first.
                let reason = self.wrong(cursor, &name, reason);
                self.add_type(cursor, name, Err(reason));
            }
        } else {
            self.note_other(cursor, error);
        }
    }

    /// Notes a variable, an assertion, or another declaration without a place in a table of
    /// functions and types.
    fn note_other(&mut self, cursor: Cursor<'u>, error: Option<Reason>) {
        let name = qualified_name(cursor);
        if name.is_empty() {
            return;
        }
        self.note_type(cursor, cursor.ty(), error.as_ref());
        if let Some(reason) = error {
            let reason = self.wrong(cursor, &name, reason);
            self.skip(cursor, name, reason);
        }
    }

    /// Returns the result of `read` for the declaration, which expressions refer to as `name`,
    /// unless there is an `error` in it.
    fn unless_wrong<T>(
        &mut self,
        cursor: Cursor<'u>,
        name: &str,
        error: Option<Reason>,
        read: impl FnOnce(&mut Reader<'u>) -> Result<T, Reason>,
    ) -> Result<T, Reason> {
        match error {
            None => read(&mut self.reader),
            Some(reason) => Err(self.wrong(cursor, name, reason)),
        }
    }

    /// Records that `cursor` is left out as `name` for the errors in it.
    fn wrong(&mut self, cursor: Cursor<'u>, name: &str, reason: Reason) -> Reason {
        self.explain(cursor);
        self.reader.errors.spoils(name, &reason);
        reason
    }

    /// Leaves `cursor` out as `name`.
    fn skip(&mut self, cursor: Cursor<'u>, name: String, reason: Reason) {
        let skipped = skipped_declaration(cursor, name, reason);
        self.found.header.skipped.push(skipped);
    }

    /// Marks the errors in `cursor` as explained. Leaves out the declarations that clang skipped
    /// after them, each by its own name.
    fn explain(&mut self, cursor: Cursor<'u>) {
        for (name, message) in self.reader.errors.explain(cursor) {
            let reason = Reason::Invalid(message);
            let kind = DeclaredKind::FunctionType(Err(reason.clone()));
            self.reader.errors.spoils(&name, &reason);
            self.skip(cursor, name.clone(), reason);
            self.note_as(name, cursor, kind);
        }
    }

    /// Notes a typedef or variable of type `ty`.
    fn note_type(&mut self, cursor: Cursor<'u>, ty: Ty<'u>, error: Option<&Reason>) {
        let Some(function) = function_type_of(ty) else {
            return self.note(cursor, DeclaredKind::Other(ty.spelling()));
        };
        let prototype = match error {
            Some(reason) => Err(reason.clone()),
            None => self.reader.prototype_of(cursor, function),
        };
        self.note(cursor, DeclaredKind::FunctionType(prototype.map(Box::new)));
    }

    fn note(&mut self, cursor: Cursor<'u>, kind: DeclaredKind) {
        self.note_as(qualified_name(cursor), cursor, kind);
    }

    fn note_as(&mut self, name: String, cursor: Cursor<'u>, kind: DeclaredKind) {
        let location = cursor.place().location();
        let in_text = location.file == self.main;
        if in_text || matches!(kind, DeclaredKind::FunctionType(_)) {
            self.found.header.declared.push(DeclaredName {
                name,
                kind,
                in_text,
                location,
            });
        }
    }

    /// Adds the definition of a record or enumeration.
    fn tagged(&mut self, cursor: Cursor<'u>, error: Option<Reason>) {
        let name = cursor.ty().canonical().spelling();
        let (has_name, is_enum) = (!is_unnamed(&name), cursor.kind() == CXCursor_EnumDecl);
        if is_enum {
            let name = if has_name { name.as_str() } else { "" };
            self.add_constants(cursor, name, error.as_ref());
        }
        if !has_name {
            let ty = self.reader.ty(cursor.ty());
            return self.dispute(cursor.ty(), &name, ty.as_ref());
        }
        let entry = self.unless_wrong(cursor, &name, error, |reader| {
            let mut named = NamedType::new(&name, reader.ty(cursor.ty())?);
            if is_enum {
                named.written = reader.written(cursor.integer_type());
            } else {
                named.written = WrittenType::Named(name.clone());
                members(reader, cursor, &mut named);
            }
            Ok(named)
        });
        self.add_type(cursor, name, entry);
    }

    fn add_constants(&mut self, enumeration: Cursor<'u>, name: &str, error: Option<&Reason>) {
        for (cursor, value) in enumeration.enumerators() {
            if let Some(reason) = error {
                // clang has given the constant some value all the same.
                let name = qualified_name(cursor);
                let reason = self.wrong(enumeration, &name, reason.clone());
                self.skip(cursor, name, reason);
                continue;
            }
            // The type of a C++ enumeration's constant is its underlying type.
            let kind = cursor.ty().integer_kind();
            if let Some(ty) = integer(&self.reader.model, kind) {
                self.found.header.constants.push(Constant {
                    name: qualified_name(cursor),
                    value,
                    ty,
                    enumeration: name.to_owned(),
                    location: cursor.place().location(),
                });
            }
        }
    }

    /// Adds the type `name`, or the reason why it is left out.
    fn add_type(&mut self, cursor: Cursor<'u>, name: String, entry: Result<NamedType, Reason>) {
        let ty = entry.as_ref().map(|named| &named.ty);
        self.dispute(cursor.ty(), &name, ty);
        let location = cursor.place().location();
        let entry = entry.map(|named| NamedType { location, ..named });
        let entry = entry.map_err(|reason| skipped_declaration(cursor, name, reason));
        self.found.add_type(cursor.kind(), entry);
    }

    /// Records that clang's size of the type `name`, `ty`, which was `read`, may not be gcc's.
    fn dispute(&mut self, ty: Ty<'u>, name: &str, read: Result<&Type, &Reason>) {
        let reader = &mut self.reader;
        let has_no_size = |key| ["incomplete", "invalid"].contains(&key);
        // In C++ more is left out, and has one size to both compilers.
        let is_of_cxx = |key| reader.facts.cxx && ["c++", "mismatch"].contains(&key);
        let why = match read {
            Err(reason) if has_no_size(reason.key()) || is_of_cxx(reason.key()) => None,
            Err(reason) => (!reader.is_as_clang()).then(|| reason.clone()),
            // The reader compares the members of a record.
            Ok(read) => size_mismatch(ty, read),
        };
        if let Some(reason) = why {
            reader.errors.spoils(name, &reason);
        }
    }

    fn function(&mut self, cursor: Cursor<'u>, error: Option<Reason>) {
        // In C without overloads a label may come with a later declaration.
        let is_overloadable = self.reader.is_overloadable(cursor);
        let symbol = is_overloadable.then(|| self.reader.symbol(cursor));
        let name = qualified_name(cursor);
        let key = symbol.clone().filter(|symbol| !symbol.is_empty());
        let key = key.unwrap_or_else(|| name.clone());
        self.note(cursor, DeclaredKind::Function { symbol });
        let read = |reader: &mut Reader<'u>| reader.prototype(cursor);
        let entry = self.unless_wrong(cursor, &cursor.name(), error, read);
        let entry = entry.map_err(|reason| skipped_declaration(cursor, name, reason));
        self.found.add_function(key, entry);
    }
}

/// Adds the members of a record as written to `named`, one for each of its fields.
fn members<'u>(reader: &mut Reader<'u>, record: Cursor<'u>, named: &mut NamedType) {
    let all_fields = named.ty.as_record().map_or(&[][..], Record::fields);
    let fields = record.ty().fields();
    // Base classes come first.
    let n_bases = all_fields.len().saturating_sub(fields.len());
    for base in all_fields.iter().take(n_bases) {
        named.members.push(WrittenType::Type(base.ty().clone()));
        named.spelled.push(TypeSpelling {
            ty: base.ty().to_string(),
            written: WrittenType::Type(base.ty().clone()),
            members: Vec::new(),
        });
    }
    for field in fields {
        let spelling = spelled(reader, field.ty(), 0);
        named.members.push(spelling.written.clone());
        named.spelled.push(spelling);
    }
}

/// Returns `ty` as clang spells it. A record without a name, or an array of them, has its members.
fn spelled<'u>(reader: &mut Reader<'u>, ty: Ty<'u>, depth: u16) -> TypeSpelling {
    let text = prelude::names_of_c(&ty.spelling());
    let mut spelling = TypeSpelling {
        ty: without_place(&text),
        written: reader.written(ty),
        members: Vec::new(),
    };
    if spelling.ty == text {
        return spelling;
    }
    let record = innermost(ty.canonical());
    if record.kind() == CXType_Record && depth < cabi::MAX_DEPTH {
        let fields = record.fields().into_iter();
        let members = fields.map(|field| spelled(reader, field.ty(), depth + 1));
        spelling.members = members.collect();
    }
    spelling
}
