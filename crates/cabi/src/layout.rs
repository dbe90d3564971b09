//! Layout of records: the offset of every member, as gcc and clang compute it.
//!
//! System V psABI 3.1.2 (Aggregates and Unions, Bit-Fields) is silent about `packed`, `#pragma pack`, `aligned` and types whose alignment a
//! typedef changed. There each compiler's own rules are followed ([`RecordRules`]), one file each.

mod clang;
mod gcc;
pub(crate) mod msvc;

use alloc::vec::Vec;

use crate::record_builder::RecordBuilder;
use crate::scalar::Scalar;
use crate::types::data_model::{DataModel, Language, RecordRules};
use crate::types::error::Error;
use crate::types::record::{BitField, RecordKind};
use crate::types::{Kind, MAX_ALIGN, MAX_SIZE, Type};

/// What laying out a record gives: per member its offset in bits, and its place in a container if it is a bit-field.
pub(crate) struct RecordLayout {
    pub(crate) fields: Vec<(u64, Option<BitField>)>,
    /// Bytes.
    pub(crate) size: u64,
    /// Bytes.
    pub(crate) align: u32,
}

/// What a compiler's rules say about the members; the record's own attributes and the rounding of its size come after.
struct MemberLayouts {
    fields: Vec<(u64, Option<BitField>)>,
    /// End of the last member, in bits.
    end_bits: u64,
    /// Bytes.
    align: u32,
}

/// Lays out the record `b` by the rules of `model`.
pub(crate) fn record(b: &RecordBuilder, model: &DataModel) -> Result<RecordLayout, Error> {
    let members = match model.records {
        RecordRules::Gcc => gcc::members(b, model)?,
        RecordRules::Clang => clang::members(b, model)?,
        RecordRules::Msvc => msvc::members(b, model)?,
    };
    let align = members.align.max(b.attributes.align.unwrap_or(1));
    let mut size = members.end_bits.div_ceil(8);
    if size == 0 {
        size = empty_size(b.attributes.language, model);
        if model.records == RecordRules::Msvc && !is_round(b, size, align) {
            let why = "to Microsoft's compilers its size is no multiple of its alignment";
            return Err(b.bad_record(why));
        }
    }
    let size = size
        .checked_next_multiple_of(u64::from(align))
        .filter(|size| *size <= MAX_SIZE)
        .ok_or_else(|| b.too_large())?;
    Ok(RecordLayout {
        fields: members.fields,
        size,
        align,
    })
}

/// Arithmetic with positions in bits, which no record's end may exceed.
impl RecordBuilder {
    fn add_bits(&self, at: u64, bits: u64) -> Result<u64, Error> {
        at.checked_add(bits)
            .filter(|end| *end <= MAX_SIZE * 8)
            .ok_or_else(|| self.too_large())
    }

    fn round_up(&self, bits: u64, align_bits: u64) -> Result<u64, Error> {
        bits.checked_next_multiple_of(align_bits)
            .ok_or_else(|| self.too_large())
    }

    fn bits_of(&self, ty: &Type) -> Result<u64, Error> {
        ty.size().checked_mul(8).ok_or_else(|| self.too_large())
    }
}

/// An alignment in bytes of one in bits, which is at least 8.
fn align_bytes(bits: u64) -> u32 {
    debug_assert!(bits / 8 <= u64::from(MAX_ALIGN), "{bits} bits");
    u32::try_from(bits / 8).unwrap_or(MAX_ALIGN)
}

/// Bytes of a record whose members have none.
fn empty_size(language: Language, model: &DataModel) -> u64 {
    match language {
        Language::Cxx => 1,
        Language::C => u64::from(model.empty_record),
    }
}

/// Whether the size of a record without bytes is a multiple of its alignment. One that `aligned` made has as many bytes.
fn is_round(b: &RecordBuilder, size: u64, align: u32) -> bool {
    size.is_multiple_of(u64::from(align)) || b.required_align() == align
}

/// The bit-field's container: the aligned unit of its declared type that its first bit is in. A bit-field that straddles (`packed`)
/// ends after it; `shift + width` is then greater than the container's bits.
fn container(at: u64, width: u64, ty: &Type) -> BitField {
    let unit = match ty.as_scalar() {
        Some(Scalar::BitInt { bits, .. }) if bits > 64 => 64,
        _ => (ty.size() * 8).max(8),
    };
    let start = at / unit * unit;
    debug_assert!(width <= 0xffff && at - start < 128, "{width} bits at {at}");
    let (width, shift) = (
        u16::try_from(width).unwrap_or(u16::MAX),
        u32::try_from(at - start).unwrap_or(0),
    );
    BitField {
        width,
        container: start / 8,
        shift,
    }
}

/// Checks a layout given by the caller.
pub(crate) fn given(b: &RecordBuilder, size: u64, align: u32) -> Result<RecordLayout, Error> {
    if size > MAX_SIZE {
        return Err(b.too_large());
    }
    let mut fields = Vec::with_capacity(b.members.len());
    let mut taken: Vec<(u64, u64, usize)> = Vec::new();
    for (i, member) in b.members.iter().enumerate() {
        let Some(at) = member.offset_bits else {
            return Err(b.bad_field(i, "it has no offset"));
        };
        let bits = member
            .bits
            .map_or(member.ty.size().saturating_mul(8), u64::from);
        match at.checked_add(bits) {
            Some(end) if end <= size * 8 => {
                let bits = member.bits.map_or_else(|| data_bits(&member.ty), u64::from);
                taken.push((at, at + bits, i));
            }
            _ => return Err(b.bad_field(i, "it ends after the end of the record")),
        }
        if member.bits.is_none() && at % 8 != 0 {
            return Err(b.bad_field(i, "only a bit-field starts inside a byte"));
        }
        fields.push((
            at,
            member
                .bits
                .map(|width| container(at, u64::from(width), &member.ty)),
        ));
    }
    if b.kind == RecordKind::Struct {
        taken.sort_unstable();
        let mut end_so_far = 0;
        for (start, end, i) in taken {
            if start < end_so_far && start < end {
                return Err(b.bad_field(i, "it overlaps another member"));
            }
            end_so_far = end_so_far.max(end);
        }
    } else if let Some((_, _, i)) = taken.iter().find(|(at, ..)| *at != 0) {
        return Err(b.bad_field(*i, "members of a union start at offset 0"));
    }
    Ok(RecordLayout {
        fields,
        size,
        align,
    })
}

/// The bits of an object of `ty` up to the padding after its last member.
fn data_bits(ty: &Type) -> u64 {
    match ty.kind() {
        Kind::Record(record) => {
            let ends = record.fields().iter().map(|field| {
                let bits =
                    (field.bits).map_or_else(|| data_bits(&field.ty), |own| own.width.into());
                field.offset_bits + bits
            });
            ends.max().unwrap_or(0).next_multiple_of(8)
        }
        Kind::Array(array) if ty.size() > 0 => {
            (ty.size() - array.elem.size()) * 8 + data_bits(&array.elem)
        }
        _ => ty.size() * 8,
    }
}
