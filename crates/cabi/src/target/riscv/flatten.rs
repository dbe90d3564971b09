//! Values in floating-point registers: psABI, "Hardware Floating-point Calling Convention", and where gcc and clang do not flatten a record alike.

use crate::convention::{Extension, Group, GroupKind, Part, PartType};
use crate::leaf::Around;
use crate::leaves::{LeafKind, leaves, leaves_of_one_element};
use crate::scalar::Scalar;
use crate::target::parts::{ATOMIC, NOT_COMPARED, disputed, has_atomic, int, is_compared, refuse};
use crate::types::error::Error;
use crate::types::record::is_all_padding;
use crate::types::{Kind, Type};

const OF_ONE: &str = "gcc and clang do not agree on whether its members without bytes or without names count as fields";

/// The parts of `ty` where floats of up to `flen` bytes have registers of their own; `None` where it is passed as integers are.
pub(super) fn in_registers(ty: &Type, word: u8, flen: u64) -> Result<Option<Group>, Error> {
    let refused = |why| Err(disputed(ty, why, "RISC-V"));
    if ty.contains(&|ty, _| is_unnamed(ty)) && has_float_beside_one(ty, flen) {
        return refused(OF_ONE);
    }
    let Some(group) = flattened(ty, u64::from(word), flen) else {
        return match is_complex_integer(ty, u64::from(word), flen) {
            true => refused(
                "clang passes its complex integer as two integers, gcc as any record of its size",
            ),
            false => Ok(None),
        };
    };
    // One among the elements of an array of none is a union to gcc, and nothing to clang.
    if ty.contains(&|ty, _| is_union(ty)) && !ty.contains(&|ty, _| is_empty(ty)) {
        return Ok(None);
    }
    if leaves(ty).any(|leaf| !is_compared(leaf.kind)) {
        return Err(refuse(ty, NOT_COMPARED, "RISC-V"));
    }
    if ty.as_scalar().is_none() && has_atomic(ty) {
        return refused(ATOMIC);
    }
    if ty.contains(&|ty, _| is_empty(ty)) || has_disputed_bits(ty, word) {
        return refused(OF_ONE);
    }
    if is_overlapped(ty) {
        return refused(
            "clang takes its bit-field for a whole object of the bit-field's type, for which the record has no room",
        );
    }
    Ok(Some(group))
}

/// Whether `ty` is a union that carries something: a record with one is not flattened.
fn is_union(ty: &Type) -> bool {
    ty.is_union() && !is_all_padding(ty)
}

/// Whether `ty` is a record of unnamed bit-fields alone: padding to clang, and fields to gcc.
fn is_unnamed(ty: &Type) -> bool {
    ty.size() > 0 && is_all_padding(ty)
}

/// Whether what `ty` carries is a float and one more scalar at most, as far as elements of arrays are alike.
fn has_float_beside_one(ty: &Type, flen: u64) -> bool {
    let carried = leaves_of_one_element(ty).filter(|leaf| leaf.width_bits > 0 && !leaf.unnamed);
    let (mut n, mut has_float) = (0, false);
    for leaf in carried.take(3) {
        n += 1;
        has_float |= match leaf.kind {
            LeafKind::Scalar(Scalar::F32) => flen >= 4,
            LeafKind::Scalar(Scalar::F64) => flen >= 8,
            _ => false,
        };
    }
    n < 3 && has_float
}

/// Whether `ty` is an array or a union without bytes: nothing to clang, and what gcc does not flatten.
fn is_empty(ty: &Type) -> bool {
    ty.size() == 0 && (ty.is_union() || matches!(ty.kind(), Kind::Array(_)))
}

/// One or two floats, or a float and an integer, of any size: "the struct is flattened", arrays too, and empty members do not count. Members of a union are
/// among them.
fn flattened(ty: &Type, word: u64, flen: u64) -> Option<Group> {
    let mut group = Group::new(GroupKind::Registers, ty.size(), ty.canonical_align());
    for leaf in leaves(ty) {
        let scalar = match leaf.kind {
            LeafKind::Empty => continue,
            LeafKind::Scalar(_) if leaf.width_bits == 0 => continue,
            LeafKind::Scalar(scalar) => scalar,
            LeafKind::Vector(_) | LeafKind::FlexibleArray => return None,
        };
        let bytes = leaf.bytes();
        let (at, size) = (u8::try_from(bytes.start).ok()?, bytes.end - bytes.start);
        let part = match scalar {
            Scalar::F32 if flen >= 4 => Part::float(PartType::F32),
            Scalar::F64 if flen >= 8 => Part::float(PartType::F64),
            // `in_registers` refuses the record, of any size.
            _ if !is_compared(leaf.kind) => Part::float(PartType::F16),
            // A pointer is no integer here, and in this gcc and clang agree.
            Scalar::Bool | Scalar::Int { .. } if size <= word => {
                let whole = int(u8::try_from(word).ok()?, Extension::None);
                Part {
                    size: u8::try_from(size).ok()?,
                    ..whole
                }
            }
            _ => return None,
        };
        if group.parts.len() == 2 {
            return None;
        }
        group = group.with(part.at(at));
    }
    let n_floats = group.parts.iter().filter(|part| !part.ty.is_int()).count();
    // Two at most: one of them is no integer.
    (n_floats > 0).then_some(group)
}

/// Whether it has bit-fields that are fields to one compiler only: those of no bits, and those of a type that is wider than a register.
fn has_disputed_bits(ty: &Type, word: u8) -> bool {
    let wide = 8 * word;
    leaves(ty).any(|leaf| {
        let is_wide =
            matches!(leaf.kind, LeafKind::Scalar(Scalar::Int { bits, .. }) if bits > wide);
        leaf.bit_field && (leaf.width_bits == 0 || is_wide)
    })
}

/// Whether a float starts within the type of the bit-field before it, or that type ends after the record: `long n : 32; float x;`,
/// `float x; long n : 32;`.
fn is_overlapped(ty: &Type) -> bool {
    let mut end = 0;
    let overlaps = leaves(ty).any(|leaf| {
        let is_within = !leaf.bit_field && leaf.offset_bits < end;
        if let (LeafKind::Scalar(Scalar::Int { bits, .. }), true) = (leaf.kind, leaf.bit_field) {
            end = leaf.offset_bits / 8 * 8 + u64::from(bits);
        }
        is_within
    });
    overlaps || end > 8 * ty.size()
}

/// Whether `ty` is a record of one complex integer that is not simply two words: clang takes any complex number for one of two floats.
fn is_complex_integer(ty: &Type, word: u64, flen: u64) -> bool {
    let mut all = leaves(ty).filter(|leaf| leaf.width_bits > 0);
    let (Some(real), Some(imaginary), None) = (all.next(), all.next(), all.next()) else {
        return false;
    };
    let size = real.width_bits / 8;
    let is_words = size == word && ty.size() == 2 * word;
    matches!(real.kind, LeafKind::Scalar(Scalar::Int { .. }))
        && size <= flen
        && !is_words
        && imaginary.around.any(Around::IMAGINARY)
        && ty.as_record().is_some()
        && !ty.contains(&|ty, _| is_union(ty))
}
