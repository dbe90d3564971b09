//! What LLVM's types for two eightbytes do to the first of them (clang).
//!
//! clang gives each eightbyte an LLVM type, and the second must start at byte 8. If the first is smaller, and the second aligned so
//! little that it would start before, the first becomes an `i64`, whatever its class was.

use crate::convention::Bank;
use crate::leaves::{Leaf, LeafKind, Leaves, leaves};
use crate::scalar::Scalar;
use crate::types::record::{Field, Record, RecordKind};
use crate::types::{Kind, Type};

/// Whether the first of two eightbytes of `ty`, which is `Sse`, is an `i64` to LLVM: half of a `__float128` that is no more because something else is in
/// the second eightbyte, or one or two 16-bit floats before something aligned to at most 4. The second eightbyte is in `bank`.
pub(super) fn is_odd(ty: &Type, bank: Bank) -> bool {
    if float_at(ty, 0) == Some(Scalar::F128) {
        return true;
    }
    let starts_early = match bank {
        Bank::Int => integer_bytes(ty) <= 4,
        _ => sse_type(ty, 8) != SseType::Whole,
    };
    // A lone `float` or `_Float16` becomes a `double`, in the register it has.
    let changes_bank = matches!(sse_type(ty, 0), SseType::Pair | SseType::Lone(Scalar::BF16));
    changes_bank && starts_early
}

/// LLVM's type of an `Sse` eightbyte.
#[derive(PartialEq, Eq)]
enum SseType {
    /// One float of 2 or 4 bytes.
    Lone(Scalar),
    /// Two 16-bit floats.
    Pair,
    /// 8 bytes.
    Whole,
}

/// The type that clang finds for the `Sse` eightbyte at byte `at`: from the floats at its start, 2 and 4 bytes after it.
fn sse_type(ty: &Type, at: u64) -> SseType {
    let third = float_at(ty, at + 4);
    match (float_at(ty, at), float_at(ty, at + 2)) {
        (Some(float @ Scalar::F32), _) if third.is_none() => SseType::Lone(float),
        (Some(half @ (Scalar::F16 | Scalar::BF16)), second) if third.is_none() => match second {
            Some(_) => SseType::Pair,
            None => SseType::Lone(half),
        },
        _ => SseType::Whole,
    }
}

/// The float of 2, 4 or 16 bytes that clang finds `at` bytes after the start of `ty`, in the LLVM type it has for it. Padding that LLVM's own layout makes
/// belongs to the element before it, and an array goes on there. This is no fold over leaves: of a union LLVM has one member, and in padding the last
/// element, so what is found need not be a leaf that starts there.
fn float_at(ty: &Type, at: u64) -> Option<Scalar> {
    match ty.kind() {
        Kind::Scalar(scalar) if at == 0 => known_float(*scalar),
        Kind::Complex(part) => {
            let half = ty.size() / 2;
            [0, half].contains(&at).then(|| known_float(*part))?
        }
        Kind::Array(array) => float_at(&array.elem, at.checked_rem(array.elem.size())?),
        Kind::Record(record) if at < ty.size() => {
            let fields = record.fields().iter();
            let fields = fields.filter(|field| field.bit_field().is_none());
            if record.kind() == RecordKind::Union {
                // What is after the member that LLVM has are bytes.
                let chosen = member_of_union(record)?;
                return (at < chosen.size()).then(|| float_at(chosen, at))?;
            }
            let mut elements = fields.filter(|field| !is_empty(field.ty()));
            let started = elements.clone().take_while(|field| field.offset() <= at);
            let field = started.last()?;
            let end = field.offset() + field.ty().size();
            let next = elements.find(|next| next.offset() > field.offset());
            let (natural, next) = match next {
                Some(next) => (llvm_align(next.ty()), next.offset()),
                None => (llvm_align(ty), ty.size()),
            };
            let padding_is_llvms = end.next_multiple_of(natural) == next;
            let there = at < end || padding_is_llvms;
            there.then(|| float_at(field.ty(), at - field.offset()))?
        }
        _ => None,
    }
}

