//! Comparison of layouts: ours with clang's, and gcc's with clang's.

use cabi::{Field, Kind, Type};

use crate::clang::Ty;
use crate::reason::Reason;

/// clang's layout of a record, for comparison.
pub(crate) struct ClangRecord<'u> {
    pub(crate) ty: Ty<'u>,
    /// Offset of each field, in bits.
    pub(crate) offsets: Vec<i64>,
    pub(crate) size: i64,
    pub(crate) align: i64,
}

/// Returns the first difference between clang's layout of a record and ours.
pub(crate) fn mismatch(stated: &ClangRecord<'_>, ty: &Type) -> Option<Reason> {
    // Base classes come first here, and are not among clang's fields.
    let n_bases = fields(ty).len().saturating_sub(stated.offsets.len());
    let clang = stated.offsets.iter().chain([&stated.size, &stated.align]);
    let numbers = numbers(ty).enumerate().skip(n_bases);
    first_mismatch(stated.ty, ty, numbers.zip(clang.copied()))
}

/// Returns the first difference between clang's size and alignment of `ty` and those of `cabi_ty`.
pub(crate) fn size_mismatch(ty: Ty<'_>, cabi_ty: &Type) -> Option<Reason> {
    if matches!(cabi_ty.kind(), Kind::Void | Kind::Function) {
        return None;
    }
    let numbers = (fields(cabi_ty).len()..).zip([cabi_ty.size(), cabi_ty.align().into()]);
    let numbers = numbers.zip([ty.size(), ty.align()]);
    // A negative number: clang has no answer, as for the size of a flexible array member.
    first_mismatch(ty, cabi_ty, numbers.filter(|(_, clang)| *clang >= 0))
}

fn first_mismatch(
    ty: Ty<'_>,
    of: &Type,
    mut numbers: impl Iterator<Item = ((usize, u64), i64)>,
) -> Option<Reason> {
    let differs = |((_, ours), clang): &((_, u64), i64)| u64::try_from(*clang) != Ok(*ours);
    let ((i, ours), clang) = numbers.find(differs)?;
    Some(Reason::Mismatch {
        ty: ty.spelling(),
        what: name(of, i),
        ours,
        clang,
    })
}

/// Returns the first difference between gcc's layout of `ty` and clang's.
pub(crate) fn difference(ty: Ty<'_>, gcc: &Type, clang: &Type) -> Option<Reason> {
    // The place of a bit-field of width 0 matters only by its effect on the next member.
    let counts = |i: usize| {
        let bits = fields(gcc).get(i).and_then(Field::bit_field);
        bits.is_none_or(|bits| bits.width != 0)
    };
    let mut pairs = numbers(gcc).zip(numbers(clang)).enumerate();
    let (i, (of_gcc, of_clang)) = pairs.find(|(i, (gcc, clang))| gcc != clang && counts(*i))?;
    Some(Reason::Compilers {
        ty: ty.spelling(),
        what: name(gcc, i),
        gcc: of_gcc,
        clang: of_clang,
    })
}

/// Returns the offsets of the members of `ty` in bits, then its size and alignment.
fn numbers(ty: &Type) -> impl Iterator<Item = u64> {
    let offsets = fields(ty).iter().map(Field::offset_bits);
    offsets.chain([ty.size(), ty.align().into()])
}

/// Returns the name of the number at index `i` of [`numbers`].
fn name(ty: &Type, i: usize) -> String {
    match fields(ty)
        .get(i)
        .map(|field| field.name().unwrap_or("<anonymous>"))
    {
        Some(name) => format!("offset of {name} in bits"),
        None if i == fields(ty).len() => "size".to_owned(),
        None => "alignment".to_owned(),
    }
}

/// Returns the fields of a record, or none for another type.
pub(crate) fn fields(ty: &Type) -> &[Field] {
    ty.as_record().map_or(&[], |record| record.fields())
}
