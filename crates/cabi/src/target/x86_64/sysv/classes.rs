//! The classes of a value's eightbytes, and how those of its leaves get into them.

use alloc::boxed::Box;
use core::ops::Range;

use super::class::{Class, MAX_EIGHTBYTES};
use super::psabi::merge;
use crate::convention::Classify;
use crate::leaf::Leaf;
use crate::types::error::Error;

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
        let len = u8::try_from(size.min(64)).unwrap_or(64).div_ceil(8);
        Self {
            classes: [Class::NoClass; MAX_EIGHTBYTES],
            used: [0; MAX_EIGHTBYTES],
            len,
        }
    }

    /// `first`, then `rest`, for all of `size` bytes.
    pub(super) fn whole(size: u64, first: Class, rest: Class) -> Self {
        let mut all = Self::none(size);
        all.fill(size, first, rest);
        all
    }

    /// Gives the first eightbyte the class `first` and the others `rest`; all of the `size` bytes are used.
    pub(super) fn fill(&mut self, size: u64, first: Class, rest: Class) {
        for (i, class) in self.as_mut_slice().iter_mut().enumerate() {
            *class = if i == 0 { first } else { rest };
        }
        (0..MAX_EIGHTBYTES).for_each(|i| self.use_up_to(i, size));
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

    /// The classes of the `size` bytes from `offset` on, as those of a value of its own.
    pub(super) fn part(&self, offset: u64, size: u64) -> Self {
        let (first, end) = (eightbyte(offset), eightbyte(offset + size + 7));
        let mut part = Self::none(8 * end.saturating_sub(first) as u64);
        for (i, from) in (first..end).enumerate() {
            if let (Some(class), Some(used)) = (part.classes.get_mut(i), part.used.get_mut(i)) {
                *class = self.classes.get(from).copied().unwrap_or(Class::NoClass);
                *used = self.used(from);
            }
        }
        part
    }

    /// Puts `part` in place of what is from byte `offset` on.
    pub(super) fn set_part(&mut self, offset: u64, part: &Self) {
        let into = self.classes.iter_mut().zip(&mut self.used);
        let new = part.as_slice().iter().zip(part.used);
        for ((class, used), (new, bytes)) in into.skip(eightbyte(offset)).zip(new) {
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

    /// Merges what a leaf has by nature.
    #[inline]
    pub(super) fn merge_leaf(&mut self, own: &Natural, leaf: &Leaf, cx: &mut Classify<'_, '_>) {
        let (mut class, end) = (own.first, leaf.bytes().end);
        for i in own.eightbytes.clone() {
            self.merge(i, class, leaf, cx);
            self.use_up_to(i, end);
            class = own.rest;
        }
    }

    /// Merges leaves of one class side by side, none of them in two eightbytes.
    #[inline]
    pub(super) fn merge_run(&mut self, own: Class, bytes: &Range<u8>) {
        for i in bytes.start / 8..bytes.end.div_ceil(8) {
            let at = usize::from(i);
            if let (Some(class), Some(used)) = (self.classes.get_mut(at), self.used.get_mut(at)) {
                *class = merge(*class, own);
                *used = (*used).max((bytes.end - 8 * i).min(8));
            }
        }
    }

    /// Merges what a leaf adds, where a compiler has a say.
    pub(super) fn merge_adds(&mut self, adds: &Adds, leaf: &Leaf, cx: &mut Classify<'_, '_>) {
        for (i, own) in adds.classes.into_iter().enumerate() {
            if own != Class::NoClass {
                self.merge(i, own, leaf, cx);
            }
        }
        let first = eightbyte(leaf.offset_bits / 8);
        for i in first..leaf.eightbytes().end.max(first + 1) {
            self.use_up_to(i, adds.end);
        }
    }

    /// Merges the classes of a record inside the value.
    pub(super) fn merge_all(&mut self, record: &Self) {
        for (i, own) in record.as_slice().iter().enumerate() {
            self.use_up_to(i, 8 * i as u64 + u64::from(record.used(i)));
            if let Some(class) = self.as_mut_slice().get_mut(i) {
                *class = merge(*class, *own);
            }
        }
    }

    /// Merges the class `own` of a leaf into eightbyte `i`.
    #[inline]
    fn merge(&mut self, i: usize, own: Class, leaf: &Leaf, cx: &mut Classify<'_, '_>) {
        if let Some(class) = self.as_mut_slice().get_mut(i) {
            let before = *class;
            *class = merge(before, own);
            cx.tracer.merge(leaf, i, before, own, *class);
        }
    }
}

/// The eightbyte that byte `offset` is in.
fn eightbyte(offset: u64) -> usize {
    usize::try_from(offset / 8).unwrap_or(MAX_EIGHTBYTES)
}

/// The classes that a leaf has by nature.
pub(super) struct Natural {
    /// The eightbytes that it is in.
    pub(super) eightbytes: Range<usize>,
    /// The class of the first of them.
    pub(super) first: Class,
    /// The class of the others.
    pub(super) rest: Class,
}

impl Natural {
    pub(super) const NOTHING: Self = Self {
        eightbytes: 0..0,
        first: Class::NoClass,
        rest: Class::NoClass,
    };
}

/// What a leaf adds to the classes of its value, where a compiler has a say.
pub(super) struct Adds {
    pub(super) classes: [Class; MAX_EIGHTBYTES],
    /// The byte of the value after the leaf's last one; 0 if the leaf has none.
    pub(super) end: u64,
}

impl Adds {
    pub(super) const NOTHING: Self = Self {
        classes: [Class::NoClass; MAX_EIGHTBYTES],
        end: 0,
    };

    /// What `leaf` adds, whose classes by nature are `own`.
    pub(super) fn of(leaf: &Leaf, own: &Natural) -> Self {
        let mut adds = Self::NOTHING;
        let mut next = own.first;
        for class in adds.in_eightbytes(own.eightbytes.clone()) {
            *class = next;
            next = own.rest;
        }
        if !own.eightbytes.is_empty() {
            adds.end = leaf.bytes().end;
        }
        adds
    }

    /// `Integer` wherever `leaf` is, and in the eightbyte it starts in if it has no bytes.
    pub(super) fn integer(leaf: &Leaf) -> Self {
        let mut adds = Self::NOTHING;
        let first = eightbyte(leaf.offset_bits / 8);
        for class in adds.in_eightbytes(first..leaf.eightbytes().end.max(first + 1)) {
            *class = Class::Integer;
        }
        adds.end = leaf.bytes().end;
        adds
    }

    fn in_eightbytes(&mut self, range: Range<usize>) -> impl Iterator<Item = &mut Class> {
        self.classes.iter_mut().take(range.end).skip(range.start)
    }
}

/// Why the classes of a value need no further look.
pub(super) enum Stop {
    /// The whole of it is in memory; an explanation has been told why.
    Memory,
    /// No rule says how it is passed.
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

/// What a compiler makes of a value as a whole.
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
