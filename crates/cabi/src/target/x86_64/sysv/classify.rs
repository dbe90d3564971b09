//! From a type to the classes of its eightbytes: the rules of [`psabi`] over its leaves. And from
//! classes to parts (psABI 3.2.3, Passing; Returning of Values).
//!
//! Deviations of compilers enter through four hooks: [`quirks::value`] (a value as a whole),
//! [`quirks::leaf`] (which leaves count, and as what), [`quirks::merged`] (the classes after the
//! merge) and [`quirks::group`] (the parts). Under [`Policy::PSABI`](crate::Policy::PSABI) they
//! decide only what the text leaves open.

use alloc::string::{String, ToString};

use super::class::Class::{self, ComplexX87, Integer, Memory, NoClass, Sse, SseUp, X87, X87Up};
use super::class::{Classes, Stop, eightbyte};
use super::{psabi, quirks};
use crate::convention::PartType::{F80, I64};
use crate::convention::{Bank, Classify, Extension, Group, GroupKind, Part, Role, Step};
use crate::leaves::{Leaf, LeafKind, Leaves, WalkStep, leaves};
use crate::policy::Policy;
use crate::scalar::Scalar;
use crate::target::parts::{as_passed, float_of, scalar_float, scalar_int};
use crate::types::error::Error;
use crate::types::record::has_wide_leaf;
use crate::types::{Kind, Type};

