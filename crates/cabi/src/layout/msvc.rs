//! The members of a record as Microsoft's compilers place them: MSVC's documentation (`#pragma pack`, `__declspec(align)`, C bit fields) and
//! clang's `MicrosoftRecordLayoutBuilder`.

use alloc::vec::Vec;

use super::{Members, align_bytes, container};
use crate::record_builder::{Member, RecordBuilder};
use crate::types::data_model::{BitFieldStyle, DataModel};
use crate::types::error::Error;
use crate::types::record::{BitField, RecordKind};
use crate::types::{Kind, Type};

pub(super) fn members(b: &RecordBuilder, model: &DataModel) -> Result<Members, Error> {
    let mut cursor = Cursor {
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
            cursor.run = None;
        }
        fields.push(match member.bits {
            None => cursor.place(member)?,
            Some(width) => cursor.place_bits(member, u64::from(width))?,
        });
    }
    Ok(Members {
        fields,
        end_bits: cursor.end,
        align: align_bytes(cursor.align),
    })
}

/// Where the next member goes. All in bits.
struct Cursor<'a> {
    b: &'a RecordBuilder,
    style: BitFieldStyle,
    next: u64,
    /// End of the members seen, which for a union is not where the next one goes.
    end: u64,
    align: u64,
    /// Size of the open container and the bits left in it.
    run: Option<(u64, u64)>,
}

impl Cursor<'_> {
    /// `packed` lowers the alignment to 1, `#pragma pack` limits it; neither lowers what a declaration asked for with `aligned`.
    fn member_align(&self, member: &Member) -> u64 {
        let asked = member.align.unwrap_or(1);
        let packed = self.b.packed || member.packed;
        let own = if packed { 1 } else { member.ty.align() };
        let limited = own.min(self.b.pack.unwrap_or(u32::MAX));
        u64::from(limited.max(asked).max(required_align(&member.ty))) * 8
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
        if width == 0 {
            if self.run.take().is_some() {
                self.next = self.b.round_up(self.next, align)?;
                self.align = self.align.max(align);
            }
            return Ok((self.next, Some(container(self.next, 0, &member.ty))));
        }
        if let Some((open, left)) = self.run
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
        if self.b.kind == RecordKind::Struct {
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

/// The alignment that a type's declaration insists on.
fn required_align(ty: &Type) -> u32 {
    match ty.kind() {
        Kind::Scalar(_) | Kind::Enum(_) if ty.align() > ty.canonical_align() => ty.align(),
        _ => 1,
    }
}
