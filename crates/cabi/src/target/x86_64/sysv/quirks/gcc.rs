//! Behaviour of gcc beyond the psABI: arrays by their first element, arrays of no elements, unnamed
//! bit-fields, parts of vectors and complex numbers.

use super::super::class::{Class, Classes, MAX_EIGHTBYTES, Stop, eightbyte};
use super::super::psabi::merge;
use crate::convention::{Classify, Group, GroupKind, RegCounts, Role};
use crate::leaves::{Aggregate, Leaf, LeafFlags, LeafKind, Leaves, leaves, leaves_of_absent};
use crate::policy::Policy;
use crate::scalar::{Scalar, Vector};
use crate::types::error::Error;
use crate::types::record::{RecordKind, is_all_padding};
use crate::types::{Kind, Type};

/// Returns the bytes, without a class, that a leaf of a later element of an array of records adds
/// ([`Policy::ARRAYS_GO_BY_FIRST_ELEMENT`]).
pub(super) fn later_element(leaf: &Leaf, cx: &mut Classify<'_, '_>) -> Option<Classes> {
    let later = leaf.around.any(LeafFlags::LATER) && go_by_first_element(cx);
    later.then(|| match leaf.width_bits {
        0 => Classes::NOTHING,
        _ => Classes::bytes_of(leaf),
    })
}

/// Adds the classes of a leaf of the first element of an array of records for the other elements
/// too ([`Policy::ARRAYS_GO_BY_FIRST_ELEMENT`]). Eightbyte by eightbyte, they have the first
/// element's classes, whatever is there.
pub(super) fn repeated(
    mut adds: Classes,
    leaf: &Leaf,
    walk: &Leaves<'_>,
    cx: &mut Classify<'_, '_>,
) -> Classes {
    let before = adds;
    let classes = before.as_slice();
    if !leaf.around.any(LeafFlags::REPEATED)
        || classes.iter().all(|class| *class == Class::NoClass)
        || !go_by_first_element(cx)
    {
        return adds;
    }
    // The three outermost arrays, the innermost of them first.
    let mut arrays = [None; 3];
    for (slot, array) in arrays
        .iter_mut()
        .rev()
        .zip(walk.path().filter_map(RecordArray::of))
    {
        *slot = Some(array);
    }
    for i in (0..classes.len()).filter(|i| classes[*i] != Class::NoClass) {
        let mut marked = [false; MAX_EIGHTBYTES];
        marked[i] = true;
        for array in arrays.iter().flatten() {
            for at in 0..MAX_EIGHTBYTES {
                if marked[at] {
                    array.repeats(at).for_each(|again| marked[again] = true);
                }
            }
        }
        let all = adds.as_mut_slice().iter_mut().zip(marked);
        for (class, _) in all.filter(|(_, is_same)| *is_same) {
            *class = classes[i];
        }
    }
    adds
}

/// Returns whether arrays go by their first element. They do not where all arrays are `Integer`.
fn go_by_first_element(cx: &mut Classify<'_, '_>) -> bool {
    !cx.policy.has(Policy::ARRAYS_ARE_INTEGER) && cx.choose(Policy::ARRAYS_GO_BY_FIRST_ELEMENT)
}

#[derive(Clone, Copy)]
struct RecordArray {
    /// Its first byte.
    offset: u64,
    /// Bytes of one element.
    elem: u64,
    /// Bytes of all.
    size: u64,
}

impl RecordArray {
    fn of(frame: &Aggregate<'_>) -> Option<Self> {
        match frame.ty.kind() {
            Kind::Array(array) if array.len > Some(1) && array.elem.holds_records() => Some(Self {
                offset: frame.offset,
                elem: array.elem.size(),
                size: frame.ty.size(),
            }),
            _ => None,
        }
        .filter(|array| array.elem > 0)
    }

