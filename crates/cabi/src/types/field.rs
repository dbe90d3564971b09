//! Members of structures and unions, each with its place.

use alloc::sync::Arc;

use crate::types::Type;

/// A bit-field's place inside its container.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct BitField {
    /// Width in bits; 0 closes a container.
    pub width: u16,
    /// First byte of the container: the aligned unit of the declared type that holds the first bit.
    pub container: u64,
    /// First bit, counted from the container's first byte, least significant bit first.
    pub shift: u32,
}

/// A member with its place.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Field {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) ty: Type,
    pub(crate) offset_bits: u64,
    pub(crate) bits: Option<BitField>,
    pub(crate) packed: bool,
    pub(crate) align: Option<u32>,
}

impl Field {
    /// The member's name; `None` for anonymous members and unnamed bit-fields.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The declared type; of a bit-field, the type before the colon.
    #[must_use]
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// Where the member starts, in bytes from the start of the record. Of a bit-field, the byte its first bit is in.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset_bits / 8
    }

    /// Where the member starts, in bits.
    #[must_use]
    pub fn offset_bits(&self) -> u64 {
        self.offset_bits
    }

    /// The bit-field's place, if this is one.
    #[must_use]
    pub fn bit_field(&self) -> Option<BitField> {
        self.bits
    }

    /// Whether the member itself was declared `packed`.
    #[must_use]
    pub fn is_packed(&self) -> bool {
        self.packed
    }

    /// The alignment the member's own declaration asked for, in bytes.
    #[must_use]
    pub fn asked_align(&self) -> Option<u32> {
        self.align
    }
}
