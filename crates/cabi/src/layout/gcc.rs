//! The members of a record as gcc places them: `layout_decl`, `update_alignment_for_field`,
//! `place_field` and `place_union_field` in its `stor-layout.cc`, for targets where the types of
//! bit-fields matter (`PCC_BITFIELD_TYPE_MATTERS`). With Microsoft's style of bit-fields it is
//! `ms_struct`, and what gcc does for Windows.

use alloc::vec::Vec;

use super::{MemberLayouts, bits_of, round_up};
use crate::record_builder::RecordBuilder;
use crate::types::data_model::{BitFieldStyle, DataModel};
use crate::types::error::Error;
use crate::types::record::Member;
use crate::types::{Kind, Type};

/// Returns gcc's `BIGGEST_ALIGNMENT` in bits, without vector extensions. A position is kept as a
/// multiple of it and a rest, and only the rest is rounded up for the type of a bit-field. No
/// machine mode is aligned to more.
fn biggest(model: &DataModel) -> u64 {
    match (model.max_align_8, model.max_align_16) {
        // s390x.
        (8, 8) => 64,
        _ => 128,
    }
}

/// gcc's `BIGGEST_ALIGNMENT` in bits with AVX and with AVX-512.
const WIDER: [u64; 2] = [256, 512];

pub(super) fn members(b: &RecordBuilder, model: &DataModel) -> Result<MemberLayouts, Error> {
    let members = place_all(b, model, biggest(model));
    // The rest is less than 16 bytes, so the flags for wider vectors matter for greater alignments
    // only.
    let is_wide = |member: &&Member| member.bits.is_some() && member.ty.align() > 16;
    if let Some(wide) = b.members.iter().find(is_wide) {
        let differs = |biggest| {
            let other = place_all(b, model, biggest);
            (&other.offsets, other.end) != (&members.offsets, members.end)
        };
        if WIDER.into_iter().any(differs) {
            let why = "its place in gcc depends on the flags for wide vectors";
            return Err(b.bad_field(wide.label(), why));
        }
    }
    let is_forgotten = |member: &&Member| {
        let ty = element(&member.ty);
        let is_array = matches!(member.ty.kind(), Kind::Array(_));
        is_array && ty.as_scalar().is_none() && ty.non_atomic().align() < ty.align()
    };
    if let Some(array) = b.members.iter().find(is_forgotten) {
        let why = "gcc aligns its elements as if they were not atomic, clang does not";
        return Err(b.bad_field(array.label(), why));
    }
    // The mode of such a record is an integer's, by which i386 aligns members
    // (`ADJUST_FIELD_ALIGN`).
    let is_whole = |member: &&Member| member.bits.is_none() && element(&member.ty).is_atomic();
    if model.max_align_8 < 8
        && (members.end, members.align) == (64, 64)
        && let Some(member) = b.members.iter().find(is_whole)
    {
        let why = "gcc aligns the record to 8 bytes, and to 4 if the record is a member";
        return Err(b.bad_field(member.label(), why));
    }
    Ok(members)
}

/// Returns the type of the elements of an array of any dimension.
fn element(ty: &Type) -> &Type {
    match ty.kind() {
        Kind::Array(array) => element(&array.elem),
        _ => ty,
    }
}

fn place_all(b: &RecordBuilder, model: &DataModel, biggest: u64) -> MemberLayouts {
    let align = u64::from(b.attributes.align.unwrap_or(1)) * 8;
    let mut cursor = GccLayout {
        b,
        model,
        ms: model.bit_fields == BitFieldStyle::Ms,
        step: biggest.max(align),
        at: 0,
        rest: 0,
        end: 0,
        align,
        run: None,
        run_left: 0,
    };
    let mut offsets = Vec::with_capacity(b.members.len());
    for (i, member) in b.members.iter().enumerate() {
        let decl = cursor.lay_out(member);
        cursor.raise(&decl);
        offsets.push(if b.is_union() {
            cursor.end = cursor.end.max(round_up(decl.size, 8));
            0
        } else {
            cursor.place(decl, i + 1 == b.members.len())
        });
    }
    MemberLayouts {
        offsets,
        end: cursor.end,
        align: cursor.align,
    }
}

