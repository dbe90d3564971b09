//! Moves between registers and objects. They move vectors that CLIF has no types for or that no
//! call of CLIF's returns, and the values that invokers pass.

use std::fmt;
use std::str::FromStr;

use cabi::Extension;

use crate::machine::registers::RegClass;

/// A register, and the bytes of an object that it holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RegisterMove {
    /// The register's class, and how much of it is moved.
    pub width: MoveWidth,
    /// Number of the register among those of parameters. Among those of results for an integer
    /// register that is stored, and a vector register loaded as a result.
    pub register: u8,
    /// Bytes from the start of the object.
    pub offset: u32,
}

impl RegisterMove {
    /// The bytes of the widest register.
    pub(crate) const MOST_BYTES: u32 = MoveWidth::V512.bytes();
}

/// The part of an integer or a vector register (`V`) that is moved. A value loaded to an integer
/// register is extended with zeros to the whole register. `I`: it is extended with copies of the
/// sign to at least 4 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the numbers are bits")]
pub enum MoveWidth {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    V32,
    V64,
    /// A double on the x87 stack, as a result.
    St64,
    V128,
    V256,
    V512,
}

impl MoveWidth {
    /// Each width with its word in the names of stubs, before the number of the register. Vector
    /// registers, and instructions on parts of them, are named as on x86-64, which alone has the
    /// wider ones.
    const WORDS: [(Self, &'static str); 13] = [
        (Self::U8, "byte"),
        (Self::I8, "sbyte"),
        (Self::U16, "word"),
        (Self::I16, "sword"),
        (Self::U32, "dword"),
        (Self::I32, "sdword"),
        (Self::U64, "qword"),
        (Self::V32, "ss"),
        (Self::V64, "sd"),
        (Self::St64, "st"),
        (Self::V128, "xmm"),
        (Self::V256, "ymm"),
        (Self::V512, "zmm"),
    ];

    /// Returns its bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::V32 => 4,
            Self::U64 | Self::V64 | Self::St64 => 8,
            Self::V128 => 16,
            Self::V256 => 32,
            Self::V512 => 64,
        }
    }

    /// Returns the width of so many bytes in a register of `class`, extended so, if every machine
    /// moves them at once.
    pub(crate) fn of(class: RegClass, bytes: u8, extension: Extension) -> Option<Self> {
        Some(match (class, bytes, extension) {
            (RegClass::Int, 1, Extension::Sign) => Self::I8,
            (RegClass::Int, 2, Extension::Sign) => Self::I16,
            (RegClass::Int, 4, Extension::Sign) => Self::I32,
            (RegClass::Int, 1, _) => Self::U8,
            (RegClass::Int, 2, _) => Self::U16,
            (RegClass::Int, 4, _) => Self::U32,
            (RegClass::Int, 8, _) => Self::U64,
            (RegClass::Vector, 4, _) => Self::V32,
            (RegClass::Vector, 8, _) => Self::V64,
            (RegClass::Vector, 16, _) => Self::V128,
            _ => return None,
        })
    }

    /// Returns the processor feature that has such registers, as `-m` and `target` attributes spell
    /// it; every machine has those of 16 bytes.
    #[must_use]
    pub const fn feature(self) -> Option<&'static str> {
        match self {
            Self::V256 => Some("avx"),
            Self::V512 => Some("avx512f"),
            _ => None,
        }
    }
}

/// As the name of a stub spells it.
impl fmt::Display for RegisterMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = MoveWidth::WORDS.iter();
        let own = words.find(|(width, _)| *width == self.width);
        write!(f, "{}{}", own.map_or("", |own| own.1), self.register)?;
        match self.offset {
            0 => Ok(()),
            offset => write!(f, "at{offset}"),
        }
    }
}

impl FromStr for RegisterMove {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (register, offset) = text.split_once("at").unwrap_or((text, "0"));
        let parsed = |(width, word)| {
            Some(Self {
                width,
                register: register.strip_prefix(word)?.parse().ok()?,
                offset: offset.parse().ok()?,
            })
        };
        MoveWidth::WORDS.into_iter().find_map(parsed).ok_or(())
    }
}
