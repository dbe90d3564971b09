//! Alignment of arguments on AArch64: AAPCS64, "Natural alignment".

use crate::types::record::{Attributes, Field};
use crate::types::{Kind, Type};

/// Returns the alignment of an argument, 8 or 16. It is that of the members: an attribute on the
/// record itself adds nothing ("natural alignment").
pub(super) fn argument_align(ty: &Type) -> u32 {
    let natural = match ty.kind() {
        Kind::Record(record) => {
            let fields = record.fields().iter();
            let fields = fields.map(|field| field_align(field, record.attributes()));
            fields.max().unwrap_or(1).min(record.align())
        }
        // gcc's, which aligns an `_Atomic` complex number as the plain one.
        _ => ty.non_atomic().canonical_align(),
    };
    if natural >= 16 { 16 } else { 8 }
}

fn field_align(field: &Field, record: Attributes) -> u32 {
    let (own, asked) = (field.ty().align(), field.asked_align().unwrap_or(1));
    // Nothing packs a bit-field of no bits.
    if field.bit_field().is_some_and(|bits| bits.width == 0) {
        return own.max(asked);
    }
    let packed = field.is_packed() || record.packed;
    let align = if packed { asked } else { own.max(asked) };
    align.min(record.pack.unwrap_or(align))
}
