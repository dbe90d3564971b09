//! From a type to its shape: psABI 3.2.3, Classification, rules 3 to 5, and what compilers make of unions, arrays and nested records.

use alloc::string::ToString;
use core::ops::Range;

use super::X86_64_SYSV;
use super::memory::{is_counted, sends_to_memory};
use super::pairs::is_odd_pair;
use super::quirks::{loses_half, refuse_lost_half};
use super::vectors::{vector_class, vector_shape};
use crate::class::{Class, Classes, Cleanup, MAX_EIGHTBYTES, Shape, cleanup, merge};
use crate::error::Error;
use crate::leaves::{Leaf, LeafKind, Leaves, has_wide_leaf, leaves_and_phantoms};
use crate::policy::Policy;
use crate::record::{Field, RecordKind};
use crate::rules::{Classify, Role};
use crate::scalar::{BoolVector, Scalar, Vector};
use crate::types::{Kind, Type};

/// The shape of `ty`: one class per eightbyte, memory, or a location per lane.
pub(super) fn shape(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Shape, Error> {
    match ty.kind() {
        // The only value that is ComplexX87, and only when it is nothing else (rule 4 of the text on `_Complex`).
        Kind::Complex(Scalar::F80) => {
            return Ok(Shape::Classes(Classes::whole(
                32,
                Class::ComplexX87,
                Class::ComplexX87,
            )));
        }
        Kind::Vector(vector) => {
            lowerable(LeafKind::Vector(*vector), ty, cx)?;
            return Ok(vector_shape(*vector, ty.size(), cx));
        }
        _ => {}
    }
    // Rule 1; its second half, unaligned fields, is looked at leaf by leaf.
    if ty.size() > 64 {
        cx.tracer.memory("rule 1: larger than eight eightbytes");
        return Ok(Shape::Memory);
    }
    let mut classes = Classes::none(ty.size());
    let mut leaves = leaves_and_phantoms(ty, has_classes_of_its_own);
    if !fold(&mut leaves, ty, &mut classes, cx)? {
        return Ok(Shape::Memory);
    }
    extend_first_vector(ty, &mut classes, cx)?;
    let shape = finish(classes, cx);
    if let Shape::Classes(classes) = &shape {
        refuse_lost_half(ty, classes, cx)?;
    }
    Ok(match shape {
        Shape::Classes(classes)
            if cx.may_touch(Policy::ODD_PAIRS_START_IN_GPR)
                && is_odd_pair(ty, &classes)
                && cx.choose(Policy::ODD_PAIRS_START_IN_GPR) =>
        {
            let mut classes = classes;
            if let Some(first) = classes.as_mut_slice().first_mut() {
                *first = Class::Integer;
            }
            classes.miscounted = true;
            Shape::Classes(classes)
        }
        shape => shape,
    })
}

/// Whether a record inside another must be classified by itself, with a cleanup of its own, before it is merged (rule 4: "each field is
/// classified recursively"). Merging leaf by leaf gives the same where there is nothing but `Integer` and `Sse` in two eightbytes.
fn has_classes_of_its_own(record: &Type) -> bool {
    record.size() > 16 || has_wide_leaf(record)
}

/// Merges the classes of `leaves`, which are those of `ty` or of a record in it, into `classes` (rules 3 and 4). False if one of them
/// sends the whole of `ty` to memory.
fn fold(
    leaves: &mut Leaves<'_>,
    ty: &Type,
    classes: &mut Classes,
    cx: &mut Classify<'_, '_>,
) -> Result<bool, Error> {
    while let Some(leaf) = leaves.next() {
        if let Some((record, offset, mut inside)) = leaves.take_aside() {
            if !fold_record(record, offset, &mut inside, ty, classes, cx)? {
                return Ok(false);
            }
            continue;
        }
        lowerable(leaf.kind, ty, cx)?;
        if !leaf.context.in_first_element && cx.choose(Policy::ARRAYS_GO_BY_FIRST_ELEMENT) {
            leaf.eightbytes()
                .for_each(|i| classes.use_up_to(i, leaf.bytes().end));
            continue;
        }
        if is_integer_by_array(&leaf, cx) {
            if leaf.context.array_bits > Some(128) {
                cx.tracer.memory("an array of more than 16 bytes");
                return Ok(false);
            }
            let first = usize::try_from(leaf.offset_bits / 64).unwrap_or(MAX_EIGHTBYTES);
            for i in first..leaf.eightbytes().end.max(first + 1) {
                classes.use_up_to(i, leaf.bytes().end);
                meet(classes, &leaf, i, Class::Integer, cx);
            }
            continue;
        }
        if let Some(why) = sends_to_memory(&leaf, ty, cx) {
            cx.tracer.memory(why);
            return Ok(false);
        }
        // Rule 3. From its first to its last bit: a bit-field may straddle.
        let (first, end) = (leaf.eightbytes().start, leaf.bytes().end);
        for i in eightbytes_that_count(&leaf, cx) {
            let own = class_of(&leaf, i - first.min(i), cx);
            if leaf.context.phantom.is_none() {
                classes.use_up_to(i, end);
            }
            meet(classes, &leaf, i, own, cx);
            let repeated = leaf.context.arrays[0].is_some();
            if repeated && cx.choose(Policy::ARRAYS_GO_BY_FIRST_ELEMENT) {
                repeat(classes, &leaf, i, own, cx);
            }
            if reaches_on(&leaf, cx) {
                meet(classes, &leaf, i + 1, Class::Sse, cx);
            }
        }
    }
    Ok(true)
}

/// Whether `leaf` is `Integer` because it lies in an array, or is one of no elements, and would be something else without that.
fn is_integer_by_array(leaf: &Leaf, cx: &mut Classify<'_, '_>) -> bool {
    let integer = match leaf.kind {
        LeafKind::Scalar(scalar) => scalar.is_integer_like() && leaf.context.phantom.is_none(),
        _ => false,
    };
    leaf.context.array_bits.is_some() && !integer && cx.choose(Policy::ARRAYS_ARE_INTEGER)
}

/// Classifies a record inside `ty` that starts at byte `offset`, and merges what it is into `classes`. False as in [`fold`].
fn fold_record(
    record: &Type,
    offset: u64,
    inside: &mut Leaves<'_>,
    ty: &Type,
    classes: &mut Classes,
    cx: &mut Classify<'_, '_>,
) -> Result<bool, Error> {
    let mut own = Classes::none(ty.size());
    if !fold(inside, ty, &mut own, cx)? {
        return Ok(false);
    }
    let eightbyte = |bytes: u64| usize::try_from(bytes / 8).unwrap_or(MAX_EIGHTBYTES);
    let first = eightbyte(offset);
    let end = eightbyte((offset + record.size()).next_multiple_of(8));
    let mut part = own.part(first..end.max(first));
    extend_first_vector(record, &mut part, cx)?;
    let Shape::Classes(part) = finish(part, cx) else {
        return Ok(false);
    };
    own.set_part(first, &part);
    classes.merge_all(&own);
    Ok(true)
}

/// Lets the vector in the first two eightbytes of a wider union go on to its end, where a compiler looks no further than these two.
fn extend_first_vector(
    ty: &Type,
    classes: &mut Classes,
    cx: &mut Classify<'_, '_>,
) -> Result<(), Error> {
    use Class::{NoClass, Sse, SseUp};
    let [Sse, SseUp, rest @ ..] = classes.as_slice() else {
        return Ok(());
    };
    let padded =
        rest.contains(&NoClass) && rest.iter().all(|class| matches!(class, NoClass | SseUp));
    let size = ty.size();
    if !padded
        || !only_unions_are_padded(ty)
        || size > cx.vectors.bytes()
        || !cx.choose(Policy::UNIONS_GO_BY_FIRST_EIGHTBYTES)
    {
        return Ok(());
    }
    if !size.is_power_of_two() {
        return Err(unsupported(
            ty,
            "clang passes a vector in a union of a size that no register has as no rule says",
        ));
    }
    *classes = Classes::whole(size, Sse, SseUp);
    Ok(())
}

/// Whether no structure of more than 16 bytes in `ty` has padding, or more than one member: only unions may.
fn only_unions_are_padded(ty: &Type) -> bool {
    match ty.kind() {
        Kind::Array(array) if array.len == Some(1) => only_unions_are_padded(&array.elem),
        Kind::Record(record) => {
            let free = ty.size() <= 16 || record.kind() == RecordKind::Union;
            let mut types = record.fields().iter().map(Field::ty);
            types.all(|field| (free || field.size() == ty.size()) && only_unions_are_padded(field))
        }
        _ => true,
    }
}

/// The eightbytes in which `leaf` has a class.
fn eightbytes_that_count(leaf: &Leaf, cx: &mut Classify<'_, '_>) -> Range<usize> {
    let eightbyte = |bits: u64| usize::try_from(bits / 64).unwrap_or(usize::MAX - 1);
    let none = 0..0;
    if let Some(array) = leaf.context.phantom {
        let here = eightbyte(array.offset_bits);
        let counts = leaf.eightbytes().start == here && is_counted(array, cx);
        return if counts { here..here + 1 } else { none };
    }
    if leaf.context.in_wide_array && cx.choose(Policy::WIDE_ARRAYS_IN_UNIONS_HAVE_NO_CLASS) {
        return none;
    }
    let padding = leaf.unnamed || leaf.width_bits == 0;
    if leaf.bit_field && leaf.context.in_union && padding {
        let first = eightbyte(leaf.offset_bits);
        // A union without bytes is no class to gcc, unless it stands inside of an eightbyte.
        let is_empty = leaf.context.end.saturating_mul(8) <= leaf.offset_bits;
        if is_empty && leaf.offset_bits.is_multiple_of(64) {
            return none;
        }
        let counts = cx.choose(Policy::UNNAMED_BIT_FIELDS_OF_UNIONS_COUNT);
        return if counts {
            first..leaf.eightbytes().end.max(first + 1)
        } else {
            none
        };
    }
    if leaf.unnamed && leaf.width_bits != 0 && !cx.choose(Policy::UNNAMED_BIT_FIELDS_COUNT) {
        return none;
    }
    if let LeafKind::Vector(Vector { bools: None, .. }) = leaf.kind {
        let first = eightbyte(leaf.offset_bits);
        if loses_half(leaf, cx) {
            return first..first + 1;
        }
        // Three lanes take the room of four.
        let end = leaf.offset_bits + leaf.width_bits.next_power_of_two();
        return first..eightbyte(end.saturating_sub(1)) + 1;
    }
    leaf.eightbytes()
}

/// Merges the class `own` of a leaf into eightbyte `i` (rule 4).
fn meet(classes: &mut Classes, leaf: &Leaf, i: usize, own: Class, cx: &mut Classify<'_, '_>) {
    let Some(class) = classes.as_mut_slice().get_mut(i) else {
        return;
    };
    let before = *class;
    *class = merge(before, own);
    cx.tracer.merge(leaf, i, before, own, *class);
}

/// The class of a leaf in the first element of an array of records, for the other elements as gcc has it: eightbyte by eightbyte
/// the first element's classes again, whatever is there.
fn repeat(classes: &mut Classes, leaf: &Leaf, i: usize, own: Class, cx: &mut Classify<'_, '_>) {
    let mut same = [false; MAX_EIGHTBYTES];
    let Some(first) = same.get_mut(i) else { return };
    *first = true;
    for array in leaf.context.arrays.iter().flatten() {
        for at in 0..MAX_EIGHTBYTES {
            if same[at] {
                let again = array
                    .repeats(at)
                    .take_while(|again| *again < MAX_EIGHTBYTES);
                again.for_each(|again| same[again] = true);
            }
        }
    }
    for (at, _) in same
        .iter()
        .enumerate()
        .filter(|(at, same)| **same && *at != i)
    {
        meet(classes, leaf, at, own, cx);
    }
}

/// Whether `leaf` ends a `_Complex _Float16` that to gcc has a class in the next eightbyte too.
fn reaches_on(leaf: &Leaf, cx: &mut Classify<'_, '_>) -> bool {
    let halves = leaf.context.imaginary && leaf.kind == LeafKind::Scalar(Scalar::F16);
    let start = leaf.offset_bits.saturating_sub(16);
    halves
        && !start.is_multiple_of(64)
        && start / 64 == leaf.offset_bits / 64
        && (start / 64 + 1) * 8 < leaf.context.end
        && cx.choose(Policy::COMPLEX_HALVES_REACH_ON)
}

/// Refuses what no rule describes.
fn lowerable(kind: LeafKind, ty: &Type, cx: &Classify<'_, '_>) -> Result<(), Error> {
    let LeafKind::Vector(vector) = kind else {
        return Ok(());
    };
    // As a member it sends its record to memory.
    let bare = matches!(ty.kind(), Kind::Vector(_));
    let wide_result = bare && cx.role == Role::Result && ty.size() > cx.vectors.bytes();
    let why = if vector.bools == Some(BoolVector::Clang) && vector.lanes > 64 {
        "clang passes its vectors of more than 64 bools as no rule says"
    } else if vector.bools.is_none()
        && !vector.lanes.is_power_of_two()
        && wide_result
        && cx.policy.has(Policy::WIDE_VECTOR_RESULTS_SPLIT)
    {
        "clang returns a wide vector whose lanes are no power of two as no rule says"
    } else {
        return Ok(());
    };
    Err(unsupported(ty, why))
}

pub(super) fn unsupported(ty: &Type, why: &'static str) -> Error {
    Error::NoKnownRule {
        ty: ty.to_string(),
        why,
        target: X86_64_SYSV.name.to_string(),
    }
}

/// Rule 5.
fn finish(mut classes: Classes, cx: &mut Classify<'_, '_>) -> Shape {
    keep_lone_x87up(&mut classes, cx);
    let mut changed = None;
    let result = cleanup(classes, |i| changed = Some(i));
    if let Some(i) = changed {
        cx.tracer.cleanup(Cleanup::LoneSseUp, Some(i));
    }
    match result {
        Ok(classes) => Shape::Classes(classes),
        Err(step) => {
            cx.tracer.cleanup(step, None);
            Shape::Memory
        }
    }
}

/// Where `X87Up` without `X87` is kept it travels as `Sse`, "the extra bits" of an x87 value that shares its first eightbyte.
fn keep_lone_x87up(classes: &mut Classes, cx: &mut Classify<'_, '_>) {
    let mut before = Class::NoClass;
    for class in classes.as_mut_slice() {
        let lone = *class == Class::X87Up && before != Class::X87;
        before = *class;
        if lone && cx.choose(Policy::LONE_X87UP_KEPT) {
            *class = Class::Sse;
        }
    }
}

/// The class of eightbyte `i` of a leaf (psABI 3.2.3, "The basic types are assigned their natural classes").
fn class_of(leaf: &Leaf, i: usize, cx: &mut Classify<'_, '_>) -> Class {
    match leaf.kind {
        LeafKind::Scalar(scalar) => match scalar {
            Scalar::F80 if i == 0 => Class::X87,
            Scalar::F80 => Class::X87Up,
            Scalar::F128 | Scalar::Dec128 if i > 0 => Class::SseUp,
            scalar if scalar.is_float() => Class::Sse,
            Scalar::Dec32 | Scalar::Dec64 | Scalar::Dec128 => Class::Sse,
            _ => Class::Integer,
        },
        LeafKind::Vector(vector) => {
            match vector_class(vector, leaf.width_bits.next_power_of_two() / 8, cx) {
                Class::Sse if i > 0 => Class::SseUp,
                class => class,
            }
        }
        LeafKind::Empty | LeafKind::FlexibleArray => Class::NoClass,
    }
}
