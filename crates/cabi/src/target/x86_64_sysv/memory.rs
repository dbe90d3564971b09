//! What sends a value to memory before its classes are merged: psABI 3.2.3, Classification, rule 1, and what compilers add to it.

use super::vectors::is_one_float;
use crate::leaves::{EmptyArray, Leaf, LeafKind};
use crate::policy::Policy;
use crate::record::{Record, RecordKind};
use crate::rules::{Classify, Role};
use crate::scalar::{BoolVector, Scalar, Vector};
use crate::types::Type;

/// Why `leaf` sends the whole of `ty` to memory, if it does.
pub(super) fn sends_to_memory(
    leaf: &Leaf,
    ty: &Type,
    cx: &mut Classify<'_, '_>,
) -> Option<&'static str> {
    if let Some(array) = leaf.context.phantom {
        if !is_counted(array, cx) {
            return empty_objection(array.members_aligned, ty, cx);
        }
        if array
            .aggregate_bytes
            .saturating_add(array.offset_bits % 64 / 8)
            > 16
        {
            return Some(
                "rule 5(c): an array of no elements, one of which is in more than two eightbytes",
            );
        }
    }
    if leaf.context.atomic && ty.is_aggregate() && cx.choose(Policy::ATOMIC_MEMBERS_IN_MEMORY) {
        return Some("an _Atomic member");
    }
    if leaf.kind == LeafKind::FlexibleArray && cx.choose(Policy::FLEXIBLE_ARRAY_IN_MEMORY) {
        return Some("a flexible array member");
    }
    let unit = match leaf.kind {
        // Bit-fields are exempt, to most; the members around them are not.
        _ if leaf.bit_field => integer_unit(leaf, cx),
        LeafKind::Scalar(scalar) => natural_align_bits(scalar, leaf.width_bits),
        LeafKind::Vector(vector) if vector.bools.is_none() => leaf.width_bits.next_power_of_two(),
        _ => 8,
    };
    let unaligned = !leaf.offset_bits.is_multiple_of(unit);
    if unaligned && !cx.choose(Policy::UNALIGNED_MEMBERS_IN_REGISTERS) {
        return Some("rule 1: an unaligned field");
    }
    let half = leaf.kind == LeafKind::Scalar(Scalar::F16) && ty.is_aggregate();
    if half && cx.choose(Policy::HALF_MEMBERS_IN_MEMORY) {
        return Some("a _Float16 member");
    }
    if !leaf.context.members_aligned && cx.choose(Policy::MEMBERS_MUST_BE_ALIGNED) {
        return Some("rule 1: a member at an offset its type's alignment forbids");
    }
    if let LeafKind::Vector(vector) = leaf.kind {
        return vector_objection(vector, leaf.width_bits.next_power_of_two(), cx);
    }
    if leaf.kind == LeafKind::Empty {
        return empty_objection(true, ty, cx);
    }
    None
}

/// The bits that the offset of a bit-field must be a multiple of.
fn integer_unit(leaf: &Leaf, cx: &mut Classify<'_, '_>) -> u64 {
    let unit = u64::from(leaf.integer_bits.max(1));
    let unaligned = !leaf.offset_bits.is_multiple_of(unit);
    if unaligned && cx.choose(Policy::WHOLE_BIT_FIELDS_MUST_BE_ALIGNED) {
        unit
    } else {
        1
    }
}

/// Why a member without bytes sends `ty` to memory, if it does.
fn empty_objection(aligned: bool, ty: &Type, cx: &mut Classify<'_, '_>) -> Option<&'static str> {
    if !aligned && cx.choose(Policy::MEMBERS_MUST_BE_ALIGNED) {
        return Some("rule 1: a member at an offset its type's alignment forbids");
    }
    let kind = ty.as_record().map(Record::kind);
    let wide = ty.size() > 16 && kind == Some(RecordKind::Struct);
    if wide && cx.choose(Policy::EMPTY_MEMBERS_BAR_WIDE_VECTORS) {
        return Some("an empty member in more than two eightbytes");
    }
    None
}

/// Whether an array of no elements counts as one element, as far as the eightbyte it starts inside.
pub(super) fn is_counted(array: EmptyArray, cx: &mut Classify<'_, '_>) -> bool {
    !array.offset_bits.is_multiple_of(64) && cx.choose(Policy::ZERO_LENGTH_ARRAYS_COUNT)
}

/// Why a vector member sends its record to memory, if it does.
fn vector_objection(vector: Vector, bits: u64, cx: &mut Classify<'_, '_>) -> Option<&'static str> {
    let bytes = bits.div_ceil(8);
    if vector.bools == Some(BoolVector::Zig) && vector.lanes > 64 {
        return Some("a vector of more than 64 bools as a member");
    }
    if bytes > cx.vectors.bytes() {
        return Some("a vector wider than the signature's vector level");
    }
    if bytes > 16 && cx.role == Role::Unnamed {
        return Some("unnamed vectors wider than 16 bytes are always in memory");
    }
    let int128 = matches!(vector.lane, Scalar::Int { bits: 128, .. });
    if bytes > 16 && int128 && cx.choose(Policy::WIDE_INT128_VECTORS_IN_MEMORY) {
        return Some("a vector of __int128 wider than 16 bytes");
    }
    if is_one_float(vector, cx) {
        return Some("a vector of one float");
    }
    None
}

/// The alignment below which gcc calls a scalar unaligned: its size, whatever a typedef says.
fn natural_align_bits(scalar: Scalar, width_bits: u64) -> u64 {
    match scalar {
        Scalar::F80 => 128,
        Scalar::BitInt { bits, .. } if bits > 64 => 64,
        Scalar::BitInt { .. } => width_bits.next_power_of_two().max(8),
        _ => width_bits.max(8),
    }
}
