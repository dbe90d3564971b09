//! What reading a header gives, and what can go wrong with the header or with one of its declarations.

use std::fmt;
use std::path::PathBuf;

use cabi::{DataModel, Type};

/// Everything this crate understood of a header.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Header {
    /// The target's triple as clang spells it, `x86_64-pc-linux-gnu`.
    pub target: String,
    /// Widths and layout rules of C under the arguments given.
    pub model: DataModel,
    /// Functions in the order of their first declaration, each name once.
    pub prototypes: Vec<Prototype>,
    /// Structures and unions that have a name, in the order in which their definitions end.
    pub records: Vec<NamedType>,
    /// Typedefs in order. A pointer to a function, a vector, an array, whatever it names.
    pub typedefs: Vec<NamedType>,
    /// Enumerations that have a tag.
    pub enums: Vec<NamedType>,
    /// What was not understood, or has no place in a table of C functions, and why.
    pub skipped: Vec<Skipped>,
}

impl Header {
    /// The prototype of the function `name`.
    #[must_use]
    pub fn prototype(&self, name: &str) -> Option<&Prototype> {
        self.prototypes
            .iter()
            .find(|prototype| prototype.name == name)
    }

    /// The type that C spells `name`: `struct node`, `union word`, `enum color`, or a typedef's name.
    #[must_use]
    pub fn ty(&self, name: &str) -> Option<&Type> {
        let named = [&self.typedefs, &self.records, &self.enums];
        named
            .into_iter()
            .flatten()
            .find(|named| named.name == name)
            .map(|named| &named.ty)
    }

    /// Why the declaration of `name` is missing.
    #[must_use]
    pub fn reason(&self, name: &str) -> Option<&Reason> {
        self.skipped
            .iter()
            .find(|skipped| skipped.name == name)
            .map(|skipped| &skipped.reason)
    }
}

/// A declared function. Parameters have decayed: an array is a pointer.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Prototype {
    /// The name in C.
    pub name: String,
    /// The name the linker knows, which an assembler label (`__asm__("name")`) changes.
    pub symbol: String,
    /// Name, if it has one, and type of each parameter.
    pub params: Vec<(Option<String>, Type)>,
    /// The result, [`Type::VOID`] for none.
    pub ret: Type,
    /// Whether the parameters end with `...`.
    pub variadic: bool,
    /// Whether nothing is said about the parameters, `int f();` before C23: callers promote arguments as for `...`.
    pub unprototyped: bool,
    /// Whether the function never returns.
    pub noreturn: bool,
    /// What a `target("avx2")` attribute says, empty without one: it decides how wide vectors travel.
    pub target_features: String,
    /// Where it is declared.
    pub location: Location,
}

/// A type and what C calls it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct NamedType {
    /// As C spells it: `struct node`, `union word`, or a typedef's name.
    pub name: String,
    /// The type.
    pub ty: Type,
    /// Where it is declared.
    pub location: Location,
}

/// A declaration that was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Skipped {
    /// The function's name, or the type's as C spells it.
    pub name: String,
    /// Why.
    pub reason: Reason,
    /// Where it is declared.
    pub location: Location,
}

/// A place in a source file.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Location {
    /// The file as clang found it, or the name given for text in memory.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Why a declaration was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// A `static` function has no symbol.
    Static,
    /// An `inline` function without `extern` has no symbol for sure.
    Inline,
    /// clang calls it wrong, or something it refers to.
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
        /// What about it.
        why: &'static str,
    },
    /// `cabi` refused the type.
    Type(cabi::Error),
    /// clang's layout and ours differ.
    Mismatch {
        /// The type, as clang spells it.
        ty: String,
        /// `size`, `alignment`, or `offset of x`.
        what: String,
        /// In bytes; offsets in bits.
        ours: u64,
        /// In bytes; offsets in bits.
        clang: i64,
    },
    /// The reason lies in a part of the declaration.
    In {
        /// `parameter 2`, `result`, `field x`.
        part: String,
        /// Why.
        reason: Box<Reason>,
    },
}

impl Reason {
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
            Self::Invalid(message) => write!(f, "clang says: {message}"),
            Self::Incomplete(ty) => write!(f, "{ty} is incomplete here"),
            Self::Convention(name) => write!(f, "the calling convention {name} is not supported"),
            Self::Attribute(name) => write!(f, "the attribute {name} is not supported"),
            Self::Unsupported { ty, why } => write!(f, "{ty}: {why}"),
            Self::Type(error) => error.fmt(f),
            Self::Mismatch {
                ty,
                what,
                ours,
                clang,
            } => {
                write!(f, "{ty}: clang's {what} is {clang}, ours {ours}")
            }
            Self::In { part, reason } => write!(f, "{part}: {reason}"),
        }
    }
}

/// Why a whole header could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum HeaderError {
    /// There is no libclang.
    NoLibclang {
        /// What the search said.
        searched: String,
    },
    /// The libclang found is too old.
    OldLibclang {
        /// Where it was found.
        path: PathBuf,
        /// A function it lacks.
        function: &'static str,
    },
    /// The system has no thread for libclang.
    NoThread,
    /// The file could not be read.
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        message: String,
    },
    /// Text, name or arguments contain a NUL character.
    Nul {
        /// Which of them.
        place: String,
    },
    /// clang refused its arguments, or gave up without saying why.
    Refused {
        /// The arguments.
        args: Vec<String>,
    },
    /// The source is wrong outside of any declaration that could be left out.
    Source {
        /// Location and message of each error.
        messages: Vec<String>,
    },
    /// A language, target or option that is not supported.
    Unsupported {
        /// The target.
        target: String,
        /// What is not supported.
        why: String,
    },
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLibclang { searched } => write!(
                f,
                "C headers are read with libclang, which is not installed or not found: install it (Debian and Ubuntu: apt-get install \
                 libclang1-19 libclang-common-19-dev; Fedora: dnf install clang-libs; macOS: brew install llvm) or let LIBCLANG_PATH name \
                 its directory ({searched})"
            ),
            Self::OldLibclang { path, function } => {
                write!(
                    f,
                    "{}: this libclang is too old, it lacks {function}; version 11 or later is needed",
                    path.display()
                )
            }
            Self::NoThread => f.write_str("no thread could be started for libclang"),
            Self::File { path, message } => write!(f, "{}: {message}", path.display()),
            Self::Nul { place } => write!(f, "{place} contains a NUL character"),
            Self::Refused { args } => {
                write!(f, "clang did not accept its arguments: {}", args.join(" "))
            }
            Self::Source { messages } => f.write_str(&messages.join("\n")),
            Self::Unsupported { target, why } => write!(f, "{why} ({target})"),
        }
    }
}

impl std::error::Error for HeaderError {}
