//! The classes of x86-64 System V, and those of basic types: psABI 3.2.3, Classification.

use core::fmt;

use super::classes::{Natural, Stop};
use crate::convention::{Bank, Classify, Role};
use crate::leaf::{Leaf, LeafKind};
use crate::scalar::Scalar;

/// How many eightbytes a value in registers has at most: a 64-byte vector.
pub const MAX_EIGHTBYTES: usize = 8;

/// The class of an eightbyte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Class {
    /// Padding and empty members.
    NoClass,
    /// General purpose registers.
    Integer,
    /// The low eightbyte of a vector register.
    Sse,
    /// The next eightbyte of the vector register before it.
    SseUp,
    /// The x87 register stack: the mantissa.
    X87,
    /// Sign and exponent of the x87 value before it.
    X87Up,
    /// `_Complex long double`: returned in two x87 registers.
    ComplexX87,
    /// The argument area, or an object of the caller's for results.
    Memory,
}

impl Class {
    /// The class of a value that is one part in a register of `bank`.
    pub(crate) const fn of(bank: Bank) -> Self {
        match bank {
            Bank::Int => Self::Integer,
            Bank::Vector => Self::Sse,
            Bank::X87 => Self::X87,
        }
    }

    /// The class of what follows in the same scalar or vector.
    pub(super) const fn goes_on(self) -> Self {
        match self {
            Self::X87 => Self::X87Up,
            Self::Sse => Self::SseUp,
            class => class,
        }
    }

    /// Its name, as the psABI spells it but for capitals.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NoClass => "NoClass",
            Self::Integer => "Integer",
            Self::Sse => "Sse",
            Self::SseUp => "SseUp",
            Self::X87 => "X87",
            Self::X87Up => "X87Up",
            Self::ComplexX87 => "ComplexX87",
            Self::Memory => "Memory",
        }
    }
}

/// "The basic types are assigned their natural classes": those that `leaf` has.
#[inline]
pub(super) fn natural_classes(leaf: &Leaf, cx: &mut Classify<'_, '_>) -> Result<Natural, Stop> {
    match leaf.kind {
        // Padding.
        _ if leaf.unnamed => Ok(Natural::NOTHING),
        // From its first to its last bit: a bit-field may straddle.
        LeafKind::Scalar(scalar) => {
            let first = class_of(scalar);
            let wide = leaf.width_bits > 64;
            Ok(Natural {
                eightbytes: leaf.eightbytes(),
                first,
                rest: if wide { first.goes_on() } else { first },
            })
        }
        LeafKind::Vector(vector) => {
            // Three lanes take the room of four.
            let room = leaf.width_bits.next_power_of_two();
            let first = class_of_vector(room / 8, cx)?;
            let mut whole = *leaf;
            if vector.bools.is_none() {
                whole.width_bits = room;
            }
            Ok(Natural {
                eightbytes: whole.eightbytes(),
                first,
                rest: first.goes_on(),
            })
        }
        LeafKind::Empty | LeafKind::FlexibleArray => Ok(Natural::NOTHING),
    }
}

/// The class of the first eightbyte of a scalar.
#[inline]
pub(super) fn class_of(scalar: Scalar) -> Class {
    match scalar {
        Scalar::F80 => Class::X87,
        Scalar::Dec32 | Scalar::Dec64 | Scalar::Dec128 => Class::Sse,
        scalar if scalar.is_float() => Class::Sse,
        _ => Class::Integer,
    }
}

/// The class of the first eightbyte of a vector of `bytes`. It is in memory if its registers are too narrow, or (the text on `__m256` and `__m512`)
/// nothing names it. Of vectors of less than 8 bytes the text says nothing, and compilers go by the size.
pub(super) fn class_of_vector(bytes: u64, cx: &mut Classify<'_, '_>) -> Result<Class, Stop> {
    let why = if bytes > 16 && cx.role == Role::Unnamed {
        "unnamed vectors wider than 16 bytes are always in memory"
    } else if bytes > cx.vectors.bytes() {
        "a vector wider than the signature's vector level"
    } else {
        return Ok(if bytes <= 4 {
            Class::Integer
        } else {
            Class::Sse
        });
    };
    Err(Stop::memory(why, cx))
}

impl From<Class> for &'static str {
    fn from(class: Class) -> Self {
        class.name()
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
