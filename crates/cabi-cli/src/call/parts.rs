//! What a value consists of: the members of a record, the elements of an array, the lanes of a vector, the two numbers of a complex one.

use cabi::{Field, Kind, RecordKind, Scalar, Type, Vector};

use super::literal::Designator;

/// A part of a value, which begins at a bit of it.
pub(crate) struct Part<'t> {
    pub(crate) at: u64,
    pub(crate) content: Content<'t>,
    /// What a message says in front of what is wrong with it; empty for a member without a name.
    label: String,
}

/// What a part is.
#[derive(Clone, Copy)]
pub(crate) enum Content<'t> {
    Object(&'t Type),
    /// A bit-field, a lane, or a number of a complex one, and how many bits of it count.
    Bits(Scalar, u64),
}

impl<'t> Part<'t> {
    /// A member at bit `at`.
    pub(crate) fn of_field(field: &'t Field, at: u64) -> Option<Self> {
        let name = field.name().map(|name| format!(".{name}"));
        let (content, label) = match field.bit_field() {
            None => (Content::Object(field.ty()), name),
            Some(bits) => (
                Content::Bits(field.ty().as_scalar()?, bits.width.into()),
                name.map(|name| format!("{name}, a bit-field of {} bits", bits.width)),
            ),
        };
        let label = label.unwrap_or_default();
        Some(Self { at, content, label })
    }

    /// `why`, after what it is about.
    pub(crate) fn wrong(&self, why: String) -> String {
        match self.label.as_str() {
            "" => why,
            label => format!("{label}: {why}"),
        }
    }
}

/// How many parts a value of type `ty` has; none for a scalar.
///
/// # Errors
/// It is a flexible array.
pub(crate) fn count(ty: &Type) -> Result<Option<u64>, String> {
    let flexible = || "a flexible array member is not part of the value".to_owned();
    Ok(match ty.kind() {
        Kind::Record(record) => Some(record.fields().len() as u64),
        Kind::Array(array) => Some(array.len.ok_or_else(flexible)?),
        Kind::Vector(vector) => Some(vector.lanes.into()),
        Kind::Complex(_) => Some(2),
        _ => None,
    })
}

/// Part `i` of a value of type `ty`.
pub(crate) fn part(ty: &Type, i: u64) -> Option<Part<'_>> {
    let (size, content, label) = match ty.kind() {
        Kind::Record(record) => {
            let field = record.fields().get(usize::try_from(i).ok()?)?;
            return Part::of_field(field, field.offset_bits());
        }
        Kind::Array(array) => {
            let size = array.elem.size() * 8;
            (size, Content::Object(&array.elem), format!("[{i}]"))
        }
        Kind::Vector(vector) => {
            let size = lane_bits(vector, ty);
            (size, Content::Bits(vector.lane, size), format!("lane {i}"))
        }
        Kind::Complex(number) => {
            let bits = number.value_bits(ty.size() / 2);
            (
                ty.size() * 4,
                Content::Bits(*number, bits),
                format!("part {i}"),
            )
        }
        _ => return None,
    };
    let is_there = count(ty).is_ok_and(|n| n.is_some_and(|n| i < n));
    is_there.then(|| Part {
        at: i * size,
        content,
        label,
    })
}

fn lane_bits(vector: &Vector, ty: &Type) -> u64 {
    match vector.bools {
        Some(_) => 1,
        None => ty.size() * 8 / u64::from(vector.lanes).next_power_of_two(),
    }
}

/// The part after part `before` that the next initialiser without a designator is for.
pub(crate) fn following(ty: &Type, before: Option<u64>) -> Option<(u64, Part<'_>)> {
    let first = before.map_or(0, |before| before + 1);
    let Some(record) = ty.as_record() else {
        return Some((first, part(ty, first)?));
    };
    if record.kind() == RecordKind::Union && before.is_some() {
        return None;
    }
    // Unnamed bit-fields take no value.
    let is_padding = |field: &Field| field.name().is_none() && field.bit_field().is_some();
    let fields = (0..).zip(record.fields());
    let mut fields = fields.filter(|(i, field)| *i >= first && !is_padding(field));
    let (i, _) = fields.next()?;
    Some((i, part(ty, i)?))
}

/// The part of `ty` that a designator names, with its index among the parts of `ty` itself: what is inside an anonymous member is in that one.
pub(crate) fn designated<'t>(
    ty: &'t Type,
    designator: &Designator,
) -> Result<(u64, Part<'t>), String> {
    match (ty.kind(), designator) {
        (Kind::Record(record), Designator::Member(name)) => {
            let none = || format!("{record} has no member {name}");
            let (field, at) = record.field(name).ok_or_else(none)?;
            let holds = |field: &Field| match (field.name(), field.ty().as_record()) {
                (Some(own), _) => own == name,
                (None, Some(inner)) => inner.field(name).is_some(),
                _ => false,
            };
            let mut fields = (0..).zip(record.fields());
            let found = fields.find(|(_, field)| holds(field));
            let found = found.and_then(|(i, _)| Some((i, Part::of_field(field, at)?)));
            found.ok_or_else(none)
        }
        (Kind::Record(record), Designator::Element(_)) => Err(format!("{record} is not an array")),
        (Kind::Array(array), Designator::Element(i)) => {
            let len = array.len.unwrap_or(0);
            let none = || format!("[{i}] is not one of {len} elements");
            Ok((*i, part(ty, *i).ok_or_else(none)?))
        }
        (Kind::Vector(_) | Kind::Complex(_), _) => Err("lanes have no designators".to_owned()),
        _ => Err(format!("{ty} has no such member or element")),
    }
}
