//! Layout of records: the offset of every member, as gcc and clang compute it.
//!
//! System V psABI 3.1.2 (Aggregates and Unions, Bit-Fields); gcc's `stor-layout.c` and clang's `RecordLayoutBuilder` where the text
//! is silent (`packed`, `#pragma pack`, `aligned`). Microsoft's bit-fields follow MSVC's documentation.

use alloc::vec::Vec;

use crate::data_model::{BitFieldStyle, DataModel, Language};
use crate::error::Error;
use crate::record::{BitField, RecordKind};
use crate::record_builder::{Member, RecordBuilder};
use crate::scalar::Scalar;
use crate::types::{Kind, Type};

/// The largest object, in bytes: what `ptrdiff_t` can count on a 64-bit machine, and in bits still fits 64 bits.
pub(crate) const MAX_SIZE: u64 = 1 << 60;

/// What laying out a record gives: per member its offset in bits, and its place in a container if it is a bit-field.
pub(crate) struct Placed {
    pub(crate) fields: Vec<(u64, Option<BitField>)>,
    /// Bytes.
    pub(crate) size: u64,
    /// Bytes.
    pub(crate) align: u32,
}

/// Lays out the record `b` by the rules of `model`.
pub(crate) fn record(b: &RecordBuilder, model: &DataModel) -> Result<Placed, Error> {
    let mut cursor = Cursor {
        b,
        model,
        next_bits: 0,
        end_bits: 0,
        align: 1,
        ms_run: None,
    };
    let mut fields = Vec::with_capacity(b.members.len());
    for member in &b.members {
        if b.kind == RecordKind::Union {
            cursor.next_bits = 0;
            cursor.ms_run = None;
        }
        let at = match (member.bits, model.bit_fields) {
            (None, _) => cursor.place(member)?,
            (Some(width), BitFieldStyle::SysV) => cursor.place_bits_sysv(member, width)?,
            (Some(width), BitFieldStyle::Ms) => cursor.place_bits_ms(member, width)?,
        };
        fields.push(at);
    }
    cursor.finish(fields)
}

/// Where the next member goes.
struct Cursor<'a> {
    b: &'a RecordBuilder,
    model: &'a DataModel,
    next_bits: u64,
    /// End of the members seen, which for a union is not where the next one goes.
    end_bits: u64,
    align: u32,
    /// Microsoft: size in bytes of the open container and the bits left in it.
    ms_run: Option<(u64, u64)>,
}

