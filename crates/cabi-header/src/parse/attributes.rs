//! Where in a declaration an `aligned` or `packed` attribute stands, and what gcc makes of it there.
//!
//! To clang each of them belongs to what is declared. gcc gives an attribute that stands after a `*` or inside of parentheses to the type that is built
//! there: in `char *__attribute__((aligned(1))) p` to the pointer, which is then aligned to 1; in `char *__attribute__((aligned(16))) *p` to what
//! `p` points to; and it ignores `packed` there. libclang shows no places in a declarator, so the tokens are read. Where a
//! macro hides them the place is not known.

use clang_sys::*;

use crate::clang::{Cursor, Token, Ty};

/// Whether a declaration that clang has printed as `printed` has the attribute `name`.
pub(crate) fn has_attribute(printed: &str, name: &str) -> bool {
    let spellings = ["__attribute__((", "[[gnu::", "[[clang::"];
    spellings
        .iter()
        .any(|start| printed.contains(&format!("{start}{name}")))
}

/// Where an attribute stands.
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

/// How far into a declaration its declarators are looked at, in bytes.
const MAX_TEXT: u32 = 1 << 13;

/// The position of `attribute` in the declaration of a member or typedef of type `ty`.
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
    let tokens = declaration.expanded_tokens();
    let mut scan = Scan {
        tokens: &tokens,
        at: 0,
        stars: 0,
        open: 0,
    };
    scan.until(place.offset);
    if place.offset > name.offset {
        return if scan.open == 0 {
            Position::Declaration
        } else {
            Position::Unknown
        };
    }
    let is_in_declarator = scan.stars > 0 || scan.open > 0;
    let before = scan.stars;
    scan.until(name.offset);
    match is_in_declarator {
        // Nothing is to be seen of the declarator that makes it a pointer.
        false if is_pointer(ty) && scan.stars == 0 => Position::Unknown,
        false => Position::Declaration,
        true if scan.stars > before => Position::Pointee,
        true => Position::Type,
    }
}

/// Whether `ty` was declared as a pointer, or as an array of pointers, with a declarator. libclang does not show parentheses.
fn is_pointer(mut ty: Ty<'_>) -> bool {
    while [CXType_ConstantArray, CXType_IncompleteArray].contains(&ty.kind()) {
        ty = ty.array_element();
    }
    [CXType_Pointer, CXType_BlockPointer].contains(&ty.kind())
}

/// A walk over the tokens of a declaration, as far as it shows how the declarator nests.
struct Scan<'t> {
    tokens: &'t [Token],
    at: usize,
    /// Of the declarator that is being walked.
    stars: u32,
    /// Parentheses of declarators that are open.
    open: u32,
}

impl Scan<'_> {
    /// Walks to the token or attribute that byte `offset` is in, or to the first after it.
    fn until(&mut self, offset: u32) {
        while let Some(token) = self.tokens.get(self.at) {
            let end = self.end_of_unit();
            let last = self.tokens.get(end.saturating_sub(1)).unwrap_or(token);
            let len = u32::try_from(last.text.len()).unwrap_or(u32::MAX);
            if offset < last.offset.saturating_add(len) {
                return;
            }
            match token.text.as_str() {
                "*" | "^" => self.stars += 1,
                "(" => self.open += 1,
                ")" => self.open = self.open.saturating_sub(1),
                "," if self.open == 0 => self.stars = 0,
                _ => {}
            }
            self.at = end;
        }
    }

    /// The token after the one at `at`, or after the brackets that belong to it.
    fn end_of_unit(&self) -> usize {
        let text = |i: usize| self.tokens.get(i).map_or("", |token| token.text.as_str());
        let at = self.at;
        match text(at) {
            "{" | "[" => self.closing(at),
            word if OPERATORS.contains(&word) && text(at + 1) == "(" => self.closing(at + 1),
            _ => at + 1,
        }
    }

    /// The token after the bracket that closes the one at `at`.
    fn closing(&self, at: usize) -> usize {
        let mut depth = 0_u32;
        for (i, token) in self.tokens.iter().enumerate().skip(at) {
            match token.text.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return i + 1;
            }
        }
        self.tokens.len()
    }
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
