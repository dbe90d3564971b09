//! Declaration specifiers: the names of types in all the orders that C allows (C17 6.7.2), and the
//! words that are not read here.

use smallvec::SmallVec;

use super::{Built, Parser};
use crate::scalar::Scalar;
use crate::types::Type;
use crate::types::data_model::DataModel;
use crate::types::error::Error;

/// Returns one spelling for `word` and its synonyms, if it is one of the words that name scalar
/// types; `None` for any other.
fn type_word(word: &str) -> Option<&str> {
    Some(match word {
        "_Complex" | "__complex__" | "__complex" => "complex",
        "__signed__" | "__signed" => "signed",
        "_Bool" => "bool",
        "unsigned" | "signed" | "short" | "long" | "char" | "int" | "float" | "double" | "bool"
        | "void" | "__int128" | "_Float16" | "__bf16" | "_Float32" | "_Float64" | "_Float128"
        | "__float128" | "_Decimal32" | "_Decimal64" | "_Decimal128" => word,
        _ => return None,
    })
}

/// Words of specifiers: more than five make no type (`_Complex unsigned long long int`).
type Words<'t> = SmallVec<[&'t str; 6]>;

/// Returns the scalar type, or `void`, that `words` name together, in any order.
fn scalar(words: &mut Words<'_>, model: &DataModel) -> Option<Type> {
    const OF_INTEGERS: [&str; 5] = ["int", "long", "short", "signed", "unsigned"];
    words.sort_unstable();
    let complex = words.iter().position(|word| *word == "complex");
    complex.map(|i| words.remove(i));
    let int = words.iter().position(|word| *word == "int");
    // `int` says nothing beside the other words of integers.
    if let Some(i) = int
        && words.iter().all(|word| OF_INTEGERS.contains(word))
        && words.iter().any(|word| *word != "int")
    {
        words.remove(i);
    }
    let ty = match **words {
        ["void"] => return complex.is_none().then_some(Type::VOID),
        ["bool"] => Type::BOOL,
        ["char"] => model.char(),
        ["char", "signed"] => Type::I8,
        ["char", "unsigned"] => Type::U8,
        ["short"] | ["short", "signed"] => Type::I16,
        ["short", "unsigned"] => Type::U16,
        ["int"] | ["signed"] => Type::I32,
        ["unsigned"] => Type::U32,
        ["long"] | ["long", "signed"] => model.long(),
        ["long", "unsigned"] => model.unsigned_long(),
        ["long", "long"] | ["long", "long", "signed"] => Type::I64,
        ["long", "long", "unsigned"] => Type::U64,
        ["__int128"] | ["__int128", "signed"] => Type::I128,
        ["__int128", "unsigned"] => Type::U128,
        ["float"] | ["_Float32"] => Type::F32,
        ["double"] | ["_Float64"] => Type::F64,
        ["double", "long"] => model.long_double(),
        ["_Float16"] => Type::F16,
        ["__bf16"] => Type::BF16,
        ["_Float128"] | ["__float128"] => Type::F128,
        ["_Decimal32"] => Type::DEC32,
        ["_Decimal64"] => Type::DEC64,
        ["_Decimal128"] => Type::DEC128,
        _ => return None,
    };
    let ty = model.adapt(&ty);
    match complex {
        None => Some(ty),
        Some(_) => Type::complex(&ty).ok(),
    }
}

pub(super) fn is_qualifier(word: &str) -> bool {
    is_restrict(word)
        || matches!(
            word,
            "const" | "volatile" | "__const" | "__const__" | "__volatile" | "__volatile__"
        )
}

pub(super) fn is_restrict(word: &str) -> bool {
    matches!(word, "restrict" | "__restrict" | "__restrict__")
}

/// Returns whether `word` cannot be a name: it is a word of a type, a qualifier, or a word that is
/// not read.
pub(super) fn is_reserved(word: &str) -> bool {
    type_word(word).is_some()
        || is_qualifier(word)
        || not_read(word).is_some()
        || matches!(
            word,
            "struct" | "union" | "typedef" | "_Noreturn" | "_BitInt"
        )
}

/// Returns why `word` is not read, if it is one of C's.
pub(super) fn not_read(word: &str) -> Option<&'static str> {
    Some(match word {
        "enum" => "an enumeration is not read: write its integer type, mostly `unsigned int`",
        "_Atomic" => "an atomic type is read only from a header (cabi-header)",
        "__attribute__" | "__attribute" | "__declspec" | "_Alignas" | "alignas" => {
            "an attribute is read only from a header (cabi-header)"
        }
        "#" => "a directive is read only from a header (cabi-header)",
        "extern" => "a storage class belongs to the declaration of a function: leave it out",
        "__extension__" => "this belongs at the start of a declaration or member: leave it out",
        "static" | "inline" | "__inline" | "__inline__" | "register" | "auto" | "_Thread_local"
        | "constexpr" => "this word is not read in a declaration: remove it",
        "__asm__" | "asm" | "__asm" => {
            "a symbol name is not read: remove it, and look up that symbol"
        }
        "__int8" | "__int16" | "__int32" | "__int64" => {
            "this is a type of Microsoft's compilers: write `int64_t`, `uint64_t` or the like"
        }
        "_Accum" | "_Fract" | "_Sat" | "_Imaginary" => "no supported target has this type",
        "if" | "else" | "while" | "do" | "for" | "goto" | "break" | "continue" | "return"
        | "switch" | "case" | "default" | "_Alignof" | "_Generic" | "__auto_type" | "__thread" => {
            "a keyword of C cannot be a name"
        }
        "typeof" | "__typeof__" | "typeof_unqual" | "sizeof" | "_Static_assert"
        | "static_assert" => "expressions are not read: write the type or number",
        "va_list" | "__builtin_va_list" => {
            "`va_list` is a different type on each target: read it with cabi-header"
        }
        "wchar_t" => "the sign of `wchar_t` depends on the system: write its integer type",
        "__cdecl" | "__stdcall" | "__fastcall" | "__vectorcall" | "__thiscall" => {
            "a calling convention is not read: set it with `FnSig::convention`"
        }
        _ => return None,
    })
}

