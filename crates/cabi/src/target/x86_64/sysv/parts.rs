//! From classes to parts (psABI 3.2.3, Passing; Returning of Values), and the parts of scalars.

use super::class::Class::{ComplexX87, Integer, Memory, NoClass, Sse, SseUp, X87, X87Up};
use super::class::Classes;
use super::psabi::class_of;
use crate::convention::PartType::{F16, F32, F64, F80, I8, I16, I32, I64, V128, V256, V512};
use crate::convention::{Classify, Extension, Group, GroupKind, Part, PartType, Role};
use crate::scalar::Scalar;
use crate::types::Type;

/// The parts that `classes` make of a value (Passing; Returning of Values).
pub(super) fn group_of(
    classes: &Classes,
    size: u64,
    align: u32,
    cx: &mut Classify<'_, '_>,
) -> Group {
    cx.tracer.classes(classes.as_slice().iter().copied());
    let mut group = Group::new(GroupKind::Registers, size, align);
    let all = classes.as_slice();
    let widest = usize::try_from(cx.vectors.bytes() / 8).unwrap_or(2);
    let (mut i, mut offset) = (0, 0_u8);
    while let Some(class) = all.get(i) {
        // An array of no elements has a class here and there, and no bytes.
        let room = size.saturating_sub(u64::from(offset));
        let used = u8::try_from(room)
            .map_or(8, |room| room.min(8))
            .min(classes.used(i));
        let mut n = 1;
        let (ty, bytes) = match class {
            Integer => (I64, used.max(1)),
            // An `SseUp` that starts a part: a vector wider than its registers goes on in the next one.
            Sse | SseUp => {
                while n < widest && all.get(i + n) == Some(&SseUp) {
                    n += 1;
                }
                in_vector_register(n, used.max(1))
            }
            X87 => (F80, 10),
            ComplexX87 if i % 2 == 0 => (F80, 10),
            ComplexX87 | X87Up | NoClass | Memory => (F80, 0),
        };
        if bytes > 0 {
            group.parts.push(Part {
                bank: class.bank(),
                ty,
                offset,
                size: bytes,
                extension: Extension::None,
            });
        }
        i += n;
        offset = offset.saturating_add(u8::try_from(8 * n).unwrap_or(u8::MAX));
    }
    if group.parts.is_empty() {
        group.kind = GroupKind::Ignore;
    }
    group
}

/// How a vector of `n` eightbytes sits in its register, or what is used of a single one; and how many bytes it has.
fn in_vector_register(n: usize, used: u8) -> (PartType, u8) {
    match (n, used) {
        (1, ..=2) => (F16, used),
        (1, ..=4) => (F32, used),
        (1, _) => (F64, used),
        (2, _) => (V128, 16),
        (4, _) => (V256, 32),
        _ => (V512, 64),
    }
}

/// The part of a scalar that is one eightbyte or less. Narrow integers are extended by the caller: gcc's callees extend them again, clang's rely on it.
pub(super) fn small_scalar(ty: &Type, role: Role) -> Option<Part> {
    let scalar = ty.as_scalar()?;
    let in_register = match (scalar, ty.size()) {
        (Scalar::F16 | Scalar::BF16, _) => F16,
        (Scalar::F32 | Scalar::Dec32, _) => F32,
        (Scalar::F64 | Scalar::Dec64, _) => F64,
        (_, 1) => I8,
        (_, 2) => I16,
        (_, 4) => I32,
        (_, 8) => I64,
        _ => return None,
    };
    let extension = match in_register {
        I8 | I16 if role != Role::Result => extension(scalar),
        _ => Extension::None,
    };
    Some(Part {
        bank: class_of(scalar).bank(),
        ty: in_register,
        offset: 0,
        size: in_register.bytes(),
        extension,
    })
}

/// How a narrow integer is extended. The unused bits of a `_BitInt` are unspecified, and its container is extended all the same.
pub(super) fn extension(scalar: Scalar) -> Extension {
    if scalar.is_signed() {
        Extension::Sign
    } else {
        Extension::Zero
    }
}
