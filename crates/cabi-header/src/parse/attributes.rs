//! Positions of `aligned` and `packed` attributes in a declaration, and their meaning to gcc.
//!
//! To clang each of them belongs to what is declared. gcc gives an attribute that stands after a
//! `*` or inside of parentheses to the type that is built there: in
//! `char *__attribute__((aligned(1))) p` to the pointer, which is then aligned to 1; in
//! `char *__attribute__((aligned(16))) *p` to what `p` points to; and it ignores `packed` there.
//! libclang shows no places in a declarator, so the tokens are read. If a macro hides them, the
//! place is not known.

use clang_sys::*;

use crate::clang::{Cursor, Token, Ty};
use crate::parse::kinds::is_array;

/// Returns whether a declaration that clang has printed as `printed` has the attribute `name`.
pub(crate) fn has_attribute(printed: &str, name: &str) -> bool {
    let spellings = ["__attribute__((", "[[gnu::", "[[clang::"];
    spellings
        .iter()
        .any(|start| printed.contains(&format!("{start}{name}")))
}

/// Returns the text of `definition` before its brace, as clang prints it; nothing if it has no
/// attribute. libclang has no kind for many of them.
pub(crate) fn head(definition: Cursor<'_>) -> String {
    let mut children = definition.children().into_iter();
    if !children.any(|child| child.is_attribute()) {
        return String::new();
    }
    let printed = definition.printed();
    printed.split('{').next().unwrap_or_default().to_owned()
}

/// Returns whether the enumeration has a `mode`, and no negative enumerator, by which gcc and clang
/// would agree that it is signed.
pub(crate) fn is_mode_of_sign(definition: Cursor<'_>) -> bool {
    let enumerators = definition.enumerators();
    let is_positive = enumerators.iter().all(|(_, value)| *value >= 0);
    is_positive && has_attribute(&head(definition), "mode(")
}

/// Position of an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Position {
    /// Among the specifiers or after the declarator: it belongs to what is declared.
    Declaration,
    /// In the declarator, where it belongs to the type declared.
    Type,
    /// In the declarator, where it belongs to a type that the type declared points to.
    Pointee,
    /// A macro hides it.
    Unknown,
}

/// Bytes of a declaration in which its declarators are looked for.
const MAX_TEXT: u32 = 1 << 13;

/// Returns the position of `attribute` in the declaration of a member or typedef of type `ty`.
pub(crate) fn position(declaration: Cursor<'_>, ty: Ty<'_>, attribute: Cursor<'_>) -> Position {
    let (place, name) = (attribute.place(), declaration.place());
    if place.file != name.file || place.offset == name.offset {
        return Position::Unknown;
    }
    // The tokens of a declaration are looked at for each of its declarators that has an attribute.
    let (start, _) = declaration.extent();
    if name.offset.saturating_sub(start.offset) > MAX_TEXT {
        return Position::Unknown;
    }
    let tokens = declaration.tokens();
    let (stars, open) = nesting(&tokens, place.offset);
    if place.offset > name.offset {
        return match open {
            0 => Position::Declaration,
            _ => Position::Unknown,
        };
    }
    let (stars_at_name, _) = nesting(&tokens, name.offset);
    match stars > 0 || open > 0 {
        // Nothing is to be seen of the declarator that makes it a pointer.
        false if is_pointer(ty) && stars_at_name == 0 => Position::Unknown,
        false => Position::Declaration,
        true if stars_at_name > stars => Position::Pointee,
        true => Position::Type,
    }
}

/// Returns whether `ty` was declared as a pointer, or as an array of pointers, with a declarator.
/// libclang does not show parentheses.
fn is_pointer(mut ty: Ty<'_>) -> bool {
    while is_array(ty.kind()) {
        ty = ty.array_element();
    }
    [CXType_Pointer, CXType_BlockPointer].contains(&ty.kind())
}

/// Returns the stars of the declarator that byte `offset` is in before it, and the parentheses of
/// declarators that are open there.
fn nesting(tokens: &[Token], offset: u32) -> (u32, u32) {
    let is_before = |token: &&Token| token.offset as usize + token.text.len() <= offset as usize;
    let (mut stars, mut open) = (0, 0_u32);
    // Number of open brackets around text that is no part of the declarator.
    let (mut others, mut last) = (0_u32, "");
    for token in tokens.iter().take_while(is_before) {
        let text = token.text.as_str();
        match text {
            "{" | "[" => others += 1,
            "(" if others > 0 || OPERATORS.contains(&last) => others += 1,
            ")" | "]" | "}" if others > 0 => others -= 1,
            _ if others > 0 => {}
            "*" | "^" => stars += 1,
            "(" => open += 1,
            ")" => open = open.saturating_sub(1),
            "," if open == 0 => stars = 0,
            _ => {}
        }
        last = text;
    }
    (stars, open)
}

/// Words whose parentheses are no part of a declarator.
const OPERATORS: [&str; 13] = [
    "__attribute__",
    "__attribute",
    "__declspec",
    "_Alignas",
    "alignas",
    "_Atomic",
    "_BitInt",
    "typeof",
    "__typeof__",
    "__typeof",
    "typeof_unqual",
    "__typeof_unqual__",
    "__extension__",
];
