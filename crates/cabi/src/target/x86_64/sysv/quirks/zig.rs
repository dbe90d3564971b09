//! Zig's own classifier of records, and its vectors of bools.

use super::super::class::{Classes, Stop};
use crate::convention::{Classify, Role};
use crate::leaves::{Leaf, LeafFlags, LeafKind, Leaves};
use crate::policy::Policy;
use crate::scalar::{BoolVector, Scalar, Vector};
use crate::types::{Kind, Type};

/// Stops at a vector of more than 64 bools. An argument is passed lane by lane if the vector level
/// has a register as wide. Others are in memory.
pub(super) fn bools(vector: Vector, cx: &Classify<'_, '_>) -> Result<(), Stop> {
    let Vector { lanes, bools, .. } = vector;
    if bools != Some(BoolVector::Zig) || lanes <= 64 {
        return Ok(());
    }
    let fits = u64::from(lanes).div_ceil(8) <= cx.vectors.bytes();
    match fits && cx.role != Role::Result {
        true => Err(Stop::PerElement { lanes }),
        false => Err(Stop::Memory),
    }
}

/// Returns why a vector of more than 64 bools sends its record to memory.
pub(super) fn bool_member(vector: Vector) -> Option<&'static str> {
    let wide = vector.bools == Some(BoolVector::Zig) && vector.lanes > 64;
    wide.then_some("a vector of more than 64 bools as a member")
}

/// Returns `Integer` for a leaf of an array, and for an array of no elements, whatever their types
/// are ([`Policy::ARRAYS_ARE_INTEGER`]).
pub(super) fn array(
    leaf: &Leaf,
    walk: &Leaves<'_>,
    cx: &mut Classify<'_, '_>,
) -> Result<Option<Classes>, Stop> {
    let is_array = |ty: &Type| matches!(ty.kind(), Kind::Array(_));
    let empty = leaf.kind == LeafKind::Empty && is_array(walk.own_type());
    let integer = matches!(leaf.kind, LeafKind::Scalar(scalar) if scalar.is_integer_like());
    let counts = !integer && (empty || leaf.around.any(LeafFlags::IN_ARRAY));
    if !counts || !cx.choose(Policy::ARRAYS_ARE_INTEGER) {
        return Ok(None);
    }
    let mut around = walk.path().map(|frame| frame.ty);
    let outermost = around.find(|ty| is_array(ty));
    if outermost.is_some_and(|ty| ty.size() > 16) {
        return Err(Stop::memory("an array of more than 16 bytes", cx));
    }
    Ok(Some(Classes::integers(leaf)))
}

/// Returns whether members need no alignment ([`Policy::UNALIGNED_MEMBERS_IN_REGISTERS`]).
pub(super) fn is_exempt(cx: &mut Classify<'_, '_>) -> bool {
    cx.choose(Policy::UNALIGNED_MEMBERS_IN_REGISTERS)
}

/// Returns why a `_Float16` member sends its record to memory ([`Policy::HALF_MEMBERS_IN_MEMORY`]).
pub(super) fn half(leaf: &Leaf, ty: &Type, cx: &mut Classify<'_, '_>) -> Option<&'static str> {
    let half = leaf.kind == LeafKind::Scalar(Scalar::F16) && ty.is_aggregate();
    (half && cx.choose(Policy::HALF_MEMBERS_IN_MEMORY)).then_some("a _Float16 member")
}