    /// Returns the eightbytes that repeat eightbyte `i` of the first element in the later ones.
    fn repeats(&self, i: usize) -> impl Iterator<Item = usize> {
        let start = self.offset % 8;
        let words = |bytes: u64| eightbyte(start + bytes + 7);
        let first = eightbyte(self.offset);
        let end = first.saturating_add(words(self.size)).min(MAX_EIGHTBYTES);
        let step = words(self.elem).max(1);
        (i.saturating_add(step)..end).step_by(step)
    }
}

/// Returns the classes of an array of no elements that starts inside an eightbyte. It counts as one
/// element, as far as that eightbyte ([`Policy::ZERO_LENGTH_ARRAYS_COUNT`]).
pub(super) fn zero_length_array(
    leaf: &Leaf,
    walk: &Leaves<'_>,
    ty: &Type,
    cx: &mut Classify<'_, '_>,
) -> Result<Option<Classes>, Stop> {
    let inside = leaf.kind == LeafKind::Empty && !leaf.offset_bits.is_multiple_of(64);
    let elem = match walk.own_type().kind() {
        Kind::Array(array) if inside && array.elem.size() > 0 => &array.elem,
        _ => return Ok(None),
    };
    if !cx.choose(Policy::ZERO_LENGTH_ARRAYS_COUNT) {
        return Ok(None);
    }
    if elem.is_aggregate() && elem.size() + leaf.offset_bits % 64 / 8 > 16 {
        let why =
            "rule 5(c): an array without elements, whose element type has more than two eightbytes";
        return Err(Stop::memory(why, cx));
    }
    let start = eightbyte(leaf.offset_bits / 8);
    let mut adds = Classes::NOTHING;
    let mut absent = leaves_of_absent(elem, leaf);
    while let Some(inner) = absent.next() {
        let starts_here = inner.offset_bits / 64 == leaf.offset_bits / 64;
        if inner.kind == LeafKind::Empty && !starts_here {
            continue;
        }
        let own = super::leaf(&inner, &absent, ty, cx)?;
        let classes = adds.as_mut_slice().iter_mut().zip(own.as_slice());
        for (class, own) in classes.skip(start).take(usize::from(starts_here)) {
            *class = merge(*class, *own);
        }
    }
    Ok(Some(adds))
}

/// Returns the classes of a `_BitInt` whose bytes, or those of the first element of its array, are
/// in two eightbytes. It is `Integer` in both, wherever it starts
/// ([`Policy::BIT_INTS_IN_TWO_EIGHTBYTES_NEED_NO_ALIGNMENT`]).
pub(super) fn in_two_eightbytes(
    leaf: &Leaf,
    walk: &Leaves<'_>,
    cx: &mut Classify<'_, '_>,
) -> Option<Classes> {
    let is_array = |frame: &&Aggregate<'_>| matches!(frame.ty.kind(), Kind::Array(_));
    let array = walk.path().rev().take_while(is_array).last();
    let start = array.map_or(leaf.offset_bits / 8, |array| array.offset);
    let size = walk.own_type().size();
    let is_bit_int = matches!(leaf.kind, LeafKind::Scalar(Scalar::BitInt { .. }));
    let is_exempt = is_bit_int
        && start % 8 + size > 8
        && cx.choose(Policy::BIT_INTS_IN_TWO_EIGHTBYTES_NEED_NO_ALIGNMENT);
    let bytes = Leaf {
        width_bits: 8 * size,
        ..*leaf
    };
    is_exempt.then(|| Classes::integers(&bytes))
}

/// Returns whether `leaf` is a bit-field that could be an ordinary integer as well, and is not
/// aligned like one ([`Policy::WHOLE_BIT_FIELDS_MUST_BE_ALIGNED`]).
pub(super) fn is_unaligned_bit_field(
    leaf: &Leaf,
    walk: &Leaves<'_>,
    cx: &mut Classify<'_, '_>,
) -> bool {
    let unit = if leaf.bit_field {
        integer_bits(leaf, walk)
    } else {
        1
    };
    !leaf.offset_bits.is_multiple_of(unit) && cx.choose(Policy::WHOLE_BIT_FIELDS_MUST_BE_ALIGNED)
}

