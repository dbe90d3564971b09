//! The members of a record as Microsoft's compilers place them: MSVC's documentation
//! (`#pragma pack`, `__declspec(align)`, C bit fields) and clang's `MicrosoftRecordLayoutBuilder`.

use super::{MemberLayouts, bits_of, round_up};
use crate::record_builder::RecordBuilder;
use crate::types::record::Member;
use crate::types::{Kind, Type};

pub(super) fn members(b: &RecordBuilder) -> MemberLayouts {
    let mut cursor = MsvcLayout {
        b,
        next: 0,
        end: 0,
        align: 8,
        run: None,
    };
    let place = |member: &Member| match member.bits {
        None => cursor.place(member),
        Some(width) => cursor.place_bits(member, u64::from(width)),
    };
    MemberLayouts {
        offsets: b.members.iter().map(place).collect(),
        end: cursor.end,
        align: cursor.align,
    }
}

/// Position of the next member. All in bits.
struct MsvcLayout<'a> {
    b: &'a RecordBuilder,
    next: u64,
    /// End of the members seen, which for a union is not where the next one goes.
    end: u64,
    align: u64,
    /// Size of the open container and the bits left in it.
    run: Option<(u64, u64)>,
}

impl MsvcLayout<'_> {
    /// Returns the alignment of a member. `packed` lowers it to 1, and `#pragma pack` limits it.
    /// Neither lowers what a declaration asks for with `aligned`. A typedef lowers nothing.
    fn member_align(&self, member: &Member) -> u64 {
        let packed = self.b.attributes.packed || member.packed;
        let own = if packed { 1 } else { natural_align(&member.ty) };
        // "The MS-ABI ignores pragma pack if its larger than the pointer size."
        let pack = self.b.attributes.pack.filter(|pack| *pack <= 8);
        let limited = own.min(pack.unwrap_or(own));
        u64::from(limited.max(required_align(member))) * 8
    }

    fn place(&mut self, member: &Member) -> u64 {
        let align = self.member_align(member);
        self.run = None;
        self.align = self.align.max(align);
        self.take(align, bits_of(&member.ty))
    }

    /// Places a bit-field. Consecutive ones share a container while their types have the same size
    /// and the bits suffice. A width of 0 closes the container, and does nothing without one.
    fn place_bits(&mut self, member: &Member, width: u64) -> u64 {
        let size = bits_of(&member.ty);
        let align = self.member_align(member);
        if width == 0 {
            match self.run.take() {
                // As many bytes as a bit-field with bits has.
                Some(_) if self.b.is_union() => self.end = self.end.max(size),
                Some(_) => {
                    self.next = round_up(self.next, align);
                    self.align = self.align.max(align);
                }
                None => {}
            }
            return if self.b.is_union() { 0 } else { self.next };
        }
        if let Some((open, free)) = self.run.filter(|_| !self.b.is_union())
            && open == size
            && width <= free
        {
            // `next` is the end of the container, whose last bits are free.
            self.run = Some((open, free - width));
            return self.next - free;
        }
        // In a union a bit-field's alignment is ignored.
        if !self.b.is_union() {
            self.align = self.align.max(align);
        }
        self.run = Some((size, size.saturating_sub(width)));
        self.take(align, size)
    }

    /// Returns the place of `bits` at the next multiple of `align`.
    fn take(&mut self, align: u64, bits: u64) -> u64 {
        let at = match self.b.is_union() {
            true => 0,
            false => round_up(self.next, align),
        };
        self.next = at.saturating_add(bits);
        self.end = self.end.max(self.next);
        at
    }
}

/// Returns the alignment of a type without what a typedef asks for. For an array, returns that of
/// its elements, typedefs included.
fn natural_align(ty: &Type) -> u32 {
    match ty.kind() {
        Kind::Array(array) => array.elem.align(),
        _ if ty.is_atomic() => ty.canonical_align().max(ty.align()),
        _ => ty.canonical_align(),
    }
}

/// Returns the greatest alignment that declarations insist on: the member's, that of its outermost
/// typedef or else of its record, and those inside the record. An `_Atomic` record is not looked
/// into (clang).
pub(crate) fn required_align(member: &Member) -> u32 {
    let (mut ty, mut of_type) = (&member.ty, None);
    let of_record = loop {
        of_type = of_type.or(ty.asks_align().then_some(ty.align()));
        match ty.kind() {
            Kind::Array(array) => ty = &array.elem,
            Kind::Record(record) if !ty.is_atomic() => {
                let is_asked = record.attributes().align.is_some();
                of_type = of_type.or(is_asked.then_some(record.align()));
                break record.required_align;
            }
            _ => break 1,
        }
    };
    let of_member = of_type.unwrap_or(1).max(member.align.unwrap_or(1));
    of_member.max(of_record)
}
