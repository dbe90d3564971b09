//! From a type to the classes of its eightbytes: the rules of [`psabi`] over its leaves.
//!
//! What compilers do otherwise enters through four hooks: [`quirks::value`] (a value as a whole), [`quirks::leaf`] (which leaves count, and as what),
//! [`quirks::merged`] (the classes after the merge) and [`quirks::group`] (the parts). Under [`Policy::PSABI`](crate::Policy::PSABI) they decide only
//! what the text leaves open.

use super::class::{Class::ComplexX87, Stop};
use super::classes::Classes;
use super::{psabi, quirks};
use crate::convention::Classify;
use crate::leaves::{Leaves, WalkStep, leaves};
use crate::scalar::Scalar;
use crate::types::error::Error;
use crate::types::record::has_wide_leaf;
use crate::types::{Kind, Type};

/// Gives each eightbyte of `ty` its class; `false` if the whole of it is memory.
#[inline]
pub(super) fn classes_of(
    ty: &Type,
    classes: &mut Classes,
    cx: &mut Classify<'_, '_>,
) -> Result<bool, Error> {
    match classify(ty, classes, cx) {
        Ok(()) => Ok(true),
        Err(Stop::Memory) => Ok(false),
        Err(Stop::Refused(error)) => Err(*error),
    }
}

/// [`classes_of`], where memory ends the walk. Rule 3: before, "each eightbyte gets initialized to class NO_CLASS".
#[inline]
fn classify(ty: &Type, classes: &mut Classes, cx: &mut Classify<'_, '_>) -> Result<(), Stop> {
    let size = ty.size();
    match ty.kind() {
        Kind::Complex(Scalar::F80) => classes.fill(size, ComplexX87, ComplexX87),
        Kind::Vector(_) => {
            let first = psabi::class_of_vector(size, cx)?;
            classes.fill(size, first, first.goes_on());
        }
        _ if psabi::is_too_large(ty) => {
            return Err(Stop::memory("rule 1: larger than eight eightbytes", cx));
        }
        // Rule 5(c) before a walk that can only lead to it. An explanation shows the walk.
        _ if size > 16 && !has_wide_leaf(ty) && !cx.tracer.is_on() => return Err(Stop::Memory),
        _ => {
            merge_leaves(&mut leaves(ty), ty, classes, cx)?;
            cleanup(ty, classes, cx)?;
        }
    }
    Ok(())
}

/// Merges the classes of the leaves of `ty`, or of a record inside it, into `classes` (rule 4: "each field is classified recursively").
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
            WalkStep::Leaf(leaf) => match quirks::undisputed(leaf, ty, cx) {
                Some(class) => {
                    // The elements of an array of scalars all have the class of the first.
                    let bytes = leaf.offset_bits / 8..walk.skip_scalars(leaf);
                    classes.merge_bytes(class, bytes);
                }
                None => {
                    let adds = quirks::leaf(leaf, walk, ty, cx)?;
                    classes.merge_adds(&adds, leaf, cx);
                }
            },
            // Other records inside `ty` need no cleanup: rule 5 applies to more than 16 bytes, and to leaves of more than 64 bits.
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

/// Merges the classes of `record`, at byte `offset` of `ty`, after a cleanup of its own.
#[inline(never)]
fn merge_record(
    walk: &mut Leaves<'_>,
    (record, offset): (&Type, u64),
    ty: &Type,
    classes: &mut Classes,
    cx: &mut Classify<'_, '_>,
) -> Result<(), Stop> {
    let mut all = Classes::none(ty.size());
    merge_leaves(walk, ty, &mut all, cx)?;
    let mut own = all.part(offset, record.size());
    cleanup(record, &mut own, cx)?;
    all.set_part(offset, &own);
    classes.merge_all(&all);
    Ok(())
}

/// Rule 5, of `ty` or a record inside it.
#[inline(always)]
fn cleanup(ty: &Type, classes: &mut Classes, cx: &mut Classify<'_, '_>) -> Result<(), Stop> {
    if psabi::is_clean(classes.as_slice()) {
        return Ok(());
    }
    quirks::merged(ty, classes, cx)?;
    psabi::cleanup(classes.as_mut_slice(), cx)
}