/// Returns the bits of the ordinary integer that gcc may take a bit-field for, otherwise 1. A
/// member of a union is such an integer. A member of a structure must fill an integer, start at a
/// multiple of its width in the structure, and not be packed.
fn integer_bits(leaf: &Leaf, walk: &Leaves<'_>) -> u64 {
    let Some((record, field)) = walk.field() else {
        return 1;
    };
    // No integer is as wide as the widest `_BitInt`s.
    let integer = leaf.width_bits.next_power_of_two().max(8);
    let fills = leaf.width_bits == integer && field.offset_bits().is_multiple_of(integer);
    let packed = field.is_packed() || record.attributes().packed;
    let is_integer = record.kind() == RecordKind::Union || (fills && !packed);
    if is_integer && integer <= 1 << 15 {
        integer
    } else {
        1
    }
}

/// Returns the classes of an unnamed bit-field: `Integer`, unless its width is 0
/// ([`Policy::UNNAMED_BIT_FIELDS_COUNT`]). A member of a union is `Integer` with any width
/// ([`Policy::UNNAMED_BIT_FIELDS_OF_UNIONS_COUNT`]). A union without bytes at the start of an
/// eightbyte is nothing.
pub(super) fn padding(
    leaf: &Leaf,
    walk: &Leaves<'_>,
    cx: &mut Classify<'_, '_>,
) -> Option<Classes> {
    let padding = leaf.bit_field && (leaf.unnamed || leaf.width_bits == 0);
    if !padding {
        return None;
    }
    let in_union = leaf.around.any(LeafFlags::IN_UNION);
    let counts = if in_union {
        let is_empty = end_of_aggregate(walk).saturating_mul(8) <= leaf.offset_bits;
        let nothing = is_empty && leaf.offset_bits.is_multiple_of(64);
        !nothing && cx.choose(Policy::UNNAMED_BIT_FIELDS_OF_UNIONS_COUNT)
    } else {
        leaf.width_bits != 0 && cx.choose(Policy::UNNAMED_BIT_FIELDS_COUNT)
    };
    Some(if counts {
        Classes::integers(leaf)
    } else {
        Classes::NOTHING
    })
}

/// Returns the end of the innermost record or array around the last leaf of `walk`, in bytes.
fn end_of_aggregate(walk: &Leaves<'_>) -> u64 {
    let innermost = walk.innermost();
    innermost.map_or(0, |frame| frame.offset.saturating_add(frame.ty.size()))
}

/// Leaves a vector of one `__int128` a class in its first eightbyte alone
/// ([`Policy::INT128_VECTOR_MEMBERS_LOSE_HALF`]). An element of an array has this class in both.
/// The bytes in the second eightbyte are passed all the same, if it has a class.
pub(super) fn lose_half(
    adds: &mut Classes,
    leaf: &Leaf,
    walk: &Leaves<'_>,
    cx: &mut Classify<'_, '_>,
) {
    if is_one_int128(leaf.kind) && cx.choose(Policy::INT128_VECTOR_MEMBERS_LOSE_HALF) {
        let first = eightbyte(leaf.offset_bits / 8);
        let around = walk.innermost().map(|frame| frame.ty.kind());
        let in_array = matches!(around, Some(Kind::Array(_)));
        if let Some(second) = adds.as_mut_slice().get_mut(first + 1) {
            *second = if in_array { Class::Sse } else { Class::NoClass };
        }
    }
}

