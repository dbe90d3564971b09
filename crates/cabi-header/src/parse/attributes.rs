//! Attributes of records, and positions of `aligned` and `packed` in a declaration with their
//! meaning to gcc.
//!
//! To clang each of them belongs to what is declared. To gcc an attribute after a `*` or in
//! parentheses belongs to the type that is built there:
//!
//! - `char *__attribute__((aligned(1))) p` aligns the pointer to 1.
//! - `char *__attribute__((aligned(16))) *p` aligns the type that `p` points to.
//! - `packed` is ignored there.
//!
//! libclang shows no places in a declarator, so the tokens are read. If a macro hides them, the
//! place is not known.

use cabi::{BitFieldStyle, DataModel};
use clang_sys::*;

use crate::clang::{Cursor, Token, Ty};
use crate::declarator::WITH_PARENTHESES;
use crate::parse::errors::Errors;
use crate::parse::kinds::innermost;
use crate::parse::questions::has_names;

/// Returns whether a declaration that clang has printed as `printed` has the attribute `name`.
pub(crate) fn has_attribute(printed: &str, name: &str) -> bool {
    let spellings = ["__attribute__((", "[[gnu::", "[[clang::"];
    spellings
        .iter()
        .any(|start| printed.contains(&format!("{start}{name}")))
}

/// Returns the text of `definition` before its brace, as clang prints it, since libclang has no
/// kind for many attributes. Returns nothing for a definition without attributes.
pub(crate) fn head(definition: Cursor<'_>) -> String {
    let mut children = definition.children().into_iter();
    if !children.any(|child| child.is_attribute()) {
        return String::new();
    }
    let printed = definition.printed();
    printed.split('{').next().unwrap_or_default().to_owned()
}

/// The attributes of a record that change its layout or how it is passed.
pub(crate) struct RecordAttributes {
    pub(crate) packed: bool,
    pub(crate) aligned: bool,
    /// `true` if several attributes align the record.
    pub(crate) aligned_again: bool,
    /// `true` if libclang shows an attribute without a name, as for `#pragma pack`.
    pub(crate) unnamed: bool,
    pub(crate) transparent: bool,
    /// `true` if clang ignores the record's `transparent_union`.
    pub(crate) transparent_to_gcc: bool,
    pub(crate) ms_struct: bool,
    /// `true` if a `packed` or `aligned` stands in an earlier declaration, or before `struct`.
    pub(crate) inherited: bool,
}

impl RecordAttributes {
    pub(crate) fn new(definition: Cursor<'_>, errors: &Errors) -> Self {
        let children = definition.children();
        let of = |kind| children.iter().filter(move |child| child.kind() == kind);
        let mut attributes = of(CXCursor_PackedAttr).chain(of(CXCursor_AlignedAttr));
        let head = head(definition);
        Self {
            packed: of(CXCursor_PackedAttr).count() > 0,
            aligned: of(CXCursor_AlignedAttr).count() > 0,
            aligned_again: of(CXCursor_AlignedAttr).count() > 1,
            unnamed: of(CXCursor_UnexposedAttr).count() > 0,
            transparent: has_attribute(&head, "transparent_union"),
            transparent_to_gcc: errors.has_opaque_union(definition),
            ms_struct: has_attribute(&head, "ms_struct"),
            inherited: attributes.any(|own| is_before(*own, definition)),
        }
    }

    /// Returns `model` with the record's own style of bit-fields.
    pub(crate) fn model(&self, model: &DataModel) -> DataModel {
        let mut model = *model;
        if self.ms_struct {
            model.bit_fields = BitFieldStyle::Ms;
        }
        model
    }
}

/// Returns whether `attribute` stands before the text of `declaration`, in the same file.
pub(crate) fn is_before(attribute: Cursor<'_>, declaration: Cursor<'_>) -> bool {
    let (place, (start, _)) = (attribute.place(), declaration.extent());
    place.file == start.file && place.offset < start.offset
}

/// Returns whether `attribute`, an alignment, is an `_Alignas`.
pub(crate) fn is_specifier(attribute: Cursor<'_>) -> bool {
    let tokens = attribute.tokens();
    let first = tokens.first().map(|token| token.text.as_str());
    matches!(first, Some("_Alignas" | "alignas"))
}

/// Returns whether gcc too keeps `attribute`, an alignment of `typedef`. To gcc `vector_size` and
/// `mode` make a type without it, unless they stand before it on the same side of the name.
pub(crate) fn keeps_alignment(
    typedef: Cursor<'_>,
    underlying: Ty<'_>,
    attribute: Cursor<'_>,
) -> bool {
    let words = ["vector_size", "__vector_size__", "mode", "__mode__"];
    let (name, at) = (typedef.place().offset, attribute.place().offset);
    let tokens = typedef.tokens();
    let mut pairs = tokens.windows(2);
    if let Some(word) = pairs.find(|pair| words.contains(&&*pair[0].text) && pair[1].text == "(") {
        return word[0].offset < at && at < name;
    }
    // Attributes after the name are no part of the declaration's own text.
    let (end, rest) = (typedef.extent().1.offset, typedef.after().1);
    match words.iter().filter_map(|word| rest.find(word)).min() {
        Some(offset) => (end as usize).saturating_add(offset) < at as usize,
        // A macro hides the word.
        None => underlying.kind() != CXType_Vector,
    }
}

