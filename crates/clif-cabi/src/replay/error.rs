//! Why a signature cannot be replayed, in words that name the parameter, its type and the convention.

use std::fmt;

use cranelift_codegen::ir::{ArgumentPurpose, Type, types};
use cranelift_codegen::isa::CallConv;

use super::MAX_STACK_BYTES;

/// A parameter or a result of a signature, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Position {
    /// `sig.params[_]`
    Param(usize),
    /// `sig.returns[_]`
    Result(usize),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Param(index) => write!(f, "parameter {index}"),
            Self::Result(index) => write!(f, "result {index}"),
        }
    }
}

/// Why a signature cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayError {
    /// A convention that no C function has, or not on x86-64.
    Convention(CallConv),
    /// A type that Cranelift does not pass in one register, or not as a C compiler does.
    Type {
        /// Which one.
        at: Position,
        /// Its type.
        ty: Type,
        /// The convention of the signature.
        call_conv: CallConv,
    },
    /// `uext` or `sext` on something that is not an integer: Cranelift asserts on it.
    Extension {
        /// Which one.
        at: Position,
        /// Its type.
        ty: Type,
    },
    /// A purpose that has no meaning in C there: `vmctx`, anything but `normal` on a result, a second `sret`, and
    /// under `preserve_all` also `sret` and `sarg` (whose copy Cranelift would make with a `memcpy` it believes to
    /// clobber nothing).
    Purpose {
        /// Which one.
        at: Position,
        /// Its purpose.
        purpose: ArgumentPurpose,
        /// The convention of the signature.
        call_conv: CallConv,
    },
    /// `sarg` or `sret` of a type other than `i64`: its CLIF value is an address.
    NotAnAddress {
        /// Which one.
        at: Position,
        /// Its purpose.
        purpose: ArgumentPurpose,
        /// Its type.
        ty: Type,
    },
    /// `sarg(size)` with a size that is not a multiple of 8: Cranelift panics on it.
    StructArgumentSize {
        /// Which one.
        at: Position,
        /// Bytes.
        size: u32,
    },
    /// `sret` together with results: Cranelift panics on it.
    SretWithResults {
        /// How many results there are.
        results: usize,
    },
    /// More results of a class than the convention has registers for.
    TooManyResults {
        /// The first result without a register.
        at: Position,
        /// Its type.
        ty: Type,
        /// The convention of the signature.
        call_conv: CallConv,
    },
    /// An argument area beyond Cranelift's limit of [`MAX_STACK_BYTES`].
    AreaTooLarge {
        /// The parameter that exceeds it.
        at: Position,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Convention(call_conv) => {
                write!(f, "`{call_conv}` is not a C calling convention of x86-64")
            }
            Self::Type { at, ty, .. } if *ty == types::I128 => write!(
                f,
                "{at}: Cranelift does not place an `i128` as C does; split it into two `i64`"
            ),
            Self::Type { at, ty, call_conv } => write!(
                f,
                "{at}: `{}` does not travel in one register under `{call_conv}` on x86-64",
                Name(*ty)
            ),
            Self::Extension { at, ty } => {
                write!(
                    f,
                    "{at}: `{}` cannot be extended, only integers can",
                    Name(*ty)
                )
            }
            Self::Purpose {
                at,
                purpose,
                call_conv: of,
            } => write!(
                f,
                "{at}: `{purpose}` has no place here in a C signature under `{of}`"
            ),
            Self::NotAnAddress { at, purpose, ty } => write!(
                f,
                "{at}: `{purpose}` is an address and must be `i64`, not `{}`",
                Name(*ty)
            ),
            Self::StructArgumentSize { at, size } => {
                write!(f, "{at}: the size of `sarg({size})` is not a multiple of 8")
            }
            Self::SretWithResults { results } => write!(
                f,
                "a signature with `sret` cannot have results, this one has {results}"
            ),
            Self::TooManyResults { at, ty, call_conv } => write!(
                f,
                "{at}: no register is left for a `{}` under `{call_conv}` on x86-64",
                Name(*ty)
            ),
            Self::AreaTooLarge { at } => {
                write!(f, "{at}: the argument area exceeds {MAX_STACK_BYTES} bytes")
            }
        }
    }
}

impl std::error::Error for ReplayError {}

/// A type's name. Cranelift's own formatting panics on a type that is none, such as `INVALID`.
struct Name(Type);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ty = self.0;
        if ty.is_int() || ty.is_float() || ty.is_vector() {
            write!(f, "{ty}")
        } else {
            write!(f, "{ty:?}")
        }
    }
}