/// Refuses a record in registers if no part has the upper half of a vector of one `__int128`
/// ([`Policy::INT128_VECTOR_MEMBERS_LOSE_HALF`]).
pub(super) fn refuse_lost_half(
    ty: &Type,
    group: &Group,
    cx: &Classify<'_, '_>,
) -> Result<(), Error> {
    let in_registers = group.kind == GroupKind::Registers && ty.is_aggregate();
    if !in_registers || !cx.policy.has(Policy::INT128_VECTOR_MEMBERS_LOSE_HALF) {
        return Ok(());
    }
    let is_lost = |leaf: Leaf| {
        let upper = leaf.offset_bits / 8 + 8;
        let holds = |offset: u8, size: u8| {
            u64::from(offset) < upper + 8 && upper < u64::from(offset) + u64::from(size)
        };
        is_one_int128(leaf.kind) && !group.parts.iter().any(|part| holds(part.offset, part.size))
    };
    if leaves(ty).any(is_lost) {
        let why = "gcc passes only the lower half of a vector of one __int128 that is a member";
        return cx.dispute(ty, why);
    }
    Ok(())
}

fn is_one_int128(kind: LeafKind) -> bool {
    matches!(kind, LeafKind::Vector(Vector { lane, lanes: 1, .. }) if lane.is_int128())
}

/// Gives a `_Complex _Float16` that does not start its eightbyte a class in the next one too
/// ([`Policy::COMPLEX_HALVES_REACH_ON`]). The record or array around it must have a next one.
pub(super) fn reached_on(
    mut adds: Classes,
    leaf: &Leaf,
    walk: &Leaves<'_>,
    cx: &mut Classify<'_, '_>,
) -> Classes {
    if !leaf.around.any(LeafFlags::IMAGINARY) || leaf.kind != LeafKind::Scalar(Scalar::F16) {
        return adds;
    }
    let start = leaf.offset_bits.saturating_sub(16);
    let next = start / 64 + 1;
    if !start.is_multiple_of(64)
        && start / 64 == leaf.offset_bits / 64
        && next * 8 < end_of_aggregate(walk)
        && cx.choose(Policy::COMPLEX_HALVES_REACH_ON)
        && let Some(class) = adds.as_mut_slice().get_mut(eightbyte(next * 8))
    {
        *class = merge(*class, Class::Sse);
    }
    adds
}

/// Places a record of no bytes with a flexible array in it. To gcc it has no place, but aligns the
/// next stack argument. If it is memory ([`Policy::FLEXIBLE_ARRAY_IN_MEMORY`]), it has a slot.
///
/// # Errors
/// The record is an unnamed argument with a slot, or aligned to more than a slot: compilers'
/// callers and their `va_arg` disagree.
pub(super) fn place_flexible_array(
    ty: &Type,
    group: &mut Group,
    cx: &Classify<'_, '_>,
) -> Result<(), Error> {
    let flexible = |leaf: Leaf| leaf.kind == LeafKind::FlexibleArray;
    let nothing = ty.size() == 0 && cx.role != Role::Result && ty.as_record().is_some();
    if !nothing || !leaves(ty).any(flexible) {
        return Ok(());
    }
    if group.kind == GroupKind::Ignore {
        group.kind = GroupKind::Registers;
    }
    let asks = group.kind == GroupKind::Memory || group.align > 8;
    if cx.role == Role::Unnamed && asks {
        let why = "callers reserve stack for an unnamed record of no bytes, or align the next argument, and va_arg does not";
        return cx.dispute(ty, why);
    }
    if group.kind == GroupKind::Memory {
        // It has no slot after the last register: `clang::adjust`.
        group.counts = Some(RegCounts::default());
    }
    Ok(())
}

/// Gives a record of unnamed bit-fields alone a register, but no place in memory. As a result it is
/// nothing ([`Policy::UNNAMED_BIT_FIELDS_COUNT`]).
pub(super) fn count_padding(ty: &Type, group: &mut Group, cx: &mut Classify<'_, '_>) {
    if group.kind == GroupKind::Ignore
        || ty.as_record().is_none()
        || !is_all_padding(ty)
        || !cx.choose(Policy::UNNAMED_BIT_FIELDS_COUNT)
    {
        return;
    }
    group.size = 0;
    if cx.role == Role::Result || group.kind == GroupKind::Memory {
        group.kind = GroupKind::Ignore;
    }
}
