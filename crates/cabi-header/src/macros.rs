//! Macros whose value is an integer. libclang keeps each definition as tokens; values and types come from a second run of clang over the
//! header with a declaration for each macro behind it (C17 6.10.3, object-like macros; 6.6, integer constant expressions).

use std::collections::HashMap;

use cabi::{DataModel, Type};
use clang_sys::*;

use crate::clang::{Cursor, Token, Ty, Unit};
use crate::header::{Constant, Skipped};
use crate::prelude;
use crate::reason::Reason;
use crate::source::Answers;
use crate::types::integer;
use crate::walk::location;

/// What the second run says of a macro: its value and its type's kind.
pub(crate) type Value = (i128, CXTypeKind);

/// Integers, other macros, and macros yet to be asked about.
#[derive(Default)]
pub(crate) struct Macros {
    pub(crate) integers: Vec<Constant>,
    pub(crate) others: Vec<Skipped>,
    pub(crate) unknown: Vec<String>,
}

/// Sorts the macros that `unit` defines, each name once, by its last definition.
pub(crate) fn read(unit: &Unit<'_>, model: &DataModel, answers: &Answers) -> Macros {
    let definitions = Definitions::new(unit);
    let mut found = Macros::default();
    for (name, definition) in &definitions.in_order() {
        if let Some(why) = definitions.refusal(name) {
            found.others.push(other(definition.cursor, why));
            continue;
        }
        match answers.macros.get(name) {
            None => found.unknown.push(name.clone()),
            Some(Some((value, kind))) => match integer(model, *kind) {
                Some(ty) => found.integers.push(Constant {
                    name: name.clone(),
                    value: *value,
                    ty,
                    enumeration: String::new(),
                    location: location(definition.cursor),
                }),
                None => found.others.push(other(definition.cursor, NO_INTEGER)),
            },
            Some(None) => found.others.push(other(definition.cursor, NO_INTEGER)),
        }
    }
    found
}

const NO_INTEGER: &str = "has no value that is an integer constant expression";

fn other(definition: Cursor<'_>, why: &'static str) -> Skipped {
    Skipped {
        name: definition.name(),
        reason: Reason::Macro(why),
        location: location(definition),
    }
}

struct Definition<'u> {
    cursor: Cursor<'u>,
    takes_arguments: bool,
    /// Behind the name.
    tokens: Vec<Token>,
}

struct Definitions<'u> {
    by_name: HashMap<String, Definition<'u>>,
}

impl<'u> Definitions<'u> {
    fn new(unit: &'u Unit<'_>) -> Self {
        let mut by_name = HashMap::new();
        let children = unit.cursor().children();
        let is_macro = |cursor: &Cursor<'_>| cursor.kind() == CXCursor_MacroDefinition;
        for cursor in children.into_iter().filter(is_macro) {
            let file = cursor.place().file;
            if file.is_empty() || file == prelude::NAME {
                continue;
            }
            let tokens: Vec<Token> = cursor.tokens().into_iter().skip(1).collect();
            let definition = Definition {
                cursor,
                takes_arguments: cursor.is_function_macro(),
                tokens,
            };
            by_name.insert(cursor.name(), definition);
        }
        Self { by_name }
    }

    fn in_order(&self) -> Vec<(String, &Definition<'u>)> {
        let mut all: Vec<_> = self
            .by_name
            .iter()
            .map(|(name, definition)| (name.clone(), definition))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Why the macro `name` cannot be an integer, by its tokens alone.
    fn refusal(&self, name: &str) -> Option<&'static str> {
        let definition = self.by_name.get(name)?;
        if definition.takes_arguments {
            return Some("takes arguments");
        }
        if definition.tokens.is_empty() {
            return Some("is empty");
        }
        (!self.is_harmless(name)).then_some(NO_INTEGER)
    }

    /// Whether the expansion, in parentheses, cannot end the declaration it stands in: an error in it then costs nothing else.
    fn is_harmless(&self, name: &str) -> bool {
        let mut seen = vec![name];
        let mut next = 0;
        while let Some(name) = seen.get(next).copied() {
            next += 1;
            let Some(definition) = self.by_name.get(name) else {
                continue;
            };
            let mut depth = 0_u32;
            for Token { text, is_literal } in &definition.tokens {
                match text.as_str() {
                    "(" | "[" => depth += 1,
                    ")" | "]" if depth == 0 => return false,
                    ")" | "]" => depth -= 1,
                    "{" | "}" | ";" | "#" | "_Pragma" | "__pragma" | "asm" | "__asm__" => {
                        return false;
                    }
                    _ if *is_literal && text.contains('"') => return false,
                    word => {
                        if !seen.contains(&word) {
                            seen.push(word);
                        }
                    }
                }
            }
            if depth != 0 {
                return false;
            }
        }
        true
    }
}

/// The declarations that ask for the values of `names`: two lines each, nothing for a name that is no macro at the end of the header.
pub(crate) fn questions(names: &[String]) -> String {
    let mut text = String::from("\n");
    for (i, name) in names.iter().enumerate() {
        text += &format!(
            "#ifdef {name}\nenum {{ __cabi_macro_{i} = ({name}) }}; extern __typeof__(+({name})) __cabi_macro_type_{i};\n#endif\n"
        );
    }
    text
}

/// The answers in `unit`, which ends with [`questions`] for `names`, except those on lines that are `wrong`.
pub(crate) fn answers(
    unit: &Unit<'_>,
    names: &[String],
    wrong: impl Fn(&Cursor<'_>) -> bool,
) -> HashMap<String, Value> {
    let (mut values, mut kinds) = (HashMap::new(), HashMap::new());
    for top in unit.cursor().children() {
        if top.kind() == CXCursor_VarDecl
            && let Some(i) = index(&top.name(), "__cabi_macro_type_")
            && !wrong(&top)
        {
            kinds.insert(i, integer_kind(top.ty()));
        }
        if top.kind() != CXCursor_EnumDecl {
            continue;
        }
        for (constant, value) in top.enumerators() {
            if let Some(i) = index(&constant.name(), "__cabi_macro_")
                && !wrong(&constant)
            {
                values.insert(i, value);
            }
        }
    }
    let all = names.iter().enumerate();
    all.filter_map(|(i, name)| {
        let (value, kind) = (*values.get(&i)?, *kinds.get(&i)?);
        Some((name.clone(), (value, kind)))
    })
    .collect()
}

fn index(name: &str, prefix: &str) -> Option<usize> {
    name.strip_prefix(prefix)?.parse().ok()
}

/// The kind of an integer type; that of an enumeration is its underlying type's.
fn integer_kind(ty: Ty<'_>) -> CXTypeKind {
    let ty = ty.canonical();
    if ty.kind() == CXType_Enum {
        ty.declaration().integer_type().canonical().kind()
    } else {
        ty.kind()
    }
}

/// The type of an enumeration constant or of an expression: that of a C++ enumeration's constant is its underlying type.
pub(crate) fn integer_type(model: &DataModel, ty: Ty<'_>) -> Option<Type> {
    integer(model, integer_kind(ty))
}
