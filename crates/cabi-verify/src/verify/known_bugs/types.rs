//! Predicates over one type, of which those over signatures are made.

use cabi::convention::{Features, Parts, Role};
use cabi::{
    Array, Field, FnAbi, FnSig, Kind, Leaf, LeafKind, Policy, Scalar, Target, Type, Vector, leaves,
};

pub(super) fn is_x87(leaf: Leaf) -> bool {
    leaf.kind == LeafKind::Scalar(Scalar::F80)
}

pub(super) fn is_flexible(leaf: Leaf) -> bool {
    leaf.kind == LeafKind::FlexibleArray
}

pub(super) fn is_integer(leaf: &Leaf) -> bool {
    matches!(leaf.kind, LeafKind::Scalar(Scalar::Int { .. }))
}

pub(super) fn is_no_integer(ty: &Type) -> bool {
    !matches!(ty.size(), 1 | 2 | 4 | 8 | 16) || is_packed(ty)
}

fn is_packed(ty: &Type) -> bool {
    ty.as_record().is_some_and(|own| own.attributes().packed)
}

/// The members of a record, even those of which there are no leaves.
fn fields(ty: &Type) -> &[Field] {
    ty.as_record().map_or(&[], |record| record.fields())
}

pub(super) fn has_union(ty: &Type) -> bool {
    ty.contains(&|ty, _| ty.is_union())
}

/// A union that clang may store as a member other than the one that fills it: one of unnamed bits,
/// or an aligned one that a packed union cuts.
pub(super) fn stands_for_another_member(ty: &Type) -> bool {
    ty.is_union() && (has_unnamed(ty) || is_packed(ty))
}

pub(super) fn has_vector(ty: &Type, size: u64) -> bool {
    ty.contains(&|ty, _| matches!(ty.kind(), Kind::Vector(_)) && ty.size() >= size)
}

/// The parts that clang's callers pass `ty` in as an unnamed argument at `level`, without these
/// bits of its policy.
pub(super) fn unnamed_parts(ty: &Type, level: Features, without: Policy) -> Option<Parts> {
    let sig = FnSig::new([Type::I32], Type::VOID).variadic();
    let sig = sig.policy(Policy::CLANG.without(without)).features(level);
    let group = FnAbi::classify(&sig, ty, Role::Unnamed, &Target::X86_64_LINUX);
    group.ok().map(|group| group.parts)
}

/// A record that clang's callers pass as one vector of more than 16 bytes, though it is unnamed: a
/// union whose first 16 bytes are a vector's, or a structure around one.
pub(super) fn is_wide_vector(ty: &Type, level: Features) -> bool {
    let parts = unnamed_parts(ty, level, Policy::WIDE_VECTORS_OF_VARIADICS_IN_MEMORY);
    ty.as_record().is_some()
        && parts.is_some_and(|parts| parts.iter().any(|part| part.ty.bytes() > 16))
}

/// Several 16-bit floats in the second eightbyte, and nothing else: clang reads four, however many
/// there are.
pub(super) fn ends_with_16_bit_floats(ty: &Type) -> bool {
    let second: Vec<Leaf> = leaves(ty)
        .filter(|leaf| counts(leaf) && leaf.offset_bits >= 64)
        .collect();
    second.len() > 1 && second.iter().all(is_16_bit_float)
}

/// A record whose first eightbyte clang passes in another bank because of the second.
pub(super) fn is_odd_pair(ty: &Type) -> bool {
    let parts = |without| unnamed_parts(ty, Features::default(), without);
    parts(Policy::NONE) != parts(Policy::ODD_PAIRS_START_IN_GPR)
}

/// A record with a bit-field, even in an array of no elements: there are no leaves of it.
pub(super) fn has_bit_field(ty: &Type) -> bool {
    fields(ty).iter().any(|field| field.bit_field().is_some())
}

