//! Types on Win64 that Microsoft's compiler does not have, as gcc and clang pass them, and types
//! for which clang leaves the convention.

use super::{float, int, memory, scalar_part};
use crate::convention::PartType::{F80, I64, V128};
use crate::convention::{Bank, Classify, Extension, Group, GroupKind, Part, Role};
use crate::leaves::has_flexible_array;
use crate::policy::Policy;
use crate::scalar::{Scalar, Vector};
use crate::target::parts::int_of;
use crate::target::x86_64::sysv::Class;
use crate::types::error::Error;
use crate::types::record::is_all_padding;
use crate::types::{Kind, Type};

/// Returns the group of `ty`, if it is not the one for its size.
///
/// # Errors
/// Values that clang passes by no rule.
pub(super) fn special(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Option<Group>, Error> {
    let result = cx.role == Role::Result;
    match ty.kind() {
        Kind::Scalar(Scalar::F128) => refuse_variadic_float128(ty, cx)?,
        Kind::Vector(vector) => refuse_vector(*vector, ty, cx)?,
        Kind::Record(_) | Kind::Complex(_) if ty.is_atomic() => refuse_atomic(ty, cx)?,
        _ => {}
    }
    if is_two_integers(ty, cx) {
        return Ok(Some(two_integers(ty)));
    }
    if ty.as_scalar() == Some(Scalar::F80)
        && result
        && cx.model.long == 8
        && cx.choose(Policy::WIN64_X87_RESULT_IN_ST0)
    {
        let part = Part {
            bank: Bank::X87,
            ..Part::float(F80)
        };
        cx.tracer.whole(Class::X87);
        return Ok(Some(
            Group::new(GroupKind::Registers, ty.size(), 16).with(part),
        ));
    }
    if ty.as_record().is_none() {
        return Ok(None);
    }
    if ty.size() > 0 && is_all_padding(ty) && cx.choose(Policy::UNNAMED_BIT_FIELDS_COUNT) {
        return padding(ty, cx);
    }
    let flexible = has_flexible_array(ty);
    if flexible && cx.choose(Policy::FLEXIBLE_ARRAY_IN_MEMORY) {
        if cx.role == Role::Unnamed && int_of(ty.size()).is_some() {
            let why = "clang's callers pass an unnamed record with a flexible array by reference, clang's va_arg goes by its size";
            return cx.dispute(ty, why);
        }
        cx.tracer.memory("a flexible array member");
        return Ok(Some(memory(ty)));
    }
    // To gcc a record with a flexible array is not empty.
    let nothing = ty.size() == 0 && result && !flexible;
    if nothing && !cx.choose(Policy::WIN64_EMPTY_RESULTS_IN_MEMORY) {
        return Ok(Some(Group::ignore()));
    }
    Ok(None)
}

/// Returns the group of a record of unnamed bit-fields alone, as gcc has it in both conventions
/// ([`Policy::UNNAMED_BIT_FIELDS_COUNT`]). It has a position of a register, but no slot of the
/// stack, unless it is passed by reference. As a result it is nothing.
///
/// # Errors
/// The record is an unnamed argument: callers give it a position, and `va_arg` skips none.
fn padding(ty: &Type, cx: &Classify<'_, '_>) -> Result<Option<Group>, Error> {
    let group = |int| Group::new(GroupKind::Registers, 0, 8).with(Part::int(int, Extension::None));
    match cx.role {
        Role::Named => {
            let registers = int_of(ty.size()).map(group);
            if registers.is_some() {
                (cx.tracer).note("only unnamed bit-fields: a register, but no slot of the stack");
            }
            Ok(registers)
        }
        Role::Result => {
            (cx.tracer).note("only unnamed bit-fields: nothing is returned");
            Ok(Some(Group::ignore()))
        }
        Role::Unnamed => {
            let why = "callers pass an unnamed record of only unnamed bit-fields, and va_arg does not skip it";
            cx.dispute(ty, why)
        }
    }
}

/// Returns whether a float in `part` is in the integer register of its position as well.
pub(super) fn is_in_both(part: &Part, cx: &mut Classify<'_, '_>) -> bool {
    if part.bank != Bank::Vector || part.ty == V128 {
        return false;
    }
    match cx.role {
        Role::Unnamed => true,
        Role::Named => cx.variadic && cx.choose(Policy::WIN64_NAMED_FLOATS_IN_BOTH),
        Role::Result => false,
    }
}

/// Returns the part of a vector of one `lane`, of `size` bytes; `None` sends it to memory. One
/// `__int128` is [`is_two_integers`]'s.
pub(super) fn one_lane_part(
    lane: Scalar,
    size: u64,
    result: bool,
    cx: &mut Classify<'_, '_>,
) -> Option<Part> {
    let as_lane = cx.choose(Policy::WIN64_ONE_LANE_VECTORS_AS_LANES);
    match lane {
        Scalar::F16 | Scalar::BF16 if as_lane => result.then_some(float(size)),
        lane if lane.is_float() && as_lane => scalar_part(lane, size, result, cx),
        // gcc has no vector registers for one float, and no mode but that of its bytes.
        lane if lane.is_float() && !result => None,
        Scalar::Int { bits: 128, .. } => result.then_some(Part::float(V128)),
        _ => int(size),
    }
}

/// Returns whether `ty` is an integer of 16 bytes that LLVM takes apart. A plain `__int128` is
/// none, because clang passes it by reference.
fn is_two_integers(ty: &Type, cx: &mut Classify<'_, '_>) -> bool {
    match ty.kind() {
        Kind::Vector(vector) if vector.lanes == 1 && vector.lane.is_int128() => {
            cx.choose(Policy::WIN64_ONE_LANE_VECTORS_AS_LANES)
        }
        Kind::Scalar(scalar) if ty.is_atomic() && scalar.is_int128() => {
            cx.choose(Policy::ATOMIC_MEMBERS_IN_MEMORY)
        }
        _ => false,
    }
}

/// Returns two integers of 8 bytes, each in a position of its own.
fn two_integers(ty: &Type) -> Group {
    let low = Part::int(I64, Extension::None);
    let high = Part { offset: 8, ..low };
    let mut group = Group::new(GroupKind::Registers, ty.size(), 8)
        .with(low)
        .with(high);
    group.may_split = true;
    group
}

/// Returns whether `__float128` is in a vector register.
pub(super) fn is_float128_in_sse(result: bool, cx: &mut Classify<'_, '_>) -> bool {
    cx.choose(Policy::WIN64_FLOAT128_IN_SSE)
        && (result || !cx.choose(Policy::WIN64_FLOAT128_ARGUMENTS_BY_REFERENCE))
}

/// Refuses a `__float128` of a variadic function. Through version 20, clang's callers pass it in a
/// vector register, and half of it in an integer register that may be another argument's. Its
/// `va_arg` looks for an address.
fn refuse_variadic_float128(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<(), Error> {
    if cx.is_argument_of_variadic() && is_float128_in_sse(false, cx) {
        let why = "clang's callers pass a __float128 to variadic functions over other arguments, and clang's callees look elsewhere";
        return cx.dispute(ty, why);
    }
    Ok(())
}

/// Refuses vectors that LLVM takes apart because no register holds them, and those on which clang's
/// callers and its `va_arg` disagree.
fn refuse_vector(vector: Vector, ty: &Type, cx: &mut Classify<'_, '_>) -> Result<(), Error> {
    if vector.bools.is_some() {
        return cx.dispute(ty, "no rule says how a vector of bools is passed");
    }
    if vector.lane == Scalar::F128 && vector.lanes == 1 {
        return refuse_variadic_float128(ty, cx);
    }
    let size = ty.size();
    let int128 = vector.lane.is_int128();
    let by_reference = match vector.lanes {
        1 => matches!(vector.lane, Scalar::F16 | Scalar::BF16),
        _ => size <= 8,
    };
    let why = if vector.lanes > 1 && size > 16 && (int128 || size > cx.vectors.bytes()) {
        "clang splits a vector that no register holds, and no rule says how"
    } else if !vector.lanes.is_power_of_two() && size <= 8 {
        "clang passes a small vector lane by lane if it has 3, 5, 6 or 7 lanes, and no rule says how"
    } else if cx.role == Role::Unnamed && (by_reference || (int128 && vector.lanes == 1)) {
        "clang's callers pass this vector to variadic functions differently from how clang's va_arg reads it"
    } else {
        return Ok(());
    };
    let bit = match vector.lanes {
        1 => Policy::WIN64_ONE_LANE_VECTORS_AS_LANES,
        _ => Policy::WIN64_SMALL_VECTORS_BY_REFERENCE,
    };
    if cx.choose(bit) {
        return cx.dispute(ty, why);
    }
    Ok(())
}

fn refuse_atomic(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<(), Error> {
    if cx.choose(Policy::ATOMIC_MEMBERS_IN_MEMORY) {
        let why = "clang splits an `_Atomic` record or complex number, and no rule says how";
        return cx.dispute(ty, why);
    }
    Ok(())
}
