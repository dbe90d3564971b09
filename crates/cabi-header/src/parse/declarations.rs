//! The header while it is built: each type and function once, from all of its declarations.

use std::collections::{HashMap, HashSet};

use clang_sys::{CXCursor_EnumDecl, CXCursor_FunctionDecl, CXCursor_TypedefDecl, CXCursorKind};

use crate::clang::Cursor;
use crate::header::{Header, NamedType, Prototype, SkippedDeclaration};
use crate::parse::kinds::{RECORDS, TYPEDEFS};
use crate::reason::Reason;

/// Returns the entry for `cursor`, which is left out as `name`.
pub(crate) fn skipped_declaration(
    cursor: Cursor<'_>,
    name: String,
    reason: Reason,
) -> SkippedDeclaration {
    SkippedDeclaration {
        name,
        reason,
        is_record: RECORDS.contains(&cursor.kind()),
        is_function: cursor.kind() == CXCursor_FunctionDecl,
        location: cursor.place().location(),
    }
}

/// Contents of the declarations seen so far.
pub(crate) struct Declarations {
    /// Everything but types and functions, which later declarations may complete.
    pub(crate) header: Header,
    types: Entities<(CXCursorKind, NamedType)>,
    functions: Entities<Prototype>,
}

/// Types or functions by key, in the order of their first declarations.
struct Entities<T> {
    all: Vec<Result<T, SkippedDeclaration>>,
    at: HashMap<String, usize>,
}

impl<T> Entities<T> {
    fn new() -> Self {
        Self {
            all: Vec::new(),
            at: HashMap::new(),
        }
    }

    /// Adds the entity `new`, with `join` if its key is known already.
    fn add(
        &mut self,
        key: String,
        new: Result<T, SkippedDeclaration>,
        join: fn(&mut Result<T, SkippedDeclaration>, Result<T, SkippedDeclaration>),
    ) {
        let at = *self.at.entry(key).or_insert(self.all.len());
        match self.all.get_mut(at) {
            Some(old) => join(old, new),
            None => self.all.push(new),
        }
    }
}

impl Declarations {
    pub(crate) fn new(header: Header) -> Self {
        Self {
            header,
            types: Entities::new(),
            functions: Entities::new(),
        }
    }

    /// Adds the type that a declaration of kind `kind` makes, or the entry for one that is left
    /// out.
    pub(crate) fn add_type(
        &mut self,
        kind: CXCursorKind,
        entry: Result<NamedType, SkippedDeclaration>,
    ) {
        let name = match &entry {
            Ok(named) => &named.name,
            Err(skipped) => &skipped.name,
        };
        let key = key(kind, name);
        let entry = entry.map(|named| (kind, named));
        // C11 allows repeated typedefs, of which the last has the alignment. A type that another
        // declaration contradicts is left out.
        self.types
            .add(key, entry, |old, new| match (&mut *old, new) {
                (Ok((_, old)), Ok((_, new))) => old.ty = new.ty,
                (Ok(_), Err(new)) if matches!(new.reason, Reason::Invalid(_)) => *old = Err(new),
                _ => {}
            });
    }

    /// Adds a declaration of the function with the symbol or name `key`.
    pub(crate) fn add_function(&mut self, key: String, new: Result<Prototype, SkippedDeclaration>) {
        self.functions.add(key, new, join);
    }

    pub(crate) fn finish(self) -> Header {
        let mut header = self.header;
        let Entities { mut all, at } = self.types;
        // In C a type without a tag goes by its typedef, which has the typedef's alignment.
        for i in 0..all.len() {
            let Ok((kind, named)) = &all[i] else { continue };
            let typedef = at.get(&key(CXCursor_TypedefDecl, &named.name));
            let Some(typedef) = typedef.filter(|at| **at != i) else {
                continue;
            };
            let is_record = RECORDS.contains(kind);
            all[i] = match &all[*typedef] {
                Ok((_, typedef)) => Ok((
                    *kind,
                    NamedType {
                        ty: typedef.ty.clone(),
                        ..named.clone()
                    },
                )),
                Err(skipped) => Err(SkippedDeclaration {
                    is_record,
                    ..skipped.clone()
                }),
            };
        }
        for ty in all {
            match ty {
                Ok((kind, named)) if TYPEDEFS.contains(&kind) => header.typedefs.push(named),
                Ok((CXCursor_EnumDecl, named)) => header.enums.push(named),
                Ok((_, named)) => header.records.push(named),
                Err(skipped) => header.skipped.push(skipped),
            }
        }
        for function in self.functions.all {
            match function {
                Ok(prototype) => header.prototypes.push(prototype),
                Err(skipped) => header.skipped.push(skipped),
            }
        }
        let mut names = HashSet::new();
        header.incomplete.retain(|name| names.insert(name.clone()));
        header
    }
}

/// Returns the key of a type that a declaration of kind `kind` makes. A record without a tag has
/// its typedef's name.
fn key(kind: CXCursorKind, name: &str) -> String {
    let space = if TYPEDEFS.contains(&kind) {
        "typedef"
    } else {
        ""
    };
    format!("{space} {name}")
}

/// Merges another declaration of a function into what is known about the function.
fn join(
    old: &mut Result<Prototype, SkippedDeclaration>,
    new: Result<Prototype, SkippedDeclaration>,
) {
    let is_inline = |skipped: &SkippedDeclaration| skipped.reason == Reason::Inline;
    let contradicts = match (&*old, &new) {
        (Ok(old), Ok(new)) => other_target(old, new),
        _ => None,
    };
    let new = contradicts.map_or(new, Err);
    match (old, new) {
        (Ok(old), Ok(new)) => {
            old.noreturn |= new.noreturn;
            if new.spelled.is_empty() {
                old.spelled.clear();
            }
            if old.target_features.is_empty() {
                old.target_features.clone_from(&new.target_features);
                old.vectors = new.vectors;
            }
            if new.symbol != new.name {
                old.symbol.clone_from(&new.symbol);
            }
            if old.unprototyped && !new.unprototyped {
                *old = Prototype {
                    noreturn: old.noreturn,
                    symbol: old.symbol.clone(),
                    target_features: old.target_features.clone(),
                    vectors: old.vectors,
                    ..new
                };
            }
        }
        // A declaration that is not inline gives an inline function its symbol.
        (Ok(_), Err(new)) if is_inline(&new) => {}
        (Err(old), Ok(_)) if !is_inline(old) => {}
        (old, new) => *old = new,
    }
}

/// Returns the entry for a function whose declarations `old` and `new` have different targets.
fn other_target(old: &Prototype, new: &Prototype) -> Option<SkippedDeclaration> {
    let (first, second) = (&old.target_features, &new.target_features);
    if first.is_empty() || second.is_empty() || first == second {
        return None;
    }
    let attribute =
        format!("target(\"{first}\"), which another declaration has as target(\"{second}\"),");
    Some(SkippedDeclaration {
        reason: Reason::Attribute(attribute),
        name: new.name.clone(),
        is_record: false,
        is_function: true,
        location: new.location.clone(),
    })
}
