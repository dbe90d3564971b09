//! Behaviour of gcc, clang and Zig that differs from the psABI, or on which the psABI is silent:
//! the hooks of [`classify`](super::classify).
//!
//! Each hook calls the compilers' files in a fixed order. Every function there names the bit of
//! [`Policy`] that it is for.

pub(super) mod clang;
mod gcc;
mod zig;

use super::class::{Class, Classes, Stop};
use super::psabi;
use crate::convention::{Classify, Group, Role};
use crate::leaves::{Leaf, LeafFlags, LeafKind, Leaves, leaves};
use crate::policy::Policy;
use crate::scalar::{Scalar, Vector};
use crate::types::error::Error;
use crate::types::record::{has_wide_leaf, is_all_padding};
use crate::types::{Kind, Type};

/// Returns the classes of a value as a whole, before its leaves are looked at.
///
/// # Errors
/// The value has no classes, or a compiler passes it by no rule.
#[inline]
pub(super) fn value(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Option<Classes>, Stop> {
    match ty.kind() {
        Kind::Vector(vector) => vector_value(*vector, ty, cx),
        Kind::Complex(_) if ty.is_atomic() => clang::atomic_complex(cx).map(|()| None),
        _ => Ok(None),
    }
}

/// Returns the alignment of a value on the stack: gcc aligns an `_Atomic` value as the plain one
/// ([`Policy::ATOMIC_MEMBERS_IN_MEMORY`]).
#[inline]
pub(super) fn align(ty: &Type, cx: &mut Classify<'_, '_>) -> u32 {
    match ty.is_atomic() && !cx.choose(Policy::ATOMIC_MEMBERS_IN_MEMORY) {
        true => ty.non_atomic().align(),
        false => ty.canonical_align(),
    }
}

/// Returns the classes of a vector that is the whole value. Results may be wider than the vector
/// level, arguments not.
fn vector_value(
    vector: Vector,
    ty: &Type,
    cx: &mut Classify<'_, '_>,
) -> Result<Option<Classes>, Stop> {
    clang::refuse_vector(LeafKind::Vector(vector), ty, cx)?;
    zig::bools(vector, cx)?;
    let size = ty.size();
    if is_one_float(vector, cx) {
        let result = clang::double_result(vector, cx);
        return match result {
            None => Err(Stop::memory("a vector of one float", cx)),
            result => Ok(result),
        };
    }
    if is_wide_int128(vector, size, cx) {
        return Err(Stop::Memory);
    }
    if let Some(classes) = clang::split_result(vector, size, cx) {
        return Ok(Some(classes));
    }
    let class = vector_class(vector, size, cx);
    Ok(class.map(|first| Classes::whole(size, first, first.goes_on())))
}

/// Returns the class of `leaf` in `ty` if the psABI decides it with every compiler, or with the
/// policy's. The leaf is then an aligned scalar of at most eight bytes. All others are left to
/// [`leaf`]. The last step of `walk` is the leaf.
#[inline(always)]
pub(super) fn undisputed(
    leaf: &Leaf,
    walk: &Leaves<'_>,
    ty: &Type,
    cx: &mut Classify<'_, '_>,
) -> Option<Class> {
    const ODD: LeafFlags = LeafFlags::ATOMIC
        .with(LeafFlags::REPEATED, true)
        .with(LeafFlags::LATER, true)
        .with(LeafFlags::MISALIGNED, true);
    let LeafKind::Scalar(scalar) = leaf.kind else {
        return None;
    };
    let is_odd = scalar == Scalar::F16 || leaf.width_bits > 64 || leaf.around.any(ODD);
    if is_odd || leaf.bit_field || leaf.is_unaligned() {
        return None;
    }
    let class = psabi::class_of(scalar);
    if leaf.around.any(LeafFlags::IN_ARRAY) {
        let is_wide = ty.size() > 16;
        let is_asked = class != Class::Integer && cx.policy.has(Policy::ARRAYS_ARE_INTEGER)
            || is_wide && cx.policy.has(Policy::WIDE_ARRAYS_IN_UNIONS_HAVE_NO_CLASS);
        if is_asked {
            return None;
        }
        // An explanation lists these two choices.
        let is_integer = class != Class::Integer && cx.choose(Policy::ARRAYS_ARE_INTEGER);
        let is_skipped = is_wide && skips(walk, cx);
        debug_assert!(!(is_integer || is_skipped), "neither bit is set");
    }
    Some(class)
}

/// Returns the classes that a leaf of `ty` adds, which may depend on the compiler. The last step of
/// `walk` is the leaf.
///
/// # Errors
/// The whole of `ty` is memory, or a compiler passes it by no rule.
#[inline(never)]
pub(super) fn leaf(
    leaf: &Leaf,
    walk: &Leaves<'_>,
    ty: &Type,
    cx: &mut Classify<'_, '_>,
) -> Result<Classes, Stop> {
    clang::refuse_vector(leaf.kind, ty, cx)?;
    if let Some(adds) = gcc::later_element(leaf, cx) {
        return Ok(adds);
    }
    if let Some(adds) = zig::array(leaf, walk, cx)? {
        return Ok(adds);
    }
    if skips(walk, cx) {
        return Ok(Classes::NOTHING);
    }
    let adds = match gcc::zero_length_array(leaf, walk, ty, cx)? {
        Some(adds) => adds,
        None => {
            if let Some(why) = objection(leaf, walk, ty, cx) {
                return Err(Stop::memory(why, cx));
            }
            counted(leaf, walk, cx)?
        }
    };
    let adds = gcc::repeated(adds, leaf, walk, cx);
    Ok(gcc::reached_on(adds, leaf, walk, cx))
}

/// Checks whether a compiler skips the last step of `walk`, a leaf or a record inside the value. It
/// does so if it does not look into an aggregate around that step.
#[inline]
pub(super) fn skips(walk: &Leaves<'_>, cx: &mut Classify<'_, '_>) -> bool {
    clang::is_in_wide_array(walk, cx)
}

/// Returns why a compiler sends the whole of `ty` to memory for `leaf`, if one does.
fn objection(
    leaf: &Leaf,
    walk: &Leaves<'_>,
    ty: &Type,
    cx: &mut Classify<'_, '_>,
) -> Option<&'static str> {
    if let Some(why) = clang::atomic_or_flexible(leaf, ty, cx) {
        return Some(why);
    }
    if gcc::is_unaligned_bit_field(leaf, walk, cx) && !zig::is_exempt(cx) {
        return Some(psabi::UNALIGNED);
    }
    if let Some(why) = zig::half(leaf, ty, cx).or_else(|| clang::member(leaf, walk, cx)) {
        return Some(why);
    }
    let LeafKind::Vector(vector) = leaf.kind else {
        return None;
    };
    let bytes = leaf.width_bits.next_power_of_two() / 8;
    if let Some(why) = zig::bool_member(vector) {
        return Some(why);
    }
    if is_wide_int128(vector, bytes, cx) {
        return Some("a vector of __int128 wider than 16 bytes");
    }
    is_one_float(vector, cx).then_some("a vector of one float")
}