/// A `_BitInt` of more than 16 bytes that ends before a multiple of 16, to which LLVM rounds it.
pub(super) fn is_short_of_sixteen(ty: &Type) -> bool {
    let is_bit_int = matches!(ty.as_scalar(), Some(Scalar::BitInt { .. }));
    is_bit_int && ty.size() > 16 && !ty.size().is_multiple_of(16)
}

pub(super) fn is_int128(ty: &Type) -> bool {
    matches!(ty.as_scalar(), Some(Scalar::Int { bits: 128, .. }))
}

pub(super) fn is_int128_vector(leaf: Leaf) -> bool {
    let is_int128 = |lane| matches!(lane, Scalar::Int { bits: 128, .. });
    matches!(leaf.kind, LeafKind::Vector(vector) if vector.lanes == 1 && is_int128(vector.lane))
}

pub(super) fn has_unnamed(ty: &Type) -> bool {
    leaves(ty).any(|leaf| leaf.unnamed)
}

pub(super) fn counts(leaf: &Leaf) -> bool {
    !leaf.unnamed && leaf.width_bits > 0
}

/// A record with bytes, none of which is a member's.
pub(super) fn is_padding(ty: &Type) -> bool {
    ty.as_record().is_some() && ty.size() > 0 && !leaves(ty).any(|leaf| counts(&leaf))
}

/// A record whose first eightbyte is padding, before one that is not.
pub(super) fn begins_with_padding(ty: &Type) -> bool {
    let mut all = leaves(ty).filter(counts).peekable();
    ty.as_record().is_some() && all.peek().is_some() && all.all(|leaf| leaf.eightbytes().start > 0)
}

pub(super) fn is_16_bit_float(leaf: &Leaf) -> bool {
    matches!(leaf.kind, LeafKind::Scalar(Scalar::F16 | Scalar::BF16))
}

/// A record with 16-bit floats, and with a leaf for which `is` holds.
pub(super) fn has_16_bit_float_and(ty: &Type, is: fn(&Leaf) -> bool) -> bool {
    ty.as_record().is_some()
        && leaves(ty).any(|leaf| is_16_bit_float(&leaf))
        && leaves(ty).any(|leaf| is(&leaf))
}

/// Checks whether `is` holds for an array that `ty` is made of, and for the offset of its first
/// element.
pub(super) fn has_array(ty: &Type, is: impl Fn(&Array, u64) -> bool) -> bool {
    ty.contains(&|ty, at| matches!(ty.kind(), Kind::Array(array) if is(array, at)))
}

/// Several complex numbers or records of 16-bit floats, which do not start with an eightbyte.
pub(super) fn is_array_of_16_bit_floats_off_eightbyte(array: &Array, offset_bits: u64) -> bool {
    let is_off = array.len > Some(1) && !offset_bits.is_multiple_of(64);
    let elem = &array.elem;
    is_off && elem.as_scalar().is_none() && leaves(elem).any(|leaf| is_16_bit_float(&leaf))
}

/// A record in whose eightbyte, after the float of 32 or 16 bits that begins it, there is nothing
/// but an array of elements without bytes where clang looks for the next float: it divides by their
/// size.
pub(super) fn has_array_of_nothing_after_float(ty: &Type) -> bool {
    let all: Vec<Leaf> = leaves(ty).filter(counts).collect();
    let is_looked_at = |offset_bits: u64| {
        let is_beside = |leaf: &&Leaf| leaf.offset_bits / 64 == offset_bits / 64;
        let own: Vec<&Leaf> = all.iter().filter(is_beside).collect();
        let begins = |leaf: &Leaf| {
            let after = offset_bits.checked_sub(leaf.offset_bits);
            let is_searched =
                after == Some(leaf.width_bits) || is_16_bit_float(leaf) && after == Some(32);
            leaf.offset_bits.is_multiple_of(64) && is_searched
        };
        let has_other = |leaf: &Leaf| !is_short_float(leaf) || leaf.offset_bits == offset_bits;
        own.iter().any(|leaf| begins(leaf)) && !own.iter().any(|leaf| has_other(leaf))
    };
    let is_last = |array: &Array, offset_bits: u64| {
        array.elem.size() == 0 && offset_bits < 8 * ty.size() && is_looked_at(offset_bits)
    };
    ty.as_record().is_some() && ty.size() <= 16 && has_array(ty, is_last)
}

