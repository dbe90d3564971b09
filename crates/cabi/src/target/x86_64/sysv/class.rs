//! The classes of x86-64 System V: psABI 3.2.3, Classification, Definitions.

use alloc::boxed::Box;
use core::fmt;

use crate::convention::{Bank, Classify};
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