/// Returns the classes that `leaf` adds, unless it sends its value to memory.
fn counted(leaf: &Leaf, walk: &Leaves<'_>, cx: &mut Classify<'_, '_>) -> Result<Classes, Stop> {
    if leaf.is_unaligned() && !zig::is_exempt(cx) {
        let integers = gcc::in_two_eightbytes(leaf, walk, cx);
        return integers.ok_or_else(|| Stop::memory(psabi::UNALIGNED, cx));
    }
    let mut adds = psabi::natural_classes(leaf, cx)?;
    if let Some(padding) = gcc::padding(leaf, walk, cx) {
        return Ok(padding);
    }
    if let LeafKind::Vector(vector) = leaf.kind {
        let bytes = leaf.width_bits.next_power_of_two() / 8;
        if let Some(first) = vector_class(vector, bytes, cx) {
            let all = adds.as_mut_slice().iter_mut();
            all.filter(|class| **class != Class::NoClass)
                .for_each(|class| *class = first);
        }
        gcc::lose_half(&mut adds, leaf, walk, cx);
    }
    Ok(adds)
}

/// Returns the class of a vector of at most 8 bytes, if the class is not that of its size
/// ([`Policy::HALF_PAIRS_IN_SSE`], gcc; [`Policy::INTEGER_VECTORS_IN_GPR`], clang outside of
/// Linux).
fn vector_class(vector: Vector, bytes: u64, cx: &mut Classify<'_, '_>) -> Option<Class> {
    let half = matches!(vector.lane, Scalar::F16 | Scalar::BF16);
    let (class, bit) = match bytes {
        3..=4 if half => (Class::Sse, Policy::HALF_PAIRS_IN_SSE),
        8 if vector.lanes == 1 => (Class::Integer, Policy::INTEGER_VECTORS_IN_GPR),
        _ => return None,
    };
    cx.choose(bit).then_some(class)
}

