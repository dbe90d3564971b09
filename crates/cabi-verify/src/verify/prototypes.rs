//! Each prototype as the compiler under test reads it, compared with the one that libclang has
//! read. A header may declare a function differently for another compiler, or under another macro.
//!
//! One file includes the header and asserts each prototype's type. To the compiler, the lines of a
//! prototype are a file of their own, so that each message names its prototype:
//!
//! ```text
//! #include "header.h"
//! # 1 "cabi-there-0"
//! extern __typeof__(f) *cabi_there_0;
//! # 1 "cabi-same-0"
//! __attribute__((ms_abi)) typedef __typeof__(double (double)) cabi_same_0;
//! _Static_assert(__builtin_types_compatible_p(__typeof__(f) *, cabi_same_0 *),
//!     "cabi: another type");
//! # 1 "cabi-same-0"
//! _Static_assert(sizeof(double) == 8 && ((double)0.5 != 0) == 1 && ((double)-1 < 0) == 1,
//!     "cabi: another type");
//! ```
//!
//! The last line checks typedefs: a header may define one as another number for another compiler,
//! and both have the same name.
//!
//! To gcc and clang, the types of functions of different conventions are not compatible. Another
//! convention is therefore noticed too.

use std::fmt::Write as _;

use cabi::{Kind, Scalar, Type};
use cabi_header::{Prototype, WrittenType};

use crate::build::bisect::{build_without_refused, rejected_files};
use crate::build::{Reference, ReferenceError, Rejection, first_error};
use crate::case::convention_attribute;
use crate::emit::c::undefine;
use crate::header::is_unnamed;

/// A compiler's reading of a prototype.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum PrototypeReading {
    /// As libclang does.
    Same,
    /// As a function of another type, which is this one.
    Other(String),
    /// The compiler declares no such function, in its words.
    Absent(String),
    /// No text is this type in another place: one of its records or enumerations has neither a tag
    /// nor a typedef.
    Unnamed,
    /// No text is this type in another place: one of its tags is declared in its parameters first.
    Hidden,
    /// The type cannot be checked, for this reason.
    Unasked(String),
}

const OTHER: &str = "cabi: another type";

/// Returns the reading that `reference` has of each of `prototypes`, which `include` declares.
///
/// # Errors
/// [`ReferenceError`] if it cannot be started, or says nothing about any of them.
pub(super) fn compare(
    reference: &Reference,
    flags: &[&str],
    include: &str,
    prototypes: &[&Prototype],
) -> Result<Vec<PrototypeReading>, ReferenceError> {
    let mut readings = vec![PrototypeReading::Same; prototypes.len()];
    let mut indices = Vec::new();
    for (at, prototype) in prototypes.iter().enumerate() {
        match is_unnamed(&prototype.spelled) {
            true => readings[at] = PrototypeReading::Unnamed,
            false => indices.push(at),
        }
    }
    let check = |chosen: &[usize]| reference.check(&text(include, prototypes, chosen), flags);
    let blame = |error: &_, chosen: &[usize]| rejected_files(error, chosen, file);
    let parts = build_without_refused(indices, check, blame)?;
    for Rejection { cases, why } in parts.refused {
        let words = why.messages().unwrap_or_default();
        let message = first_error(words);
        let error = words.lines().find(|line| line.contains("error:"));
        for at in cases {
            let is_absent = error.is_some_and(|line| line.starts_with(&format!("{}:1:", file(at))));
            readings[at] = if is_absent {
                PrototypeReading::Absent(message.clone())
            } else if hides_tag(words, &file(at)) {
                PrototypeReading::Hidden
            } else if message.contains(OTHER) || is_unknown(&message) {
                // Or it has a type that the header has for another compiler only.
                PrototypeReading::Other(printed_type(
                    reference,
                    flags,
                    include,
                    &prototypes[at].name,
                ))
            } else {
                PrototypeReading::Unasked(message.clone())
            };
        }
    }
    Ok(readings)
}

/// Checks whether gcc or clang warns, among `messages`, that a declaration in `file` declares a tag
/// for itself alone.
fn hides_tag(messages: &str, file: &str) -> bool {
    let place = format!("{file}:2:");
    let mut lines = messages.lines().filter(|line| line.starts_with(&place));
    lines.any(|line| line.contains("will not be visible outside of this"))
}

/// Returns the name that the lines about a prototype have as a file. The first line checks that
/// there is such a function, the second that it is of the same type.
fn file(at: usize) -> String {
    format!("cabi-prototype-{at}")
}

