//! The classes of a value's eightbytes, and how those of its leaves get into them.

use core::ops::Range;

use super::class::{Class, MAX_EIGHTBYTES, Natural};
use super::psabi::{merge, merge_by};
use crate::convention::Classify;
use crate::leaf::Leaf;

/// One class per eightbyte of a value; or what one leaf adds to them, where a compiler has a say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Classes {
    classes: [Class; MAX_EIGHTBYTES],
    /// A bit for each byte: those of each eightbyte up to the last that some leaf uses. The rest is padding, and may not even be there.
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

    /// `NoClass` for each eightbyte of `size` bytes, at most 64.
    #[inline]
    pub(super) fn none(size: u64) -> Self {
        let len = u8::try_from(size.min(64)).unwrap_or(64).div_ceil(8);
        Self {
            len,
            ..Self::NOTHING
        }
    }

    /// What `leaf` adds, whose classes by nature are `own`.
    pub(super) fn of_leaf(leaf: &Leaf, own: &Natural) -> Self {
        let Natural {
            ref eightbytes,
            first,
            rest,
        } = *own;
        let mut adds = match eightbytes.is_empty() {
            true => Self::NOTHING,
            false => Self::bytes_of(leaf),
        };
        let all = adds.classes.iter_mut().take(eightbytes.end);
        for (i, class) in all.skip(eightbytes.start).enumerate() {
            *class = if i == 0 { first } else { rest };
        }
        adds
    }

    /// `Integer` wherever `leaf` is, and in the eightbyte it starts in if it has no bytes.
    pub(super) fn integers(leaf: &Leaf) -> Self {
        let first = eightbyte(leaf.offset_bits / 8);
        let natural = Natural {
            eightbytes: first..leaf.eightbytes().end.max(first + 1),
            first: Class::Integer,
            rest: Class::Integer,
        };
        Self::of_leaf(leaf, &natural)
    }

    /// The bytes of `leaf` without a class.
    pub(super) fn bytes_of(leaf: &Leaf) -> Self {
        let mut adds = Self::NOTHING;
        adds.use_bytes(eightbyte(leaf.offset_bits / 8), leaf.bytes().end);
        adds
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
        self.use_bytes(0, size);
    }

    /// Marks the bytes from eightbyte `first` on, and before byte `end`, as used. Only after a vector of 64 bytes, all used, is there no such eightbyte.
    #[inline]
    fn use_bytes(&mut self, first: usize, end: u64) {
        self.used |= bytes_before(end) & u64::MAX << (8 * first as u64 % 64);
    }

    /// How many bytes of eightbyte `i` are used, or are padding before one that is; 1 for an array of no elements, which has a class here and there.
    #[inline]
    pub(super) fn used(&self, i: u8) -> u8 {
        let byte = self.used.checked_shr(8 * u32::from(i)).unwrap_or(0) & 0xff;
        u8::try_from((byte | 1).ilog2() + 1).unwrap_or(8)
    }

    /// The classes of the `size` bytes from `offset` on, as those of a value of its own.
    pub(super) fn part(&self, offset: u64, size: u64) -> Self {
        let (first, end) = (eightbyte(offset), eightbyte(offset + size + 7));
        let mut part = Self::none(8 * end.saturating_sub(first) as u64);
        let own = self.classes.iter().skip(first);
        for (class, own) in part.as_mut_slice().iter_mut().zip(own) {
            *class = *own;
        }
        let used = self.used & bytes_before(8 * end as u64);
        part.used = used.checked_shr(first_bit(first)).unwrap_or(0);
        part
    }

    /// Puts `part` in place of what is from byte `offset` on.
    pub(super) fn set_part(&mut self, offset: u64, part: &Self) {
        let first = eightbyte(offset);
        let into = self.classes.iter_mut().skip(first);
        for (class, new) in into.zip(part.as_slice()) {
            *class = *new;
        }
        // A cleanup makes no byte unused.
        self.used |= part.used.checked_shl(first_bit(first)).unwrap_or(0);
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

    /// Merges `class` into that of each eightbyte of `bytes`, which are used.
    #[inline]
    pub(super) fn merge_bytes(&mut self, class: Class, bytes: Range<u64>) {
        let (first, end) = (eightbyte(bytes.start), eightbyte(bytes.end + 7));
        for i in first..end {
            if let Some(own) = self.classes.get_mut(i) {
                *own = merge(*own, class);
            }
        }
        self.use_bytes(first, bytes.end);
    }

    /// Merges what `leaf` adds, where a compiler has a say.
    pub(super) fn merge_adds(&mut self, adds: &Self, leaf: &Leaf, cx: &mut Classify<'_, '_>) {
        let all = self.as_mut_slice().iter_mut().zip(adds.classes);
        for (i, (class, own)) in all.enumerate() {
            if own != Class::NoClass {
                let (after, letter) = merge_by(*class, own);
                cx.tracer.merge((leaf, i), letter, (*class, own), after);
                *class = after;
            }
        }
        self.used |= adds.used;
    }

    /// Merges the classes of a record inside the value.
    pub(super) fn merge_all(&mut self, record: &Self) {
        for (class, own) in self.as_mut_slice().iter_mut().zip(record.as_slice()) {
            *class = merge(*class, *own);
        }
        self.used |= record.used;
    }
}

/// A bit for each byte before byte `end` of a value.
#[inline]
fn bytes_before(end: u64) -> u64 {
    if end < 64 { (1 << end) - 1 } else { u64::MAX }
}

/// The bit of the first byte of eightbyte `i`.
fn first_bit(i: usize) -> u32 {
    debug_assert!(i <= MAX_EIGHTBYTES, "values have 64 bytes: {i}");
    u32::try_from(i.saturating_mul(8)).unwrap_or(u32::MAX)
}

/// The eightbyte that byte `offset` is in; of a byte further away than a `usize` counts, one that no value in registers has.
pub(super) fn eightbyte(offset: u64) -> usize {
    usize::try_from(offset / 8).unwrap_or(MAX_EIGHTBYTES)
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
