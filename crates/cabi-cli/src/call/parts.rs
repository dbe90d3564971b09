//! Values inside of values: members of records, elements of arrays, lanes of vectors, the two
//! numbers of a complex one.

use cabi::{Field, Kind, Record, Scalar, Type};
use cabi_header::{Header, Written};

/// One value inside of another.
#[derive(Clone, Copy)]
pub(crate) enum Content<'t> {
    Object(&'t Type),
    /// Bit-field, lane, or number of a complex one, with the number of bits that count.
    Bits(Scalar, u64),
}

/// Equal parts, one after the other.
pub(crate) struct Elements<'t> {
    pub(crate) n: u64,
    /// Bits from one to the next.
    pub(crate) step: u64,
    pub(crate) content: Content<'t>,
}

/// Returns the elements of an array, vector or complex number; nothing for other types and for
/// flexible arrays.
pub(crate) fn elements(ty: &Type) -> Option<Elements<'_>> {
    let bits = ty.size() * 8;
    let (n, step, content) = match ty.kind() {
        Kind::Array(array) => (
            array.len?,
            array.elem.size() * 8,
            Content::Object(&array.elem),
        ),
        Kind::Vector(vector) => {
            let lanes = u64::from(vector.lanes);
            let step = match vector.bools {
                Some(_) => 1,
                None => bits / lanes.next_power_of_two(),
            };
            (lanes, step, Content::Bits(vector.lane, step))
        }
        Kind::Complex(part) => (
            2,
            bits / 2,
            Content::Bits(*part, part.value_bits(ty.size() / 2)),
        ),
        _ => return None,
    };
    Some(Elements { n, step, content })
}

/// Returns the content of a member; nothing for a flexible array, which is not part of the record's
/// value.
pub(crate) fn member(field: &Field) -> Option<Content<'_>> {
    match (field.bit_field(), field.ty().kind()) {
        (Some(bits), _) => Some(Content::Bits(field.ty().as_scalar()?, bits.width.into())),
        (None, Kind::Array(array)) if array.len.is_none() => None,
        (None, _) => Some(Content::Object(field.ty())),
    }
}

/// Returns the members of `record` as `header` wrote them, if it says more than their types.
pub(crate) fn written<'h>(
    header: &'h Header,
    written: Option<&Written>,
    record: &Record,
) -> &'h [Written] {
    let Some(Written::Named(name)) = written else {
        return &[];
    };
    let mut all = header.records.iter().chain(&header.typedefs);
    let is = |named: &&cabi_header::NamedType| {
        named.name == *name && named.members.len() == record.fields().len()
    };
    all.find(is).map_or(&[], |named| &named.members)
}

/// Returns the type of elements, written as their array is.
pub(crate) fn of_element(written: Option<&Written>) -> Option<&Written> {
    match written {
        Some(Written::Array(element, _)) => Some(element),
        _ => None,
    }
}
