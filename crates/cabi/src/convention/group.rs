//! Output of a classifier: the parts of a C value, and the kind of place that it asks for.

use alloc::boxed::Box;
use core::fmt;

use smallvec::SmallVec;

use super::registers::{Bank, Reg, RegCounts};

/// The form that a part has in its location.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the names say it: integers, floats and vectors of so many bits"
)]
pub enum PartType {
    I8,
    I16,
    I32,
    I64,
    F16,
    F32,
    F64,
    F80,
    V128,
    V256,
    V512,
}

impl PartType {
    /// Every type.
    const ALL: [Self; 11] = {
        use PartType::*;
        [I8, I16, I32, I64, F16, F32, F64, F80, V128, V256, V512]
    };

    /// Returns the bytes of a register or slot that the type fills; 10 for `F80`.
    #[must_use]
    pub const fn bytes(self) -> u8 {
        match self {
            Self::I8 => 1,
            Self::I16 | Self::F16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 => 8,
            Self::F80 => 10,
            Self::V128 => 16,
            Self::V256 => 32,
            Self::V512 => 64,
        }
    }

    /// Returns whether it is an integer.
    #[must_use]
    pub const fn is_int(self) -> bool {
        matches!(self, Self::I8 | Self::I16 | Self::I32 | Self::I64)
    }
}

/// A set of part types, one bit for each, for guards.
///
/// # Example
/// ```
/// use cabi::convention::{PartType, PartTypes};
///
/// const INTS: PartTypes = PartTypes::of(&[PartType::I32, PartType::I64]);
/// assert!(INTS.has(PartType::I64) && !INTS.has(PartType::F64));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartTypes(u16);

impl PartTypes {
    /// Returns the set of `types`.
    #[must_use]
    pub const fn of(types: &[PartType]) -> Self {
        let (mut bits, mut rest) = (0, types);
        while let [ty, tail @ ..] = rest {
            bits |= 1 << *ty as u8;
            rest = tail;
        }
        Self(bits)
    }

    /// Returns whether `ty` is in the set.
    #[must_use]
    #[inline]
    pub const fn has(self, ty: PartType) -> bool {
        self.0 >> (ty as u8) & 1 != 0
    }

    /// Returns the types, integers first, narrow ones before wide ones.
    pub fn iter(self) -> impl Iterator<Item = PartType> {
        PartType::ALL.into_iter().filter(move |ty| self.has(*ty))
    }
}

impl fmt::Debug for PartTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The bits that a narrow value is extended with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Extension {
    /// Not at all: the bits keep their old value.
    #[default]
    None,
    /// With copies of the sign.
    Sign,
    /// With zeros.
    Zero,
}

/// A part of a value, which is passed as a unit. One word, so that copying it is one move.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[repr(align(8))]
pub struct Part {
    /// The registers it asks for.
    pub bank: Bank,
    /// The form that it has in its location.
    pub ty: PartType,
    /// First byte of the object that the part holds.
    pub offset: u8,
    /// Number of bytes of the object that it holds: the low-order ones of its location. If its type
    /// has more, the rest is unspecified.
    pub size: u8,
    /// Extension of a narrow integer.
    pub extension: Extension,
}

/// Properties of an argument besides its type; LLVM's `ArgFlagsTy`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ArgFlags(u8);

impl ArgFlags {
    /// Nothing special.
    pub const NONE: Self = Self(0);
    /// `inreg`.
    pub const IN_REG: Self = Self(1);
    /// The static chain.
    pub const NEST: Self = Self(2);
    /// By value in the argument area, whatever its class.
    pub const BYVAL: Self = Self(4);
    /// The hidden pointer to where a result goes. Set by `FnAbi`, not by callers.
    pub const SRET: Self = Self(8);
    /// Part of a value that was split. Set by classifiers.
    pub const SPLIT: Self = Self(16);
    /// In a vector register and a copy in an integer register. Set by classifiers.
    pub(crate) const IN_BOTH: Self = Self(32);

    /// Returns whether all of `flags` are set.
    #[must_use]
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Returns the flags of `self` and of `flags`.
    #[must_use]
    pub const fn and(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }
}

/// A list of up to four parts without the heap: the most any convention known here makes of one
/// value.
pub type Parts = SmallVec<[Part; 4]>;

