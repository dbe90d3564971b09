//! The classes of x86-64 System V: psABI 3.2.3, Classification.

use core::fmt;
use core::ops::Range;

use crate::convention::Bank;

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

/// One class per eightbyte of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Classes {
    classes: [Class; MAX_EIGHTBYTES],
    /// Of each eightbyte, the bytes up to the last that some leaf uses; the rest is padding, and may not even be there.
    used: [u8; MAX_EIGHTBYTES],
    len: u8,
}

impl Classes {
    /// `NoClass` for each eightbyte of `size` bytes, at most 64.
    #[inline]
    pub(super) fn none(size: u64) -> Self {
        let len = u8::try_from(size.div_ceil(8)).unwrap_or(u8::MAX).min(8);
        Self {
            classes: [Class::NoClass; MAX_EIGHTBYTES],
            used: [0; MAX_EIGHTBYTES],
            len,
        }
    }

    /// `first`, then `rest`, for all of `size` bytes.
    pub(super) fn whole(size: u64, first: Class, rest: Class) -> Self {
        let mut all = Self::none(size);
        for (i, class) in all.as_mut_slice().iter_mut().enumerate() {
            *class = if i == 0 { first } else { rest };
        }
        (0..MAX_EIGHTBYTES).for_each(|i| all.use_up_to(i, size));
        all
    }

    /// Marks the bytes of eightbyte `i` before `end`, counted from the start of the value, as used.
    #[inline]
    pub(super) fn use_up_to(&mut self, i: usize, end: u64) {
        if let Some(used) = self.used.get_mut(i) {
            let end = end.saturating_sub(8 * i as u64).min(8);
            *used = (*used).max(u8::try_from(end).unwrap_or(8));
        }
    }

    /// The bytes of eightbyte `i` that are used.
    #[inline]
    pub(super) fn used(&self, i: usize) -> u8 {
        self.used.get(i).copied().unwrap_or(0)
    }

    /// The classes of the eightbytes `range` as those of a value of its own.
    pub(super) fn part(&self, range: Range<usize>) -> Self {
        let mut part = Self::none(8 * range.len() as u64);
        for (i, from) in range.enumerate() {
            if let (Some(class), Some(used)) = (part.classes.get_mut(i), part.used.get_mut(i)) {
                *class = self.classes.get(from).copied().unwrap_or(Class::NoClass);
                *used = self.used.get(from).copied().unwrap_or(0);
            }
        }
        part
    }

    /// Puts `part` in place of the eightbytes from `first` on.
    pub(super) fn set_part(&mut self, first: usize, part: &Self) {
        let into = self.classes.iter_mut().zip(&mut self.used).skip(first);
        let new = part.as_slice().iter().zip(part.used);
        for ((class, used), (new, bytes)) in into.zip(new) {
            (*class, *used) = (*new, bytes);
        }
    }

    /// The classes, one per eightbyte of the value.
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
}

/// What classifying a value gives.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Registers, if enough are free.
    Classes(Classes),
    /// Memory.
    Memory,
    /// One integer register or stack slot per lane of a vector of bools.
    PerElement {
        /// Number of lanes.
        lanes: u16,
    },
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

    /// The registers of a part that starts with an eightbyte of this class.
    pub(crate) const fn bank(self) -> Bank {
        match self {
            Self::Sse | Self::SseUp => Bank::Vector,
            Self::X87 | Self::X87Up | Self::ComplexX87 => Bank::X87,
            Self::NoClass | Self::Integer | Self::Memory => Bank::Int,
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
