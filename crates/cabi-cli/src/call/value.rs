//! Values inside of objects: members of records, elements of arrays, lanes of vectors, the two
//! numbers of a complex one; and their bits, in the byte order of the machine whose code is run.

use cabi::{Field, Kind, Record, Scalar, Target, Type};
use cabi_header::{Header, Written};

#[derive(Clone, Copy)]
pub(crate) enum Content<'t> {
    Object(&'t Type),
    /// Bit-field, lane, or number of a complex one, with the number of bits that count.
    Bits(Scalar, u64),
}

/// A value in an object.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'t> {
    pub(crate) content: Content<'t>,
    /// First bit of the value.
    pub(crate) at: u64,
    /// The type as the header wrote it, where it did.
    pub(crate) written: Option<&'t Written>,
}

impl<'t> Slot<'t> {
    pub(crate) fn object(ty: &'t Type, written: Option<&'t Written>) -> Self {
        Self {
            content: Content::Object(ty),
            at: 0,
            written,
        }
    }

    /// Returns the values of an array, vector or complex number; nothing for other types and for
    /// flexible arrays.
    pub(crate) fn elements(self, ty: &'t Type) -> Option<impl Iterator<Item = Slot<'t>>> {
        let bits = ty.size() * 8;
        let (n, step, content) = match ty.kind() {
            Kind::Array(own) => (own.len?, own.elem.size() * 8, Content::Object(&own.elem)),
            Kind::Vector(vector) => {
                let lanes = u64::from(vector.lanes);
                let whole = bits / lanes.next_power_of_two();
                let step = vector.bools.as_ref().map_or(whole, |_| 1);
                (lanes, step, Content::Bits(vector.lane, step))
            }
            Kind::Complex(part) => {
                let content = Content::Bits(*part, part.value_bits(ty.size() / 2));
                (2, bits / 2, content)
            }
            _ => return None,
        };
        let written = match self.written {
            Some(Written::Array(element, _)) => Some(&**element),
            _ => None,
        };
        Some((0..n).map(move |i| Slot {
            content,
            at: self.at + i * step,
            written,
        }))
    }

    /// Returns the member `field` of `record`, `start` bits inside; nothing for a flexible array,
    /// which is not part of the record's value.
    pub(crate) fn member(
        self,
        header: &'t Header,
        record: &Record,
        (field, start): (&'t Field, u64),
    ) -> Option<Slot<'t>> {
        let content = match (field.bit_field(), field.ty().kind()) {
            (Some(bits), _) => Content::Bits(field.ty().as_scalar()?, bits.width.into()),
            (None, Kind::Array(array)) if array.len.is_none() => return None,
            (None, _) => Content::Object(field.ty()),
        };
        let fields = record.fields();
        let place = fields.iter().position(|own| std::ptr::eq(own, field));
        let mut named = header.records.iter().chain(&header.typedefs);
        let named = named.find(|named| {
            let is_name =
                |own: &Written| matches!(own, Written::Named(name) if *name == named.name);
            self.written.is_some_and(is_name) && named.members.len() == fields.len()
        });
        Some(Slot {
            content,
            at: self.at + start,
            written: named.and_then(|named| named.members.get(place?)),
        })
    }
}

/// Byte order of a machine, which its bit-fields have too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    /// Returns the order of the machine of `target`, by default of this one.
    pub(crate) fn of(target: Option<&Target>) -> Self {
        let convention = target.and_then(Target::convention);
        let is_big = convention.map(|own| own.frame.big_endian);
        match is_big.unwrap_or(cfg!(target_endian = "big")) {
            true => Self::Big,
            false => Self::Little,
        }
    }

    /// Returns the byte of bit `i`, from the lowest on, of `width` bits at bit `at`; and how many
    /// bits of that byte are lower.
    fn place(self, (at, width): (u64, u64), i: u64) -> (Option<usize>, u64) {
        let (bit, lower) = match self {
            Self::Little => (at + i, (at + i) % 8),
            Self::Big => (at + width - 1 - i, 7 - (at + width - 1 - i) % 8),
        };
        (usize::try_from(bit / 8).ok(), lower)
    }
}

/// Writes the lowest `width` bits of `value` at bit `at` of `bytes`; bits outside are left out,
/// bits above 128 are zero.
pub(crate) fn set(bytes: &mut [u8], (at, width): (u64, u64), value: u128, order: Order) {
    for i in 0..width {
        let (byte, shift) = order.place((at, width), i);
        if let Some(byte) = byte.and_then(|n| bytes.get_mut(n)) {
            let bit = i < 128 && value >> i & 1 == 1;
            *byte = *byte & !(1 << shift) | u8::from(bit) << shift;
        }
    }
}

/// Returns the `width` bits from bit `at` on, at most 128; bits outside of `bytes` are zero.
pub(crate) fn get(bytes: &[u8], (at, width): (u64, u64), order: Order) -> u128 {
    let bit = |i: u64| {
        let (byte, shift) = order.place((at, width), i);
        let byte = byte.and_then(|n| bytes.get(n));
        byte.is_some_and(|byte| byte >> shift & 1 == 1)
    };
    (0..width.min(128)).fold(0, |value, i| value | u128::from(bit(i)) << i)
}

/// Returns a number in `width` bits, if it fits there. As in C an unsigned type takes `-1`, and a
/// signed one `0xffffffff`.
pub(crate) fn fit(magnitude: u128, negative: bool, width: u64) -> Option<u128> {
    // Above 128 bits there is no sign to extend with.
    if width > 128 {
        return (!negative).then_some(magnitude);
    }
    let all = (0..width).fold(0, |all, _| all << 1 | 1);
    let (most, value) = match negative {
        true => (all / 2 + 1, magnitude.wrapping_neg()),
        false => (all, magnitude),
    };
    (magnitude <= most).then_some(value & all)
}
