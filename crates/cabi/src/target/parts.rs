//! Parts that the conventions of several machines make of values.

use crate::convention::PartType::{F16, F32, F64, F80, I8, I16, I32, I64, V128, V256, V512};
use crate::convention::Rule::{AssignToStack, IfType};
use crate::convention::{
    Bank, Classify, Extension, Group, GroupKind, Part, PartType, PartTypes, Role, Rule,
};
use crate::leaf::LeafFlags;
use crate::leaves::{Leaf, LeafKind, leaves};
use crate::policy::Policy;
use crate::scalar::Scalar;
use crate::types::error::Error;
use crate::types::{Kind, Type};

/// All integers.
pub(super) const INTS: PartTypes = PartTypes::of(&[I8, I16, I32, I64]);

/// Floating-point numbers, and vectors of up to 16 bytes.
pub(super) const FLOATS: PartTypes = PartTypes::of(&[F16, F32, F64, V128]);

/// A vector of 16 bytes on the stack.
pub(super) const V128_SLOT: Rule = IfType(
    PartTypes::of(&[V128]),
    &AssignToStack {
        size: 16,
        align: 16,
    },
);

/// Returns an offset or a size that a part can have.
pub(super) fn byte(n: u64) -> u8 {
    debug_assert!(n <= u64::from(u8::MAX), "{n} is in no part");
    u8::try_from(n).unwrap_or(u8::MAX)
}

/// Returns the type as which `ty` is passed or returned.
pub(super) fn as_passed(ty: &Type, role: Role) -> &Type {
    match role {
        Role::Result => ty,
        _ => ty.as_argument(),
    }
}

/// Returns the type as which `ty` is passed. Refuses a union that is passed by more than its first
/// member. Its padding counts to clang's front end, and gcc aligns it as the union on RISC-V.
pub(super) fn as_argument<'t>(ty: &'t Type, cx: &Classify<'_, '_>) -> Result<&'t Type, Error> {
    let passed = as_passed(ty, cx.role);
    let align = |ty: &Type| ty.canonical_align().max(cx.model.pointer.into());
    if core::ptr::eq(passed, ty) || (passed.size(), align(passed)) == (ty.size(), align(ty)) {
        return Ok(passed);
    }
    let why = "no rule is known for a transparent union that is larger or more aligned than its first member";
    cx.dispute(ty, why)
}

/// Returns the integer of `size` bytes, or of what is left of a word.
pub(super) const fn int(size: u8, extension: Extension) -> Part {
    let ty = match size {
        1 => I8,
        2 => I16,
        3..=4 => I32,
        _ => I64,
    };
    Part {
        size,
        ..Part::int(ty, extension)
    }
}

/// Returns the integer of exactly `size` bytes.
pub(super) fn int_of(size: u64) -> Option<PartType> {
    match size {
        1 => Some(I8),
        2 => Some(I16),
        4 => Some(I32),
        8 => Some(I64),
        _ => None,
    }
}

/// Returns the floating-point number or vector that the narrowest register for `size` bytes holds.
pub(super) const fn float_of(size: u64) -> PartType {
    match size {
        ..=2 => F16,
        3..=4 => F32,
        5..=8 => F64,
        9..=16 => V128,
        17..=32 => V256,
        _ => V512,
    }
}

/// Returns a floating-point number as one part, on x86-64.
#[inline(always)]
pub(super) fn scalar_float(scalar: Scalar) -> Option<Part> {
    Some(match scalar {
        Scalar::F16 | Scalar::BF16 => Part::float(F16),
        Scalar::F32 | Scalar::Dec32 => Part::float(F32),
        Scalar::F64 | Scalar::Dec64 => Part::float(F64),
        Scalar::F128 | Scalar::Dec128 => Part::float(V128),
        Scalar::F80 => Part {
            bank: Bank::X87,
            ..Part::float(F80)
        },
        _ => return None,
    })
}

/// Returns a scalar as the integer of its size, on x86-64. Callers extend one of less than 32 bits;
/// functions do not extend their results.
#[inline(always)]
pub(super) fn scalar_int(scalar: Scalar, size: u64, role: Role) -> Option<Part> {
    let extension = if size < 4 && role != Role::Result {
        extension(scalar)
    } else {
        Extension::None
    };
    Some(Part::int(int_of(size)?, extension))
}

/// Returns a value in words of `word` bytes, of which the last may hold fewer. Some may be in
/// registers and others on the stack.
pub(super) fn words(ty: &Type, word: u8) -> Group {
    let mut group = Group::new(GroupKind::Registers, ty.size(), ty.canonical_align());
    let size = byte(ty.size());
    for offset in (0..size).step_by(usize::from(word.max(1))) {
        let part = int(word.min(size - offset), Extension::None);
        let ty = if word == 4 { I32 } else { I64 };
        group = group.with(Part { ty, ..part }.at(offset));
    }
    group.may_split = true;
    group
}

/// Returns a value that is one part.
pub(super) fn one(ty: &Type, part: Part) -> Group {
    Group::new(GroupKind::Registers, ty.size(), ty.canonical_align()).with(part)
}

