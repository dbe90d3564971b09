//! From a type to the classes of its eightbytes: the rules of [`psabi`] over its leaves.
//!
//! Deviations of compilers enter through four hooks: [`quirks::value`] (a value as a whole),
//! [`quirks::leaf`] (which leaves count, and as what), [`quirks::merged`] (the classes after the
//! merge) and [`quirks::group`] (the parts). Under [`Policy::PSABI`](crate::Policy::PSABI) they
//! decide only what the text leaves open.

use alloc::string::{String, ToString};

use super::class::Class::{self, ComplexX87, NoClass};
use super::class::Stop;
use super::classes::{Classes, eightbyte};
use super::{psabi, quirks};
use crate::convention::{Classify, Step};
use crate::leaves::{Leaf, LeafKind, Leaves, WalkStep, leaves};
use crate::scalar::Scalar;
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