/// The parts of one C value, as the classifier of a convention makes them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Kind of place that the value asks for.
    pub kind: GroupKind,
    /// Its parts, if it asks for registers.
    pub parts: Parts,
    /// Bytes of the value.
    pub size: u64,
    /// Its alignment in the argument area, before the area's own minimum, in bytes.
    pub align: u32,
    /// Flags of the argument.
    pub flags: ArgFlags,
    /// `true` if some parts may be in registers and others on the stack, where each part is as
    /// aligned as it is in the value.
    pub may_split: bool,
    /// Registers that are used up for later values too, if some part finds none.
    pub exhausts: &'static [Reg],
    /// Group that is used instead if a part finds no register (RISC-V: integers instead of floats).
    pub otherwise: Option<Box<Group>>,
    /// Registers that the value counts for, if [`Rules::adjust`](crate::convention::Rules::adjust)
    /// or [`Rules::va_arg`](crate::convention::Rules::va_arg) has to know. Nobody else reads it.
    pub counts: Option<RegCounts>,
}

/// Role of a value in a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Role {
    /// An argument with a parameter.
    Named,
    /// An argument after the `...`.
    Unnamed,
    /// The result.
    Result,
}

impl Role {
    /// Returns the role of an argument, which is `named` or not.
    #[must_use]
    pub const fn of_argument(named: bool) -> Self {
        if named { Self::Named } else { Self::Unnamed }
    }
}

/// Kind of place that a value asks for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum GroupKind {
    /// None: it has no bytes that are passed.
    Ignore,
    /// Registers for its parts.
    Registers,
    /// Memory.
    Memory,
    /// One register or slot for each lane.
    PerElement {
        /// Number of lanes.
        lanes: u16,
    },
}

impl Group {
    /// Returns a value that asks for nothing.
    #[must_use]
    pub fn ignore() -> Self {
        Self::new(GroupKind::Ignore, 0, 1)
    }

    /// Returns a value of `size` bytes, aligned to `align` in the argument area, that has no parts
    /// yet.
    #[must_use]
    pub fn new(kind: GroupKind, size: u64, align: u32) -> Self {
        Self {
            kind,
            parts: Parts::new(),
            size,
            align,
            flags: ArgFlags::NONE,
            may_split: false,
            exhausts: &[],
            otherwise: None,
            counts: None,
        }
    }

    /// Returns a value that is `part`, aligned to its size.
    #[inline(always)]
    pub(crate) fn of_part(part: Part) -> Self {
        const NOTHING: Part = Part {
            size: 0,
            ..Part::int(PartType::I8, Extension::None)
        };
        Self {
            kind: GroupKind::Registers,
            parts: Parts::from_buf_and_len([part, NOTHING, NOTHING, NOTHING], 1),
            size: part.size.into(),
            align: part.size.into(),
            flags: ArgFlags::NONE,
            may_split: false,
            exhausts: &[],
            otherwise: None,
            counts: None,
        }
    }

    /// Sets the group that the value asks for where not every part finds a register.
    #[must_use]
    pub fn or(mut self, otherwise: Self) -> Self {
        self.otherwise = Some(Box::new(otherwise));
        self
    }

    /// Gives the value, and the groups to use instead, the flags of its argument. A `byval` value
    /// asks for memory alone.
    pub(crate) fn flag(&mut self, flags: ArgFlags) {
        self.flags = self.flags.and(flags);
        if self.flags.has(ArgFlags::BYVAL) && self.kind != GroupKind::Ignore {
            self.kind = GroupKind::Memory;
            (self.otherwise, self.counts) = (None, None);
        }
        if let Some(otherwise) = &mut self.otherwise {
            otherwise.flag(flags);
        }
    }

    /// Returns the number of parts that ask for a register of each bank.
    pub(crate) fn reg_counts(&self) -> RegCounts {
        let mut counts = RegCounts::default();
        for part in &self.parts {
            match part.bank {
                Bank::Int => counts.int += 1,
                Bank::Vector => counts.vector += 1,
                Bank::X87 => counts.x87 += 1,
            }
        }
        counts
    }

    /// Adds a part.
    #[must_use]
    pub fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }
}

impl Part {
    /// Returns an integer of `ty` at the start of the object.
    #[must_use]
    pub const fn int(ty: PartType, extension: Extension) -> Self {
        Self {
            bank: Bank::Int,
            ty,
            offset: 0,
            size: ty.bytes(),
            extension,
        }
    }

    /// Returns a floating-point number or vector of `ty` at the start of the object.
    #[must_use]
    pub const fn float(ty: PartType) -> Self {
        Self {
            bank: Bank::Vector,
            ..Self::int(ty, Extension::None)
        }
    }

    /// Returns this part, `offset` bytes from the start of the object.
    #[must_use]
    pub const fn at(self, offset: u8) -> Self {
        Self { offset, ..self }
    }
}
