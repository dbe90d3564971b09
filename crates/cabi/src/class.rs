//! The classes of x86-64 System V and what happens to them: psABI 3.2.3, Classification, rules 3 to 5.

use core::fmt;
use core::ops::Range;

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

/// The class of an eightbyte that two fields share (rule 4; the arms follow its letters).
pub(crate) fn merge(a: Class, b: Class) -> Class {
    use Class::{ComplexX87, Integer, Memory, NoClass, Sse, X87, X87Up};
    match (a, b) {
        _ if a == b => a,
        (NoClass, other) | (other, NoClass) => other,
        (Memory, _) | (_, Memory) => Memory,
        (Integer, _) | (_, Integer) => Integer,
        (X87 | X87Up | ComplexX87, _) | (_, X87 | X87Up | ComplexX87) => Memory,
        _ => Sse,
    }
}

/// One class per eightbyte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Classes {
    classes: [Class; MAX_EIGHTBYTES],
    /// Of each eightbyte, the bytes up to the last that some leaf uses; the rest is padding, and may not even be there.
    used: [u8; MAX_EIGHTBYTES],
    len: u8,
    /// Whether the first eightbyte is `Integer` where a vector register is counted.
    pub(crate) miscounted: bool,
}

impl Classes {
    /// `NoClass` for each eightbyte of `size` bytes, at most 64.
    pub(crate) fn none(size: u64) -> Self {
        let len = u8::try_from(size.div_ceil(8)).unwrap_or(u8::MAX).min(8);
        Self {
            classes: [Class::NoClass; MAX_EIGHTBYTES],
            used: [0; MAX_EIGHTBYTES],
            len,
            miscounted: false,
        }
    }

    /// `first`, then `rest`, for all of `size` bytes.
    pub(crate) fn whole(size: u64, first: Class, rest: Class) -> Self {
        let mut all = Self::none(size);
        for (i, class) in all.as_mut_slice().iter_mut().enumerate() {
            *class = if i == 0 { first } else { rest };
        }
        (0..MAX_EIGHTBYTES).for_each(|i| all.use_up_to(i, size));
        all
    }

    /// Marks the bytes of eightbyte `i` before `end`, counted from the start of the value, as used.
    pub(crate) fn use_up_to(&mut self, i: usize, end: u64) {
        if let Some(used) = self.used.get_mut(i) {
            let end = end.saturating_sub(8 * i as u64).min(8);
            *used = (*used).max(u8::try_from(end).unwrap_or(8));
        }
    }

    /// Each eightbyte's class and the bytes of it that are used.
    pub(crate) fn used(&self) -> impl Iterator<Item = (Class, u8)> {
        self.as_slice().iter().copied().zip(self.used)
    }

    /// The classes of the eightbytes `range` as those of a value of its own.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
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
    pub(crate) fn set_part(&mut self, first: usize, part: &Self) {
        let into = self.classes.iter_mut().zip(&mut self.used).skip(first);
        for ((class, used), (new, bytes)) in into.zip(part.used()) {
            (*class, *used) = (new, bytes);
        }
    }

    /// Merges the classes of another value at the same place (rule 4), eightbyte by eightbyte.
    pub(crate) fn merge_all(&mut self, other: &Self) {
        let own = self.classes.iter_mut().zip(&mut self.used);
        for ((class, used), (new, bytes)) in own.zip(other.used()) {
            *class = merge(*class, new);
            *used = (*used).max(bytes);
        }
    }

    /// The classes, one per eightbyte of the value.
    #[must_use]
    pub fn as_slice(&self) -> &[Class] {
        self.classes
            .get(..usize::from(self.len))
            .unwrap_or(&self.classes)
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [Class] {
        let len = usize::from(self.len).min(MAX_EIGHTBYTES);
        &mut self.classes[..len]
    }
}

/// What classifying a value gives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Shape {
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

/// The steps of rule 5, the post-merger cleanup.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Cleanup {
    /// 5(a): one eightbyte is `Memory`, so all of it is.
    AnyMemory,
    /// 5(b): `X87Up` without `X87` before it.
    LoneX87Up,
    /// 5(c): more than two eightbytes that are not one vector.
    TooManyEightbytes,
    /// 5(d): `SseUp` without a vector before it becomes `Sse`.
    LoneSseUp,
}

/// Rule 5. `Err` is the step that sent the value to memory; `on_change` hears of 5(d), which only changes an eightbyte.
pub(crate) fn cleanup(
    mut classes: Classes,
    mut on_change: impl FnMut(usize),
) -> Result<Classes, Cleanup> {
    use Class::{Memory, Sse, SseUp, X87, X87Up};
    let all = classes.as_mut_slice();
    if all.contains(&Memory) {
        return Err(Cleanup::AnyMemory);
    }
    let lone = |i: usize, all: &[Class]| i == 0 || all.get(i - 1) != Some(&X87);
    if (0..all.len()).any(|i| all.get(i) == Some(&X87Up) && lone(i, all)) {
        return Err(Cleanup::LoneX87Up);
    }
    if let [first, rest @ ..] = &*all
        && rest.len() > 1
        && (*first != Sse || rest.iter().any(|class| *class != SseUp))
    {
        return Err(Cleanup::TooManyEightbytes);
    }
    let mut before = Class::NoClass;
    for (i, class) in all.iter_mut().enumerate() {
        if *class == SseUp && !matches!(before, Sse | SseUp) {
            *class = Sse;
            on_change(i);
        }
        before = *class;
    }
    Ok(classes)
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NoClass => "NoClass",
            Self::Integer => "Integer",
            Self::Sse => "Sse",
            Self::SseUp => "SseUp",
            Self::X87 => "X87",
            Self::X87Up => "X87Up",
            Self::ComplexX87 => "ComplexX87",
            Self::Memory => "Memory",
        })
    }
}

impl fmt::Display for Cleanup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnyMemory => "5(a): one eightbyte is Memory, so the whole value is",
            Self::LoneX87Up => "5(b): X87Up without X87 before it, so the whole value is Memory",
            Self::TooManyEightbytes => {
                "5(c): more than two eightbytes that are not one vector, so the whole value is Memory"
            }
            Self::LoneSseUp => "5(d): SseUp without a vector before it is Sse",
        })
    }
}
