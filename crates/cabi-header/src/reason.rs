//! Reasons for leaving single declarations out of a header.

use std::fmt;

/// Reason why a declaration was left out. The list is closed: each kind has a [`key`](Self::key).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// A `static` function has no symbol.
    Static,
    /// An `inline` function without `extern`, which need not have a symbol.
    Inline,
    /// A declaration that clang calls wrong, or that refers to a wrong one.
    Invalid(String),
    /// A structure, union or enumeration without definition, used by value.
    Incomplete(String),
    /// A calling convention that is not the target's C convention.
    Convention(String),
    /// An attribute that changes the ABI in a way this crate does not model.
    Attribute(String),
    /// A type that is no C type of this crate.
    Unsupported {
        /// The type, as clang spells it.
        ty: String,
        /// Description of the reason.
        why: &'static str,
    },
    /// A part of C++ that is no function and no class of C's kind.
    Cxx(&'static str),
    /// A macro that is no integer.
    Macro(&'static str),
    /// `cabi` refused the type.
    Type(cabi::Error),
    /// clang's layout and ours differ.
    Mismatch {
        /// The type, as clang spells it.
        ty: String,
        /// `size`, `alignment`, or `offset of x in bits`.
        what: String,
        /// In bytes; offsets in bits.
        ours: u64,
        /// In bytes; offsets in bits.
        clang: i64,
    },
    /// gcc and clang lay the type out differently, and no options say whose layout is wanted
    /// ([`Options::records`](crate::Options::records)).
    Compilers {
        /// The type, as clang spells it.
        ty: String,
        /// `size`, `alignment`, or `offset of x in bits`.
        what: String,
        /// In bytes; offsets in bits.
        gcc: u64,
        /// In bytes; offsets in bits.
        clang: u64,
    },
    /// The reason lies in a part of the declaration.
    In {
        /// `parameter 2`, `result`, `field x`.
        part: String,
        /// Reason for the part.
        reason: Box<Reason>,
    },
}

impl Reason {
    /// Returns a word for the kind of reason, for reports. The word stays the same from version to
    /// version.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Inline => "inline",
            Self::Invalid(_) => "invalid",
            Self::Incomplete(_) => "incomplete",
            Self::Convention(_) => "convention",
            Self::Attribute(_) => "attribute",
            Self::Unsupported { .. } => "unsupported",
            Self::Cxx(_) => "c++",
            Self::Macro(_) => "macro",
            Self::Type(_) => "type",
            Self::Mismatch { .. } => "mismatch",
            Self::Compilers { .. } => "compilers",
            Self::In { reason, .. } => reason.key(),
        }
    }

    pub(crate) fn inside(self, part: String) -> Self {
        Self::In {
            part,
            reason: Box::new(self),
        }
    }
}

impl From<cabi::Error> for Reason {
    fn from(error: cabi::Error) -> Self {
        Self::Type(error)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static => f.write_str("a static function has no symbol"),
            Self::Inline => f.write_str("an inline function has no symbol of its own"),
            // clang does not say that the text lacks a type, as in `f(size_t)`.
            Self::Invalid(message) if message.starts_with("a parameter list without types") => {
                write!(
                    f,
                    "clang says: {message}: a name in its parentheses is not a known type"
                )
            }
            Self::Invalid(message) => write!(f, "clang says: {message}"),
            Self::Incomplete(ty) => write!(f, "{ty} is incomplete here"),
            Self::Convention(name) => write!(f, "the calling convention {name} is not supported"),
            Self::Attribute(name) => write!(f, "the attribute {name} is not supported"),
            Self::Unsupported { ty, why } => write!(f, "{ty}: {why}"),
            Self::Cxx(what) => write!(f, "{what} of C++ is not supported"),
            Self::Macro(why) => write!(f, "the macro {why}"),
            Self::Type(error) => error.fmt(f),
            Self::Mismatch {
                ty,
                what,
                ours,
                clang,
            } => {
                write!(f, "{ty}: clang's {what} is {clang}, cabi's is {ours}")
            }
            Self::Compilers {
                ty,
                what,
                gcc,
                clang,
            } => {
                write!(f, "{ty}: gcc's {what} is {gcc}, clang's {clang}")
            }
            Self::In { part, reason } => write!(f, "{part}: {reason}"),
        }
    }
}
