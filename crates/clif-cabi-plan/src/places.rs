//! The places that Cranelift gives to the parameters and results of a CLIF signature. How it counts is a matter of each machine: `machine/`.

use std::fmt;

use cabi::Reg;
use smallvec::SmallVec;

use crate::signature::{CallConv, Purpose, ValueType};

/// Where Cranelift puts one parameter.
///
/// Offsets are bytes from the start of the argument area: at a function's entry offset 0 is the byte just above
/// the return address. On `WindowsFastcall` the first 32 bytes are the shadow space, so no parameter is below 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClifPlace {
    /// A register. A value narrower than the register is in its low bytes.
    Reg(Reg),
    /// A slot of 8 bytes, or of 16 for a 16-byte value; the value is in its low bytes.
    Stack {
        /// Bytes from the start of the argument area.
        offset: u32,
    },
    /// The bytes of a [`StructArgument`](Purpose::StructArgument), in the argument area itself; the CLIF value is
    /// their address (in the caller: the address they are copied from).
    Area {
        /// Bytes from the start of the argument area.
        offset: u32,
        /// Bytes.
        size: u32,
    },
}

impl ClifPlace {
    /// The register, if it is one.
    #[must_use]
    pub const fn reg(self) -> Option<Reg> {
        match self {
            Self::Reg(reg) => Some(reg),
            Self::Stack { .. } | Self::Area { .. } => None,
        }
    }
}

impl fmt::Display for ClifPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reg(reg) => reg.fmt(f),
            Self::Stack { offset } => write!(f, "stack {offset}"),
            Self::Area { offset, size } => {
                write!(f, "stack {offset}..{}", offset.saturating_add(*size))
            }
        }
    }
}

/// The places of a whole signature.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Places {
    /// One place for each parameter of the signature, in their order.
    pub params: SmallVec<[ClifPlace; 16]>,
    /// One register for each result of the signature, in their order.
    pub results: SmallVec<[Reg; 4]>,
    /// The register in which the function returns its [`StructReturn`](Purpose::StructReturn) parameter, where
    /// it has one. Cranelift does this unasked when it compiles the function; a CLIF caller never sees it.
    pub sret_returned_in: Option<Reg>,
    /// Bytes of the argument area that a caller reserves: a multiple of 16, the shadow space included.
    pub stack_bytes: u32,
}

/// Cranelift's limit for the argument area, in bytes.
pub const MAX_STACK_BYTES: u32 = 128 << 20;

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

/// Why a signature is refused: Cranelift panics on it, or does something else with it than C does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckError {
    /// A convention, type or purpose of Cranelift's that no plan has. In words.
    Foreign(String),
    /// A convention that Cranelift does not have on the machine, or that no function there is given.
    Convention {
        /// The convention.
        call_conv: CallConv,
    },
    /// A type that Cranelift does not pass in one register, or not as a C compiler does.
    Type {
        /// Which one.
        at: Position,
        /// Its type.
        ty: ValueType,
        /// The convention of the signature.
        call_conv: CallConv,
    },
    /// `uext` or `sext` on something that is not an integer: Cranelift asserts on it.
    Extension {
        /// Which one.
        at: Position,
        /// Its type.
        ty: ValueType,
    },
    /// A purpose that has no meaning in C there: anything but `normal` on a result, a second `sret`, and
    /// under `preserve_all` also `sret` and `sarg` (whose copy Cranelift would make with a `memcpy` it believes to
    /// clobber nothing).
    Purpose {
        /// Which one.
        at: Position,
        /// Its purpose.
        purpose: Purpose,
        /// The convention of the signature.
        call_conv: CallConv,
    },
    /// `sarg` or `sret` of a type other than `i64`: its CLIF value is an address.
    NotAnAddress {
        /// Which one.
        at: Position,
        /// Its purpose.
        purpose: Purpose,
        /// Its type.
        ty: ValueType,
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
        ty: ValueType,
        /// The convention of the signature.
        call_conv: CallConv,
    },
    /// An argument area beyond Cranelift's limit: [`MAX_STACK_BYTES`], or what a callee that pops its arguments can pop.
    AreaTooLarge {
        /// The parameter that exceeds it.
        at: Position,
        /// The limit, in bytes.
        most: u32,
    },
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign(what) => f.write_str(what),
            Self::Convention { call_conv } => {
                write!(
                    f,
                    "`{call_conv}` is not a convention that is lowered on this machine"
                )
            }
            Self::Type {
                at,
                ty: ValueType::I128,
                ..
            } => write!(
                f,
                "{at}: Cranelift does not place an `i128` as C does; split it into two `i64`"
            ),
            Self::Type { at, ty, call_conv } => write!(
                f,
                "{at}: `{ty}` is not passed in one register under `{call_conv}`"
            ),
            Self::Extension { at, ty } => {
                write!(f, "{at}: `{ty}` cannot be extended, only integers can")
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
                "{at}: `{purpose}` is an address and must be `i64`, not `{ty}`"
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
                "{at}: no register is left for a `{ty}` under `{call_conv}`"
            ),
            Self::AreaTooLarge { at, most } => {
                write!(f, "{at}: the argument area exceeds {most} bytes")
            }
        }
    }
}

impl std::error::Error for CheckError {}