/// Returns whether this is a vector of one float that is passed in memory: of one `double` with
/// every compiler, of others with gcc ([`Policy::ONE_FLOAT_VECTORS_IN_MEMORY`]).
fn is_one_float(vector: Vector, cx: &mut Classify<'_, '_>) -> bool {
    match (vector.lanes, vector.lane) {
        (1, Scalar::F64) => true,
        (1, Scalar::F32 | Scalar::F16 | Scalar::BF16 | Scalar::F128) => {
            cx.choose(Policy::ONE_FLOAT_VECTORS_IN_MEMORY)
        }
        _ => false,
    }
}

/// Returns whether this is a vector of `__int128` that is passed in memory for its size
/// ([`Policy::WIDE_INT128_VECTORS_IN_MEMORY`], gcc and clang).
fn is_wide_int128(vector: Vector, bytes: u64, cx: &mut Classify<'_, '_>) -> bool {
    bytes > 16 && vector.lane.is_int128() && cx.choose(Policy::WIDE_INT128_VECTORS_IN_MEMORY)
}

/// Changes the merged classes of `ty`, a value or a record inside one, before the cleanup. It is
/// not called for one or two eightbytes that are `Integer`, `Sse` or nothing.
///
/// # Errors
/// A compiler passes it as no rule says.
#[inline(never)]
pub(super) fn merged(
    ty: &Type,
    classes: &mut [Class],
    cx: &mut Classify<'_, '_>,
) -> Result<(), Stop> {
    clang::extend_first_vector(ty, classes, cx)?;
    clang::keep_lone_x87up(classes, cx);
    Ok(())
}

/// Changes the group of a scalar of one part.
#[inline(never)]
pub(super) fn scalar(ty: &Type, group: &mut Group, cx: &mut Classify<'_, '_>) {
    if cx.role == Role::Result {
        clang::extend_narrow_result(ty, group, cx);
    }
    clang::leave_atomic_uncounted(ty, group, cx);
}

/// Changes the group of the value `declared`, which is passed as `ty`. `wide` is set for a value
/// with a part of more than an eightbyte.
///
/// # Errors
/// A compiler passes it as no rule says.
#[inline]
pub(super) fn group(
    declared: &Type,
    ty: &Type,
    wide: bool,
    group: &mut Group,
    cx: &mut Classify<'_, '_>,
) -> Result<(), Error> {
    if wide || has_wide_leaf(ty) {
        wide_group(ty, group, cx)?;
    }
    clang::start_odd_pair_in_gpr(ty, group, cx)?;
    if ty.size() > 8 {
        clang::refuse_wide_bit_fields(ty, group, cx)?;
    }
    if ty.size() == 0 || is_all_padding(ty) {
        gcc::place_flexible_array(ty, group, cx)?;
        gcc::count_padding(ty, group, cx);
    }
    if cx.role != Role::Result {
        clang::exhaust_registers(declared, group, cx);
    }
    clang::leave_atomic_uncounted(ty, group, cx);
    Ok(())
}

/// Changes the group of a value with a leaf of more than 64 bits.
fn wide_group(ty: &Type, group: &mut Group, cx: &mut Classify<'_, '_>) -> Result<(), Error> {
    gcc::refuse_lost_half(ty, group, cx)?;
    clang::refuse_int128_vectors(ty, group, cx)?;
    let straddles = |leaf: Leaf| leaf.width_bits > 64 && !leaf.offset_bits.is_multiple_of(64);
    if group.parts.iter().any(|part| part.ty.bytes() > 8) && leaves(ty).any(straddles) {
        let why = "no rule says how to pass a vector that starts inside an eightbyte";
        return cx.dispute(ty, why);
    }
    clang::move_wide_vector_of_variadic(ty, group, cx);
    if cx.role == Role::Result {
        clang::refuse_x87_result(ty, group, cx)?;
        clang::last_in_x87(ty, group);
        clang::note_vector_result(ty, group, cx);
    }
    Ok(())
}
