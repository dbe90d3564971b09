//! The members of a record as clang places them: `ItaniumRecordLayoutBuilder` in its
//! `RecordLayoutBuilder.cpp`, `LayoutField` and `LayoutBitField`, for C on targets that honour the
//! types of bit-fields. With Microsoft's style of bit-fields it is what clang calls `ms_struct`,
//! for that attribute and for Windows with GNU tools.

use alloc::vec::Vec;

use super::{MemberLayouts, bits_of, round_up};
use crate::record_builder::RecordBuilder;
use crate::scalar::Scalar;
use crate::types::data_model::{BitFieldStyle, DataModel};
use crate::types::error::Error;
use crate::types::record::Member;
use crate::types::{Kind, Type};

pub(super) fn members(b: &RecordBuilder, model: &DataModel) -> Result<MemberLayouts, Error> {
    let mut cursor = ClangLayout {
        b,
        model,
        ms: model.bit_fields == BitFieldStyle::Ms,
        end: 0,
        unfilled: 0,
        ms_unit: None,
        align: 8,
    };
    let mut offsets = Vec::with_capacity(b.members.len());
    for member in &b.members {
        let end = cursor.end;
        let at = match member.bits {
            None => cursor.place(member),
            Some(width) => cursor.place_bits(member, u64::from(width)),
        };
        if cursor.ms && member.bits == Some(0) && at < end && !b.is_union() {
            // The next bit-field starts here for `offsetof`, and at the end of the container for
            // clang's code.
            let why = "clang's `offsetof` and clang's code disagree about the next bit-field";
            return Err(b.bad_field(member.label(), why));
        }
        offsets.push(at);
    }
    Ok(MemberLayouts {
        offsets,
        end: cursor.end,
        align: cursor.align,
    })
}

/// Layout so far. All in bits.
struct ClangLayout<'a> {
    b: &'a RecordBuilder,
    model: &'a DataModel,
    ms: bool,
    /// End of the members seen, in whole bytes.
    end: u64,
    /// Bits at the end that the next bit-field may use.
    unfilled: u64,
    /// Microsoft's style: the size of the container that the last member opened or shares.
    ms_unit: Option<u64>,
    align: u64,
}

impl ClangLayout<'_> {
    fn is_packed(&self, member: &Member) -> bool {
        self.b.attributes.packed || member.packed
    }

    fn pack(&self) -> Option<u64> {
        self.b.attributes.pack.map(|pack| u64::from(pack) * 8)
    }

    fn place(&mut self, member: &Member) -> u64 {
        (self.unfilled, self.ms_unit) = (0, None);
        let mut align = if self.is_packed(member) {
            8
        } else {
            self.type_align(&member.ty)
        };
        align = align.max(requested_align(member));
        align = self.pack().map_or(align, |pack| align.min(pack));
        let start = if self.b.is_union() { 0 } else { self.end };
        let at = round_up(start, align);
        self.end = self.end.max(at.saturating_add(bits_of(&member.ty)));
        self.align = self.align.max(align);
        at
    }

    /// Returns the alignment of a type, in bits. In Microsoft's style, built-in types and arrays of
    /// them are aligned at least to the size of one.
    fn type_align(&self, ty: &Type) -> u64 {
        let align = u64::from(ty.align()) * 8;
        let mut element = ty;
        while let Kind::Array(array) = element.kind() {
            element = &array.elem;
        }
        let built_in = match element.kind() {
            Kind::Scalar(Scalar::Ptr | Scalar::FnPtr | Scalar::BitInt { .. }) => false,
            Kind::Scalar(_) => !element.is_atomic() && element.size().is_power_of_two(),
            _ => false,
        };
        if self.ms && built_in {
            align.max(element.size() * 8)
        } else {
            align
        }
    }

    fn place_bits(&mut self, member: &Member, width: u64) -> u64 {
        let unit = bits_of(&member.ty);
        let mut align = u64::from(member.ty.align()) * 8;
        if self.ms {
            align = unit;
            if self.ms_unit != Some(unit) || self.unfilled < width {
                if self.ms_unit.is_none() && width == 0 {
                    align = 1;
                }
                (self.unfilled, self.ms_unit) = (0, None);
            }
        }
        let start = if self.b.is_union() {
            0
        } else {
            self.end - self.unfilled
        };
        let align = self.bits_align(member, width, align);
        let at = if self.ms {
            self.start_ms(start, width, align)
        } else {
            self.start(member, start, width, align)
        };
        let counts = self.ms || member.name.is_some() || self.model.unnamed_bit_fields_align;
        if counts {
            self.align = self.align.max(align);
        }
        self.take_bits(at, width, unit);
        at
    }

    /// Returns the alignment of a bit-field in bits: that of its type, `of_type`, or what `aligned`
    /// asks for if that is more. `packed` alone drops the type's, and `#pragma pack` limits both.
    fn bits_align(&self, member: &Member, width: u64, of_type: u64) -> u64 {
        if self.ms && self.b.is_union() {
            return 1;
        }
        let is_packed = self.is_packed(member);
        let unpacked = of_type.max(requested_align(member));
        let align = if is_packed && !self.ms && width != 0 {
            requested_align(member)
        } else {
            unpacked
        };
        match self.pack() {
            Some(pack) if width != 0 && is_packed => unpacked.min(pack),
            Some(pack) if width != 0 => align.min(pack),
            _ => align,
        }
    }

    fn start_ms(&mut self, start: u64, width: u64, align: u64) -> u64 {
        if width != 0 && width <= self.unfilled {
            return start;
        }
        self.unfilled = 0;
        round_up(start, align)
    }

    /// Returns the first bit of a bit-field. Unless any `#pragma pack` is in force, the bit-field
    /// stays inside one aligned unit of its type.
    fn start(&self, member: &Member, start: u64, width: u64, align: u64) -> u64 {
        let pack = self.b.attributes.pack;
        let straddles = start % align + width > bits_of(&member.ty);
        if width == 0 || (pack.is_none() && straddles) {
            return round_up(start, align);
        }
        match member.align {
            Some(align) if pack.is_none_or(|pack| align <= pack) => {
                round_up(start, u64::from(align) * 8)
            }
            _ => start,
        }
    }

    fn take_bits(&mut self, at: u64, width: u64, unit: u64) {
        if self.b.is_union() {
            let size = match (self.ms, width) {
                (true, 0) => 8,
                (true, _) => unit,
                (false, _) => round_up(width, 8),
            };
            self.end = self.end.max(size);
        } else if self.ms && width != 0 {
            if self.unfilled == 0 {
                self.end = at.saturating_add(unit);
                self.unfilled = unit;
            }
            self.unfilled = self.unfilled.saturating_sub(width);
            self.ms_unit = Some(unit);
        } else {
            let end = at.saturating_add(width);
            self.end = round_up(end, 8);
            self.unfilled = self.end - end;
            self.ms_unit = None;
        }
    }
}

/// Returns the alignment that `aligned` on the member asks for, in bits; 1 without it.
fn requested_align(member: &Member) -> u64 {
    member.align.map_or(1, |align| u64::from(align) * 8)
}
