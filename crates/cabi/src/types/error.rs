//! Errors in types and signatures. Every message names the type, the member and the target it knows
//! of.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use crate::types::{MAX_ALIGN, MAX_DEPTH, MAX_NODES, Type};

/// Why a type or signature was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// A type that C does not have, or not in this place.
    InvalidType {
        /// The type, as C spells it.
        ty: String,
        /// Description of the fault.
        why: &'static str,
    },
    /// A member that its record cannot have.
    InvalidField {
        /// The record, as C spells it.
        record: String,
        /// The member's name, or `<anonymous>`.
        field: String,
        /// Description of the fault.
        why: Cow<'static, str>,
    },
    /// A layout that is not what C makes of the members
    /// ([`RecordBuilder::build_checked`](crate::RecordBuilder::build_checked)).
    Layout {
        /// The record, as C spells it, and the member if it is about one.
        what: String,
        /// Name of the number that differs: `offset`, `offset in bits`, `size` or `alignment`.
        quantity: &'static str,
        /// As it was given, in bytes but for `offset in bits`.
        given: u64,
        /// As C has it.
        computed: u64,
    },
    /// An alignment that is not a power of two, or greater than [`MAX_ALIGN`].
    InvalidAlign {
        /// The alignment in bytes.
        align: u32,
    },
    /// A size that does not fit what C's `ptrdiff_t` can count.
    TooLarge {
        /// The type, as C spells it.
        ty: String,
    },
    /// Types nested deeper than [`MAX_DEPTH`], or with more members than [`MAX_NODES`].
    TooComplex {
        /// The type, as C spells it.
        ty: String,
    },
    /// A type that was laid out for another data model than the one in force.
    DataModel {
        /// The type, as C spells it.
        ty: String,
        /// The data models that lay it out as it is.
        laid_out: String,
        /// The data model in force.
        wanted: String,
        /// The target, where there is one.
        target: Option<String>,
    },
    /// A type that cannot be `_Atomic`, or that compilers pad differently then.
    InvalidAtomic {
        /// The type, as C spells it.
        ty: String,
    },
    /// A type that the policy's compiler places by no known rule: passing it needs that compiler.
    NoKnownRule {
        /// The type, as C spells it.
        ty: String,
        /// The compiler's behaviour.
        why: &'static str,
        /// The target or convention.
        target: String,
    },
    /// A type that has no place in the convention.
    Unsupported {
        /// The type, as C spells it.
        ty: String,
        /// Why the type has no place.
        why: &'static str,
        /// The target or convention.
        target: String,
    },
    /// A signature that is not possible.
    InvalidSignature {
        /// Description of the fault.
        why: &'static str,
    },
    /// A stack that is to be aligned less than its convention aligns it.
    StackAlign {
        /// Alignment that the signature asks for, in bytes.
        align: u32,
        /// Alignment that the convention promises, in bytes.
        least: u32,
        /// The convention's name.
        convention: &'static str,
    },
    /// A calling convention, by its name in a language, that no table is written for.
    UnknownConvention {
        /// The name.
        name: String,
        /// Why there is none.
        why: &'static str,
    },
    /// A machine or system no convention is written for.
    UnknownTarget {
        /// The triple.
        target: String,
    },
    /// A text that is no declaration of C, or has parts of C that are not read
    /// ([`Declaration`](crate::Declaration)).
    Text {
        /// Position in bytes from the start.
        at: usize,
        /// Text at that position.
        found: String,
        /// Description of the fault, and the text that is accepted instead.
        why: String,
    },
}

impl Error {
    pub(crate) fn invalid_type(ty: &Type, why: &'static str) -> Self {
        Self::InvalidType {
            ty: ty.to_string(),
            why,
        }
    }

    /// Adds the target to the refusal of a classifier, which knows its convention alone.
    #[cold]
    pub(crate) fn on(mut self, target: &str) -> Self {
        if let Self::NoKnownRule { target: own, .. } | Self::Unsupported { target: own, .. } =
            &mut self
        {
            *own = format!("{own} on {target}");
        }
        self
    }

    pub(crate) fn too_large(ty: &Type) -> Self {
        Self::TooLarge { ty: ty.to_string() }
    }

    pub(crate) fn too_complex(ty: &Type) -> Self {
        Self::TooComplex { ty: ty.to_string() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidType { ty: name, why } | Self::UnknownConvention { name, why } => {
                write!(f, "{name}: {why}")
            }
            Self::InvalidField { record, field, why } => {
                write!(f, "{record}, field {field}: {why}")
            }
            Self::Layout {
                what,
                quantity,
                given,
                computed,
            } => write!(
                f,
                "{what}: the given {quantity} is {given}, and C's is {computed}"
            ),
            Self::DataModel {
                ty,
                laid_out,
                wanted,
                target,
            } => {
                let target = target.iter().map(|target| alloc::format!(" ({target})"));
                let target = target.collect::<String>();
                write!(
                    f,
                    "{ty}: laid out for {laid_out}, not for the data model {wanted}{target}"
                )
            }
            Self::InvalidAlign { align } => write!(
                f,
                "an alignment of {align} bytes is not a power of two up to {MAX_ALIGN}"
            ),
            Self::TooLarge { ty } => write!(f, "{ty}: the size does not fit the address space"),
            Self::TooComplex { ty } => write!(
                f,
                "{ty}: the type nests deeper than {MAX_DEPTH} levels or has more than {MAX_NODES} members"
            ),
            Self::InvalidAtomic { ty } => write!(
                f,
                "{ty}: `_Atomic` needs a scalar, or a record of 1, 2, 4, 8, 16 or more bytes"
            ),
            Self::NoKnownRule { ty, why, target } | Self::Unsupported { ty, why, target } => {
                write!(f, "{ty}: {why} ({target})")
            }
            Self::InvalidSignature { why } => write!(f, "signature: {why}"),
            Self::StackAlign {
                align,
                least,
                convention,
            } => write!(
                f,
                "signature: a stack alignment of {align} bytes is less than the {least} bytes of the convention {convention}"
            ),
            Self::Text { at, found, why } => write!(f, "byte {at}, `{found}`: {why}"),
            Self::UnknownTarget { target } => write!(f, "{target}: {UNKNOWN}{}", hint(target)),
        }
    }
}

const UNKNOWN: &str = "no C calling convention is known for this target";

/// Returns the known targets near one that is not, or the spelling to use for an ambiguous triple.
fn hint(target: &str) -> &'static str {
    match target.split_once('-') {
        Some(("riscv32" | "riscv64", _)) => {
            ": name the extensions in the triple, as in riscv32gc, riscv64gc or riscv64imac; the ABI depends on them"
        }
        Some((arm, _)) if arm.starts_with("aarch64") || arm == "arm64" => {
            "; known for 64-bit Arm: Linux, Android, the BSDs, Apple and aarch64-pc-windows-msvc"
        }
        Some(("x86_64", _)) => {
            "; known for x86-64: System V, Windows (-gnu, -gnullvm, -msvc), UEFI and Cygwin"
        }
        _ => "; known machines: x86-64, 64-bit Arm, RISC-V, s390x, XCore and C-SKY",
    }
}

impl core::error::Error for Error {}
