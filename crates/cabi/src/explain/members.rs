//! The scalars of an object with the names C has for them, up to a limit, because arrays may be
//! large.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::leaves::{Leaf, LeafFlags, LeafKind, Leaves, leaves};
use crate::scalar::Scalar;
use crate::types::record::Field;
use crate::types::{Kind, Type};

/// A scalar or vector in an object, or an array of characters.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ExplainedMember {
    /// As C reaches it from the object: `p.x`, `tag[0..3]`, `re`.
    pub name: String,
    /// First bit.
    pub offset_bits: u64,
    /// Bits.
    pub width_bits: u64,
}

impl ExplainedMember {
    /// Returns the bit after the last one.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset_bits.saturating_add(self.width_bits)
    }
}

/// Returns the members of `ty` that start within its first `limit` bits. `name` is the name of a
/// value without members. Unnamed bit-fields are padding, and not among them.
///
/// # Example
/// ```
/// use cabi::{DataModel, RecordBuilder, Type, members};
///
/// let tag = Type::array(&Type::I8, 3)?;
/// let ty = RecordBuilder::structure("s")
///     .field("x", Type::F64)
///     .field("tag", tag)
///     .build(&DataModel::LP64)?;
/// let names: Vec<String> = members(&ty, "", 512).into_iter().map(|member| member.name).collect();
/// assert_eq!(names, ["x", "tag[0..3]"]);
/// # Ok::<(), cabi::Error>(())
/// ```
#[must_use]
pub fn members(ty: &Type, name: &str, limit: u64) -> Vec<ExplainedMember> {
    let all = members_and_padding(ty, name, limit).into_iter();
    all.filter_map(|(member, is_padding)| (!is_padding).then_some(member))
        .collect()
}

/// Returns the members of `ty` as [`members`] does, and unnamed bit-fields among them, which `true`
/// marks and which have no name.
pub(super) fn members_and_padding(
    ty: &Type,
    name: &str,
    limit: u64,
) -> Vec<(ExplainedMember, bool)> {
    let (mut members, mut walk) = (Vec::new(), leaves(ty));
    while let Some(leaf) = walk.next() {
        if leaf.offset_bits >= limit {
            walk.skip_all_elements();
        } else if leaf.width_bits > 0 {
            let name = match leaf.unnamed {
                true => String::new(),
                false => name_of(name, &leaf, &walk),
            };
            // Characters are too narrow for names of their own.
            let width_bits = match narrow_array(&walk) {
                Some(_) => 8 * walk.skip_scalars(&leaf) - leaf.offset_bits,
                None => leaf.width_bits,
            };
            let member = ExplainedMember {
                name,
                offset_bits: leaf.offset_bits,
                width_bits,
            };
            members.push((member, leaf.unnamed));
        }
    }
    members
}

/// Returns the number of elements of the array of characters, or of other narrow scalars, that the
/// last leaf is in.
fn narrow_array(walk: &Leaves<'_>) -> Option<u64> {
    match walk.innermost()?.ty.kind() {
        Kind::Array(array) if array.elem.size() <= 2 => array.elem.as_scalar().and(array.len),
        _ => None,
    }
}

/// Returns C's name of the last leaf of `walk` in an object called `name`.
fn name_of(name: &str, leaf: &Leaf, walk: &Leaves<'_>) -> String {
    let mut full_name = String::from(name);
    let mut add = |inner: &str| {
        if !(full_name.is_empty() || inner.is_empty() || inner.starts_with('[')) {
            full_name.push('.');
        }
        full_name.push_str(inner);
    };
    let innermost = walk.path().count();
    for (i, frame) in walk.path().enumerate() {
        match (frame.element(), narrow_array(walk)) {
            (Some(_), Some(len)) if i + 1 == innermost => add(&format!("[0..{len}]")),
            (Some(element), _) => add(&format!("[{element}]")),
            (None, _) => add(frame.field().and_then(Field::name).unwrap_or("")),
        }
    }
    let kind = walk.own_type().kind();
    add(match (kind, leaf.kind) {
        _ if leaf.bit_field => "",
        (Kind::Complex(_), _) if leaf.around.any(LeafFlags::IMAGINARY) => "im",
        (Kind::Complex(_), _) => "re",
        (Kind::Slice, LeafKind::Scalar(Scalar::Ptr)) => "ptr",
        (Kind::Slice, _) => "len",
        _ => "",
    });
    full_name
}
