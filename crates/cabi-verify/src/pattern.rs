//! Pattern: values whose bytes say where they came from. A byte's high nibble is the number of its
//! leaf, counted through all arguments of a call, the low nibble its place in the leaf, plus one
//! for every 16 bytes before it; so a wrong byte names the leaf it belongs to.
//!
//! Padding is poisoned with [`POISON`] and never compared. A `_Bool` is 0 or 1, an x87 value keeps
//! its integer bit, the bits after the lanes of a bool vector are 0. No pattern is a NaN, so that
//! conversions keep it.

use cabi::{Convention, LeafKind, Scalar, Type, leaves};

mod values;

pub(crate) use values::Values;

/// Byte in places that belong to no leaf.
pub const POISON: u8 = 0xa5;

/// The bytes of a value, and which of their bits count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    /// The object's bytes, as many as its type's size.
    pub bytes: Vec<u8>,
    /// A set bit for each bit that a leaf holds.
    pub mask: Vec<u8>,
}

/// Draws patterns, numbering leaves through all of them.
///
/// # Example
/// ```
/// use cabi::{DataModel, Member, RecordBuilder, Type};
/// use cabi_verify::pattern::{BitPlaces, POISON, Painter};
///
/// let s = RecordBuilder::structure("s")
///     .field("c", Type::I8)
///     .field("n", Type::I32)
///     .build(&DataModel::LP64)?;
/// let pattern = Painter::default().paint(&s);
/// assert_eq!(pattern.bytes, [0x10, POISON, POISON, POISON, 0x20, 0x21, 0x22, 0x23]);
/// assert_eq!(pattern.mask, [0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
///
/// let bits = RecordBuilder::structure("b")
///     .member(Member::bit_field("a", Type::U32, 3))
///     .member(Member::unnamed_bit_field(Type::U32, 3))
///     .member(Member::bit_field("b", Type::U32, 5))
///     .build(&DataModel::LP64)?;
/// assert_eq!(Painter::default().paint(&bits).mask, [0b1100_0111, 0b0000_0111, 0, 0]);
/// let places = BitPlaces { highest_first: true, shift: 0 };
/// assert_eq!(Painter::of_bits(places).paint(&bits).mask, [0b1110_0011, 0b1110_0000, 0, 0]);
/// # Ok::<(), cabi::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Painter {
    painted: u8,
    bits: BitPlaces,
}

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

/// The largest object painted: larger ones are no case for a call.
const MAX_BYTES: usize = 1 << 16;

impl Painter {
    /// Makes a painter whose first leaf is `first`: another one gives other values.
    pub fn starting_at(first: u8) -> Self {
        Self {
            painted: first.wrapping_sub(1),
            ..Self::default()
        }
    }

    /// Makes a painter of bit-fields with these bits.
    pub fn of_bits(bits: BitPlaces) -> Self {
        Self {
            bits,
            ..Self::default()
        }
    }

    /// Paints the next value, of type `ty`. Values of more than 64 KiB are cut off.
    pub fn paint(&mut self, ty: &Type) -> Pattern {
        let size = usize::try_from(ty.size())
            .unwrap_or(MAX_BYTES)
            .min(MAX_BYTES);
        let mut pattern = Pattern {
            bytes: vec![POISON; size],
            mask: vec![0; size],
        };
        for leaf in leaves(ty) {
            if leaf.width_bits == 0 || leaf.unnamed {
                continue;
            }
            self.painted = self.painted.wrapping_add(1);
            let bits = leaf_bytes(leaf.kind, self.painted, leaf.width_bits);
            pattern.write(leaf.offset_bits, leaf.width_bits, &bits, self.bits);
            if let LeafKind::Vector(vector) = leaf.kind
                && vector.bools.is_some()
            {
                pattern.clear_after(leaf.offset_bits, u64::from(vector.lanes));
            }
        }
        pattern
    }
}

