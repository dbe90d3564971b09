//! The header in the making: each type and function once, whatever their several declarations say.

use std::collections::{HashMap, HashSet};

use clang_sys::{CXCursor_EnumDecl, CXCursorKind};

use crate::header::{Header, NamedType, Prototype, Skipped};
use crate::parse::kinds::TYPEDEFS;
use crate::reason::Reason;

/// What the declarations seen so far say.
pub(crate) struct Found {
    /// All but functions, of which a later declaration may say more.
    pub(crate) header: Header,
    /// Names of types, as in `types`, that a later declaration contradicts.
    wrong_types: HashSet<String>,
    /// Functions in the order of their first declaration.
    functions: Vec<Result<Prototype, Skipped>>,
    /// The index in `functions` of each symbol or name.
    function_at: HashMap<String, usize>,
    /// Names of types that are in the header or left out.
    pub(crate) types: HashSet<String>,
}

impl Found {
    pub(crate) fn new(header: Header) -> Self {
        Self {
            header,
            wrong_types: HashSet::new(),
            functions: Vec::new(),
            function_at: HashMap::new(),
            types: HashSet::new(),
        }
    }

    /// Adds the type that a declaration of kind `kind` makes, or that it is left out.
    pub(crate) fn add_type(&mut self, kind: CXCursorKind, read: Result<NamedType, Skipped>) {
        // C11 lets a typedef be repeated; a record without tag goes by its typedef's name.
        let is_typedef = TYPEDEFS.contains(&kind);
        let space = if is_typedef { "typedef" } else { "" };
        let name = match &read {
            Ok(named) => &named.name,
            Err(skipped) => &skipped.name,
        };
        let key = format!("{space} {name}");
        let is_wrong =
            matches!(&read, Err(skipped) if matches!(skipped.reason, Reason::Invalid(_)));
        let is_new = self.types.insert(key.clone());
        let is_newly_wrong = || is_wrong && self.wrong_types.insert(key);
        if !is_new && !is_newly_wrong() {
            return;
        }
        let list = match kind {
            _ if is_typedef => &mut self.header.typedefs,
            CXCursor_EnumDecl => &mut self.header.enums,
            _ => &mut self.header.records,
        };
        match read {
            Ok(named) => list.push(named),
            Err(skipped) => self.header.skipped.push(skipped),
        }
    }

    /// Adds what a declaration of the function with the symbol or name `key` says.
    pub(crate) fn add_function(&mut self, key: String, new: Result<Prototype, Skipped>) {
        let at = self.function_at.get(&key).copied();
        match at.and_then(|at| self.functions.get_mut(at)) {
            Some(known) => join(known, new),
            None => {
                self.function_at.insert(key, self.functions.len());
                self.functions.push(new);
            }
        }
    }

    /// The header, without types that declarations contradict.
    pub(crate) fn finish(mut self) -> Header {
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

/// Adds to what is known about a function what another declaration of it says.
fn join(known: &mut Result<Prototype, Skipped>, new: Result<Prototype, Skipped>) {
    let is_inline = |skipped: &Skipped| skipped.reason == Reason::Inline;
    let contradicts = match (&*known, &new) {
        (Ok(known), Ok(new)) => other_target(known, new),
        _ => None,
    };
    let new = contradicts.map_or(new, Err);
    match (known, new) {
        (Ok(known), Ok(new)) => {
            known.noreturn |= new.noreturn;
            if known.target_features.is_empty() {
                known.target_features.clone_from(&new.target_features);
                known.vectors = new.vectors;
            }
            if new.symbol != new.name {
                known.symbol.clone_from(&new.symbol);
            }
            if known.unprototyped && !new.unprototyped {
                *known = Prototype {
                    noreturn: known.noreturn,
                    symbol: known.symbol.clone(),
                    target_features: known.target_features.clone(),
                    vectors: known.vectors,
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

/// What is said where `new`, another declaration of the function `known`, says something else about its target.
fn other_target(known: &Prototype, new: &Prototype) -> Option<Skipped> {
    let (ours, theirs) = (&known.target_features, &new.target_features);
    if ours.is_empty() || theirs.is_empty() || ours == theirs {
        return None;
    }
    let what =
        format!("target(\"{ours}\"), which another declaration has as target(\"{theirs}\"),");
    Some(Skipped {
        reason: Reason::Attribute(what),
        name: new.name.clone(),
        location: new.location.clone(),
    })
}