fn text(include: &str, prototypes: &[&Prototype], chosen: &[usize]) -> String {
    // A header may have macros of these names.
    let words = [
        "_Static_assert",
        "__typeof__",
        "__builtin_types_compatible_p",
    ];
    let words = words.map(|word| format!("\n#undef {word}"));
    // As libclang spells it in C23, and not every compiler that has taken up a part of C23 knows.
    let bool = "\n#if __STDC_VERSION__ > 201710\n#define bool _Bool\n#endif";
    let mut text = format!("{include}{}{bool}", words.concat());
    for (i, prototype) in chosen.iter().map(|at| (at, prototypes[*at])) {
        let (name, file) = (&prototype.name, file(*i));
        let spelled = without_bounds(&prototype.spelled);
        // clang takes no parameter list of `...` alone without a declarator before it.
        let spelled = match spelled.strip_suffix(" (...)") {
            Some(ret) if !ret.contains('(') => format!("*({ret} (*)(...))0"),
            _ => spelled,
        };
        let attribute = convention_attribute(prototype.convention);
        // A macro of the same name hides the function.
        let _ = write!(
            text,
            "\n{}# 1 {file:?}\nextern __typeof__({name}) *cabi_there_{i};\n\
             # 2 {file:?}\n{attribute}typedef __typeof__({spelled}) cabi_same_{i};\n\
             # 2 {file:?}\n_Static_assert(__builtin_types_compatible_p(__typeof__({name}) *, \
             cabi_same_{i} *), \"{OTHER}\");\n",
            undefine(name)
        );
        let result = (
            &prototype.spelled_ret,
            &prototype.ret,
            &prototype.written_ret,
        );
        let params = prototype.spelled_params.iter().zip(&prototype.params);
        let params = params.zip(&prototype.written_params);
        let params = params.map(|((spelled, (_, ty)), written)| (spelled, ty, written));
        for (spelled, ty, written) in params.chain([result]) {
            let is_scalar = scalar(spelled, ty, written);
            let is_scalar = is_scalar.map_or_else(String::new, |is_scalar| {
                format!("# 2 {file:?}\n_Static_assert({is_scalar}, \"{OTHER}\");\n")
            });
            text += &is_scalar;
        }
    }
    text
}

/// The words in C's own names of numbers, whose meaning depends on the compiler's flags.
const KEYWORDS: [&str; 12] = [
    "const", "volatile", "restrict", "_Bool", "char", "short", "int", "long", "signed", "unsigned",
    "float", "double",
];

/// Returns a check in C that the typedef `spelled` is the scalar `ty` to the compiler too. `None`
/// if it is no typedef, and for numbers that do not have constants everywhere.
fn scalar(spelled: &str, ty: &Type, written: &WrittenType) -> Option<String> {
    let is_part = |c: char| c.is_alphanumeric() || " _".contains(c);
    let is_keyword = |word| KEYWORDS.contains(&word);
    if !spelled.chars().all(is_part) || spelled.split(' ').all(is_keyword) {
        return None;
    }
    let (has_fractions, signed) = match ty.kind() {
        // A `nullptr_t` is written without a pointer, and none to gcc and clang.
        Kind::Scalar(Scalar::Ptr) if matches!(written, WrittenType::Type(ty) if !ty.is_atomic()) => {
            return None;
        }
        // As gcc and clang number what is a pointer.
        Kind::Scalar(Scalar::Ptr | Scalar::FnPtr) => {
            // A parameter of a type of functions or arrays is a pointer, as a value of it is.
            return Some(format!("__builtin_classify_type(*({spelled} *)0) == 5"));
        }
        Kind::Scalar(Scalar::Bool) => (true, false),
        Kind::Scalar(Scalar::Int { bits, signed }) if *bits <= 64 => (false, *signed),
        Kind::Scalar(Scalar::F32 | Scalar::F64 | Scalar::F80) => (true, true),
        _ => return None,
    };
    let (size, has_fractions) = (ty.size(), u8::from(has_fractions));
    let mut text = format!("sizeof({spelled}) == {size}");
    // clang compares no value of a cast to an atomic type.
    if ty.is_atomic() {
        return Some(text);
    }
    text += &format!(" && (({spelled})0.5 != 0) == {has_fractions}");
    // Each compiler chooses for itself whether `char` has a sign.
    if *written != WrittenType::Char {
        text += &format!(" && (({spelled})-1 < 0) == {}", u8::from(signed));
    }
    Some(text)
}

/// Returns `spelled` with `[*]` for each bound of an array that is an expression. The names in the
/// bound are those of parameters, which no type has.
fn without_bounds(spelled: &str) -> String {
    let (mut text, mut depth) = (String::new(), 0);
    for (at, c) in spelled.char_indices() {
        depth = u32::saturating_sub(depth, u32::from(c == ']'));
        if depth == 0 {
            text.push(c);
        }
        if c == '[' && depth == 0 {
            let bound = spelled[at + 1..].split(']').next().unwrap_or_default();
            let is_number = bound.bytes().all(|c| c.is_ascii_digit());
            text += if is_number { bound } else { "*" };
        }
        depth += u32::from(c == '[');
    }
    text
}

fn is_unknown(message: &str) -> bool {
    message.contains("unknown type name") || message.contains("undeclared")
}

/// Returns the function's type in the compiler's words: those of a message that it has to write.
fn printed_type(reference: &Reference, flags: &[&str], include: &str, name: &str) -> String {
    let text = format!(
        "{include}\n{}char (*cabi_wrong)[1] = &{name};\n",
        undefine(name)
    );
    let messages = match reference.check(&text, flags) {
        Ok(warnings) => warnings,
        Err(error) => error.messages().unwrap_or_default().to_owned(),
    };
    let line = messages.lines().find(|line| line.contains("'char (*)[1]'"));
    let quoted = line.and_then(|line| line.split(" type '").last());
    let ty = quoted.and_then(|rest| rest.split('\'').next());
    ty.map_or("another type".to_owned(), |ty| {
        ty.replacen("(*)", "", 1).replace(" (", "(")
    })
}
