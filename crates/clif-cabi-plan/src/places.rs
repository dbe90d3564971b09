//! Cranelift's places of the parameters and results of a CLIF signature. Each `machine/` counts
//! them.

use std::fmt;

use cabi::Reg;
use smallvec::SmallVec;

/// The place where Cranelift puts one parameter.
///
/// Offsets are bytes from the start of the argument area: at a function's entry offset 0 is just
/// above the return address. On `WindowsFastcall` the first 32 bytes are the shadow space, so no
/// parameter is below 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClifPlace {
    /// A register. A value narrower than the register is in its low bytes.
    Reg(Reg),
    /// The first byte of a value that is in a slot of its own.
    Stack {
        /// Bytes from the start of the argument area.
        offset: u32,
    },
    /// Bytes of a [`StructArgument`](crate::Purpose::StructArgument), in the argument area itself;
    /// the CLIF value is their address (in the caller: the address they are copied from).
    Area {
        /// Bytes from the start of the argument area.
        offset: u32,
        /// Bytes.
        size: u32,
    },
}

impl ClifPlace {
    /// Returns the register, if it is one.
    #[must_use]
    pub const fn reg(self) -> Option<Reg> {
        match self {
            Self::Reg(reg) => Some(reg),
            Self::Stack { .. } | Self::Area { .. } => None,
        }
    }

    /// Returns the first byte of the slot in the argument area, and the first byte after it. A slot
    /// has `bytes` bytes, of which `before` are before the value. `None` for a register.
    pub(crate) fn in_area(self, (bytes, before): (u32, u32)) -> Option<(u32, u32)> {
        let (offset, size) = match self {
            Self::Reg(_) => return None,
            Self::Stack { offset } => (offset.saturating_sub(before), bytes),
            Self::Area { offset, size } => (offset, size),
        };
        Some((offset, offset.saturating_add(size)))
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
    /// Register in which the function returns its [`StructReturn`](crate::Purpose::StructReturn)
    /// parameter, if it has one. Cranelift adds this result; a CLIF caller never sees it.
    pub sret_returned_in: Option<Reg>,
    /// Bytes of the argument area that a caller reserves: a multiple of 16, the shadow space
    /// included.
    pub stack_bytes: u32,
}

/// Cranelift's limit for the argument area, in bytes.
pub const MAX_STACK_BYTES: u32 = 128 << 20;
