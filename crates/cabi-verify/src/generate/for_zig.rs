//! Random signatures in Zig: a drawn tree in which types that Zig lacks are replaced by the nearest
//! that it has, so that a signature is not lost to one bit-field in it.

use crate::generate::{CSignature, CType, Dialect, Form, Node, signature};

/// The dialect of drawn signatures: no feature of one compiler alone, but vectors of one
/// `__int128`.
const DIALECT: Dialect = Dialect {
    one_int128: true,
    ..Dialect::COMMON
};

/// Returns signature number `index` under `seed`, with bit-fields as members of their types,
/// flexible arrays as arrays of no elements, complex numbers as records of two, and without
/// atomics.
pub fn signature_for_zig(seed: u64, index: u64) -> CSignature {
    let mut drawn = signature(seed, index, DIALECT);
    drawn.types_mut().for_each(value);
    drawn
}

/// A type that is passed: Zig's parameters have their types' own alignments.
fn value(ty: &mut CType) {
    while let CType::Aligned(inner, _) = ty {
        *ty = (**inner).clone();
    }
    ty.visit(&mut |node| match node {
        Node::Type(ty) => object(ty),
        Node::Record(_) => {}
        Node::Member(member) => match &mut member.form {
            Form::Flexible(ty) => member.form = Form::array(ty.clone(), &[0]),
            Form::Bits { ty, .. } => member.form = Form::plain(ty.clone()),
            _ => {}
        },
    });
}

fn object(ty: &mut CType) {
    let pair = |part: &'static str| CType::structure([part, part].map(|ty| Form::plain(ty.into())));
    match ty {
        CType::Name(name) => {
            if let Some(part) = name.strip_prefix("_Complex ") {
                *ty = pair(part);
            }
        }
        CType::Atomic(inner) => {
            *ty = (**inner).clone();
            object(ty);
        }
        _ => {}
    }
}