/// Returns the class of each eightbyte of `ty`. Rule 3: before, "each eightbyte gets initialized to
/// class NO_CLASS".
///
/// # Errors
/// The reason why the value has no classes.
#[inline(always)]
pub(super) fn classes_of(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Classes, Stop> {
    if let Some(classes) = quirks::value(ty, cx)? {
        return Ok(classes);
    }
    let size = ty.size();
    match ty.kind() {
        Kind::Complex(Scalar::F80) => {
            cx.tracer.note("a complex long double is ComplexX87: as an argument in memory, as a result in st0 and st1");
            return Ok(Classes::whole(size, ComplexX87, ComplexX87));
        }
        Kind::Vector(_) => {
            let first = psabi::class_of_vector(size, cx)?;
            return Ok(Classes::whole(size, first, first.goes_on()));
        }
        _ if psabi::is_too_large(ty) => {
            return Err(Stop::memory("rule 1: larger than eight eightbytes", cx));
        }
        _ => {}
    }
    let mut classes = Classes::none(size);
    merge_leaves(&mut leaves(ty), ty, &mut classes, cx)?;
    cleanup(ty, classes.as_mut_slice(), cx)?;
    Ok(classes)
}

/// Merges the classes of the leaves of `ty`, or of a record inside it, into `classes` (rule 4:
/// "each field is classified recursively").
#[inline(always)]
fn merge_leaves(
    walk: &mut Leaves<'_>,
    ty: &Type,
    classes: &mut Classes,
    cx: &mut Classify<'_, '_>,
) -> Result<(), Stop> {
    let mut inside = 0_u32;
    while let Some(ref step) = walk.step() {
        match step {
            WalkStep::Leaf(leaf) => match quirks::undisputed(leaf, walk, ty, cx) {
                Some(class) => merge_scalars(classes, class, (walk, leaf), cx),
                None => {
                    let adds = quirks::leaf(leaf, walk, ty, cx)?;
                    merge_adds(classes, &adds, leaf, cx);
                }
            },
            // Other records inside `ty` need no cleanup: rule 5 applies to more than 16 bytes, and
            // to leaves of more than 64 bits.
            WalkStep::Enter(record, offset)
                if (record.size() > 16 || has_wide_leaf(ty)) && !quirks::skips(walk, cx) =>
            {
                merge_record(walk, (record, *offset), ty, classes, cx)?;
            }
            WalkStep::Enter(..) => inside += 1,
            WalkStep::Leave(_) if inside == 0 => break,
            WalkStep::Leave(_) => inside -= 1,
        }
    }
    Ok(())
}

/// Merges the class of `leaf`, the last leaf of `walk`, and of the other elements if it is the
/// first of an array of scalars.
#[inline(always)]
fn merge_scalars(
    classes: &mut Classes,
    class: Class,
    (walk, leaf): (&mut Leaves<'_>, &Leaf),
    cx: &Classify<'_, '_>,
) {
    let (bytes, first) = (walk.own_type().size(), leaf.offset_bits / 8);
    let (mut next, end) = (first, walk.skip_scalars(leaf));
    while next < end {
        if let Some(slot) = classes.get_mut(eightbyte(next)) {
            let offset_bits = 8 * next;
            let leaf = Leaf {
                offset_bits,
                ..*leaf
            };
            merge(slot, class, (eightbyte(next), &leaf), cx);
        }
        next += bytes.max(1);
    }
    classes.use_bytes(eightbyte(first), end);
}

/// Merges `own`, which `leaf` brings, into the class of eightbyte `i`.
#[inline(always)]
fn merge(class: &mut Class, own: Class, (i, leaf): (usize, &Leaf), cx: &Classify<'_, '_>) {
    let (after, letter) = psabi::merge_by(*class, own);
    let before = core::mem::replace(class, after);
    cx.tracer.push(|| Step::Merge {
        leaf: match leaf.kind {
            LeafKind::Scalar(scalar) => scalar.to_string(),
            LeafKind::Vector(vector) => vector.to_string(),
            LeafKind::Empty | LeafKind::FlexibleArray => String::new(),
        },
        member: String::new(),
        offset_bits: leaf.offset_bits,
        width_bits: leaf.width_bits,
        eightbyte: i,
        letter,
        before: before.name(),
        own: own.name(),
        after: after.name(),
    });
}

/// Merges the classes that `leaf` adds by [`quirks::leaf`].
fn merge_adds(classes: &mut Classes, adds: &Classes, leaf: &Leaf, cx: &mut Classify<'_, '_>) {
    let pairs = classes.as_mut_slice().iter_mut().zip(adds.as_slice());
    for (i, (class, own)) in pairs.enumerate() {
        if *own != NoClass {
            merge(class, *own, (i, leaf), cx);
        }
    }
    classes.use_bytes_of(adds);
}

/// Merges the classes of `record`, at byte `offset` of `ty`, after a cleanup of its own.
#[inline(never)]
fn merge_record(
    walk: &mut Leaves<'_>,
    (record, offset): (&Type, u64),
    ty: &Type,
    classes: &mut Classes,
    cx: &mut Classify<'_, '_>,
) -> Result<(), Stop> {
    let mut inner = Classes::none(ty.size());
    merge_leaves(walk, ty, &mut inner, cx)?;
    let end = eightbyte(offset + record.size() + 7);
    cleanup(record, inner.between(eightbyte(offset), end), cx)?;
    let pairs = classes.as_mut_slice().iter_mut().zip(inner.as_slice());
    pairs.for_each(|(class, own)| *class = psabi::merge(*class, *own));
    classes.use_bytes_of(&inner);
    Ok(())
}

/// Applies rule 5 to `ty` or a record inside it.
#[inline(always)]
fn cleanup(ty: &Type, classes: &mut [Class], cx: &mut Classify<'_, '_>) -> Result<(), Stop> {
    if psabi::is_clean(classes) {
        return Ok(());
    }
    quirks::merged(ty, classes, cx)?;
    psabi::cleanup(classes, cx)
}

/// Returns the group of `ty`.
pub(super) fn classify(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    match one_part(ty, cx.role) {
        Some(part) if part.size <= 8 => Ok(scalar(ty, part, cx)),
        _ => classify_other(ty, cx),
    }
}

/// Returns the group of a scalar that is `part`.
#[inline(always)]
fn scalar(ty: &Type, part: Part, cx: &mut Classify<'_, '_>) -> Group {
    cx.tracer.whole(Class::of(part.bank));
    let mut group = alone(ty, part);
    quirks::scalar(ty, &mut group, cx);
    group
}

/// Returns the group of any other value.
#[inline(never)]
fn classify_other(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let passed = as_passed(ty, cx.role);
    let is_clang = cx.policy.has(Policy::RECORDS_GO_BY_COUNT);
    let is_other = !core::ptr::eq(passed, ty);
    let alone = one_part(passed, cx.role).filter(|part| part.size <= 8);
    if let Some(mut part) = alone.filter(|_| is_other) {
        // gcc's callers extend a union no more than any record.
        if !is_clang {
            part.extension = Extension::None;
        }
        let mut group = scalar(passed, part, cx);
        if is_clang {
            quirks::clang::place_whole_union(ty, &mut group);
        }
        return Ok(group);
    }
    let align = quirks::align(passed, cx);
    let mut group = Group::new(GroupKind::Memory, passed.size(), align);
    let wide = match classes_of(passed, cx) {
        Ok(classes) => add_parts(&mut group, &classes, cx),
        Err(Stop::Memory) => false,
        Err(Stop::PerElement { lanes }) => {
            group.kind = GroupKind::PerElement { lanes };
            false
        }
        Err(Stop::Refused(error)) => return Err(*error),
    };
    quirks::group(ty, passed, wide, &mut group, cx)?;
    if is_clang && is_other {
        quirks::clang::place_whole_union(ty, &mut group);
    }
    if group.kind == GroupKind::Ignore {
        cx.tracer.classes([NoClass]);
    }
    Ok(group)
}

/// Adds the parts that `classes` make of a value (Passing; Returning of Values). Returns whether
/// one of them is more than an eightbyte.
#[inline(always)]
fn add_parts(group: &mut Group, classes: &Classes, cx: &mut Classify<'_, '_>) -> bool {
    let slice = classes.as_slice();
    cx.tracer.classes(slice.iter().copied());
    let at = |i: u8| slice.get(usize::from(i)).copied();
    let (mut i, mut wide) = (0, false);
    group.kind = GroupKind::Ignore;
    while let Some(class) = at(i) {
        let offset = 8 * i;
        let used = classes.used(i);
        let mut n = 1_u8;
        let (bank, ty, bytes) = match class {
            Integer => (Bank::Int, I64, used),
            // A vector wider than its registers goes on in the next one, with an `SseUp` first.
            Sse | SseUp => {
                while at(i + n) == Some(SseUp) && u64::from(8 * n) < cx.vectors.bytes() {
                    n += 1;
                }
                let bytes = if n == 1 { used } else { 8 * n };
                (Bank::Vector, float_of(bytes.into()), bytes)
            }
            X87 => (Bank::X87, F80, 10),
            ComplexX87 if i % 2 == 0 => (Bank::X87, F80, 10),
            ComplexX87 | X87Up | NoClass | Memory => (Bank::X87, F80, 0),
        };
        if bytes > 0 {
            group.kind = GroupKind::Registers;
            wide |= ty.bytes() > 8;
            group.parts.push(Part {
                bank,
                ty,
                offset,
                size: bytes,
                extension: Extension::None,
            });
        }
        i += n;
    }
    wide
}

/// Returns the part of a scalar that is one part: nothing merges in it, and rule 5 changes nothing.
/// Callees of gcc extend narrow integers again, those of clang rely on the caller.
#[inline(always)]
fn one_part(ty: &Type, role: Role) -> Option<Part> {
    let scalar = ty.as_scalar()?;
    match scalar_float(scalar) {
        None => scalar_int(scalar, ty.size(), role),
        float => float,
    }
}

/// Returns the group of a scalar `ty` that is `part`. Size and alignment of a `long double` are the
/// data model's.
#[inline(always)]
fn alone(ty: &Type, part: Part) -> Group {
    let mut group = Group::of_part(part);
    if part.ty == F80 {
        (group.size, group.align) = (ty.size(), ty.canonical_align());
    }
    group
}
