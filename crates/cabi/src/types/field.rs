//! Members of structures and unions: as they are declared, and with their places.

use alloc::sync::Arc;

use crate::scalar::Scalar;
use crate::types::Type;

/// A member as it is declared, before it has a place.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Member {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) ty: Type,
    /// The width of a bit-field; 0 closes a container.
    pub(crate) bits: Option<u16>,
    pub(crate) align: Option<u32>,
    pub(crate) packed: bool,
    /// Offset that the caller asks for, in bits.
    pub(crate) offset_bits: Option<u64>,
}

impl Member {
    fn new(name: Option<&str>, ty: Type) -> Self {
        Self {
            name: name.map(Arc::from),
            ty,
            bits: None,
            align: None,
            packed: false,
            offset_bits: None,
        }
    }

    /// Returns an ordinary member. No two members have one name, but several may have the empty one
    /// (a tuple's).
    #[must_use]
    pub fn named(name: &str, ty: Type) -> Self {
        Self::new(Some(name), ty)
    }

    /// Returns an anonymous structure or union, whose members are reached as if they were the outer
    /// record's.
    #[must_use]
    pub fn anonymous(ty: Type) -> Self {
        Self::new(None, ty)
    }

    /// Returns a bit-field of `width` bits.
    #[must_use]
    pub fn bit_field(name: &str, ty: Type, width: u16) -> Self {
        Self {
            bits: Some(width),
            ..Self::new(Some(name), ty)
        }
    }

    /// Returns an unnamed bit-field: padding, and with width 0 the end of a container.
    #[must_use]
    pub fn unnamed_bit_field(ty: Type, width: u16) -> Self {
        Self {
            bits: Some(width),
            ..Self::new(None, ty)
        }
    }

    /// Adds `__attribute__((aligned(align)))` or `_Alignas` to the member.
    #[must_use]
    pub fn aligned(mut self, align: u32) -> Self {
        self.align = Some(self.align.unwrap_or(1).max(align));
        self
    }

    /// Adds `__attribute__((packed))` to the member.
    #[must_use]
    pub fn packed(mut self) -> Self {
        self.packed = true;
        self
    }

    /// Places the member `offset` bytes from the start instead of where C's rules would: for
    /// [`RecordBuilder::build_at`](crate::RecordBuilder::build_at).
    #[must_use]
    pub fn at(self, offset: u64) -> Self {
        self.at_bit(offset.saturating_mul(8))
    }

    /// Places a bit-field at bit `offset_bits`, as [`Member::at`] places other members.
    #[must_use]
    pub fn at_bit(mut self, offset_bits: u64) -> Self {
        self.offset_bits = Some(offset_bits);
        self
    }

    /// Returns the name in messages.
    pub(crate) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or("<anonymous>")
    }
}

/// A bit-field's place inside its container.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct BitField {
    /// Width in bits; 0 closes a container.
    pub width: u16,
    /// First byte of the container: the aligned unit of the declared type that holds the first bit.
    pub container: u64,
    /// First bit, counted from the container's first byte, least significant bit first. A bit-field
    /// that straddles (`packed`) ends after the container.
    pub shift: u32,
}

/// A member with its place.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Field {
    pub(crate) declared: Member,
    pub(crate) offset_bits: u64,
}

impl Field {
    /// Returns the member's name; `None` for anonymous members and unnamed bit-fields.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.declared.name.as_deref()
    }

    /// Returns the declared type; for a bit-field, the type before the colon.
    #[must_use]
    #[inline]
    pub fn ty(&self) -> &Type {
        &self.declared.ty
    }

    /// Returns the offset of the member in bytes from the start of the record; for a bit-field,
    /// that of the byte with its first bit.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset_bits / 8
    }

    /// Returns the offset of the member in bits.
    #[must_use]
    pub fn offset_bits(&self) -> u64 {
        self.offset_bits
    }

    /// Returns the bit-field's place, if this is one.
    #[must_use]
    pub fn bit_field(&self) -> Option<BitField> {
        let width = self.declared.bits?;
        let unit = match self.ty().as_scalar() {
            Some(Scalar::BitInt { bits, .. }) if bits > 64 => 64,
            _ => (self.ty().size() * 8).max(8),
        };
        let shift = self.offset_bits % unit;
        debug_assert!(shift < 128, "bit {}", self.offset_bits);
        Some(BitField {
            width,
            container: (self.offset_bits - shift) / 8,
            shift: u32::try_from(shift).unwrap_or(0),
        })
    }

    /// Returns whether the member itself was declared `packed`.
    #[must_use]
    pub fn is_packed(&self) -> bool {
        self.declared.packed
    }

    /// Returns the alignment that the member's own declaration states, in bytes.
    #[must_use]
    pub fn asked_align(&self) -> Option<u32> {
        self.declared.align
    }
}
