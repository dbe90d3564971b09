//! Macros whose value is an integer. libclang keeps each definition as tokens; values and types come from a second run of clang over the
//! header with a declaration for each macro after it (C17 6.10.3, object-like macros; 6.6, integer constant expressions).

use std::collections::{HashMap, HashSet};

use cabi::{DataModel, Type};
use clang_sys::*;

use crate::clang::{Cursor, Token, Ty, Unit};
use crate::header::{Constant, Skipped};
use crate::location::Location;
use crate::parse::prelude;
use crate::parse::questions::{Answers, MacroValue};
use crate::parse::types::integer;
use crate::reason::Reason;

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
    let harmful = definitions.harmful();
    let expansions = definitions.expansions();
    let mut found = Macros::default();
    let mut n_tokens = 0_u64;
    for (name, definition) in definitions.in_order() {
        let refusal = refusal(definition, harmful.contains(name)).or_else(|| {
            let expansion = expansions.get(name).copied().unwrap_or_default();
            n_tokens = n_tokens.saturating_add(expansion.n_tokens);
            expansion.refusal(n_tokens)
        });
        if let Some(why) = refusal {
            found.others.push(other(definition.cursor, why));
            continue;
        }
        match answers.macros.get(name) {
            None => found.unknown.push(name.to_owned()),
            Some(Some((value, kind))) => match integer(model, *kind) {
                Some(ty) => found.integers.push(Constant {
                    name: name.to_owned(),
                    value: *value,
                    ty,
                    enumeration: String::new(),
                    location: Location::of(definition.cursor),
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
        location: Location::of(definition),
    }
}

struct Definition<'u> {
    cursor: Cursor<'u>,
    takes_arguments: bool,
    /// After the name.
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

    fn in_order(&self) -> Vec<(&str, &Definition<'u>)> {
        let all = self.by_name.iter();
        let mut all: Vec<_> = all.map(|(name, of)| (name.as_str(), of)).collect();
        all.sort_by_key(|(name, _)| *name);
        all
    }

    /// The macros that the expansion of `definition` names.
    fn named<'d>(&'d self, definition: &'d Definition<'u>) -> impl Iterator<Item = &'d str> {
        let words = definition.tokens.iter().map(|token| token.text.as_str());
        words.filter(|word| self.by_name.contains_key(*word))
    }

    /// The macros whose expansion, in parentheses, can end the declaration it stands in: an error in them may cost something else.
    fn harmful(&self) -> HashSet<&str> {
        let mut users: HashMap<&str, Vec<&str>> = HashMap::new();
        let (mut found, mut next) = (HashSet::new(), Vec::new());
        for (name, definition) in &self.by_name {
            if !is_harmless(&definition.tokens) {
                found.insert(name.as_str());
                next.push(name.as_str());
            }
            for named in self.named(definition) {
                users.entry(named).or_default().push(name);
            }
        }
        while let Some(name) = next.pop() {
            for user in users.get(name).into_iter().flatten() {
                if found.insert(user) {
                    next.push(user);
                }
            }
        }
        found
    }

    /// How far each macro expands. Each is looked at once, after those it names.
    fn expansions(&self) -> HashMap<&str, Expansion> {
        let mut known: HashMap<&str, Expansion> = HashMap::new();
        let mut begun = HashSet::new();
        for name in self.by_name.keys() {
            let mut stack = vec![name.as_str()];
            while let Some(name) = stack.last().copied() {
                let Some(definition) = self.by_name.get(name) else {
                    break;
                };
                if !known.contains_key(name) && begun.insert(name) {
                    stack.extend(self.named(definition).filter(|n| !begun.contains(n)));
                    continue;
                }
                stack.pop();
                // A name within its own expansion is not expanded again; those that have begun and are not known are such.
                if !known.contains_key(name) {
                    let expansion = self.expansion(definition, &known);
                    known.insert(name, expansion);
                }
            }
        }
        known
    }

    fn expansion(&self, of: &Definition<'u>, known: &HashMap<&str, Expansion>) -> Expansion {
        let (mut all, mut depth, mut times) = (Expansion::default(), 0_u64, 1_u64);
        for token in &of.tokens {
            let text = token.text.as_str();
            match text {
                "(" | "[" => depth += 1,
                ")" | "]" => depth = depth.saturating_sub(1),
                _ => {}
            }
            let inner = known.get(text).copied().unwrap_or_default();
            all.depth = all.depth.max(depth.saturating_add(inner.depth));
            all.n_tokens = all.n_tokens.saturating_add(inner.n_tokens.max(1));
            // What is passed to a macro may come back as often as that has tokens.
            if self.by_name.get(text).is_some_and(|d| d.takes_arguments) {
                times = times.saturating_mul(inner.n_tokens.max(1));
            }
        }
        all.n_tokens = all.n_tokens.saturating_mul(times);
        all
    }
}

/// At most how many tokens a macro becomes, and how deep brackets nest in it.
#[derive(Clone, Copy, Default)]
struct Expansion {
    n_tokens: u64,
    depth: u64,
}

impl Expansion {
    /// Why clang is not asked about a macro of this expansion; the macros so far expand to `total` tokens, its own included.
    fn refusal(self, total: u64) -> Option<&'static str> {
        // clang gives up the rest of the text where brackets nest deeper than 256; some are around the macro.
        if self.depth > 200 {
            Some("has brackets that nest too deep to ask for its value")
        } else if self.n_tokens > 1 << 16 {
            Some("expands too far to ask for its value")
        } else if total > 1 << 22 {
            Some("is one of too many that expand too far to ask for their values")
        } else {
            None
        }
    }
}

/// Why a macro cannot be an integer, by its tokens alone.
fn refusal(definition: &Definition<'_>, is_harmful: bool) -> Option<&'static str> {
    if definition.takes_arguments {
        return Some("takes arguments");
    }
    if definition.tokens.is_empty() {
        return Some("is empty");
    }
    is_harmful.then_some(NO_INTEGER)
}

/// Whether `tokens`, in parentheses, cannot end the declaration they stand in, as far as they are no macros themselves.
fn is_harmless(tokens: &[Token]) -> bool {
    let mut depth = 0_u32;
    for Token {
        text, is_literal, ..
    } in tokens
    {
        match text.as_str() {
            "(" | "[" => depth += 1,
            ")" | "]" if depth == 0 => return false,
            ")" | "]" => depth -= 1,
            "{" | "}" | ";" | "#" | "_Pragma" | "__pragma" | "asm" | "__asm__" => return false,
            _ if *is_literal && text.contains('"') => return false,
            _ => {}
        }
    }
    depth == 0
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
) -> HashMap<String, MacroValue> {
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