/// A member as `layout_decl` leaves it. All in bits.
#[derive(Clone, Copy)]
struct Decl {
    /// Size; the width for a bit-field.
    size: u64,
    is_bit_field: bool,
    /// A bit-field that is not as wide as a machine mode, or not where such an integer could be.
    is_odd: bool,
    is_named: bool,
    is_packed: bool,
    /// 1 for a bit-field that may be anywhere.
    align: u64,
    type_size: u64,
    type_align: u64,
}

/// Position of the next member. All in bits.
struct GccLayout<'a> {
    b: &'a RecordBuilder,
    model: &'a DataModel,
    ms: bool,
    /// Number that `at` is a multiple of.
    step: u64,
    at: u64,
    /// Distance from `at`.
    rest: u64,
    end: u64,
    align: u64,
    /// Microsoft's style: the bit-field that opened the container, and the bits left in it.
    run: Option<Decl>,
    run_left: u64,
}

impl GccLayout<'_> {
    fn pack(&self) -> u64 {
        self.b
            .attributes
            .pack
            .map_or(u64::MAX, |pack| u64::from(pack) * 8)
    }

    fn next(&self) -> u64 {
        if self.b.is_union() {
            0
        } else {
            self.at.saturating_add(self.rest)
        }
    }

    /// Lays out a member by itself (`layout_decl`).
    fn lay_out(&self, member: &Member) -> Decl {
        let type_align = u64::from(member.ty.align()) * 8;
        let type_size = bits_of(&member.ty);
        let width = member.bits.map(u64::from);
        // `packed` is ignored on ordinary members that are not aligned anyway.
        let is_packed = self.b.attributes.packed
            || (member.packed && (width.is_some() || member.ty.align() > 1));
        let closes = width == Some(0) && !self.ms;
        let own_align = member.align.map(|align| u64::from(align) * 8);
        let mut align = own_align.unwrap_or(1);
        let mut is_odd = width.is_some();
        if closes || (width.is_none() && !(is_packed && own_align.is_some())) {
            align = align.max(type_align);
        }
        let mode_align = width.map(|width| width.min(biggest(self.model)));
        if let (Some(width), Some(mode_align)) = (width, mode_align)
            && is_mode(width, &member.ty)
            && !(width > 8 && is_packed)
            && self.next().is_multiple_of(mode_align)
        {
            // `ADJUST_FIELD_ALIGN`: i386 aligns bit-fields of 64 bits to 32, without
            // `aligned`.
            let of_8 = u64::from(self.model.max_align_8) * 8;
            let is_limited = width == 64 && own_align.is_none();
            align = align.max(if is_limited { of_8 } else { mode_align });
            is_odd = false;
        }
        if is_packed && !closes && own_align.is_none() {
            align = align.min(8);
        }
        if !closes {
            align = align.min(self.pack());
        }
        Decl {
            size: width.unwrap_or(type_size),
            is_bit_field: width.is_some(),
            is_odd,
            is_named: member.name.is_some(),
            is_packed,
            align,
            type_size,
            type_align,
        }
    }

    /// Raises the record's alignment by the member's (`update_alignment_for_field`).
    fn raise(&mut self, decl: &Decl) {
        let closes_run = self.run.is_some_and(|run| run.size != 0);
        let align = match (self.ms, decl.is_bit_field) {
            (false, false) => decl.align,
            (false, true) if !decl.is_named && !self.model.unnamed_bit_fields_align => return,
            (false, true) => {
                let of_type = match (decl.size, self.b.attributes.pack) {
                    (0, _) => decl.type_align,
                    (_, Some(_)) => decl.type_align.min(self.pack()),
                    (_, None) if decl.is_packed => 8,
                    (_, None) => decl.type_align,
                };
                decl.align.max(of_type)
            }
            (true, true) if decl.size == 0 && !closes_run => return,
            (true, true) if decl.size != 0 && decl.is_packed => return,
            (true, false) if decl.is_packed => decl.align.min(self.pack()),
            (true, _) => decl.align.max(decl.type_align).min(self.pack()),
        };
        self.align = self.align.max(align);
    }

    /// Places a member of a structure (`place_field`).
    fn place(&mut self, decl: Decl, is_last: bool) -> u64 {
        // A power of two that the position is a multiple of; at the start there is no limit.
        let known_align = match self.next() {
            0 => self.align.max(128),
            next => 1 << next.trailing_zeros(),
        };
        let must_align = known_align < decl.align;
        if must_align && (!self.ms || self.run.is_none()) {
            self.align_to(decl.align);
        }
        if self.ms {
            self.start_ms(&decl, must_align);
        } else if decl.is_odd
            && decl.size != 0
            && !decl.is_packed
            && self.b.attributes.pack.is_none()
        {
            let from = self.next() % decl.type_align;
            let units = (from + decl.size).div_ceil(decl.type_align);
            if units > decl.type_size / decl.type_align {
                self.rest = round_up(self.rest, decl.type_align);
            }
        }
        self.normalize();
        let at = self.next();
        if self.ms && self.run.is_none() && decl.is_bit_field {
            self.run = Some(decl);
        }
        self.rest = self.rest.saturating_add(decl.size);
        if self.ms && decl.is_bit_field && decl.size != 0 && is_last {
            self.rest = self.rest.saturating_add(self.run_left);
        }
        self.normalize();
        self.end = self.end.max(self.next());
        at
    }

    /// Continues or closes the open container: the part of `place_field` for Microsoft's style.
    fn start_ms(&mut self, decl: &Decl, must_align: bool) {
        let mut before = self.run;
        if let Some(run) = self.run {
            let mut must_align = must_align;
            let is_same_size = decl.is_bit_field && decl.type_size == run.type_size;
            if is_same_size && decl.size != 0 && run.size != 0 {
                if self.run_left < decl.size {
                    self.rest = self.rest.saturating_add(self.run_left);
                    self.run = Some(*decl);
                    self.run_left = decl.type_size.saturating_sub(decl.size);
                } else {
                    self.run_left -= decl.size;
                    must_align = false;
                }
            } else {
                if run.size == 0 {
                    before = None;
                } else {
                    self.rest = self.rest.saturating_add(self.run_left);
                }
                if !decl.is_bit_field || decl.size == 0 {
                    self.run = None;
                }
            }
            if must_align {
                self.align_to(decl.align);
            }
            self.normalize();
        }
        let starts = match before {
            _ if !decl.is_bit_field => true,
            Some(before) => before.type_size != decl.type_size,
            None => decl.size != 0,
        };
        if starts {
            self.run_left = decl.type_size.saturating_sub(decl.size);
            let of_type = if decl.is_packed { 8 } else { decl.type_align };
            self.rest = round_up(self.rest, of_type.min(self.pack()));
            self.run = None;
        }
    }

    fn align_to(&mut self, align: u64) {
        if align < self.step {
            self.rest = round_up(self.rest, align);
        } else {
            let bytes = round_up(self.rest, 8);
            self.at = round_up(self.at.saturating_add(bytes), align);
            self.rest = 0;
        }
    }

    fn normalize(&mut self) {
        let whole = self.rest - self.rest % self.step;
        self.at = self.at.saturating_add(whole);
        self.rest -= whole;
    }
}

/// Returns whether an integer of a machine mode has `width` bits, and `ty` has such a mode too.
fn is_mode(width: u64, ty: &Type) -> bool {
    let has_mode = ty.size().is_power_of_two() && ty.size() <= 16;
    has_mode && [8, 16, 32, 64, 128].contains(&width)
}
