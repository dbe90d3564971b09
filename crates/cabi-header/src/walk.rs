//! The walk over a header's declarations, which decides what is left out.
//!
//! A wrong declaration costs itself and what depends on it, never the header.

use std::collections::{HashMap, HashSet};

use cabi::{RecordRules, Type};
use clang_sys::*;

use crate::clang::{Cursor, Diagnostic, Place, Ty, Unit};
use crate::classes::qualified_name;
use crate::errors::{Errors, Places};
use crate::functions::function_behind;
use crate::header::{
    Constant, Declared, DeclaredKind, Header, HeaderError, Location, NamedType, Prototype, Skipped,
    SourceError,
};
use crate::macros;
use crate::prelude;
use crate::reason::Reason;
use crate::source::{Answers, Questions};
use crate::types::{Reader, is_unnamed};
use crate::written::Written;

/// Walks the declarations, and asks what they do not say themselves.
pub(crate) fn read(
    unit: &Unit<'_>,
    answers: &Answers,
    records: Option<RecordRules>,
) -> Result<(Header, Questions), HeaderError> {
    let target = unit.triple();
    let diagnostics = Diagnostics::new(unit)?;
    let facts = prelude::facts(unit).map_err(|why| HeaderError::Unsupported {
        target: target.clone(),
        why,
    })?;
    let wanted = match facts.model.records {
        RecordRules::Clang => facts
            .model
            .with_records(records.unwrap_or(RecordRules::Gcc)),
        _ => facts.model,
    };
    let macros = macros::read(unit, &facts.model, answers);
    let header = Header {
        target,
        model: wanted,
        prototypes: Vec::new(),
        records: Vec::new(),
        typedefs: Vec::new(),
        enums: Vec::new(),
        incomplete: Vec::new(),
        constants: Vec::new(),
        macros: macros.integers,
        skipped: Vec::new(),
        other_macros: macros.others,
        declared: Vec::new(),
    };
    let mut declarations: Vec<Cursor<'_>> = unit.cursor().children();
    declarations.retain(|cursor| !is_preprocessing(cursor.kind()));
    let ignored = ignored_attributes(&diagnostics.warnings, &declarations);
    let mut walk = Walk {
        reader: Reader::new(facts, answers, ignored, diagnostics.errors, records),
        header,
        main: unit.cursor().name(),
        wrong_types: HashSet::new(),
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
    let mut questions = walk.reader.questions();
    questions.macros = macros.unknown;
    questions.spoilt = walk.reader.errors.spoilt().clone();
    let unexplained: Vec<SourceError> = walk.reader.errors.unexplained().map(error_of).collect();
    if unexplained.is_empty() {
        Ok((walk.finish(), questions))
    } else {
        Err(HeaderError::Source {
            errors: unexplained,
        })
    }
}

/// Where attributes stand that clang ignores although they change the ABI, and the declarations start that they follow.
fn ignored_attributes(warnings: &[Diagnostic], declarations: &[Cursor<'_>]) -> Places {
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

struct Diagnostics {
    errors: Errors,
    warnings: Vec<Diagnostic>,
}

impl Diagnostics {
    fn new(unit: &Unit<'_>) -> Result<Self, HeaderError> {
        let all = unit.diagnostics();
        let fatal: Vec<SourceError> = all
            .iter()
            .filter(|diagnostic| diagnostic.is_fatal)
            .map(error_of)
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

fn error_of(diagnostic: &Diagnostic) -> SourceError {
    let Place {
        file, line, column, ..
    } = diagnostic.place.clone();
    SourceError {
        location: (!file.is_empty()).then_some(Location { file, line }),
        column,
        message: diagnostic.message.clone(),
    }
}

/// The walk over the declarations, and what it has found.
struct Walk<'u> {
    reader: Reader<'u>,
    header: Header,
    /// The name of the text itself.
    main: String,
    /// Names of types, as in `types`, that a later declaration contradicts.
    wrong_types: HashSet<String>,
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
        if let Some(what) = unsupported_cxx(kind) {
            self.header.skipped.push(Skipped {
                name: qualified_name(cursor),
                reason: Reason::Cxx(what),
                location: location(cursor),
            });
            self.explain(cursor);
            let symbol = self.reader.symbol(cursor);
            self.note(
                cursor,
                DeclaredKind::Function {
                    symbol: Some(symbol),
                },
            );
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
            let symbol = self.reader.facts.cxx.then(|| self.reader.symbol(cursor));
            self.note(cursor, DeclaredKind::Function { symbol });
            let read = self.sound(cursor, error, |reader| reader.prototype(cursor));
            self.add_function(cursor, read);
        } else if TYPEDEFS.contains(&kind) {
            self.note_type(cursor, cursor.underlying(), error.as_ref());
            let read = self.sound(cursor, error, |reader| reader.ty(cursor.ty()));
            let written = self.reader.written(cursor.underlying());
            self.add_type(cursor, qualified_name(cursor), read, written, Vec::new());
        } else if is_type(kind) {
            let name = cursor.ty().canonical().spelling();
            if !is_unnamed(&name) {
                self.note_as(name.clone(), cursor, DeclaredKind::Other(name));
            }
            let definition = cursor.definition_or_null();
            if definition == cursor {
                self.tagged(cursor, error);
            } else if definition.is_null() {
                self.incomplete(cursor);
            } else if let Some(reason) = error {
                // Another definition, which contradicts the first.
                let (name, none) = (cursor.ty().canonical().spelling(), Written::Void);
                let read = self.sound(cursor, Some(reason), |_| Ok(Type::VOID));
                self.add_type(cursor, name, read, none, Vec::new());
            }
        } else {
            self.other(cursor, error);
        }
    }

    /// A variable, an assertion, and whatever else a header declares that has no place in a table of functions and types.
    fn other(&mut self, cursor: Cursor<'u>, error: Option<Reason>) {
        let name = qualified_name(cursor);
        if name.is_empty() {
            return;
        }
        self.note_type(cursor, cursor.ty(), error.as_ref());
        if let Some(reason) = error {
            let reason = self.wrong(cursor, &name, reason);
            self.header.skipped.push(Skipped {
                name,
                reason,
                location: location(cursor),
            });
        }
    }

    /// What `read` makes of the declaration, unless there is an `error` in it.
    fn sound<T>(
        &mut self,
        cursor: Cursor<'u>,
        error: Option<Reason>,
        read: impl FnOnce(&mut Reader<'u>) -> Result<T, Reason>,
    ) -> Result<T, Reason> {
        match error {
            None => read(&mut self.reader),
            Some(reason) => Err(self.wrong(cursor, &type_or_name(cursor), reason)),
        }
    }

    /// `cursor` is left out as `name` for the errors in it.
    fn wrong(&mut self, cursor: Cursor<'u>, name: &str, reason: Reason) -> Reason {
        self.explain(cursor);
        self.reader.errors.spoils(name);
        reason
    }

    /// The errors in `cursor` need no other explanation. What clang skipped after them is left out by its own name.
    fn explain(&mut self, cursor: Cursor<'u>) {
        for (name, message) in self.reader.errors.explain(cursor) {
            let reason = Reason::Invalid(message);
            let kind = DeclaredKind::FunctionType(Err(reason.clone()));
            self.header.skipped.push(Skipped {
                name: name.clone(),
                reason,
                location: location(cursor),
            });
            self.reader.errors.spoils(&name);
            self.note_as(name, cursor, kind);
        }
    }

    /// Notes a typedef or variable of type `ty`.
    fn note_type(&mut self, cursor: Cursor<'u>, ty: Ty<'u>, error: Option<&Reason>) {
        let Some(function) = function_behind(ty) else {
            return self.note(cursor, DeclaredKind::Other(ty.spelling()));
        };
        let read = match error {
            Some(reason) => Err(reason.clone()),
            None => self.reader.prototype_of(cursor, function),
        };
        self.note(cursor, DeclaredKind::FunctionType(read.map(Box::new)));
    }

    fn note(&mut self, cursor: Cursor<'u>, kind: DeclaredKind) {
        self.note_as(qualified_name(cursor), cursor, kind);
    }

    fn note_as(&mut self, name: String, cursor: Cursor<'u>, kind: DeclaredKind) {
        let location = location(cursor);
        let in_text = location.file == self.main;
        if in_text || matches!(kind, DeclaredKind::FunctionType(_)) {
            self.header.declared.push(Declared {
                name,
                kind,
                in_text,
                location,
            });
        }
    }

    fn incomplete(&mut self, cursor: Cursor<'u>) {
        let name = cursor.ty().canonical().spelling();
        // Under a key that no type has: a definition would have been found.
        if cursor.kind() != CXCursor_EnumDecl && self.types.insert(format!("incomplete {name}")) {
            self.header.incomplete.push(name);
        }
    }

    /// The definition of a record or enumeration.
    fn tagged(&mut self, cursor: Cursor<'u>, error: Option<Reason>) {
        let (kind, ty) = (cursor.kind(), cursor.ty());
        let name = Some(ty.canonical().spelling()).filter(|name| !is_unnamed(name));
        if kind == CXCursor_EnumDecl {
            self.add_constants(cursor, name.as_deref().unwrap_or(""), error.as_ref());
        }
        let Some(name) = name else { return };
        let read = self.sound(cursor, error, |reader| reader.ty(ty));
        let (written, members) = if kind == CXCursor_EnumDecl {
            (self.reader.written(cursor.integer_type()), Vec::new())
        } else {
            (Written::Named(name.clone()), self.members(cursor, &read))
        };
        self.add_type(cursor, name, read, written, members);
    }

    /// The members of a record as written, one for each of the fields that `read` has.
    fn members(&mut self, record: Cursor<'u>, read: &Result<Type, Reason>) -> Vec<Written> {
        let Some(ours) = read.as_ref().ok().and_then(Type::as_record) else {
            return Vec::new();
        };
        let fields = record.ty().fields();
        // Base classes come first.
        let n_bases = ours.fields().len().saturating_sub(fields.len());
        let bases = ours.fields().iter().take(n_bases);
        let mut members: Vec<Written> =
            bases.map(|base| Written::Type(base.ty().clone())).collect();
        for field in fields {
            members.push(self.reader.written(field.ty()));
        }
        members
    }

    fn add_constants(&mut self, enumeration: Cursor<'u>, name: &str, error: Option<&Reason>) {
        for (cursor, value) in enumeration.enumerators() {
            if let Some(reason) = error {
                // clang has given it some value all the same.
                let name = qualified_name(cursor);
                let reason = self.wrong(enumeration, &name, reason.clone());
                self.header.skipped.push(Skipped {
                    name,
                    reason,
                    location: location(cursor),
                });
                continue;
            }
            let ty = macros::integer_type(&self.reader.model, cursor.ty());
            if let Some(ty) = ty {
                self.header.constants.push(Constant {
                    name: qualified_name(cursor),
                    value,
                    ty,
                    enumeration: name.to_owned(),
                    location: location(cursor),
                });
            }
        }
    }

    fn add_type(
        &mut self,
        cursor: Cursor<'u>,
        name: String,
        read: Result<Type, Reason>,
        written: Written,
        members: Vec<Written>,
    ) {
        // C11 lets a typedef be repeated; a record without tag goes by its typedef's name.
        let space = if TYPEDEFS.contains(&cursor.kind()) {
            "typedef"
        } else {
            ""
        };
        let key = format!("{space} {name}");
        let is_wrong = matches!(read, Err(Reason::Invalid(_)));
        if !self.types.insert(key.clone()) && !(is_wrong && self.wrong_types.insert(key)) {
            return;
        }
        let location = location(cursor);
        let list = match cursor.kind() {
            kind if TYPEDEFS.contains(&kind) => &mut self.header.typedefs,
            kind if kind == CXCursor_EnumDecl => &mut self.header.enums,
            _ => &mut self.header.records,
        };
        match read {
            Ok(ty) => list.push(NamedType {
                name,
                ty,
                written,
                members,
                location,
            }),
            Err(reason) => self.header.skipped.push(Skipped {
                name,
                reason,
                location,
            }),
        }
    }

    fn add_function(&mut self, cursor: Cursor<'u>, read: Result<Prototype, Reason>) {
        let name = qualified_name(cursor);
        // In C++ several functions have one name; in C a label may come with a later declaration.
        let symbol = Some(self.reader.symbol(cursor));
        let symbol = symbol.filter(|symbol| self.reader.facts.cxx && !symbol.is_empty());
        let key = symbol.unwrap_or_else(|| name.clone());
        let new = read.map_err(|reason| Skipped {
            name,
            reason,
            location: location(cursor),
        });
        let at = self.function_at.get(&key).copied();
        match at.and_then(|at| self.functions.get_mut(at)) {
            Some(known) => join(known, new),
            None => {
                self.function_at.insert(key, self.functions.len());
                self.functions.push(new);
            }
        }
    }

    fn finish(mut self) -> Header {
        let Header {
            typedefs,
            records,
            enums,
            ..
        } = &mut self.header;
        typedefs.retain(|ty| !self.wrong_types.contains(&format!("typedef {}", ty.name)));
        for tagged in [records, enums] {
            tagged.retain(|ty| !self.wrong_types.contains(&format!(" {}", ty.name)));
        }
        for function in self.functions {
            match function {
                Ok(prototype) => self.header.prototypes.push(prototype),
                Err(skipped) => self.header.skipped.push(skipped),
            }
        }
        self.header
    }
}

const RECORDS: [CXCursorKind; 3] = [CXCursor_StructDecl, CXCursor_UnionDecl, CXCursor_ClassDecl];

const METHODS: [CXCursorKind; 4] = [
    CXCursor_CXXMethod,
    CXCursor_Constructor,
    CXCursor_Destructor,
    CXCursor_ConversionFunction,
];

const SCOPES: [CXCursorKind; 2] = [CXCursor_LinkageSpec, CXCursor_Namespace];

const TYPEDEFS: [CXCursorKind; 2] = [CXCursor_TypedefDecl, CXCursor_TypeAliasDecl];

fn is_type(kind: CXCursorKind) -> bool {
    RECORDS.contains(&kind) || kind == CXCursor_EnumDecl
}

/// Whether a declaration of kind `child` is looked at inside of `outer`.
fn is_walked(outer: Cursor<'_>, child: CXCursorKind) -> bool {
    match outer.kind() {
        // What is in an unnamed namespace has no symbol others can refer to.
        k if k == CXCursor_Namespace => !outer.name().is_empty(),
        k if k == CXCursor_LinkageSpec => true,
        k if RECORDS.contains(&k) => is_type(child) || METHODS.contains(&child),
        _ => false,
    }
}

/// What a declaration is that is left out for its kind.
fn unsupported_cxx(kind: CXCursorKind) -> Option<&'static str> {
    match kind {
        k if METHODS.contains(&k) => Some("a member function"),
        k if k == CXCursor_FunctionTemplate => Some("a function template"),
        k if k == CXCursor_ClassTemplate || k == CXCursor_ClassTemplatePartialSpecialization => {
            Some("a class template")
        }
        _ => None,
    }
}

/// Directives and macros, which are kept next to the declarations. An error within them costs the whole header.
fn is_preprocessing(kind: CXCursorKind) -> bool {
    (CXCursor_PreprocessingDirective..=CXCursor_InclusionDirective).contains(&kind)
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

/// What expressions call the declared: a tagged type by its tag, all else by its name.
fn type_or_name(cursor: Cursor<'_>) -> String {
    if is_type(cursor.kind()) {
        cursor.ty().canonical().spelling()
    } else {
        cursor.name()
    }
}
