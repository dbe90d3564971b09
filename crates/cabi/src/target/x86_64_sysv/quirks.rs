//! What single compilers do to values as a whole, besides the psABI: `_Atomic` values (clang), records of no bytes with a flexible array
//! (gcc), and vectors of one `__int128` in records (gcc).

use super::shape::unsupported;
use crate::class::{Class, Classes};
use crate::error::Error;
use crate::leaves::{Leaf, LeafKind, leaves};
use crate::policy::Policy;
use crate::rules::{Classify, Extension, Group, GroupKind, Role};
use crate::scalar::{Scalar, Vector};
use crate::types::{Kind, Type};

/// Whether clang's classifier, which knows no `_Atomic` type, takes `ty` for memory as a whole. Records are found out leaf by leaf.
pub(super) fn is_atomic_complex(ty: &Type, cx: &mut Classify<'_, '_>) -> bool {
    let complex = matches!(ty.kind(), Kind::Complex(_));
    ty.is_atomic() && complex && cx.choose(Policy::ATOMIC_MEMBERS_IN_MEMORY)
}

/// An `_Atomic` scalar is memory to clang's classifier and is passed in registers all the same, because nothing makes memory of a scalar: they are
/// not counted, and no caller extends it.
pub(super) fn leave_atomic_uncounted(ty: &Type, group: &mut Group, cx: &mut Classify<'_, '_>) {
    if !ty.is_atomic() || ty.as_scalar().is_none() || !cx.choose(Policy::ATOMIC_MEMBERS_IN_MEMORY) {
        return;
    }
    group.uncounted = cx.role != Role::Result;
    for part in &mut group.parts {
        part.extension = Extension::None;
    }
}

/// A record of no bytes is nothing, unless a flexible array is in it: gcc gives that no place, but aligns what is next on the stack. Where it is
/// memory ([`Policy::FLEXIBLE_ARRAY_IN_MEMORY`]) it has a slot.
///
/// # Errors
/// An unnamed one with a slot, or aligned to more than a slot: compilers' callers and their `va_arg` disagree.
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
        let why = "callers make room for an unnamed record of no bytes, or align what is next, and va_arg does not";
        return Err(unsupported(ty, why));
    }
    Ok(())
}

/// Whether `leaf` has a class in its first eightbyte alone: to gcc a vector of one `__int128` in a record has.
pub(super) fn loses_half(leaf: &Leaf, cx: &mut Classify<'_, '_>) -> bool {
    is_one_int128(leaf.kind) && cx.choose(Policy::INT128_VECTOR_MEMBERS_LOSE_HALF)
}

/// Refuses a record in registers in which nothing else has the upper half of a vector of one `__int128`.
pub(super) fn refuse_lost_half(
    ty: &Type,
    classes: &Classes,
    cx: &mut Classify<'_, '_>,
) -> Result<(), Error> {
    let lost = |leaf: Leaf| {
        let upper = leaf.eightbytes().end.saturating_sub(1);
        let class = classes.as_slice().get(upper);
        is_one_int128(leaf.kind) && class == Some(&Class::NoClass)
    };
    if cx.policy.has(Policy::INT128_VECTOR_MEMBERS_LOSE_HALF) && leaves(ty).any(lost) {
        let why = "gcc passes only the lower half of a vector of one __int128 that is a member";
        return Err(unsupported(ty, why));
    }
    Ok(())
}

fn is_one_int128(kind: LeafKind) -> bool {
    let int128 = |lane| matches!(lane, Scalar::Int { bits: 128, .. });
    matches!(kind, LeafKind::Vector(Vector { lane, lanes: 1, .. }) if int128(lane))
}
