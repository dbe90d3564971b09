//! Random signatures as Zig can say them: a drawn tree with what Zig has no words for replaced by the nearest that it has, so that a signature
//! is not lost to one bit-field in it.

use crate::generate::{CMember, CRecord, CType, Dialect, Form, Signature, signature};

/// What is drawn: nothing that only one compiler has, but vectors of one `__int128`.
const DIALECT: Dialect = Dialect {
    one_int128: true,
    ..Dialect::COMMON
};

/// Signature number `index` under `seed`, with bit-fields as members of their types, flexible arrays as arrays of no elements, complex numbers
/// as records of two, and without atomics.
///
/// # Example
/// ```
/// use cabi_verify::generate::signature_for_zig;
///
/// assert_eq!(signature_for_zig(7, 1), signature_for_zig(7, 1));
/// ```
pub fn signature_for_zig(seed: u64, index: u64) -> Signature {
    let drawn = signature(seed, index, DIALECT);
    let values = |types: Vec<CType>| types.into_iter().map(value).collect();
    Signature {
        ret: drawn.ret.map(value),
        params: values(drawn.params),
        unnamed: drawn.unnamed.map(values),
        ms_abi: false,
    }
}

/// A type that is passed: Zig's parameters have their types' own alignments.
fn value(ty: CType) -> CType {
    match ty {
        CType::Aligned(inner, _) => value(*inner),
        other => object(other),
    }
}

fn object(ty: CType) -> CType {
    match ty {
        CType::Name(name) => match name.strip_prefix("_Complex ") {
            Some(part) => pair(CType::Name(part)),
            None => ty,
        },
        CType::ComplexFloat128 => pair(CType::Name("__float128")),
        CType::Atomic(inner) => object(*inner),
        CType::Aligned(inner, align) => CType::Aligned(Box::new(object(*inner)), align),
        CType::Record(inner) => CType::Record(Box::new(record(*inner))),
        other => other,
    }
}

fn pair(part: CType) -> CType {
    let member = || {
        CMember::of(Form::Plain {
            ty: part.clone(),
            lengths: Vec::new(),
        })
    };
    CType::Record(Box::new(CRecord {
        members: vec![member(), member()],
        ..CRecord::default()
    }))
}

fn record(record: CRecord) -> CRecord {
    CRecord {
        members: record.members.into_iter().map(member).collect(),
        ..record
    }
}

fn member(member: CMember) -> CMember {
    let form = match member.form {
        Form::Plain { ty, lengths } => Form::Plain {
            ty: object(ty),
            lengths,
        },
        Form::Flexible(ty) => Form::Plain {
            ty: object(ty),
            lengths: vec![0],
        },
        Form::Bits { ty, .. } => Form::Plain {
            ty: object(ty),
            lengths: Vec::new(),
        },
        Form::Anonymous(inner) => Form::Anonymous(record(inner)),
    };
    CMember { form, ..member }
}
