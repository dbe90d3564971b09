//! Layout of records: the offset of every member, as gcc and clang compute it.
//!
//! System V psABI 3.1.2 (Aggregates and Unions, Bit-Fields) is silent about `packed`,
//! `#pragma pack`, `aligned` and types whose alignment a typedef changed. There each compiler's own
//! rules are followed ([`RecordRules`]), one file each.

mod clang;
mod gcc;
pub(crate) mod msvc;

use alloc::vec::Vec;

use crate::record_builder::RecordBuilder;
use crate::types::data_model::{BitFieldStyle, DataModel, Language, RecordRules};
use crate::types::error::Error;
use crate::types::record::RecordKind;
use crate::types::{Kind, MAX_ALIGN, MAX_SIZE, Type};

/// Layout of a record.
pub(crate) struct RecordLayout {
    /// Offset of each member, in bits.
    pub(crate) offsets: Vec<u64>,
    /// Bytes.
    pub(crate) size: u64,
    /// Bytes.
    pub(crate) align: u32,
}

/// Layout of the members by a compiler's rules; the record's own attributes and the rounding of its
/// size come after. All in bits. Positions saturate, and `record` compares the size with
/// [`MAX_SIZE`].
struct MemberLayouts {
    offsets: Vec<u64>,
    /// End of the last member.
    end: u64,
    /// At least 8.
    align: u64,
}

/// Lays out the record `b` by the rules of `model`.
pub(crate) fn record(b: &RecordBuilder, model: &DataModel) -> Result<RecordLayout, Error> {
    let is_ms = model.bit_fields == BitFieldStyle::Ms;
    let members = match model.records {
        RecordRules::Gcc => gcc::members(b, model)?,
        RecordRules::Clang => clang::members(b, model)?,
        RecordRules::Msvc if !is_ms && b.members.iter().any(|member| member.bits.is_some()) => {
            return Err(b.bad_record("Microsoft's record rules need `BitFieldStyle::Ms`"));
        }
        RecordRules::Msvc => msvc::members(b),
    };
    let align = u32::try_from(members.align / 8).unwrap_or(MAX_ALIGN);
    debug_assert!(align <= MAX_ALIGN, "{align} bytes");
    let align = align.max(b.attributes.align.unwrap_or(1));
    let mut size = members.end.div_ceil(8);
    if size == 0 {
        size = match b.attributes.language {
            Language::Cxx => 1,
            Language::C => u64::from(model.empty_record),
        };
        if model.records == RecordRules::Msvc && !is_round(b, size, align) {
            let why =
                "Microsoft's compilers give it a size that is not a multiple of its alignment";
            return Err(b.bad_record(why));
        }
    }
    let size = round_up(size, align.into());
    if size > MAX_SIZE {
        return Err(too_large(b));
    }
    Ok(RecordLayout {
        offsets: members.offsets,
        size,
        align,
    })
}

/// Returns the next multiple of `align`, if there is one.
fn round_up(at: u64, align: u64) -> u64 {
    at.checked_next_multiple_of(align).unwrap_or(u64::MAX)
}

/// Returns the bits of an object; no type has more bytes than [`MAX_SIZE`].
fn bits_of(ty: &Type) -> u64 {
    ty.size() * 8
}

fn too_large(b: &RecordBuilder) -> Error {
    Error::TooLarge { ty: b.spelling() }
}

/// Returns whether the size of a record without bytes is a multiple of its alignment. A record that
/// `aligned` aligns has as many bytes as its alignment.
fn is_round(b: &RecordBuilder, size: u64, align: u32) -> bool {
    size.is_multiple_of(u64::from(align)) || b.required_align() == align
}

/// Checks a layout given by the caller.
pub(crate) fn explicit_layout(
    b: &RecordBuilder,
    size: u64,
    align: u32,
) -> Result<RecordLayout, Error> {
    if size > MAX_SIZE {
        return Err(too_large(b));
    }
    let mut offsets = Vec::with_capacity(b.members.len());
    let mut ranges: Vec<(u64, u64, usize)> = Vec::new();
    for (i, member) in b.members.iter().enumerate() {
        let refuse = |why| Err(b.bad_field(member.label(), why));
        let Some(at) = member.offset_bits else {
            return refuse("the member has no offset");
        };
        let width = member.bits.map(u64::from);
        let end = at.checked_add(width.unwrap_or_else(|| bits_of(&member.ty)));
        if end.is_none_or(|end| end > size * 8) {
            return refuse("the member ends after the end of the record");
        }
        if width.is_none() && at % 8 != 0 {
            return refuse("only a bit-field can start inside a byte");
        }
        let bits = width.unwrap_or_else(|| data_bits(&member.ty));
        ranges.push((at, at + bits, i));
        offsets.push(at);
    }
    let (at_fault, why) = if b.kind == RecordKind::Struct {
        ranges.sort_unstable();
        let mut end_so_far = 0;
        let overlaps = ranges.iter().find(|(start, end, _)| {
            let before = end_so_far;
            end_so_far = before.max(*end);
            *start < before && start < end
        });
        (overlaps, "the member overlaps another member")
    } else {
        let moved = ranges.iter().find(|(at, ..)| *at != 0);
        (moved, "members of a union start at offset 0")
    };
    if let Some(member) = at_fault.and_then(|(.., i)| b.members.get(*i)) {
        return Err(b.bad_field(member.label(), why));
    }
    Ok(RecordLayout {
        offsets,
        size,
        align,
    })
}

/// Returns the bits of an object of `ty` up to the padding after its last member.
fn data_bits(ty: &Type) -> u64 {
    match ty.kind() {
        Kind::Record(record) => {
            let ends = record.fields().iter().map(|field| {
                let width = field.declared.bits.map(u64::from);
                field.offset_bits + width.unwrap_or_else(|| data_bits(field.ty()))
            });
            ends.max().unwrap_or(0).next_multiple_of(8)
        }
        Kind::Array(array) if ty.size() > 0 => {
            (ty.size() - array.elem.size()) * 8 + data_bits(&array.elem)
        }
        _ => ty.size() * 8,
    }
}
