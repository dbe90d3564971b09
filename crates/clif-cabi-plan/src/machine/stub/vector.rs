//! Moves of vector registers that CLIF has no types for, or that are no results of any of its calls.

use std::fmt;
use std::str::FromStr;

/// A vector register of parameters, and the bytes of an object that it holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct VectorMove {
    /// How much of the register.
    pub width: VectorWidth,
    /// The number of the register, which is one of parameters.
    pub register: u8,
    /// Bytes from the start of the object.
    pub offset: u32,
}

impl VectorMove {
    /// The bytes of the widest register.
    pub(crate) const MOST_BYTES: u32 = VectorWidth::V512.bytes();

    /// Whether it moves more of the register than the 16 bytes that all instructions know.
    pub(crate) fn is_wide(&self) -> bool {
        self.width != VectorWidth::V128
    }
}

/// How much of a vector register is moved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum VectorWidth {
    /// 16 bytes.
    V128,
    /// 32 bytes.
    V256,
    /// 64 bytes.
    V512,
}

impl VectorWidth {
    /// Bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::V128 => 16,
            Self::V256 => 32,
            Self::V512 => 64,
        }
    }

    /// What its registers are called in names of stubs, but for the number: as on x86-64, which alone has the wider ones.
    const fn register(self) -> &'static str {
        match self {
            Self::V128 => "xmm",
            Self::V256 => "ymm",
            Self::V512 => "zmm",
        }
    }

    /// The feature of the machines that have such registers, as `-m` and `target` attributes spell it; every x86-64 machine has those of 16 bytes.
    #[must_use]
    pub const fn feature(self) -> Option<&'static str> {
        match self {
            Self::V128 => None,
            Self::V256 => Some("avx"),
            Self::V512 => Some("avx512f"),
        }
    }
}

/// As the name of a stub spells it.
impl fmt::Display for VectorMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.width.register(), self.register)?;
        match self.offset {
            0 => Ok(()),
            offset => write!(f, "at{offset}"),
        }
    }
}

impl FromStr for VectorMove {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (register, offset) = text.split_once("at").unwrap_or((text, "0"));
        let widths = [VectorWidth::V128, VectorWidth::V256, VectorWidth::V512];
        let read = |width: VectorWidth| {
            Some(Self {
                width,
                register: register.strip_prefix(width.register())?.parse().ok()?,
                offset: offset.parse().ok()?,
            })
        };
        widths.into_iter().find_map(read).ok_or(())
    }
}