/// Returns why `word` is no type. The text does not declare it.
fn unknown(word: &str) -> &'static str {
    match word {
        "max_align_t" => {
            "`max_align_t` is a different type on each target: read it with cabi-header"
        }
        _ if word.trim_start_matches('u').starts_with("int_fast") => {
            "the type of this name depends on the C library: write its integer type"
        }
        _ => {
            "expected a type: a scalar type of C, `struct { .. }`, or the name of an earlier typedef"
        }
    }
}

/// Returns the type of a name of `stdint.h` or `stddef.h`, or of one that compilers predefine, if
/// all agree about it.
pub(super) fn header_type(word: &str, model: &DataModel) -> Option<Type> {
    let signed_of_pointer = match model.pointer {
        8 => Type::I64,
        _ => Type::I32,
    };
    Some(match word {
        "__int128_t" => model.adapt(&Type::I128),
        "__uint128_t" => model.adapt(&Type::U128),
        "int8_t" | "int_least8_t" => Type::I8,
        "int16_t" | "int_least16_t" => Type::I16,
        "int32_t" | "int_least32_t" => Type::I32,
        "int64_t" | "int_least64_t" | "intmax_t" => model.adapt(&Type::I64),
        "uint8_t" | "uint_least8_t" => Type::U8,
        "uint16_t" | "uint_least16_t" | "char16_t" => Type::U16,
        "uint32_t" | "uint_least32_t" | "char32_t" => Type::U32,
        "uint64_t" | "uint_least64_t" | "uintmax_t" => model.adapt(&Type::U64),
        "size_t" | "uintptr_t" => model.size_type(),
        "ssize_t" | "ptrdiff_t" | "intptr_t" => model.adapt(&signed_of_pointer),
        _ => return None,
    })
}

impl<'t> Parser<'t> {
    /// Reads specifiers and qualifiers: the type that a declaration begins with.
    pub(super) fn specifiers(&mut self) -> Result<Built<'t>, Error> {
        let start = self.tokens.at();
        let (mut words, mut named, mut restrict) = (Words::new(), None, None);
        self.qualified = false;
        while let Some(word) = self.tokens.word() {
            let at = self.tokens.at();
            let has_type = named.is_some() || !words.is_empty();
            if let Some(word) = type_word(word).filter(|_| named.is_none() && words.len() < 6) {
                words.push(word);
            } else if word == "_Noreturn" && self.nesting == 0 {
                self.noreturn = true;
            } else if is_qualifier(word) {
                self.qualified = true;
                restrict = restrict.or(is_restrict(word).then_some(at));
            } else if word == "extern" && self.nesting == 0 && self.takes_extern {
            } else if !has_type && matches!(word, "struct" | "union") {
                self.tokens.advance();
                let qualified = self.qualified;
                named = Some(self.record(word, at)?);
                self.qualified = qualified;
                continue;
            } else if !has_type && word == "_BitInt" {
                return Err(self.unexpected("a `_BitInt` is not read: use `DataModel::bit_int`, or read a header (cabi-header)"));
            } else if !has_type && let Some(built) = self.named(word) {
                named = Some(built);
            } else if type_word(word).is_some() && named.is_none() {
            } else if is_reserved(word) {
                return Err(self.unexpected("this word cannot follow the words before it"));
            } else {
                // A name that is declared.
                break;
            }
            self.tokens.advance();
        }
        let built = match named {
            Some(built) => built,
            None if words.is_empty() => return Err(self.unexpected(unknown(self.tokens.peek()))),
            None => {
                let ty = scalar(&mut words, self.model);
                let why = "these words together are not a type of C";
                Built::Object(ty.ok_or_else(|| self.refused(start, why))?)
            }
        };
        let is_pointer = matches!(&built, Built::Object(ty) if ty.as_scalar() == Some(Scalar::Ptr));
        match restrict {
            Some(at) if !is_pointer => Err(self.refused(at, NO_RESTRICT)),
            _ => Ok(built),
        }
    }

    /// Returns the type that a typedef of the text, or of the standard headers, calls `word`.
    pub(super) fn named(&self, word: &str) -> Option<Built<'t>> {
        match self.typedefs.get(word) {
            // The structure may have got its members since.
            Some(Built::Incomplete(tag)) => {
                let ty = self.tags.get(tag)?.1.clone();
                Some(ty.map_or(Built::Incomplete(tag), Built::Object))
            }
            Some(built) => Some(built.clone()),
            None => header_type(word, self.model).map(Built::Object),
        }
    }
}

/// Why a type is not `restrict`.
pub(super) const NO_RESTRICT: &str = "only a pointer to an object can be `restrict`";
