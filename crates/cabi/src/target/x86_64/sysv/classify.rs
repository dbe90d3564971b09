//! From a type to the classes of its eightbytes: the rules of [`psabi`] over its leaves.
//!
//! What compilers do otherwise enters through four hooks: [`quirks::value`] (a value as a whole), [`quirks::leaf`] (which leaves count, and as what),
//! [`quirks::merged`] (the classes after the merge) and [`quirks::group`] (the parts). Under [`Policy::PSABI`](crate::Policy::PSABI) they decide only
//! what the text leaves open.

use super::class::{Class::ComplexX87, Stop};
use super::classes::Classes;
use super::{psabi, quirks};
use crate::convention::Classify;
use crate::leaves::{Leaves, Run, Step, leaves, runs};
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

/// The same. Rule 3: before, "each eightbyte gets initialized to class NO_CLASS".
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
            match runs(ty) {
                // An explanation shows leaf by leaf.
                Some(runs) if !cx.tracer.is_on() => {
                    for run in runs {
                        merge_run(run, None, ty, classes, cx)?;
                    }
                }
                _ => merge_leaves(&mut leaves(ty), ty, classes, cx)?,
            }
            cleanup(ty, classes, cx)?;
        }
    }
    Ok(())
}

/// Merges the classes of the leaves of `ty`, or of a record inside it, into `classes` (rule 4: "each field is classified recursively").
fn merge_leaves(
    walk: &mut Leaves<'_>,
    ty: &Type,
    classes: &mut Classes,
    cx: &mut Classify<'_, '_>,
) -> Result<(), Stop> {
    let mut inside = 0_u32;
    while let Some(step) = walk.step() {
        match step {
            Step::Leaf(leaf) => merge_run(&Run::of(leaf), Some(walk), ty, classes, cx)?,
            // Leaf by leaf it is the same where rule 5 changes nothing, and no X87 meets an Sse before the Integer that wins over both.
            Step::Enter(record, offset)
                if (record.size() > 16 || has_wide_leaf(ty)) && !quirks::skips(walk, cx) =>
            {
                let mut all = Classes::none(ty.size());
                merge_leaves(walk, ty, &mut all, cx)?;
                let mut own = all.part(offset, record.size());
                cleanup(record, &mut own, cx)?;
                all.set_part(offset, &own);
                classes.merge_all(&all);
            }
            Step::Enter(..) => inside += 1,
            Step::Leave(_) if inside == 0 => break,
            Step::Leave(_) => inside -= 1,
        }
    }
    Ok(())
}

/// Merges the classes of leaves that are alike into those of their value `ty`. `walk` has come to the leaf, or is none where `ty` keeps its leaves.
#[inline(always)]
fn merge_run(
    run: &Run,
    walk: Option<&Leaves<'_>>,
    ty: &Type,
    classes: &mut Classes,
    cx: &mut Classify<'_, '_>,
) -> Result<(), Stop> {
    if quirks::has_say_of_leaf(&run.first, walk.is_none(), ty, cx) {
        return merge_adds(run, walk, ty, classes, cx);
    }
    let own = psabi::natural_classes(&run.first, cx)?;
    classes.merge_run(&own, run, cx);
    Ok(())
}

/// Merges what compilers have each leaf of `run` add.
#[inline(never)]
fn merge_adds(
    run: &Run,
    walk: Option<&Leaves<'_>>,
    ty: &Type,
    classes: &mut Classes,
    cx: &mut Classify<'_, '_>,
) -> Result<(), Stop> {
    for leaf in run.leaves() {
        let adds = match walk {
            Some(walk) => quirks::leaf(&leaf, walk, ty, cx)?,
            None => quirks::leaf(&leaf, &leaves(ty), ty, cx)?,
        };
        classes.merge_adds(&adds, &leaf, cx);
    }
    Ok(())
}

/// Rule 5, of `ty` or a record inside it.
#[inline]
fn cleanup(ty: &Type, classes: &mut Classes, cx: &mut Classify<'_, '_>) -> Result<(), Stop> {
    if psabi::is_clean(classes.as_slice()) {
        return Ok(());
    }
    quirks::merged(ty, classes, cx)?;
    psabi::cleanup(classes.as_mut_slice(), cx)
}