/// The member of a union that LLVM has: the most aligned and of these the largest, and the first of those; also an array of no elements, but no empty
/// record.
fn member_of_union(record: &Record) -> Option<&Type> {
    let types = record
        .fields()
        .iter()
        .filter(|field| field.bit_field().is_none());
    let members = types.map(Field::ty).filter(|ty| !is_empty(ty));
    members.rev().max_by_key(|ty| (llvm_align(ty), ty.size()))
}

/// The alignment in bytes of LLVM's type for `ty`, which knows no alignment that C states: of a record the greatest of its elements', or 1 where one of them is
/// not aligned in it.
fn llvm_align(ty: &Type) -> u64 {
    let align = match ty.kind() {
        Kind::Array(array) => return llvm_align(&array.elem),
        Kind::Record(record) if record.kind() == RecordKind::Union => {
            member_of_union(record).map_or(1, llvm_align)
        }
        Kind::Record(record) => {
            let mut greatest = 1;
            for field in record.fields() {
                let align = match field.bit_field() {
                    Some(_) => u64::from(field.ty().align()),
                    None => llvm_align(field.ty()),
                };
                if field.bit_field().is_none() && !field.offset().is_multiple_of(align) {
                    return 1;
                }
                greatest = align.max(greatest);
            }
            greatest
        }
        _ => return u64::from(ty.canonical_align()),
    };
    if ty.size().is_multiple_of(align) {
        align
    } else {
        1
    }
}

/// Whether `ty` is a record without bytes, or an array of them.
fn is_empty(ty: &Type) -> bool {
    match ty.kind() {
        Kind::Array(array) => is_empty(&array.elem),
        _ => ty.size() == 0,
    }
}

fn known_float(scalar: Scalar) -> Option<Scalar> {
    matches!(
        scalar,
        Scalar::F16 | Scalar::BF16 | Scalar::F32 | Scalar::F128
    )
    .then_some(scalar)
}

/// Bytes of the integer that the second eightbyte is to LLVM: those of the one integer there if nothing is after it, otherwise all
/// up to the end. To clang a bit-field reaches as far as its declared type does.
fn integer_bytes(ty: &Type) -> u64 {
    let rest = ty.size().saturating_sub(8).min(8);
    let Some(first) =
        leaves(ty).find(|leaf| leaf.offset_bits == 64 && !leaf.unnamed && leaf.width_bits > 0)
    else {
        return rest;
    };
    let own = first.width_bits.div_ceil(8);
    let is_integer = matches!(first.kind, LeafKind::Scalar(scalar) if scalar.is_integer_like());
    let (mut walk, mut alone) = (leaves(ty), true);
    while let Some(leaf) = walk.next() {
        alone &= leaf.width_bits == 0 || end_bits(&leaf, &walk) <= 64 + own * 8;
    }
    if is_integer && own.is_power_of_two() && alone {
        own
    } else {
        rest
    }
}

/// Where the last leaf of `walk` ends to clang, in bits.
fn end_bits(leaf: &Leaf, walk: &Leaves<'_>) -> u64 {
    let bits = match leaf.kind {
        _ if !leaf.bit_field => leaf.width_bits,
        LeafKind::Scalar(Scalar::Int { bits, .. }) => u64::from(bits),
        _ => u64::from(declared_align(walk)) * 8,
    };
    leaf.offset_bits + bits
}

/// The greatest declared alignment, in bytes, of a bit-field's own type and the members around it.
fn declared_align(walk: &Leaves<'_>) -> u32 {
    let own = walk.field().map_or(1, |(_, field)| field.ty().align());
    let around = walk.path().iter().map(|frame| frame.ty.align());
    around.fold(own, u32::max)
}