/// The bytes of leaf number `number`, enough for `width_bits`.
fn leaf_bytes(kind: LeafKind, number: u8, width_bits: u64) -> Vec<u8> {
    let len = usize::try_from(width_bits.div_ceil(8))
        .unwrap_or(MAX_BYTES)
        .min(MAX_BYTES);
    let nibble = number << 4;
    // In a vector of more than 16 bytes no two halves are alike.
    let byte = |i: u8| nibble | (i.wrapping_add(i / 16) & 15);
    let mut bytes: Vec<u8> = (0..len).map(|at| byte(at.to_le_bytes()[0])).collect();
    match kind {
        LeafKind::Scalar(Scalar::Bool) => bytes = vec![number & 1],
        LeafKind::Scalar(Scalar::F80) => {
            if let Some(top) = bytes.get_mut(7) {
                *top |= 0x80;
            }
        }
        _ => {}
    }
    bytes
}

impl Pattern {
    /// Writes `width` bits of `bits` at bit `offset`, and lets them count.
    fn write(&mut self, offset: u64, width: u64, bits: &[u8], places: BitPlaces) {
        if offset.is_multiple_of(8) && width == bits.len() as u64 * 8 {
            return self.write_bytes(offset / 8, bits);
        }
        for i in 0..width {
            let source = usize::try_from(i / 8).ok().and_then(|at| bits.get(at));
            let set = source.is_some_and(|byte| byte >> (i % 8) & 1 == 1);
            let bit = match places.highest_first {
                true => (offset + places.shift + width - 1 - i) ^ 7,
                false => offset + places.shift + i,
            };
            self.set(bit, set, true);
        }
    }

    /// Sets whole bytes, from byte `offset`.
    fn write_bytes(&mut self, offset: u64, bytes: &[u8]) {
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let to = self.bytes.iter_mut().zip(&mut self.mask).skip(at);
        for ((byte, mask), from) in to.zip(bytes) {
            (*byte, *mask) = (*from, 0xff);
        }
    }

    /// Zeroes the bits from `lanes` after `offset` to the end of the object; they do not count.
    fn clear_after(&mut self, offset: u64, lanes: u64) {
        let end = u64::try_from(self.bytes.len()).unwrap_or(0) * 8;
        // Up to the end of the vector's own bytes, which are a power of two.
        let own = lanes.div_ceil(8).next_power_of_two() * 8;
        for bit in offset + lanes..(offset + own).min(end) {
            self.set(bit, false, false);
        }
    }

    fn set(&mut self, bit: u64, value: bool, counts: bool) {
        let Ok(at) = usize::try_from(bit / 8) else {
            return;
        };
        let one = 1 << (bit % 8);
        if let (Some(byte), Some(mask)) = (self.bytes.get_mut(at), self.mask.get_mut(at)) {
            *byte = if value { *byte | one } else { *byte & !one };
            *mask = if counts { *mask | one } else { *mask & !one };
        }
    }

    /// Checks whether a byte has both bits that count and bits that do not.
    pub fn has_partial_bytes(&self) -> bool {
        self.mask.iter().any(|mask| !matches!(mask, 0 | 0xff))
    }

    /// Returns the type and value that C's default argument promotions make of an argument of type
    /// `ty` with this pattern.
    pub fn promoted(&self, ty: &Type) -> (Type, Self) {
        let to = cabi::promote(ty);
        let bytes = match (ty.as_scalar(), self.bytes.as_slice()) {
            (Some(Scalar::F32), &[a, b, c, d]) => f64::from(f32::from_le_bytes([a, b, c, d]))
                .to_le_bytes()
                .to_vec(),
            (Some(scalar), &[.., top]) if to.size() > ty.size() => {
                let fill = if scalar.is_signed() && top >= 0x80 {
                    0xff
                } else {
                    0
                };
                let more = usize::try_from(to.size() - ty.size()).unwrap_or(0);
                [self.bytes.as_slice(), &vec![fill; more]].concat()
            }
            _ => return (to, self.clone()),
        };
        let mask = vec![0xff; bytes.len()];
        (to, Self { bytes, mask })
    }
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
    fn no_pattern_is_a_nan_and_bools_are_bools() {
        let mut painter = Painter::default();
        for _ in 0..32 {
            let double = painter.paint(&Type::F64).bytes;
            assert!(!f64::from_le_bytes(double.try_into().unwrap()).is_nan());
            let float = painter.paint(&Type::F32).bytes;
            assert!(!f32::from_le_bytes(float.try_into().unwrap()).is_nan());
            assert!(painter.paint(&Type::BOOL).bytes[0] <= 1);
            assert_eq!(painter.paint(&Type::F80).bytes[7] & 0x80, 0x80);
        }
    }
}
