//! The classes of x86-64 System V: psABI 3.2.3, Classification, Definitions; and the
//! classes of all eightbytes of a value.

use alloc::boxed::Box;
use core::fmt;
use core::ops::Range;

use crate::convention::{Bank, Classify};
use crate::leaf::Leaf;
use crate::types::error::Error;

/// Most eightbytes of a value in registers: those of a 64-byte vector.
pub(super) const MAX_EIGHTBYTES: usize = 8;

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
    /// Returns the class of a value that is one part in a register of `bank`.
    pub(crate) const fn of(bank: Bank) -> Self {
        match bank {
            Bank::Int => Self::Integer,
            Bank::Vector => Self::Sse,
            Bank::X87 => Self::X87,
        }
    }

    /// Returns the class of the next eightbyte of the same scalar or vector.
    pub(super) const fn goes_on(self) -> Self {
        match self {
            Self::X87 => Self::X87Up,
            Self::Sse => Self::SseUp,
            class => class,
        }
    }

    /// Returns its name, as the psABI spells it but for capitals.
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

/// Reason to look at no more leaves of a value.
pub(super) enum Stop {
    /// The whole value is in memory.
    Memory,
    /// A vector of bools: each lane has an integer register or a stack slot.
    PerElement { lanes: u16 },
    /// No rule says how the value is passed.
    Refused(Box<Error>),
}

impl Stop {
    pub(super) fn memory(why: &'static str, cx: &mut Classify<'_, '_>) -> Self {
        cx.tracer.memory(why);
        Self::Memory
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(Box::new(error))
    }
}

/// One class per eightbyte of a value; or what one leaf adds to them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Classes {
    classes: [Class; MAX_EIGHTBYTES],
    /// A bit for each byte: those of each eightbyte up to the last that some leaf uses. The rest is
    /// padding, and may not even be there.
    used: u64,
    len: u8,
}

impl Classes {
    /// `NoClass` for [`MAX_EIGHTBYTES`], none of them used.
    pub(super) const NOTHING: Self = Self {
        classes: [Class::NoClass; MAX_EIGHTBYTES],
        used: 0,
        len: 8,
    };

    /// Returns `NoClass` for each eightbyte of `size` bytes, at most 64.
    #[inline]
    pub(super) fn none(size: u64) -> Self {
        let len = u8::try_from(size.min(64)).unwrap_or(64).div_ceil(8);
        Self {
            len,
            ..Self::NOTHING
        }
    }

    /// Returns `first`, then `rest`, for all of `size` bytes.
    pub(super) fn whole(size: u64, first: Class, rest: Class) -> Self {
        let mut classes = Self::none(size);
        for (i, class) in classes.as_mut_slice().iter_mut().enumerate() {
            *class = if i == 0 { first } else { rest };
        }
        classes.use_bytes(0, size);
        classes
    }

    /// Returns the classes that `leaf` adds: `first`, then `rest`, in `eightbytes`.
    pub(super) fn of_leaf(
        leaf: &Leaf,
        eightbytes: Range<usize>,
        (first, rest): (Class, Class),
    ) -> Self {
        if eightbytes.is_empty() {
            return Self::NOTHING;
        }
        let mut adds = Self::bytes_of(leaf);
        for i in eightbytes.start..eightbytes.end.min(MAX_EIGHTBYTES) {
            adds.classes[i] = if i == eightbytes.start { first } else { rest };
        }
        adds
    }

    /// Returns `Integer` wherever `leaf` is. A leaf without bytes counts in the eightbyte it starts
    /// in.
    pub(super) fn integers(leaf: &Leaf) -> Self {
        let first = eightbyte(leaf.offset_bits / 8);
        let all = first..leaf.eightbytes().end.max(first + 1);
        Self::of_leaf(leaf, all, (Class::Integer, Class::Integer))
    }

    /// Returns the bytes of `leaf` without a class.
    pub(super) fn bytes_of(leaf: &Leaf) -> Self {
        let mut adds = Self::NOTHING;
        adds.use_bytes(eightbyte(leaf.offset_bits / 8), leaf.bytes().end);
        adds
    }

    /// Marks the bytes from eightbyte `first` on, and before byte `end`, as used. Only after a
    /// vector of 64 bytes, all used, is there no such eightbyte.
    #[inline]
    pub(super) fn use_bytes(&mut self, first: usize, end: u64) {
        let before_end = if end < 64 { (1 << end) - 1 } else { u64::MAX };
        self.used |= before_end & u64::MAX << (8 * first as u64 % 64);
    }

    /// Marks the bytes that `other` uses as used.
    #[inline]
    pub(super) fn use_bytes_of(&mut self, other: &Self) {
        self.used |= other.used;
    }

    /// Returns how many bytes of eightbyte `i` are used, or are padding before a used one. It is at
    /// least 1, because an array of no elements may give the eightbyte a class.
    #[inline]
    pub(super) fn used(&self, i: u8) -> u8 {
        let byte = self.used.checked_shr(8 * u32::from(i)).unwrap_or(0) & 0xff;
        u8::try_from((byte | 1).ilog2() + 1).unwrap_or(8)
    }

    /// Returns the classes, one per eightbyte of the value.
    #[inline]
    pub(super) fn as_slice(&self) -> &[Class] {
        self.classes
            .get(..usize::from(self.len))
            .unwrap_or(&self.classes)
    }

    #[inline]
    pub(super) fn as_mut_slice(&mut self) -> &mut [Class] {
        let len = usize::from(self.len).min(MAX_EIGHTBYTES);
        &mut self.classes[..len]
    }

    /// Returns the class of eightbyte `i`.
    #[inline]
    pub(super) fn get_mut(&mut self, i: usize) -> Option<&mut Class> {
        self.classes.get_mut(i)
    }

    /// Returns the classes of eightbytes `first` to `end`, as far as there are any.
    #[inline]
    pub(super) fn between(&mut self, first: usize, end: usize) -> &mut [Class] {
        let all = self.classes.get_mut(first..end.min(MAX_EIGHTBYTES));
        all.unwrap_or_default()
    }
}

/// Returns the eightbyte that byte `offset` is in. For a byte further away than a `usize` counts,
/// returns one that no value in registers has.
#[inline]
pub(super) fn eightbyte(offset: u64) -> usize {
    usize::try_from(offset / 8).unwrap_or(MAX_EIGHTBYTES)
}
