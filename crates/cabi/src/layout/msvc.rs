//! The members of a record as Microsoft's compilers place them: MSVC's documentation (`#pragma pack`, `__declspec(align)`, C bit fields) and
//! clang's `MicrosoftRecordLayoutBuilder`.

use alloc::vec::Vec;

use super::{MemberLayouts, align_bytes, container};
use crate::record_builder::{Member, RecordBuilder};
use crate::types::data_model::{BitFieldStyle, DataModel};
use crate::types::error::Error;
use crate::types::record::{BitField, RecordKind};
use crate::types::{Kind, Type};

pub(super) fn members(b: &RecordBuilder, model: &DataModel) -> Result<MemberLayouts, Error> {
    let mut cursor = MsvcLayout {
        b,
        style: model.bit_fields,
        next: 0,
        end: 0,
        align: 8,
        run: None,
    };
    let mut fields = Vec::with_capacity(b.members.len());
    for member in &b.members {
        if b.kind == RecordKind::Union {
            cursor.next = 0;
        }
        fields.push(match member.bits {
            None => cursor.place(member)?,
            Some(width) => cursor.place_bits(member, u64::from(width))?,
        });
    }
    Ok(MemberLayouts {
        fields,
        end_bits: cursor.end,
        align: align_bytes(cursor.align),
    })
}

/// Where the next member goes. All in bits.
struct MsvcLayout<'a> {
    b: &'a RecordBuilder,
    style: BitFieldStyle,
    next: u64,
    /// End of the members seen, which for a union is not where the next one goes.
    end: u64,
    align: u64,
    /// Size of the open container and the bits left in it.
    run: Option<(u64, u64)>,
}

impl MsvcLayout<'_> {
    /// `packed` lowers the alignment to 1, `#pragma pack` limits it; neither lowers what a declaration asked for with `aligned`. A typedef lowers nothing.
    fn member_align(&self, member: &Member) -> u64 {
        let packed = self.b.attributes.packed || member.packed;
        let own = if packed { 1 } else { natural_align(&member.ty) };
        // "The MS-ABI ignores pragma pack if its larger than the pointer size."
        let pack = self.b.attributes.pack.filter(|pack| *pack <= 8);
        let limited = own.min(pack.unwrap_or(own));
        u64::from(limited.max(required_align(member))) * 8
    }

    fn place(&mut self, member: &Member) -> Result<(u64, Option<BitField>), Error> {
        let align = self.member_align(member);
        self.run = None;
        let at = self.b.round_up(self.next, align)?;
        self.align = self.align.max(align);
        self.take(at, self.b.bits_of(&member.ty)?)?;
        Ok((at, None))
    }

    /// Consecutive bit-fields share a container while their types have the same size and the bits suffice; width 0 closes the container and means
    /// nothing without one.
    fn place_bits(
        &mut self,
        member: &Member,
        width: u64,
    ) -> Result<(u64, Option<BitField>), Error> {
        if self.style != BitFieldStyle::Ms {
            return Err(self
                .b
                .bad_record("Microsoft's rules know no bit-fields of another style"));
        }
        let size = self.b.bits_of(&member.ty)?;
        let align = self.member_align(member);
        let is_union = self.b.kind == RecordKind::Union;
        if width == 0 {
            match self.run.take() {
                // As many bytes as a bit-field with bits has.
                Some(_) if is_union => self.end = self.end.max(size),
                Some(_) => {
                    self.next = self.b.round_up(self.next, align)?;
                    self.align = self.align.max(align);
                }
                None => {}
            }
            return Ok((self.next, Some(container(self.next, 0, &member.ty))));
        }
        if let Some((open, left)) = self.run.filter(|_| !is_union)
            && open == size
            && width <= left
        {
            // `next` stands at the end of the container, the free bits are its last ones.
            let at = self.next - left;
            self.run = Some((open, left - width));
            return Ok((at, Some(container(at, width, &member.ty))));
        }
        let at = self.b.round_up(self.next, align)?;
        // In a union a bit-field's alignment is ignored.
        if !is_union {
            self.align = self.align.max(align);
        }
        self.take(at, size)?;
        self.run = Some((size, size.saturating_sub(width)));
        Ok((at, Some(container(at, width, &member.ty))))
    }

    fn take(&mut self, at: u64, bits: u64) -> Result<(), Error> {
        self.next = self.b.add_bits(at, bits)?;
        self.end = self.end.max(self.next);
        Ok(())
    }
}

/// The alignment of a type without what a typedef asks for; of an array, that of its elements with it.
fn natural_align(ty: &Type) -> u32 {
    match ty.kind() {
        Kind::Array(array) => array.elem.align(),
        _ if ty.is_atomic() => ty.canonical_align().max(ty.align()),
        _ => ty.canonical_align(),
    }
}

/// The alignment that declarations insist on: the member's, its outermost typedef's or else its record's, and those of what is inside a record.
pub(crate) fn required_align(member: &Member) -> u32 {
    let (mut ty, mut of_type) = (&member.ty, None);
    let of_record = loop {
        of_type = of_type.or(ty.asks_align().then_some(ty.align()));
        match ty.kind() {
            Kind::Array(array) => ty = &array.elem,
            Kind::Record(record) => {
                let is_asked = record.attributes().align.is_some();
                of_type = of_type.or(is_asked.then_some(record.align()));
                break record.required_align;
            }
            _ => break 1,
        }
    };
    let asked = of_type.unwrap_or(1).max(member.align.unwrap_or(1));
    asked.max(of_record)
}