impl Cursor<'_> {
    fn is_packed(&self, member: &Member) -> bool {
        self.b.packed || member.packed
    }

    /// The alignment of `member`, in bytes: `packed` lowers it to 1, `aligned` raises it, `#pragma pack` limits it.
    fn member_align(&self, member: &Member) -> u32 {
        let asked = member.align.unwrap_or(1);
        let align = if self.is_packed(member) {
            asked
        } else {
            member.ty.align().max(asked)
        };
        let limited = self.b.pack.map_or(align, |pack| align.min(pack));
        if self.model.bit_fields == BitFieldStyle::Ms {
            // Microsoft's rule: what a declaration asked for with `aligned` is not lowered by packing.
            return limited.max(required_align(&member.ty)).max(asked);
        }
        limited
    }

    fn place(&mut self, member: &Member) -> Result<(u64, Option<BitField>), Error> {
        let align = self.member_align(member);
        self.ms_run = None;
        let at = self.round_up(self.next_bits, align)?;
        self.align = self.align.max(align);
        self.take(at, self.bits_of(&member.ty)?)?;
        Ok((at, None))
    }

    /// psABI 3.1.2, Bit-Fields. `packed` and `#pragma pack` let a bit-field straddle; width 0 is not influenced by either.
    fn place_bits_sysv(
        &mut self,
        member: &Member,
        width: u16,
    ) -> Result<(u64, Option<BitField>), Error> {
        let width = u64::from(width);
        let type_bits = self.bits_of(&member.ty)?;
        let type_align = member.ty.align();
        let asked = member.align.unwrap_or(1);
        let pack = self.b.pack.unwrap_or(u32::MAX);
        let mut at = self.next_bits;
        if width == 0 {
            at = self.round_up(at, type_align.max(asked))?;
        } else {
            if member.align.is_some() {
                at = self.round_up(at, asked.min(pack))?;
            }
            // It may span as many units of its type's alignment as its type does. gcc lets a type aligned to more than its size span none,
            // so it always starts a unit.
            let unit = u64::from(type_align) * 8;
            let straddles = at % unit + width > type_bits || unit > type_bits;
            if straddles && !self.is_packed(member) && self.b.pack.is_none() {
                at = self.round_up(at, type_align)?;
            }
        }
        if member.name.is_some() || self.model.unnamed_bit_fields_align {
            // Under `#pragma pack`, `packed` does not lower what the type asks of the record.
            let is_lowered = self.is_packed(member) && self.b.pack.is_none() && width != 0;
            let own = if is_lowered { 1 } else { type_align };
            let pack = if width == 0 { u32::MAX } else { pack };
            self.align = self.align.max(own.max(asked).min(pack));
        }
        self.take(at, width)?;
        Ok((at, Some(container(at, width, &member.ty))))
    }

    /// Microsoft: consecutive bit-fields share a container while their types have the same size and the bits suffice; width 0 closes the
    /// container and means nothing without one.
    fn place_bits_ms(
        &mut self,
        member: &Member,
        width: u16,
    ) -> Result<(u64, Option<BitField>), Error> {
        let width = u64::from(width);
        let size = member.ty.size();
        let align = self.member_align(member);
        if width == 0 {
            if self.ms_run.take().is_some() {
                self.next_bits = self.round_up(self.next_bits, align)?;
                self.align = self.align.max(align);
            }
            return Ok((
                self.next_bits,
                Some(container(self.next_bits, 0, &member.ty)),
            ));
        }
        if let Some((open, left)) = self.ms_run
            && open == size
            && width <= left
        {
            // `next_bits` stands at the end of the container, the free bits are its last ones.
            let at = self.next_bits - left;
            self.ms_run = Some((open, left - width));
            return Ok((at, Some(container(at, width, &member.ty))));
        }
        let at = self.round_up(self.next_bits, align)?;
        // In a union a bit-field's alignment is ignored (clang's RecordLayoutBuilder, for both of its Windows targets).
        if self.b.kind == RecordKind::Struct {
            self.align = self.align.max(align);
        }
        self.take(at, size * 8)?;
        self.ms_run = Some((size, size * 8 - width));
        Ok((at, Some(container(at, width, &member.ty))))
    }

    fn take(&mut self, at: u64, bits: u64) -> Result<(), Error> {
        let end = at
            .checked_add(bits)
            .filter(|end| *end <= MAX_SIZE * 8)
            .ok_or_else(|| self.b.too_large())?;
        self.next_bits = end;
        self.end_bits = self.end_bits.max(end);
        Ok(())
    }

    fn round_up(&self, bits: u64, align: u32) -> Result<u64, Error> {
        bits.checked_next_multiple_of(u64::from(align) * 8)
            .ok_or_else(|| self.b.too_large())
    }

    fn bits_of(&self, ty: &Type) -> Result<u64, Error> {
        ty.size().checked_mul(8).ok_or_else(|| self.b.too_large())
    }

    fn finish(mut self, fields: Vec<(u64, Option<BitField>)>) -> Result<Placed, Error> {
        self.align = self.align.max(self.b.align.unwrap_or(1));
        let mut size = self.end_bits.div_ceil(8);
        if size == 0 {
            size = empty_size(self.b.language, self.model);
        }
        let size = size
            .checked_next_multiple_of(u64::from(self.align))
            .ok_or_else(|| self.b.too_large())?;
        if size > MAX_SIZE {
            return Err(self.b.too_large());
        }
        Ok(Placed {
            fields,
            size,
            align: self.align,
        })
    }
}

/// Bytes of a record whose members have none.
fn empty_size(language: Language, model: &DataModel) -> u64 {
    match language {
        Language::Cxx => 1,
        Language::C => u64::from(model.empty_record),
    }
}

/// The alignment that a type's declaration insists on, which Microsoft's packing does not lower.
fn required_align(ty: &Type) -> u32 {
    match ty.kind() {
        Kind::Scalar(_) | Kind::Enum(_) if ty.align() > ty.canonical_align() => ty.align(),
        _ => 1,
    }
}

/// The bit-field's container: the aligned unit of its declared type that its first bit is in. A bit-field that straddles (`packed`)
/// ends behind it; `shift + width` is then greater than the container's bits.
fn container(at: u64, width: u64, ty: &Type) -> BitField {
    let unit = match ty.as_scalar() {
        Some(Scalar::BitInt { bits, .. }) if bits > 64 => 64,
        _ => (ty.size() * 8).max(8),
    };
    let start = at / unit * unit;
    // Both fit: a width is at most 65535, a shift less than a container's 128 bits.
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
pub(crate) fn given(b: &RecordBuilder, size: u64, align: u32) -> Result<Placed, Error> {
    if size > MAX_SIZE {
        return Err(b.too_large());
    }
    if !size.is_multiple_of(u64::from(align)) {
        return Err(b.bad_record("its size is not a multiple of its alignment"));
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
            Some(end) if end <= size * 8 => taken.push((at, end, i)),
            _ => return Err(b.bad_field(i, "it ends behind the end of the record")),
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
    Ok(Placed {
        fields,
        size,
        align,
    })
}
