//! Classification of x86-64 System V: psABI 3.2.3, Classification, rules 1 and 3 to 5.
//!
//! Rule 2 (C++ objects that are not trivial for calls) is not here: the front end passes a pointer. What compilers do otherwise enters through four
//! hooks: [`quirks::value`] (a value as a whole), [`quirks::leaf`] (which leaves count, and as what), [`quirks::merged`] (the classes after the merge)
//! and [`quirks::group`] (the parts). Under [`Policy::PSABI`](crate::Policy::PSABI) they decide only what the text leaves open.

use super::class::Class::{self, ComplexX87, Integer, Memory, NoClass, Sse, SseUp, X87, X87Up};
use super::class::{MAX_EIGHTBYTES, class_of_vector, natural_classes};
use super::classes::{Classes, Stop};
use super::quirks;
use crate::convention::Classify;
use crate::leaves::{Leaves, Run, Step, leaves, runs};
use crate::scalar::Scalar;
use crate::types::error::Error;
use crate::types::record::has_wide_leaf;
use crate::types::{Kind, Type};

/// Rule 1: "... or it contains unaligned fields, it has class MEMORY". Compilers have a say about which do: [`quirks::leaf`] asks them.
pub(super) const UNALIGNED: &str = "rule 1: an unaligned field";

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
            let first = class_of_vector(size, cx)?;
            classes.fill(size, first, first.goes_on());
        }
        _ if size > 8 * MAX_EIGHTBYTES as u64 => {
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
            Step::Enter(record, offset) if record.size() > 16 || has_wide_leaf(ty) => {
                let mut all = Classes::none(ty.size());
                merge_leaves(walk, ty, &mut all, cx)?;
                let mut own = all.part(offset, record.size());
                cleanup(record, &mut own, cx)?;
                all.set_part(offset, &own);
                classes.merge_all(&all);
            }
            Step::Enter(..) => inside += 1,
            Step::Leave if inside == 0 => break,
            Step::Leave => inside -= 1,
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
    let own = natural_classes(&run.first, cx)?;
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

/// Rule 4: the class of an eightbyte that two fields share. The arms are its letters, (a) to (f).
#[inline]
pub(super) fn merge(a: Class, b: Class) -> Class {
    match (a, b) {
        _ if a == b => a,
        (NoClass, other) | (other, NoClass) => other,
        (Memory, _) | (_, Memory) => Memory,
        (Integer, _) | (_, Integer) => Integer,
        (X87 | X87Up | ComplexX87, _) | (_, X87 | X87Up | ComplexX87) => Memory,
        _ => Sse,
    }
}

/// Rule 5, the post-merger cleanup, of `ty` or a record inside it.
#[inline]
fn cleanup(ty: &Type, classes: &mut Classes, cx: &mut Classify<'_, '_>) -> Result<(), Stop> {
    // What most values have, and nothing changes.
    if let [NoClass | Integer | Sse] | [NoClass | Integer | Sse, NoClass | Integer | Sse] =
        classes.as_slice()
    {
        return Ok(());
    }
    quirks::merged(ty, classes, cx)?;
    let all = classes.as_mut_slice();
    let lone_x87_up = |i: usize| all[i] == X87Up && (i == 0 || all[i - 1] != X87);
    let why = if all.contains(&Memory) {
        "5(a): one eightbyte is Memory, so the whole value is"
    } else if (0..all.len()).any(lone_x87_up) {
        "5(b): X87Up without X87 before it, so the whole value is Memory"
    } else if all.len() > 2 && (all[0] != Sse || all[1..].iter().any(|class| *class != SseUp)) {
        "5(c): more than two eightbytes that are not one vector, so the whole value is Memory"
    } else {
        let mut before = NoClass;
        for (i, class) in all.iter_mut().enumerate() {
            if *class == SseUp && !matches!(before, Sse | SseUp) {
                *class = Sse;
                let rule = "5(d): SseUp without a vector before it is Sse";
                cx.tracer.cleanup(rule, Some(i));
            }
            before = *class;
        }
        return Ok(());
    };
    cx.tracer.cleanup(why, None);
    Err(Stop::Memory)
}