pub(super) fn is_short_float(leaf: &Leaf) -> bool {
    is_16_bit_float(leaf) || leaf.kind == LeafKind::Scalar(Scalar::F32)
}

/// A record of which an eightbyte holds a float of 32 or 16 bits, and something else.
pub(super) fn shares_with_float(ty: &Type) -> bool {
    let all: Vec<Leaf> = leaves(ty).filter(counts).collect();
    let shares = |leaf: &Leaf| {
        let mut others = all.iter().filter(|other| *other != leaf);
        others.any(|other| other.eightbytes().start == leaf.eightbytes().start)
    };
    ty.as_record().is_some() && all.iter().any(|leaf| is_short_float(leaf) && shares(leaf))
}

pub(super) fn is_empty_array(ty: &Type) -> bool {
    matches!(ty.kind(), Kind::Array(_)) && ty.size() == 0
}

/// An array of no elements in an eightbyte of its own, after the last that has bytes.
pub(super) fn has_array_after_end(ty: &Type) -> bool {
    let end = 8 * ty.size();
    ty.contains(&|member, at| is_empty_array(member) && at >= end && at.is_multiple_of(64))
}

/// A union with an array of no elements: LLVM's type for it may be that array and padding.
pub(super) fn has_empty_array_in_union(ty: &Type) -> bool {
    let is_empty = |field: &Field| is_empty_array(field.ty());
    ty.contains(&|ty, _| ty.is_union() && fields(ty).iter().any(is_empty))
}

/// An array or scalar in more eightbytes than its size has: Zig gives a class to so many, from
/// where it starts.
pub(super) fn has_straddling(ty: &Type) -> bool {
    ty.contains(&|member, at| {
        let (at, size) = (at / 8, member.size());
        member.as_record().is_none() && (at + size).div_ceil(8) > at / 8 + size.div_ceil(8)
    })
}

/// A union, or an array of no elements, in which a value of two eightbytes meets others.
pub(super) fn has_wide_union(ty: &Type) -> bool {
    let is_wide = |ty: &Type| leaves(ty).any(|leaf| leaf.width_bits > 64);
    let meets_empty = is_wide(ty) && ty.contains(&|member, _| is_empty_array(member));
    let is_wide_union = |ty: &Type, _| ty.is_union() && fields(ty).len() > 1 && is_wide(ty);
    meets_empty || ty.contains(&is_wide_union)
}

pub(super) fn is_scalar(ty: &Type, scalar: Scalar) -> bool {
    ty.as_scalar() == Some(scalar)
}

pub(super) fn has_padding(ty: &Type) -> bool {
    let eightbytes = usize::try_from(ty.size().div_ceil(8)).unwrap_or(usize::MAX);
    (0..eightbytes).any(|i| !leaves(ty).any(|leaf| leaf.eightbytes().contains(&i)))
}

/// Bytes after the last whole eightbyte.
pub(super) fn has_tail(ty: &Type) -> bool {
    !ty.size().is_multiple_of(8)
}

pub(super) fn has_wide_vector(ty: &Type) -> bool {
    let is_vector = |kind| matches!(kind, LeafKind::Vector(_));
    leaves(ty).any(|leaf| is_vector(leaf.kind) && leaf.width_bits > 128)
}

/// A vector that LLVM places otherwise than C's front ends: of less than 8 bytes, of one lane, or
/// of bools; or a record with one of the first two, which Zig's classifier does not tell from
/// others.
pub(super) fn has_small_vector(ty: &Type) -> bool {
    let alone = |vector: &Vector| vector.bools.is_some() && ty.as_record().is_none();
    leaves(ty).any(|leaf| match leaf.kind {
        LeafKind::Vector(vector) => {
            alone(&vector)
                || (vector.bools.is_none() && (leaf.width_bits < 64 || vector.lanes == 1))
        }
        _ => false,
    })
}
