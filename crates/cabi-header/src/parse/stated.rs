//! Layouts beside each other: ours and clang's, gcc's and clang's.

use cabi::{Field, Kind, Type};

use crate::clang::{Cursor, Ty};
use crate::reason::Reason;

/// clang's layout of a record, for comparison.
pub(crate) struct Stated<'u> {
    pub(crate) definition: Cursor<'u>,
    pub(crate) fields: Vec<Cursor<'u>>,
    /// Bits from the start, of each field.
    pub(crate) offsets: Vec<i64>,
    pub(crate) size: i64,
    pub(crate) align: i64,
}

/// Returns the first difference between clang's layout of a record and ours.
pub(crate) fn mismatch(stated: &Stated<'_>, ours: &Type) -> Option<Reason> {
    // Base classes come first here, and are not among clang's fields.
    let n_fields = ours.as_record()?.fields().len();
    let n_bases = n_fields.saturating_sub(stated.fields.len());
    let offsets = stated.offsets.iter().take(n_fields - n_bases);
    let clang = offsets.chain([&stated.size, &stated.align]);
    let numbers = numbers(ours, n_bases).into_iter().zip(clang.copied());
    first_mismatch(stated.definition.ty(), numbers)
}

/// Returns the first difference between clang's size and alignment of `ty` and those of `ours`.
pub(crate) fn size_mismatch(ty: Ty<'_>, ours: &Type) -> Option<Reason> {
    if matches!(ours.kind(), Kind::Void | Kind::Function) {
        return None;
    }
    let numbers = numbers(ours, usize::MAX).into_iter();
    let numbers = numbers.zip([ty.size(), ty.align()]);
    // Negative: clang has no answer, as for the size of a flexible array member.
    first_mismatch(ty, numbers.filter(|(_, clang)| *clang >= 0))
}

fn first_mismatch(
    ty: Ty<'_>,
    mut numbers: impl Iterator<Item = ((String, u64), i64)>,
) -> Option<Reason> {
    let differs = |((_, ours), clang): &((_, u64), i64)| u64::try_from(*clang) != Ok(*ours);
    let ((what, ours), clang) = numbers.find(differs)?;
    Some(Reason::Mismatch {
        ty: ty.spelling(),
        what,
        ours,
        clang,
    })
}

/// Returns the first difference between gcc's layout of `ty` and clang's.
pub(crate) fn difference(ty: Ty<'_>, gcc: &Type, clang: &Type) -> Option<Reason> {
    let fields = gcc.as_record().map_or(&[][..], |record| record.fields());
    // The place of one of width 0 matters only by its effect on the next member.
    let counts = |i: usize| {
        let bits = fields.get(i).and_then(Field::bit_field);
        bits.is_none_or(|bits| bits.width != 0)
    };
    let numbers = numbers(gcc, 0).into_iter().zip(numbers(clang, 0));
    let mut numbers = numbers.enumerate();
    let differs =
        |(i, ((_, gcc), (_, clang))): &(usize, ((_, u64), (_, u64)))| counts(*i) && gcc != clang;
    let (_, ((what, gcc), (_, clang))) = numbers.find(differs)?;
    Some(Reason::Compilers {
        ty: ty.spelling(),
        what,
        gcc,
        clang,
    })
}

/// Returns the offsets of the members of `ty` after the first `n_bases`, then its size and
/// alignment, each with its name.
fn numbers(ty: &Type, n_bases: usize) -> Vec<(String, u64)> {
    let fields = ty.as_record().map_or(&[][..], |record| record.fields());
    let offsets = fields.iter().skip(n_bases).map(|field| {
        let name = field.name().unwrap_or("<anonymous>");
        (format!("offset of {name} in bits"), field.offset_bits())
    });
    let whole = [("size", ty.size()), ("alignment", ty.align().into())];
    let whole = whole.map(|(what, number)| (what.to_owned(), number));
    offsets.chain(whole).collect()
}
