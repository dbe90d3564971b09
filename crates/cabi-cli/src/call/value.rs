//! Values inside of objects: members of records, elements of arrays, lanes of vectors, the two
//! numbers of a complex one. Their bits are in the byte order of the machine whose code is run.

use std::ops::Range;

use cabi::{Kind, Scalar, Type};
use cabi_header::{Header, TypeSpelling, WrittenType};

/// A value in an object.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'t> {
    /// Type of the value. A lane, or a number of a complex one, has the type of the whole.
    pub(crate) ty: &'t Type,
    /// Scalar of a bit-field, a lane, or a number of a complex one, and the number of bits in use.
    pub(crate) bits: Option<(Scalar, u64)>,
    /// First bit of the value in the object.
    pub(crate) at: u64,
    /// The type as the header wrote it, if it did.
    pub(crate) written: Option<&'t WrittenType>,
    /// Members of a record without a name, as the header wrote them.
    pub(crate) unnamed: &'t [TypeSpelling],
}

impl<'t> Slot<'t> {
    pub(crate) fn object(ty: &'t Type, written: Option<&'t WrittenType>) -> Self {
        Self {
            ty,
            bits: None,
            at: 0,
            written,
            unnamed: &[],
        }
    }

    /// Returns the scalar that the value is, its first bit, and the number of bits in use. JSON has
    /// no decimal floating point, and a number has at most 128 bits.
    pub(crate) fn scalar(&self, is_big: bool) -> Option<(Scalar, (u64, u64))> {
        let size = self.ty.size();
        let whole = self
            .ty
            .as_scalar()
            .map(|scalar| (scalar, scalar.value_bits(size)));
        let (scalar, width) = self.bits.or(whole)?;
        let is_decimal = matches!(scalar, Scalar::Dec32 | Scalar::Dec64 | Scalar::Dec128);
        let is_moved = is_big && self.bits.is_none();
        let unused = if is_moved { size * 8 - width } else { 0 };
        (!is_decimal && width <= 128).then_some((scalar, (self.at + unused, width)))
    }

    /// Returns the bits of the object in which the value is.
    pub(crate) fn range(&self) -> Range<u64> {
        self.at..self.at + self.bits.map_or(self.ty.size() * 8, |(_, width)| width)
    }

    /// Returns the values of an array, vector or complex number; none for other types and for
    /// flexible arrays.
    pub(crate) fn elements(self) -> impl Iterator<Item = Slot<'t>> {
        let size = self.ty.size();
        let (n, step, ty, bits) = match self.ty.kind() {
            Kind::Array(own) => (own.len.unwrap_or(0), own.elem.size() * 8, &own.elem, None),
            Kind::Vector(vector) => {
                let lanes = u64::from(vector.lanes);
                let width = size * 8 / lanes.next_power_of_two();
                let step = vector.bools.as_ref().map_or(width, |_| 1);
                (lanes, step, self.ty, Some((vector.lane, step)))
            }
            Kind::Complex(part) => (
                2,
                size * 4,
                self.ty,
                Some((*part, part.value_bits(size / 2))),
            ),
            _ => (0, 0, self.ty, None),
        };
        let mut first = Slot { ty, bits, ..self };
        first.written = match self.written {
            Some(WrittenType::Array(element, _)) => Some(&**element),
            _ => None,
        };
        (0..n).map(move |i| {
            let at = self.at + i * step;
            Slot { at, ..first }
        })
    }

    /// Returns the members of a record with their names, those of its anonymous members among them.
    /// A flexible array is not part of the record's value.
    pub(crate) fn members(self, header: &'t Header) -> Vec<(&'t str, Slot<'t>)> {
        let fields = self
            .ty
            .as_record()
            .map_or(&[][..], |record| record.fields());
        let mut records = header.records.iter();
        let record = records.find(|record| self.written == Some(&record.written));
        let spellings = record.map_or(self.unnamed, |record| &record.spelled);
        // One for each field, or none if they are not known.
        let spellings = Some(spellings).filter(|spellings| spellings.len() == fields.len());
        let mut list = Vec::new();
        for (i, field) in fields.iter().enumerate() {
            let (ty, width) = (field.ty(), field.bit_field().map(|bits| bits.width.into()));
            let slot = Slot {
                ty,
                bits: ty.as_scalar().zip(width),
                at: self.at + field.offset_bits(),
                written: spellings.map(|spellings| &spellings[i].written),
                unnamed: spellings.map_or(&[], |spellings| &spellings[i].members),
            };
            match (field.name(), ty.kind()) {
                (_, Kind::Array(array)) if array.len.is_none() => {}
                (Some(name), _) => list.push((name, slot)),
                (None, _) => list.extend(slot.members(header)),
            }
        }
        list
    }
}

/// Returns the byte and the mask of each of `width` bits at bit `at`, from the lowest on.
fn bits((at, width): (u64, u64), is_big: bool) -> impl Iterator<Item = (usize, u8)> {
    (0..width).map(move |i| {
        let bit = if is_big { at + width - 1 - i } else { at + i };
        let lower = if is_big { 7 - bit % 8 } else { bit % 8 };
        (usize::try_from(bit / 8).unwrap_or(usize::MAX), 1 << lower)
    })
}

/// Writes the lowest `width` bits of `value` at bit `at` of `bytes`, which are zero.
pub(crate) fn set(bytes: &mut [u8], place: (u64, u64), value: u128, is_big: bool) {
    for (i, (byte, mask)) in (0..128).zip(bits(place, is_big)) {
        if let Some(byte) = bytes.get_mut(byte).filter(|_| value >> i & 1 == 1) {
            *byte |= mask;
        }
    }
}

/// Returns the `width` bits from bit `at` on, at most 128; bits outside of `bytes` are zero.
pub(crate) fn get(bytes: &[u8], place: (u64, u64), is_big: bool) -> u128 {
    let bits = (0..128).zip(bits(place, is_big));
    bits.fold(0, |value, (i, (byte, mask))| {
        let is_set = bytes.get(byte).is_some_and(|byte| byte & mask != 0);
        value | u128::from(is_set) << i
    })
}

/// Returns the signed number in the lowest `width` bits of `raw`.
pub(crate) fn signed(raw: u128, width: u64) -> i128 {
    let unused = 128 - width.clamp(1, 128);
    (raw << unused).cast_signed() >> unused
}