/// Returns whether `ty` is a typedef that asks for an alignment.
pub(crate) fn has_alignment(ty: Ty<'_>) -> bool {
    let is_aligned = |child: &Cursor<'_>| child.kind() == CXCursor_AlignedAttr;
    ty.kind() == CXType_Typedef && ty.declaration().children().iter().any(is_aligned)
}

/// Returns whether clang may drop an `aligned` of `alias` without a message: one after the `=`, or
/// in a macro after the type.
pub(crate) fn may_drop_alignment(alias: Cursor<'_>) -> bool {
    if alias.kind() != CXCursor_TypeAliasDecl {
        return false;
    }
    let (tokens, after) = (alias.tokens(), alias.after().1);
    let mut words = after.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    // These words may follow what clang takes for the end of a type.
    let other = words.find(|word| !matches!(*word, "" | "const" | "volatile" | "noexcept"));
    let is_macro = other.is_some_and(|word| word != "__attribute__");
    let is_aligned = |word: &str| word.trim_matches('_') == "aligned";
    is_macro || after.contains("aligned") || tokens.iter().any(|token| is_aligned(&token.text))
}

/// Returns whether gcc may align `ty` otherwise than clang, as the type of an expression:
///
/// - In C gcc drops the alignment of a typedef in a cast, and keeps that of a pointer in `&p[0]`.
/// - In C++ gcc keeps the operand's alignment in a cast and in arithmetic.
///
/// Only declarations that the expression names may have such an alignment.
pub(crate) fn may_align_otherwise(ty: Ty<'_>, cxx: bool) -> bool {
    let spelling = ty.spelling().replace("->", ".");
    let expressions = ["typeof", "decltype"].into_iter();
    let expressions = expressions.filter_map(|word| Some(spelling.split_once(word)?.1));
    // The outermost expression.
    let Some(expression) = expressions
        .max_by_key(|rest| rest.len())
        .filter(|rest| has_names(rest))
    else {
        return false;
    };
    let starts_operand = |c: char| c.is_alphanumeric() || "_\"'(*&+-~!".contains(c);
    let has_cast = expression
        .split(')')
        .skip(1)
        .any(|rest| rest.starts_with(starts_operand));
    if cxx {
        let operators = ["+", "-", "*", "/", "%", "&", "|", "^", "?"];
        let is_operator = |word| operators.contains(&word);
        return has_cast || expression.split(' ').any(is_operator);
    }
    let is_address = expression.contains('&') && expression.contains(['[', '*']);
    is_address || has_cast && ty.align() != ty.canonical().align()
}

/// Returns whether the enumeration has a `mode` and no negative enumerator. With a negative one,
/// gcc and clang agree that the enumeration is signed.
pub(crate) fn is_mode_of_sign(definition: Cursor<'_>) -> bool {
    let enumerators = definition.enumerators();
    let is_positive = enumerators.iter().all(|(_, value)| *value >= 0);
    is_positive && has_attribute(&head(definition), "mode(")
}

/// Position of an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Position {
    /// Among the specifiers or after the declarator, where it belongs to what is declared.
    Declaration,
    /// In the declarator, where it belongs to the type declared.
    Type,
    /// In the declarator, where it belongs to a type that the type declared points to.
    Pointee,
    /// A macro hides the position.
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
        // The tokens do not show the declarator that makes the type a pointer.
        false if is_pointer(ty) && stars_at_name == 0 => Position::Unknown,
        false => Position::Declaration,
        true if stars_at_name > stars => Position::Pointee,
        // gcc ignores the attribute there if the enumeration is packed.
        true if ty.canonical().kind() == CXType_Enum => Position::Unknown,
        true => Position::Type,
    }
}

/// Returns whether `ty` was declared as a pointer, or as an array of pointers, with a declarator.
/// libclang does not show parentheses.
fn is_pointer(ty: Ty<'_>) -> bool {
    [CXType_Pointer, CXType_BlockPointer].contains(&innermost(ty).kind())
}

/// Returns the number of stars before byte `offset` in its declarator, and the number of
/// parentheses of the declarator that are open there.
fn nesting(tokens: &[Token], offset: u32) -> (u32, u32) {
    let is_before = |token: &&Token| token.offset as usize + token.text.len() <= offset as usize;
    let (mut stars, mut open) = (0, 0_u32);
    // Number of open brackets around text that is no part of the declarator.
    let (mut brackets, mut last) = (0_u32, "");
    for token in tokens.iter().take_while(is_before) {
        let text = token.text.as_str();
        match text {
            "{" | "[" => brackets += 1,
            "(" if brackets > 0 || WITH_PARENTHESES.contains(&last) => brackets += 1,
            ")" | "]" | "}" if brackets > 0 => brackets -= 1,
            _ if brackets > 0 => {}
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
