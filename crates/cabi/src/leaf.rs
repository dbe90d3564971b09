//! Leaves of a walk over a type: a scalar with its place, and flags of the types around it that are
//! cheap to know.

use core::ops::Range;

use crate::scalar::{Scalar, Vector};

/// Kind of a leaf.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum LeafKind {
    /// A scalar; also each half of a complex number, and a bit-field (its declared type).
    Scalar(Scalar),
    /// A whole vector.
    Vector(Vector),
    /// A member without bytes of its own: an empty record or an array of no elements.
    Empty,
    /// A flexible array member: its elements are not part of the value.
    FlexibleArray,
}

/// A scalar, or a whole vector, inside a type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Leaf {
    /// Kind of the leaf.
    pub kind: LeafKind,
    /// First bit, counted from the start of the type.
    pub offset_bits: u64,
    /// Bits that carry the value: 80 for x87's format, the declared width of a bit-field, 0 for an
    /// empty leaf.
    pub width_bits: u64,
    /// `true` if it is a bit-field.
    pub bit_field: bool,
    /// `true` if it is an unnamed bit-field, which is padding to C.
    pub unnamed: bool,
    pub(crate) around: LeafFlags,
}

impl Leaf {
    /// Returns the eightbytes that hold at least one of the leaf's bits: none for an empty one.
    #[must_use]
    #[inline]
    pub fn eightbytes(&self) -> Range<usize> {
        if self.width_bits == 0 {
            return 0..0;
        }
        let last = self.offset_bits.saturating_add(self.width_bits - 1) / 64;
        // An object may have more eightbytes than a host of 32 bits counts.
        let index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX - 1);
        index(self.offset_bits / 64)..index(last) + 1
    }

    /// Returns whether the leaf's offset is no multiple of its size, whatever a typedef says.
    /// Bit-fields are exempt.
    #[inline]
    pub(crate) fn is_unaligned(&self) -> bool {
        let align_bits = match self.kind {
            _ if self.bit_field => return false,
            LeafKind::Scalar(Scalar::F80) => 128,
            LeafKind::Scalar(Scalar::BitInt { bits, .. }) if bits > 64 => 64,
            LeafKind::Scalar(Scalar::BitInt { .. }) => self.width_bits.next_power_of_two().max(8),
            LeafKind::Scalar(_) => self.width_bits.max(8),
            LeafKind::Vector(vector) if vector.bools.is_none() => {
                self.width_bits.next_power_of_two()
            }
            _ => 8,
        };
        // All of these are powers of two.
        self.offset_bits & (align_bits - 1) != 0
    }

    /// Returns the bytes that hold at least one of the leaf's bits.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> Range<u64> {
        if self.width_bits == 0 {
            let at = self.offset_bits / 8;
            return at..at;
        }
        // No type has so many bits that this wraps around.
        let end = self.offset_bits.wrapping_add(self.width_bits);
        self.offset_bits / 8..end.wrapping_add(7) >> 3
    }
}

/// Properties of the types around a leaf, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct LeafFlags(u8);

impl LeafFlags {
    pub(crate) const NOTHING: Self = Self(0);
    /// The leaf, or something around it, is `_Atomic`.
    pub(crate) const ATOMIC: Self = Self(1);
    /// The leaf is inside an array.
    pub(crate) const IN_ARRAY: Self = Self(2);
    /// The leaf is inside an array of records, or of arrays of records, that has several elements.
    pub(crate) const REPEATED: Self = Self(4);
    /// The leaf is inside an element of such an array after the first.
    pub(crate) const LATER: Self = Self(8);
    /// The leaf is a member of a union; an element of such a member is not.
    pub(crate) const IN_UNION: Self = Self(16);
    /// The type's alignment forbids the offset of a member around the leaf, or of the leaf unless
    /// it is a scalar.
    pub(crate) const MISALIGNED: Self = Self(32);
    /// The leaf is the second half of a complex number.
    pub(crate) const IMAGINARY: Self = Self(64);

    /// Returns whether one of `bits` is set.
    #[inline]
    pub(crate) const fn any(self, bits: Self) -> bool {
        self.0 & bits.0 != 0
    }

    /// Returns the flags with `bits`, if `set`.
    #[inline]
    #[must_use]
    pub(crate) const fn with(self, bits: Self, set: bool) -> Self {
        if set { Self(self.0 | bits.0) } else { self }
    }

    #[must_use]
    #[inline]
    pub(crate) const fn without(self, bits: Self) -> Self {
        Self(self.0 & !bits.0)
    }

    /// Returns the flags inside of a value at byte `offset` that is naturally aligned to `align`
    /// bytes.
    #[inline]
    pub(crate) fn at(self, offset: u64, align: u32) -> Self {
        // Alignments are powers of two.
        let misaligned = offset & u64::from(align - 1) != 0;
        self.with(Self::MISALIGNED, misaligned)
    }
}
