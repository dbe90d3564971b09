//! Shapes of signatures: how many of those that an engine compares have each, and whether that is enough.

use cabi::{FnAbi, FnSig, Kind, Place, Scalar, Type};

/// Of so many signatures one has to have each shape.
const FLOOR: usize = 100;

/// What a signature may have.
pub(super) struct Shape {
    name: &'static str,
    has: fn(&FnSig, &FnAbi) -> bool,
}

macro_rules! shapes {
    ($($constant:ident $name:literal $has:expr;)*) => {
        $(pub(super) const $constant: Shape = Shape { name: $name, has: $has };)*
    };
}

shapes! {
    VARIADIC "variadic" |sig, _| sig.is_variadic();
    RECORDS "records" |sig, _| any_type(sig, |ty| ty.as_record().is_some());
    UNIONS "unions" |sig, _| any_type(sig, Type::is_union);
    BIT_FIELDS "bit-fields" |sig, _| {
        any_record(sig, |record| record.fields().iter().any(|field| field.bit_field().is_some()))
    };
    PACKED "packed records" |sig, _| any_record(sig, |record| record.attributes().packed);
    ATOMIC "atomic types" |sig, _| any_type(sig, Type::is_atomic);
    COMPLEX "complex numbers" |sig, _| any_type(sig, |ty| matches!(ty.kind(), Kind::Complex(_)));
    VECTORS "vectors" |sig, _| any_type(sig, |ty| matches!(ty.kind(), Kind::Vector(_)));
    FLOAT16 "_Float16" |sig, _| any_type(sig, |ty| ty.as_scalar() == Some(Scalar::F16));
    BIT_INT "_BitInt" |sig, _| {
        any_type(sig, |ty| matches!(ty.as_scalar(), Some(Scalar::BitInt { .. })))
    };
    VECTORS_IN_REGISTERS "vectors in registers" |sig, abi| {
        let args = sig.params().iter().zip(&abi.args);
        { args }.any(|(param, arg)| {
            let has_vector = param.ty.contains(&|ty, _| matches!(ty.kind(), Kind::Vector(_)));
            has_vector && matches!(arg.place, Place::Parts(_))
        })
    };
    POINTED_TO "arguments by their addresses" |_, abi| {
        abi.args.iter().any(|arg| matches!(arg.place, Place::Indirect { .. }))
    };
    RESULT_IN_MEMORY "results in memory" |_, abi| matches!(abi.ret.place, Place::Indirect { .. });
}

/// What signatures of C have, the last two not everywhere.
pub(super) const OF_C: &[Shape] = &[
    VARIADIC,
    RECORDS,
    UNIONS,
    BIT_FIELDS,
    PACKED,
    ATOMIC,
    COMPLEX,
    RESULT_IN_MEMORY,
    POINTED_TO,
    VECTORS,
];

/// The same where nothing with a vector in it has a place.
pub(super) const WITHOUT_VECTORS: &[Shape] = OF_C.split_at(OF_C.len() - 1).0;

/// The same where no argument is passed by its address either.
pub(super) const BY_VALUE: &[Shape] = OF_C.split_at(OF_C.len() - 2).0;

fn any_type(sig: &FnSig, is: impl Fn(&Type) -> bool) -> bool {
    let params = sig.params().iter().map(|param| &param.ty);
    { params }
        .chain([sig.result()])
        .any(|ty| ty.contains(&|ty, _| is(ty)))
}

fn any_record(sig: &FnSig, is: impl Fn(&cabi::Record) -> bool) -> bool {
    any_type(sig, |ty| ty.as_record().is_some_and(&is))
}

/// How many signatures have each of `shapes`, and whether those are enough of each.
pub(super) fn report(
    shapes: &[&Shape],
    signatures: &[(&FnSig, &FnAbi)],
) -> (String, Result<(), String>) {
    let counted = shapes.iter().map(|shape| {
        let n = signatures.iter().filter(|one| shape.is_of(one)).count();
        format!("{} {n}", shape.name)
    });
    let counted = counted.collect::<Vec<_>>().join(", ");
    let rare = rare(shapes, signatures);
    let outcome = match &rare[..] {
        [] => without_each(shapes, signatures),
        rare => Err(format!("too few signatures have {rare:?}: {counted}")),
    };
    (counted, outcome)
}

/// The shapes that too few of the signatures have.
fn rare(shapes: &[&Shape], signatures: &[(&FnSig, &FnAbi)]) -> Vec<&'static str> {
    let least = signatures.len().div_ceil(FLOOR).max(1);
    let is_rare =
        |shape: &&&Shape| signatures.iter().filter(|one| shape.is_of(one)).count() < least;
    let rare = shapes.iter().filter(is_rare);
    rare.map(|shape| shape.name).collect()
}

/// The control: the lack of each shape is noticed.
fn without_each(shapes: &[&Shape], signatures: &[(&FnSig, &FnAbi)]) -> Result<(), String> {
    for shape in shapes {
        let others = signatures.iter().filter(|one| !shape.is_of(one));
        if !rare(shapes, &others.copied().collect::<Vec<_>>()).contains(&shape.name) {
            return Err(format!("nothing shows that there are no {}", shape.name));
        }
    }
    Ok(())
}

impl Shape {
    fn is_of(&self, (sig, abi): &(&FnSig, &FnAbi)) -> bool {
        (self.has)(sig, abi)
    }
}
