//! clang's layout of a record, and how another differs from it.

use cabi::Type;

use crate::clang::Cursor;
use crate::reason::Reason;

/// What clang says about a record's layout, to compare with.
pub(crate) struct Stated<'u> {
    pub(crate) definition: Cursor<'u>,
    pub(crate) fields: Vec<Cursor<'u>>,
    /// Bits from the start, of each field.
    pub(crate) offsets: Vec<i64>,
    pub(crate) size: i64,
    pub(crate) align: i64,
}

/// The first difference between clang's layout and ours.
pub(crate) fn mismatch(stated: &Stated<'_>, ours: &Type) -> Option<Reason> {
    let differs = |what: String, ours: u64, clang: i64| {
        (u64::try_from(clang) != Ok(ours)).then(|| Reason::Mismatch {
            ty: stated.definition.ty().spelling(),
            what,
            ours,
            clang,
        })
    };
    let record = ours.as_record()?;
    // Base classes come first here, and are not among clang's fields.
    let n_bases = record.fields().len().saturating_sub(stated.fields.len());
    for (field, at) in record.fields().iter().skip(n_bases).zip(&stated.offsets) {
        let name = field.name().unwrap_or("<anonymous>");
        if let Some(reason) = differs(
            format!("offset of {name} in bits"),
            field.offset_bits(),
            *at,
        ) {
            return Some(reason);
        }
    }
    differs("size".to_owned(), ours.size(), stated.size).or_else(|| {
        differs(
            "alignment".to_owned(),
            u64::from(ours.align()),
            stated.align,
        )
    })
}

/// The first difference between gcc's layout of a record and clang's.
pub(crate) fn difference(stated: &Stated<'_>, gcc: &Type, clang: &Type) -> Option<Reason> {
    let differs = |what: &str, gcc: u64, clang: u64| {
        (gcc != clang).then(|| Reason::Compilers {
            ty: stated.definition.ty().spelling(),
            what: what.to_owned(),
            gcc,
            clang,
        })
    };
    let fields = gcc.as_record()?.fields().iter();
    let offsets = fields.zip(clang.as_record()?.fields()).map(|(gcc, clang)| {
        let name = gcc.name().unwrap_or("<anonymous>");
        let what = format!("offset of {name} in bits");
        // Where one of width 0 stands matters by what follows it only.
        let counts = gcc.bit_field().is_none_or(|bits| bits.width != 0);
        counts
            .then(|| differs(&what, gcc.offset_bits(), clang.offset_bits()))
            .flatten()
    });
    let size = differs("size", gcc.size(), clang.size());
    let align = differs(
        "alignment",
        u64::from(gcc.align()),
        u64::from(clang.align()),
    );
    offsets.flatten().next().or(size).or(align)
}

pub(crate) fn is_mismatch(why: &Reason) -> bool {
    matches!(why, Reason::Mismatch { .. })
}
