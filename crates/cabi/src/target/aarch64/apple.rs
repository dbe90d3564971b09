//! Apple's variant of AAPCS64: "Writing ARM64 code for Apple platforms", and clang's
//! `AArch64ABIInfo` where that is silent (`isDarwinPCS`).
//!
//! clang alone is the reference. No value is disputed, and `_Atomic` types are what they are to
//! clang. A type on which its own callers and callees disagree is refused.

use super::vectors::{short_vector, small_result};
use super::{
    AAPCS64, FLOATS, LARGE, SRET, V, VECTORS, WORDS, X, all_words, check_leaves, float, large,
    last, members,
};
use crate::convention::Rule::{AssignToStack, IfFlag, IfType, IfUnnamed};
use crate::convention::{
    ArgFlags, Classify, Convention, Extension, Frame, Group, Part, Role, Rule, Rules, VaListType,
};
use crate::policy::Policy;
use crate::scalar::{Scalar, Vector};
use crate::target::parts::{as_argument, byte, extension, has_atomic, int, memory, one};
use crate::types::error::Error;
use crate::types::record::{is_all_padding, is_data_to_clang};
use crate::types::{Kind, Type};

/// "Variadic functions [..] assign each argument to an appropriate number of 8-byte stack slots".
const UNNAMED: Rule = IfUnnamed(&AssignToStack { size: 8, align: 8 });
/// A record in words, or an integer of 16 bytes. No register is left to later arguments.
const LAST_COMPOSITES: Rule = IfFlag(ArgFlags::SPLIT, &last(8, X));
/// An HFA has the alignment of its elements.
const LAST_VECTORS: Rule = IfType(FLOATS, &last(0, V));
/// "Function arguments may consume slots on the stack that are not multiples of 8 bytes".
const PACKED: Rule = AssignToStack { size: 0, align: 0 };

/// AAPCS64 on Apple's systems.
pub static APPLE_ARM64: Convention = Convention {
    name: "Apple arm64",
    rules: Rules {
        classify,
        args: &[
            SRET,
            LARGE,
            UNNAMED,
            WORDS,
            VECTORS,
            LAST_COMPOSITES,
            LAST_VECTORS,
            PACKED,
        ],
        ..AAPCS64.rules
    },
    frame: Frame {
        va_list: VaListType::Pointer,
        ..AAPCS64.frame
    },
};

/// Returns the group of `ty`.
fn classify(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let passed = as_argument(ty, cx)?;
    let mut group = classify_passed(passed, cx)?;
    if let (false, [part]) = (core::ptr::eq(ty, passed), group.parts.as_mut_slice())
        && part.size < 4
        && cx.choose(Policy::TRANSPARENT_UNIONS_HAVE_4_BYTES)
    {
        part.ty = int(4, part.extension).ty;
        group.may_split = true;
    }
    Ok(group)
}

fn classify_passed(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    if ty.size() == 0 || is_all_padding(ty) && !is_data_to_clang(ty) {
        return Ok(Group::ignore());
    }
    // No HFA is larger, and no walk over an array is longer.
    if ty.size() > 64 {
        return Ok(large(ty, cx));
    }
    check_leaves(ty, cx)?;
    match ty.kind() {
        Kind::Scalar(scalar) | Kind::Enum(scalar) => return scalar_group(*scalar, ty, cx),
        Kind::Vector(vector) => return vector_group(*vector, ty, cx),
        _ => {}
    }
    if let Some(group) = homogeneous(ty, cx)? {
        return Ok(group);
    }
    match ty.size() {
        1..=16 => {
            check_unnamed(ty, cx)?;
            Ok(in_words(ty, ty.canonical_align()))
        }
        _ => Ok(large(ty, cx)),
    }
}

/// Refuses an unnamed record whose typedef changes its alignment: clang's `va_arg` goes by the
/// typedef, and its callers do not.
fn check_unnamed(ty: &Type, cx: &Classify<'_, '_>) -> Result<(), Error> {
    let is_wide = |align: u32| align >= 16;
    if cx.role == Role::Unnamed && is_wide(ty.align()) != is_wide(ty.canonical_align()) {
        let why = "clang's `va_arg` aligns an unnamed argument of this type as the typedef says, clang's callers do not";
        return cx.dispute(ty, why);
    }
    Ok(())
}

/// Returns a value in words, all of them in registers or none. The registers need not be an even
/// pair.
fn in_words(ty: &Type, align: u32) -> Group {
    let mut group = all_words(ty, if align >= 16 { 16 } else { 8 });
    group.flags = ArgFlags::SPLIT;
    group
}

/// Returns a scalar. The function extends its result, and "the caller of a function is responsible
/// for signing or zero-extending any argument with fewer than 32 bits".
fn scalar_group(scalar: Scalar, ty: &Type, cx: &Classify<'_, '_>) -> Result<Group, Error> {
    match (scalar, ty.size()) {
        (Scalar::F128, _) => cx.refuse(ty, "no C compiler of Apple has this type"),
        (Scalar::F16 | Scalar::BF16, _) if cx.role == Role::Unnamed => cx.refuse(
            ty,
            "clang converts an unnamed argument of this type to `double`: pass a `double`",
        ),
        (Scalar::BitInt { bits: ..32, .. }, size) if u64::from(bits_of(scalar)) != 8 * size => cx
            .refuse(
                ty,
                "clang passes a `_BitInt` of less than 32 bits as an integer of 4 bytes on the stack",
            ),
        (_, 9..) => Ok(in_words(ty, 16)),
        (_, size) => Ok(one(
            ty,
            float(scalar).unwrap_or_else(|| {
                let is_extended = size < 4 && !ty.is_atomic();
                let extension = match is_extended {
                    true => extension(scalar),
                    false => Extension::None,
                };
                int(byte(size), extension)
            }),
        )),
    }
}

const fn bits_of(scalar: Scalar) -> u16 {
    match scalar {
        Scalar::BitInt { bits, .. } => bits,
        _ => 0,
    }
}

fn vector_group(vector: Vector, ty: &Type, cx: &Classify<'_, '_>) -> Result<Group, Error> {
    match short_vector(ty.size()) {
        Some(part) => Ok(one(ty, part)),
        None if ty.size() > 16 => Ok(memory(ty)),
        None if cx.role == Role::Result => small_result(vector, ty, cx),
        // An integer of 4 bytes, on the stack too.
        None => {
            let mut group = one(
                ty,
                Part {
                    size: byte(ty.size()),
                    ..int(4, Extension::None)
                },
            );
            group.may_split = true;
            Ok(group)
        }
    }
}

/// Returns a homogeneous aggregate. To clang, one with an `_Atomic` type in it is none.
fn homogeneous(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Option<Group>, Error> {
    let members = members(ty).filter(|members| !members.is_spoiled && !has_atomic(ty));
    let Some(members) = members else {
        return Ok(None);
    };
    let element = members.parts.first().map_or(1, |part| part.size.into());
    // A caller aligns an unnamed aggregate to a slot, whatever its own and its elements' alignment
    // is.
    if cx.role == Role::Unnamed && (element == 16 || ty.align() >= 16) {
        let why = "clang's callers and `va_arg` align an unnamed homogeneous aggregate differently";
        return cx.dispute(ty, why);
    }
    members.group(ty, element, cx).map(Some)
}
