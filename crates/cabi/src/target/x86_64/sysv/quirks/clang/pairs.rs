//! Effect of LLVM's types for two eightbytes on the first of them (clang).
//!
//! clang gives each eightbyte an LLVM type, and the second must start at byte 8. If the first is
//! smaller, and the alignment of the second lets that start earlier, the first becomes an `i64`,
//! whatever its class was.

use crate::convention::Bank;
use crate::leaves::{Leaf, LeafFlags, LeafKind, Leaves, leaves};
use crate::scalar::Scalar;
use crate::types::record::{Field, Record, RecordKind};
use crate::types::{Kind, Type};

/// Checks whether the first of two eightbytes of `ty`, which is `Sse`, is an `i64` to LLVM. The
/// second eightbyte is in `bank`. The first one is an `i64` if it is
/// - half of a `__float128` whose other half shares the second eightbyte with another type, or
/// - a lone `__bf16`, or two 16-bit floats, before a type aligned to at most 4.
///
/// Returns `None` if no rule says.
pub(super) fn is_odd(ty: &Type, bank: Bank) -> Option<bool> {
    match float_at(ty, 0) {
        None => return Some(false),
        Some(Scalar::F128) => return Some(true),
        _ => {}
    }
    // A lone `float` or `_Float16` becomes a `double`, in the register it has.
    match (sse_type(ty, 0), bank) {
        (SseType::Pair | SseType::Lone(Scalar::BF16), Bank::Int) => is_short_integer(ty),
        (SseType::Pair | SseType::Lone(Scalar::BF16), _) => Some(sse_type(ty, 8) != SseType::Whole),
        _ => Some(false),
    }
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

/// Returns the type that clang finds for the `Sse` eightbyte at byte `at`: from the floats at its
/// start, 2 and 4 bytes after it.
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

/// Returns the float of 2, 4 or 16 bytes that clang finds at byte `at` of its LLVM type for `ty`.
/// Padding that LLVM's own layout makes belongs to the element before it, and an array goes on
/// there. This is no fold over leaves, because the float need not be a leaf that starts there: LLVM
/// has one member of a union, and in padding the last element.
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
                // The bytes after the member that LLVM has are bytes to it.
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
            let is_inside = at < end || padding_is_llvms;
            is_inside.then(|| float_at(field.ty(), at - field.offset()))?
        }
        _ => None,
    }
}

/// Returns the type of the member that LLVM has of a union: the first of the largest of the most
/// aligned ones. It may be an array of no elements, but no empty record. A bit-field is an integer
/// of its declared type, with a name or without.
fn member_of_union(record: &Record) -> Option<&Type> {
    let has_bits = |field: &&Field| field.bit_field().is_none_or(|bits| bits.width > 0);
    let types = record.fields().iter().filter(has_bits).map(Field::ty);
    let members = types.filter(|ty| !is_empty(ty));
    members.rev().max_by_key(|ty| (llvm_align(ty), ty.size()))
}

/// Returns the alignment in bytes of LLVM's type for `ty`, which knows no alignment that C states.
/// A record has the greatest of its elements' alignments, or 1 if one of them is not aligned in it.
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

/// Returns whether `ty` is a record without bytes, or an array of them.
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

/// Checks whether LLVM's integer for the second eightbyte has at most four bytes. It is the integer
/// there if no member reaches over its end, otherwise all bytes up to the end. Bit-fields side by
/// side are one integer, if the record has room for it. `None`: no rule says which integer
/// bit-fields of a union are.
fn is_short_integer(ty: &Type) -> Option<bool> {
    if ty.size() <= 12 {
        return Some(true);
    }
    let mut second = SecondEightbyte::default();
    let (mut walk, mut members_end) = (leaves(ty), 0);
    while let Some(leaf) = walk.next() {
        members_end = members_end.max(end_bits(&leaf, &walk));
        if leaf.offset_bits + leaf.width_bits > 64 {
            second.add(&leaf, &walk);
        }
    }
    let bits = |end: u64| end.saturating_sub(64).next_power_of_two().max(8);
    let [named, all] = [second.named_end, second.bit_fields_end].map(bits);
    match second.scalar {
        _ if members_end > 64 + 32 => Some(false),
        _ if second.is_unknown => None,
        Some((_, integer)) => Some(members_end <= 64 + integer),
        None if named != all => None,
        None => Some(members_end <= 64 + all && 64 + all <= second.record_end),
    }
}

/// Contents of the second eightbyte of a value whose first one is floats.
#[derive(Default)]
struct SecondEightbyte {
    /// Bits of the scalar that starts it: in a union, of the first of the greatest. The second
    /// number is the same for an integer, and 0 for others. `None`: there are bit-fields alone.
    scalar: Option<(u64, u64)>,
    /// Ends of the last bit-field, of the last named one, and of the record of all of them, in
    /// bits.
    bit_fields_end: u64,
    named_end: u64,
    record_end: u64,
    /// `true` if a bit-field of no bits was the last.
    is_closed: bool,
    /// `true` if bit-fields are in a record of a union, in several records, or on both sides of one
    /// of no bits.
    is_unknown: bool,
}

impl SecondEightbyte {
    /// Adds the last leaf of `walk`, which ends in the second eightbyte.
    fn add(&mut self, leaf: &Leaf, walk: &Leaves<'_>) {
        if leaf.width_bits == 0 {
            self.is_closed |= leaf.bit_field;
        } else if leaf.bit_field && !leaf.around.any(LeafFlags::IN_UNION) {
            let record = walk.innermost();
            let end = record.map_or(0, |record| 8 * (record.offset + record.ty.size()));
            let in_union = walk.path().any(|frame| frame.ty.is_union());
            self.is_unknown |= in_union || self.is_closed || leaf.offset_bits < 64;
            self.is_unknown |= self.record_end != 0 && self.record_end != end;
            self.record_end = end;
            let end = leaf.offset_bits + leaf.width_bits;
            self.bit_fields_end = self.bit_fields_end.max(end);
            if !leaf.unnamed {
                self.named_end = self.named_end.max(end);
            }
        } else {
            // A bit-field of a union is an integer of its own, as wide as it is in bytes: three are
            // none that is looked for.
            let is_whole = leaf.width_bits.div_ceil(8).is_power_of_two();
            let is_integer = match leaf.kind {
                LeafKind::Scalar(scalar) => {
                    scalar.is_integer_like() && (is_whole || !leaf.bit_field)
                }
                _ => false,
            };
            let starts = u64::from(leaf.offset_bits == 64);
            let bits = starts * object_bits(leaf);
            if self.scalar.is_none_or(|(greatest, _)| bits > greatest) {
                self.scalar = Some((bits, bits * u64::from(is_integer)));
            }
        }
    }
}

/// Returns the end of the last leaf of `walk` as clang sees it, in bits. A bit-field reaches as far
/// as its declared type does, but not out of the records around it.
fn end_bits(leaf: &Leaf, walk: &Leaves<'_>) -> u64 {
    let bits = match walk.field() {
        Some((_, field)) if leaf.bit_field => 8 * field.ty().size(),
        _ => object_bits(leaf),
    };
    let records = walk.path();
    let ends = records.map(|frame| 8 * (frame.offset + frame.ty.size()));
    ends.fold(leaf.offset_bits + bits, u64::min)
}

/// Returns the bits of the object that a scalar or vector has.
fn object_bits(leaf: &Leaf) -> u64 {
    match leaf.width_bits {
        0 => 0,
        bits => bits.next_power_of_two().max(8),
    }
}
