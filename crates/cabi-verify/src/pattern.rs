//! Bits of values: those that count, and values whose bytes say where they came from.
//!
//! Padding is poisoned with [`POISON`] and never compared. A `_Bool` is 0 or 1, an x87 value keeps
//! its integer bit. No value is a NaN, so that conversions keep it.

use cabi::{Convention, LeafKind, Scalar, Type, leaves};

/// Byte in places that belong to no leaf.
pub const POISON: u8 = 0xa5;

/// Places of bit-fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BitPlaces {
    /// `true` if the first bit-field of a byte has its highest bits, as on big-endian machines.
    pub highest_first: bool,
    /// Number of bits by which each bit-field is after its place: in a control, else none.
    pub shift: u64,
}

/// Checks whether the machine of `convention` is big-endian: the first byte of a number, and the
/// first bit of a byte, is the highest.
pub(crate) fn is_big_endian(convention: Option<&Convention>) -> bool {
    convention.is_some_and(|own| own.frame.big_endian)
}

/// The largest object with a mask: larger ones are no case for a call.
const MAX_BYTES: usize = 1 << 16;

/// Returns a set bit for each bit of a value of `ty` that a leaf holds. Values of more than 64 KiB
/// are cut off.
///
/// # Example
/// ```
/// use cabi::{DataModel, Member, RecordBuilder, Type};
/// use cabi_verify::pattern::{BitPlaces, POISON, bytes, mask};
///
/// let s = RecordBuilder::structure("s").field("c", Type::I8).field("n", Type::I32);
/// let s = s.build(&DataModel::LP64)?;
/// assert_eq!(mask(&s, BitPlaces::default()), [0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
/// assert_eq!(bytes(&s, 2, false), [0x22, POISON, POISON, POISON, 0x26, 0x27, 0x28, 0x29]);
///
/// let bits = RecordBuilder::structure("b").member(Member::bit_field("a", Type::U32, 3))
///     .member(Member::unnamed_bit_field(Type::U32, 3))
///     .member(Member::bit_field("b", Type::U32, 5));
/// let bits = bits.build(&DataModel::LP64)?;
/// assert_eq!(mask(&bits, BitPlaces::default()), [0b1100_0111, 0b0000_0111, 0, 0]);
/// let places = BitPlaces { highest_first: true, shift: 0 };
/// assert_eq!(mask(&bits, places), [0b1110_0011, 0b1110_0000, 0, 0]);
/// # Ok::<(), cabi::Error>(())
/// ```
pub fn mask(ty: &Type, places: BitPlaces) -> Vec<u8> {
    let mut mask = vec![0_u8; size_of(ty).min(MAX_BYTES)];
    let mut set = |bits: std::ops::Range<u64>, counts: bool| {
        for bit in bits {
            let bit = if places.highest_first { bit ^ 7 } else { bit };
            let at = usize::try_from(bit / 8).unwrap_or(usize::MAX);
            let Some(byte) = mask.get_mut(at) else { break };
            let flag = 1 << (bit % 8);
            *byte = if counts { *byte | flag } else { *byte & !flag };
        }
    };
    for leaf in leaves(ty).filter(|leaf| !leaf.unnamed) {
        let (first, width) = (leaf.offset_bits, leaf.width_bits);
        let is_whole = first.is_multiple_of(8) && width.is_multiple_of(8);
        let first = if is_whole {
            first
        } else {
            first + places.shift
        };
        set(first..first + width, true);
        if let LeafKind::Vector(vector) = leaf.kind
            && vector.bools.is_some()
        {
            // Up to the end of the vector's own bytes, which are a power of two.
            let lanes = u64::from(vector.lanes);
            let n_bits = lanes.div_ceil(8).next_power_of_two() * 8;
            set(first + lanes..first + n_bits, false);
        }
    }
    mask
}

/// Returns a value of `ty`, of another pattern for each `number`.
pub fn bytes(ty: &Type, number: u8, is_big_endian: bool) -> Vec<u8> {
    let places = BitPlaces {
        highest_first: is_big_endian,
        shift: 0,
    };
    let masks = mask(ty, places)
        .into_iter()
        .zip(may_be_set(ty, is_big_endian));
    let byte = |(at, (mask, may)): (usize, (u8, u8))| {
        let value = number.wrapping_mul(17).wrapping_add(at.to_le_bytes()[0]);
        value & may & mask | POISON & !mask
    };
    let mut bytes: Vec<u8> = masks.enumerate().map(byte).collect();
    for leaf in leaves(ty).filter(|leaf| leaf.kind == LeafKind::Scalar(Scalar::F80)) {
        let top = usize::try_from(leaf.offset_bits / 8 + 7).ok();
        if let Some(top) = top.and_then(|at| bytes.get_mut(at)) {
            *top |= 0x80;
        }
    }
    bytes
}

/// Returns the bits of a value that a compiler may find set. A bool is 0 or 1, and no float is a
/// NaN, which a conversion changes.
pub(crate) fn may_be_set(ty: &Type, is_big_endian: bool) -> Vec<u8> {
    let mut may = vec![0xff; size_of(ty)];
    for leaf in leaves(ty).filter(|leaf| leaf.offset_bits.is_multiple_of(8)) {
        let first = usize::try_from(leaf.offset_bits / 8).unwrap_or(usize::MAX);
        let bytes = usize::try_from(leaf.width_bits / 8).unwrap_or(0);
        let (at, bits) = match leaf.kind {
            LeafKind::Scalar(Scalar::Bool) if leaf.width_bits == 8 => (first, 1),
            LeafKind::Scalar(scalar) if scalar.is_float() && bytes > 0 => match is_big_endian {
                true => (first, 0xbf),
                false => (first + bytes - 1, 0xbf),
            },
            _ => continue,
        };
        if let Some(byte) = may.get_mut(at) {
            *byte &= bits;
        }
    }
    may
}

/// Returns the size of `ty` in bytes.
pub(crate) fn size_of(ty: &Type) -> usize {
    usize::try_from(ty.size()).unwrap_or(0)
}

/// Writes bytes as two digits each, lowest address first.
pub fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_a_nan_and_bools_are_bools() {
        for number in 0..=u8::MAX {
            let double = bytes(&Type::F64, number, false);
            assert!(!f64::from_le_bytes(double.try_into().unwrap()).is_nan());
            let float = bytes(&Type::F32, number, true);
            assert!(!f32::from_be_bytes(float.try_into().unwrap()).is_nan());
            assert!(bytes(&Type::BOOL, number, false)[0] <= 1);
            assert_eq!(bytes(&Type::F80, number, false)[7] & 0x80, 0x80);
        }
    }
}
