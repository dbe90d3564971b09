//! Windows on 64-bit Arm: Microsoft's "Overview of ARM64 ABI conventions", and clang's
//! `AArch64ABIInfo` where that is silent. Named parameters are AAPCS64's. A variadic function takes
//! all of its arguments as if they were on a stack of which x0 to x7 are the first 64 bytes.
//!
//! clang alone is the reference. Not here: floats of two bytes, and vectors of variadic functions,
//! which Microsoft's text does not have or clang passes differently: errors.

use super::vectors::{short_vector, small_result};
use super::{
    AAPCS64, LARGE, LAST_VECTORS, LAST_WORDS, PAIRS, SRET, VECTORS, WORDS, X6, X7, all_words,
    check_leaves, large, members, scalar_group,
};
use crate::convention::{
    Classify, Convention, Extension, Frame, FrameKind, Group, RegCounts, Role, Rules, State,
    VaListType,
};
use crate::scalar::{Scalar, Vector};
use crate::target::parts::{as_argument, byte, has_atomic, int, memory, one};
use crate::types::error::Error;
use crate::types::record::{is_all_padding, is_data_to_clang};
use crate::types::{Kind, Type};
use crate::{LeafKind, leaves};

/// AAPCS64 on Windows. Its x18 is the system's.
pub static WINDOWS_ARM64: Convention = Convention {
    name: "Windows arm64",
    rules: Rules {
        classify,
        adjust: Some(adjust),
        args: &[SRET, LARGE, PAIRS, WORDS, VECTORS, LAST_WORDS, LAST_VECTORS],
        ..AAPCS64.rules
    },
    frame: Frame {
        kind: FrameKind::Win64,
        va_list: VaListType::Pointer,
        ..AAPCS64.frame
    },
};

/// Returns the group of `ty`.
fn classify(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let ty = as_argument(ty, cx)?;
    if ty.size() == 0 || is_all_padding(ty) && !is_data_to_clang(ty) {
        return match cx.role {
            Role::Unnamed if ty.size() > 0 => {
                let why = "clang's callers pass nothing for an unnamed argument of this type, clang's `va_arg` skips a slot";
                cx.dispute(ty, why)
            }
            _ => Ok(Group::ignore()),
        };
    }
    // No HFA is larger, and no walk over an array is longer.
    if ty.size() > 64 {
        return Ok(large(ty, cx));
    }
    check_leaves(ty, cx)?;
    let has = |scalar| leaves(ty).any(|leaf| leaf.kind == LeafKind::Scalar(scalar));
    if has(Scalar::F128) {
        return cx.refuse(ty, "no C compiler of Windows has binary128");
    }
    if has(Scalar::F16) || has(Scalar::BF16) {
        return cx.refuse(
            ty,
            "Microsoft's compilers have no float of two bytes, and clang's places are not compared",
        );
    }
    match ty.kind() {
        Kind::Scalar(scalar) | Kind::Enum(scalar) => return of_scalar(*scalar, ty, cx),
        Kind::Vector(vector) => return of_vector(*vector, ty, cx),
        _ => {}
    }
    if let Some(members) = members(ty)
        .filter(|members| !members.is_spoiled && !has_atomic(ty) && !cx.is_argument_of_variadic())
    {
        let element = members.parts.first().map_or(8, |part| part.size.into());
        return members.group(ty, if element == 16 { 16 } else { 8 }, cx);
    }
    match ty.size() {
        1..=16 => in_words(ty, ty.canonical_align(), cx),
        _ => Ok(large(ty, cx)),
    }
}

/// Refuses two words of a variadic function that x7 and the stack would share.
fn adjust(
    _: &mut Option<RegCounts>,
    before: &State,
    _: &Type,
    group: &mut Group,
    _: &mut Classify<'_, '_>,
) -> Result<(), &'static str> {
    match group.counts.is_some() && !before.is_free(X6) && before.is_free(X7) {
        true => Err(
            "Microsoft's compilers and clang's `va_arg` split it between x7 and the stack, clang's callers put it on the stack",
        ),
        false => Ok(()),
    }
}

/// Returns a value in words.
fn in_words(ty: &Type, align: u32, cx: &Classify<'_, '_>) -> Result<Group, Error> {
    if cx.role == Role::Unnamed && align >= 16 {
        let why = "clang's callers align an unnamed argument of this type to 16 bytes, clang's `va_arg` does not";
        return cx.dispute(ty, why);
    }
    let mut group = all_words(ty, if align >= 16 { 16 } else { 8 });
    if cx.is_argument_of_variadic() && align < 16 && ty.size() > 8 {
        // Microsoft's compilers may count one, and a slot.
        group.counts = Some(group.reg_counts());
    }
    Ok(group)
}

fn of_scalar(scalar: Scalar, ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let is_variadic = cx.is_argument_of_variadic();
    match scalar {
        Scalar::F32 | Scalar::F64 if is_variadic => {
            cx.tracer
                .note("a floating-point number of a variadic function: as an integer");
            Ok(one(ty, int(byte(ty.size()), Extension::None)))
        }
        _ if ty.size() > 8 => in_words(ty, 16, cx),
        _ => Ok(scalar_group(scalar, ty, cx)),
    }
}

fn of_vector(vector: Vector, ty: &Type, cx: &Classify<'_, '_>) -> Result<Group, Error> {
    if cx.is_argument_of_variadic() {
        let why =
            "Microsoft's documentation puts it in integer registers, clang in a vector register";
        return cx.refuse(ty, why);
    }
    match short_vector(ty.size()) {
        Some(part) => Ok(one(ty, part)),
        None if ty.size() > 16 => Ok(memory(ty)),
        None if cx.role == Role::Result => small_result(vector, ty, cx),
        None => Ok(one(ty, int(byte(ty.size()), Extension::None))),
    }
}
