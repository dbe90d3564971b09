//! Scalars and vectors: the types that are one part to the machine, and how C spells them.

use core::fmt;

/// A type that is one number to the machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Scalar {
    /// `_Bool`: one byte, 0 or 1.
    Bool,
    /// An integer of 8, 16, 32, 64 or 128 bits.
    Int {
        /// Width in bits.
        bits: u8,
        /// Two's complement, or never negative.
        signed: bool,
    },
    /// `_BitInt(bits)`, C23.
    BitInt {
        /// Width in bits, 1 to 65535 (2 and more if signed).
        bits: u16,
        /// Two's complement, or never negative.
        signed: bool,
    },
    /// `_Float16`: IEEE binary16.
    F16,
    /// `__bf16`: the upper half of a binary32.
    BF16,
    /// `float`.
    F32,
    /// `double`.
    F64,
    /// The x87 extended format: 10 bytes that count, stored in 16 (in 12 on i386).
    F80,
    /// `__float128`: IEEE binary128.
    F128,
    /// `_Decimal32`.
    Dec32,
    /// `_Decimal64`.
    Dec64,
    /// `_Decimal128`.
    Dec128,
    /// A pointer to an object.
    Ptr,
    /// A pointer to a function.
    FnPtr,
}

impl Scalar {
    /// Returns whether values are in an integer's format: integers, `_Bool`, `_BitInt` and
    /// pointers.
    #[must_use]
    pub fn is_integer_like(self) -> bool {
        matches!(
            self,
            Self::Bool | Self::Int { .. } | Self::BitInt { .. } | Self::Ptr | Self::FnPtr
        )
    }

    /// Returns whether this is a binary floating-point format, of any width.
    #[must_use]
    pub fn is_float(self) -> bool {
        matches!(
            self,
            Self::F16 | Self::BF16 | Self::F32 | Self::F64 | Self::F80 | Self::F128
        )
    }

    /// Returns whether a value can be negative because its format is a signed integer.
    #[must_use]
    pub fn is_signed(self) -> bool {
        matches!(
            self,
            Self::Int { signed: true, .. } | Self::BitInt { signed: true, .. }
        )
    }

    pub(crate) fn is_int128(self) -> bool {
        matches!(self, Self::Int { bits: 128, .. })
    }

    /// Returns the bits that carry the value; the rest of the object is padding. `size` is that of
    /// the object, in bytes.
    #[must_use]
    pub fn value_bits(self, size: u64) -> u64 {
        match self {
            Self::BitInt { bits, .. } => u64::from(bits),
            Self::F80 => 80,
            _ => size.saturating_mul(8),
        }
    }
}

/// Compiler whose vectors of `_Bool` are meant. Compilers agree on their bytes in memory alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum BoolVector {
    /// clang's `ext_vector_type(N)` of `_Bool`: an integer of N bits, rounded up to a power of two
    /// bytes.
    Clang,
    /// Zig's `@Vector(N, bool)`: a wide argument has one integer register or stack slot per lane.
    Zig,
}

/// A vector: `lanes` times `lane`, or a packed vector of bools.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Vector {
    /// Type of a lane.
    pub lane: Scalar,
    /// Number of lanes.
    pub lanes: u16,
    /// `Some` for a vector of bools, one bit a lane.
    pub bools: Option<BoolVector>,
}

impl Vector {
    /// Returns the bits of a vector of `size` bytes that carry lanes: three lanes take the place of
    /// four, and only three have a value.
    #[must_use]
    pub fn value_bits(self, size: u64) -> u64 {
        let lanes = u64::from(self.lanes);
        match self.bools {
            Some(_) => lanes,
            None => size / lanes.next_power_of_two() * 8 * lanes,
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::Bool => "_Bool",
            Self::Int { bits, signed } => match int_name(bits, signed) {
                Some(name) => name,
                None => return write!(f, "{}int{bits}", if signed { "" } else { "u" }),
            },
            Self::BitInt { bits, signed } => {
                return write!(
                    f,
                    "{}_BitInt({bits})",
                    if signed { "" } else { "unsigned " }
                );
            }
            Self::F16 => "_Float16",
            Self::BF16 => "__bf16",
            Self::F32 => "float",
            Self::F64 => "double",
            Self::F80 => "long double",
            Self::F128 => "__float128",
            Self::Dec32 => "_Decimal32",
            Self::Dec64 => "_Decimal64",
            Self::Dec128 => "_Decimal128",
            Self::Ptr => "void *",
            Self::FnPtr => "void (*)()",
        };
        f.write_str(name)
    }
}

/// Returns C's name of the integer of `bits` bits.
fn int_name(bits: u8, signed: bool) -> Option<&'static str> {
    Some(match (bits, signed) {
        (8, true) => "signed char",
        (8, false) => "unsigned char",
        (16, true) => "short",
        (16, false) => "unsigned short",
        (32, true) => "int",
        (32, false) => "unsigned int",
        (64, true) => "long long",
        (64, false) => "unsigned long long",
        (128, true) => "__int128",
        (128, false) => "unsigned __int128",
        _ => return None,
    })
}

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bools {
            None => write!(f, "{} vector[{}]", self.lane, self.lanes),
            Some(BoolVector::Clang) => write!(f, "_Bool vector[{}]", self.lanes),
            Some(BoolVector::Zig) => write!(f, "@Vector({}, bool)", self.lanes),
        }
    }
}
