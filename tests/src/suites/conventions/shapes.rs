//! Shapes of signatures: how many of those that an engine compares have each, and whether that is
//! enough.

use cabi::{FnAbi, FnSig, Kind, Place, Scalar, Type};

/// One of so many signatures has to have each shape.
const FLOOR: usize = 100;

/// Property that a signature may have.
pub(super) struct Shape {
    name: &'static str,
    has: fn(&FnSig, &FnAbi) -> bool,
}

macro_rules! shapes {
    ($($name:literal $has:expr;)*) => {
        &[$(Shape { name: $name, has: $has }),*]
    };
}

const ALL: &[Shape] = shapes! {
    "variadic" |sig, _| sig.is_variadic();
    "records" |sig, _| any_type(sig, |ty| ty.as_record().is_some());
    "unions" |sig, _| any_type(sig, Type::is_union);
    "bit-fields" |sig, _| {
        any_record(sig, |record| record.fields().iter().any(|field| field.bit_field().is_some()))
    };
    "arrays of no elements" |sig, _| {
        any_type(sig, |ty| matches!(ty.kind(), Kind::Array(array) if array.len == Some(0)))
    };
    "packed records" |sig, _| any_record(sig, |record| record.attributes().packed);
    "atomic types" |sig, _| any_type(sig, Type::is_atomic);
    "complex numbers" |sig, _| any_type(sig, |ty| matches!(ty.kind(), Kind::Complex(_)));
    "vectors" |sig, _| any_type(sig, |ty| matches!(ty.kind(), Kind::Vector(_)));
    "_Float16" |sig, _| any_type(sig, |ty| ty.as_scalar() == Some(Scalar::F16));
    "_BitInt" |sig, _| {
        any_type(sig, |ty| matches!(ty.as_scalar(), Some(Scalar::BitInt { .. })))
    };
    "vectors in registers" |sig, abi| {
        let mut args = sig.params().iter().zip(&abi.args);
        args.any(|(param, arg)| {
            let has_vector = param.ty.contains(&|ty, _| matches!(ty.kind(), Kind::Vector(_)));
            has_vector && matches!(arg.place, Place::Parts(_))
        })
    };
    "arguments by their addresses" |_, abi| {
        abi.args.iter().any(|arg| matches!(arg.place, Place::Indirect { .. }))
    };
    "results in memory" |_, abi| matches!(abi.ret.place, Place::Indirect { .. });
};

pub(super) fn named(name: &str) -> Result<&'static Shape, String> {
    let shape = ALL.iter().find(|shape| shape.name == name);
    shape.ok_or_else(|| format!("shapes: {name}"))
}

fn any_type(sig: &FnSig, is: impl Fn(&Type) -> bool) -> bool {
    let params = sig.params().iter().map(|param| &param.ty);
    { params }
        .chain([sig.result()])
        .any(|ty| ty.contains(&|ty, _| is(ty)))
}

fn any_record(sig: &FnSig, is: impl Fn(&cabi::Record) -> bool) -> bool {
    any_type(sig, |ty| ty.as_record().is_some_and(&is))
}

/// Counts the signatures that have each of `shapes`, and checks whether there are enough.
pub(super) fn report(
    shapes: &[&Shape],
    signatures: &[(&FnSig, &FnAbi)],
) -> (String, Result<(), String>) {
    let (mut counted, mut wrong) = (Vec::new(), Vec::new());
    for Shape { name, has } in shapes {
        let n = signatures.iter().filter(|(sig, abi)| has(sig, abi)).count();
        counted.push(format!("{name} {n}"));
        if n < signatures.len().div_ceil(FLOOR).max(1) {
            wrong.push(*name);
        }
    }
    let counted = counted.join(", ");
    let outcome = match wrong.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "too few signatures have {}: {counted}",
            wrong.join(", ")
        )),
    };
    (counted, outcome)
}
