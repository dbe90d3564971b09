//! What is around a leaf, as far as it is cheap to know.

use crate::types::Type;

/// What is around a leaf, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Around(u8);

impl Around {
    pub(super) const NOTHING: Self = Self(0);
    /// It, or something around it, is `_Atomic`.
    pub(crate) const ATOMIC: Self = Self(1);
    /// It is inside an array.
    pub(crate) const IN_ARRAY: Self = Self(2);
    /// It is inside an array of records, or of arrays of records, that has several elements.
    pub(crate) const REPEATED: Self = Self(4);
    /// It is inside another element of such an array than the first.
    pub(crate) const LATER: Self = Self(8);
    /// It is a member of a union; an element of such a member is not.
    pub(crate) const IN_UNION: Self = Self(16);
    /// It, if it is no scalar, or a member around it, starts at no multiple of its type's alignment.
    pub(crate) const MISALIGNED: Self = Self(32);
    /// It is the second half of a complex number.
    pub(crate) const IMAGINARY: Self = Self(64);

    /// Whether one of `bits` is set.
    #[inline]
    pub(crate) const fn any(self, bits: Self) -> bool {
        self.0 & bits.0 != 0
    }

    /// With `bits`, if `set`.
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

    /// What is around the inside of a value of type `ty` at byte `offset`.
    #[inline]
    pub(super) fn at(self, offset: u64, ty: &Type) -> Self {
        // Alignments are powers of two.
        let misaligned = offset & u64::from(ty.canonical_align() - 1) != 0;
        self.with(Self::MISALIGNED, misaligned)
    }
}