/// Returns a value in memory. Unless it is a record, a typedef may have lowered its alignment.
pub(super) fn memory(ty: &Type) -> Group {
    let align = match ty.kind() {
        Kind::Record(_) => ty.canonical_align(),
        _ => ty.align().min(ty.canonical_align()),
    };
    Group::new(GroupKind::Memory, ty.size(), align)
}

/// Returns each scalar of a value by itself, in words: the form of a structure in LLVM's IR. Floats
/// of up to `flen` bytes are floats. Parts on the stack are aligned to `align` bytes at most,
/// wherever they are in the value. `in_word` may change the part of a scalar of at most a word.
pub(super) fn ir_values(
    ty: &Type,
    cx: &Classify<'_, '_>,
    (word, flen, align): (u8, u64, u32),
    in_word: impl Fn(Part, Scalar) -> Part,
) -> Result<Group, Error> {
    if ty.size() > MAX_PART_END {
        return cx.refuse(ty, TOO_LARGE);
    }
    if ty.contains(&|ty, _| ty.is_union()) {
        return cx.refuse(ty, "LLVM IR has no unions");
    }
    let mut group = Group::new(GroupKind::Registers, ty.size(), align);
    group.may_split = true;
    for leaf in leaves(ty) {
        let (at, bytes) = (
            byte(leaf.offset_bits / 8),
            byte(leaf.width_bits.div_ceil(8)),
        );
        let scalar = match leaf.kind {
            LeafKind::Empty => continue,
            _ if leaf.bit_field => return cx.refuse(ty, "LLVM IR has no bit-fields"),
            LeafKind::Scalar(scalar) if is_compared(leaf.kind) && bytes <= 8 => scalar,
            _ => return not_compared(ty, cx),
        };
        match scalar {
            Scalar::F32 if flen >= 4 => group.parts.push(Part::float(F32).at(at)),
            Scalar::F64 if flen >= 8 => group.parts.push(Part::float(F64).at(at)),
            _ if bytes <= word => {
                let part = in_word(int(bytes, Extension::None), scalar);
                group.parts.push(part.at(at));
            }
            _ => {
                for start in (0..bytes).step_by(word.max(1).into()) {
                    let part = int(word.min(bytes - start), Extension::None);
                    group.parts.push(part.at(at + start));
                }
            }
        }
    }
    if group.parts.is_empty() {
        return Ok(Group::ignore());
    }
    sort(&mut group.parts);
    Ok(group)
}

/// Sorts the parts of a value as C declares them: a layout may be given in any order of members
/// ([`RecordBuilder::build_at`](crate::RecordBuilder::build_at)).
pub(super) fn sort(parts: &mut [Part]) {
    parts.sort_unstable_by_key(|part| part.offset);
}

/// Most bytes of a value in parts whose offsets are counted in bytes of 8 bits.
pub(super) const MAX_PART_END: u64 = 252;

/// Message for a value that is too large.
pub(super) const TOO_LARGE: &str = "a value of more than 252 bytes is not supported";

/// Checks whether values with such leaves are compared with compilers of these machines.
pub(super) fn is_compared(kind: LeafKind) -> bool {
    match kind {
        LeafKind::Scalar(scalar) => matches!(
            scalar,
            Scalar::Bool
                | Scalar::Int { .. }
                | Scalar::Ptr
                | Scalar::FnPtr
                | Scalar::F32
                | Scalar::F64
                | Scalar::F128
        ),
        LeafKind::Vector(_) => false,
        LeafKind::Empty | LeafKind::FlexibleArray => true,
    }
}

/// Returns whether `ty`, or a type inside it, is `_Atomic`. To gcc that changes nothing. To clang
/// an `_Atomic` type is bytes, and no scalar.
pub(super) fn has_atomic(ty: &Type) -> bool {
    leaves(ty).any(|leaf| leaf.around.any(LeafFlags::ATOMIC))
}

/// Message for a type that is placed by its members, one of which is `_Atomic`.
pub(super) const ATOMIC: &str = "gcc and clang do not agree on `_Atomic` in this type";

/// Refuses a type whose place was compared with no compiler.
pub(super) fn not_compared<T>(ty: &Type, cx: &Classify<'_, '_>) -> Result<T, Error> {
    let is_x87 = |leaf: Leaf| matches!(leaf.kind, LeafKind::Scalar(Scalar::F80));
    let why = match leaves(ty).any(is_x87) {
        true => {
            "it has the `long double` of x86, `Type::F80`: `DataModel::long_double` is the target's"
        }
        false => "the place of this type, or of a member, is not compared with a compiler yet",
    };
    cx.refuse(ty, why)
}

/// Returns the extension of an integer by compilers. The unused bits of a `_BitInt` are
/// unspecified, and its container is extended all the same.
pub(super) fn extension(scalar: Scalar) -> Extension {
    if scalar.is_signed() {
        Extension::Sign
    } else {
        Extension::Zero
    }
}

/// Returns the extension of a narrow scalar: clang sees no integer in one that is `_Atomic`
/// ([`Policy::ATOMIC_MEMBERS_IN_MEMORY`]).
pub(super) fn extension_of(scalar: Scalar, ty: &Type, cx: &mut Classify<'_, '_>) -> Extension {
    match ty.is_atomic() && cx.choose(Policy::ATOMIC_MEMBERS_IN_MEMORY) {
        true => Extension::None,
        false => extension(scalar),
    }
}
