//! Moves of registers from and to objects: of vectors that CLIF has no types for, or that are no results of any of its calls, and of what invokers pass.

use std::fmt;
use std::str::FromStr;

use cabi::Extension;

/// A register, and the bytes of an object that it holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RegisterMove<W> {
    /// How much of the register.
    pub width: W,
    /// The number of the register, which is one of parameters or results.
    pub register: u8,
    /// Bytes from the start of the object.
    pub offset: u32,
}

/// A move of a vector register of parameters.
pub type VectorMove = RegisterMove<VectorWidth>;
/// A move of an integer register, of parameters where it is loaded, of results where it is stored.
pub type IntMove = RegisterMove<IntWidth>;

impl VectorMove {
    /// The bytes of the widest register.
    pub(crate) const MOST_BYTES: u32 = VectorWidth::V512.bytes();

    /// Whether it moves more of the register than the 16 bytes that all instructions know.
    pub(crate) fn is_wide(&self) -> bool {
        self.width > VectorWidth::V128
    }
}

/// How much of a register is moved.
pub(super) trait Width: Copy + PartialEq + 'static {
    /// Each with the word that names of stubs have for it, before the number of the register.
    const WORDS: &'static [(Self, &'static str)];
}

/// How much of a vector register is moved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum VectorWidth {
    /// 4 bytes.
    V32,
    /// 8 bytes.
    V64,
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
            Self::V32 => 4,
            Self::V64 => 8,
            Self::V128 => 16,
            Self::V256 => 32,
            Self::V512 => 64,
        }
    }

    /// The width of so many bytes, of those that every machine has.
    pub(crate) fn of(bytes: u8) -> Option<Self> {
        let mut all = [Self::V32, Self::V64, Self::V128].into_iter();
        all.find(|width| width.bytes() == bytes.into())
    }

    /// The feature of the machines that have such registers, as `-m` and `target` attributes spell it; every x86-64 machine has those of 16 bytes.
    #[must_use]
    pub const fn feature(self) -> Option<&'static str> {
        match self {
            Self::V32 | Self::V64 | Self::V128 => None,
            Self::V256 => Some("avx"),
            Self::V512 => Some("avx512f"),
        }
    }
}

/// As registers and instructions are called on x86-64, which alone has the wider ones.
impl Width for VectorWidth {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::V32, "ss"),
        (Self::V64, "sd"),
        (Self::V128, "xmm"),
        (Self::V256, "ymm"),
        (Self::V512, "zmm"),
    ];
}

/// How many bytes are moved to or from an integer register, and how those that are loaded are extended: with zeros to the whole register, or with
/// copies of the sign to at least 4 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IntWidth {
    /// 1 byte, with zeros.
    U8,
    /// 1 byte, with copies of the sign.
    I8,
    /// 2 bytes, with zeros.
    U16,
    /// 2 bytes, with copies of the sign.
    I16,
    /// 4 bytes, with zeros.
    U32,
    /// 8 bytes.
    U64,
}

impl IntWidth {
    /// So many bytes, if there is a move of as many that extends them so.
    pub(crate) fn of(bytes: u8, extension: Extension) -> Option<Self> {
        Some(match (bytes, extension) {
            (1, Extension::Sign) => Self::I8,
            (2, Extension::Sign) => Self::I16,
            (4, Extension::Sign) => return None,
            (1, _) => Self::U8,
            (2, _) => Self::U16,
            (4, _) => Self::U32,
            (8, _) => Self::U64,
            _ => return None,
        })
    }
}

impl Width for IntWidth {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::U8, "byte"),
        (Self::I8, "sbyte"),
        (Self::U16, "word"),
        (Self::I16, "sword"),
        (Self::U32, "dword"),
        (Self::U64, "qword"),
    ];
}

/// As the name of a stub spells it.
impl<W: Width> fmt::Display for RegisterMove<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = W::WORDS.iter().find(|(width, _)| *width == self.width);
        let (_, word) = own.ok_or(fmt::Error)?;
        write!(f, "{word}{}", self.register)?;
        match self.offset {
            0 => Ok(()),
            offset => write!(f, "at{offset}"),
        }
    }
}

impl<W: Width> FromStr for RegisterMove<W> {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (register, offset) = text.split_once("at").unwrap_or((text, "0"));
        let read = |(width, word): &(W, &str)| {
            Some(Self {
                width: *width,
                register: register.strip_prefix(*word)?.parse().ok()?,
                offset: offset.parse().ok()?,
            })
        };
        W::WORDS.iter().find_map(read).ok_or(())
    }
}
