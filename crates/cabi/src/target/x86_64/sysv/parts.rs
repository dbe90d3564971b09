//! From a type to parts: what its classes make of a value (psABI 3.2.3, Passing; Returning of
//! Values), and the parts of scalars.

use super::class::Class::{self, ComplexX87, Integer, Memory, NoClass, Sse, SseUp, X87, X87Up};
use super::class::Stop;
use super::classes::Classes;
use super::{classify, quirks};
use crate::convention::PartType::{F80, I64};
use crate::convention::{Bank, Classify, Extension, Group, GroupKind, Part, Role};
use crate::policy::Policy;
use crate::target::parts::{as_passed, float_of, scalar_float, scalar_int};
use crate::types::Type;
use crate::types::error::Error;

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
    let wide = match classify::classes_of(passed, cx) {
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
