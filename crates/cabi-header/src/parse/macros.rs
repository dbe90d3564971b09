//! Macros whose value is an integer. libclang keeps each definition as tokens; values and types are
//! found by a further run (`questions.rs`).

use std::collections::{BTreeMap, HashMap};

use clang_sys::*;

use crate::clang::{Cursor, Token, Unit};
use crate::header::{Constant, Header};
use crate::parse::declarations::skipped_declaration;
use crate::parse::kinds::integer;
use crate::parse::prelude;
use crate::parse::questions::Answers;
use crate::reason::Reason;

/// Adds the macros that `unit` defines to `header`, each name once, by its last definition. Returns
/// the names of those whose value is not known yet.
pub(crate) fn read(unit: &Unit<'_>, answers: &Answers, header: &mut Header) -> Vec<String> {
    let definitions = definitions(unit);
    let (mut expansions, mut unknown) = (HashMap::new(), Vec::new());
    let mut n_tokens = 0_u64;
    for (name, definition @ (cursor, tokens)) in &definitions {
        let expanded = expansion(&definitions, name, &mut expansions, 0);
        let refusal = if takes_arguments(definition) {
            Some("takes arguments")
        } else if tokens.is_empty() {
            Some("is empty")
        } else if expanded.is_harmful {
            Some(NO_INTEGER)
        } else {
            n_tokens = n_tokens.saturating_add(expanded.n_tokens);
            expanded.refusal(n_tokens)
        };
        let skipped = |why| skipped_declaration(*cursor, name.clone(), Reason::Macro(why));
        if let Some(why) = refusal {
            header.other_macros.push(skipped(why));
            continue;
        }
        let value = answers.macros.get(name).map(|answer| {
            let ty = integer(&header.model, answer.kind?)?;
            Some((answer.value?, ty))
        });
        match value {
            None => unknown.push(name.to_owned()),
            Some(Some((value, ty))) => header.macros.push(Constant {
                name: name.to_owned(),
                value,
                ty,
                enumeration: String::new(),
                location: cursor.place().location(),
            }),
            Some(None) => header.other_macros.push(skipped(NO_INTEGER)),
        }
    }
    unknown
}

const NO_INTEGER: &str = "is not an integer constant expression";

/// Last definition of each name, with its tokens after the name.
type Definitions<'u> = BTreeMap<String, (Cursor<'u>, Vec<Token>)>;

fn definitions<'u>(unit: &'u Unit<'_>) -> Definitions<'u> {
    let is_own = |cursor: &Cursor<'_>| {
        let file = cursor.place().file;
        cursor.kind() == CXCursor_MacroDefinition && !file.is_empty() && file != prelude::NAME
    };
    let own = unit.cursor().children().into_iter().filter(is_own);
    let definition = |cursor: Cursor<'u>| {
        let tokens = cursor.tokens().into_iter().skip(1).collect();
        (cursor.name(), (cursor, tokens))
    };
    own.map(definition).collect()
}

/// Returns how far the macro `name` expands, inside the expansions of `depth` other macros. Each
/// macro is looked at once.
fn expansion<'d>(
    definitions: &'d Definitions<'_>,
    name: &'d str,
    expansions: &mut HashMap<&'d str, Expansion>,
    depth: u32,
) -> Expansion {
    let Some((_, tokens)) = definitions.get(name) else {
        return Expansion::default();
    };
    if let Some(expansion) = expansions.get(name) {
        return *expansion;
    }
    let mut total = Expansion {
        is_harmful: !is_harmless(tokens),
        ..Expansion::default()
    };
    // Result while the macro's own expansion is looked at. Macros that name each other are not
    // followed.
    let unknown = Expansion {
        is_harmful: true,
        ..total
    };
    expansions.insert(name, unknown);
    let (mut brackets, mut times) = (0_u64, 1_u64);
    for token in tokens {
        let text = token.text.as_str();
        match text {
            "(" | "[" => brackets += 1,
            ")" | "]" => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        let inner = match text {
            // A name within its own expansion is not expanded again.
            _ if text == name => Expansion::default(),
            _ if depth == MAX_NESTING => unknown,
            text => expansion(definitions, text, expansions, depth + 1),
        };
        total.is_harmful |= inner.is_harmful;
        total.depth = total.depth.max(brackets.saturating_add(inner.depth));
        total.n_tokens = total.n_tokens.saturating_add(inner.n_tokens.max(1));
        // An argument can be expanded once per token of the macro.
        if definitions.get(text).is_some_and(takes_arguments) {
            times = times.saturating_mul(inner.n_tokens.max(1));
        }
    }
    total.n_tokens = total.n_tokens.saturating_mul(times);
    expansions.insert(name, total);
    total
}

fn takes_arguments((cursor, _): &(Cursor<'_>, Vec<Token>)) -> bool {
    cursor.is_function_macro()
}

/// Depth to which macros name others; deeper ones are not followed.
const MAX_NESTING: u32 = 1 << 10;

/// Upper bounds of a macro's expansion: its number of tokens, and the depth of brackets in it.
#[derive(Clone, Copy, Default)]
struct Expansion {
    n_tokens: u64,
    depth: u64,
    /// `true` if the expansion, in parentheses, can end the declaration that it stands in. An error
    /// in it may then cost another declaration.
    is_harmful: bool,
}

impl Expansion {
    /// Returns why clang is not to evaluate a macro of this expansion. `total` is the number of
    /// tokens of the macros so far, this one included.
    fn refusal(self, total: u64) -> Option<&'static str> {
        // clang gives up the rest of the text where brackets nest deeper than 256; some are around
        // the macro.
        if self.depth > 200 {
            Some("has brackets that nest too deep to evaluate")
        } else if self.n_tokens > 1 << 16 {
            Some("expands too far to evaluate")
        } else if total > 1 << 22 {
            Some("is not evaluated, because too many macros expand far")
        } else {
            None
        }
    }
}

/// Returns whether `tokens`, in parentheses, cannot end the declaration that they stand in. Macros
/// among them are not expanded.
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
