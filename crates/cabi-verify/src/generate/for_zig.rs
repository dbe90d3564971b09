//! Random signatures in Zig: drawn trees in which types that Zig lacks are replaced by the nearest
//! that it has. One bit-field thus does not cost the whole signature.

use crate::generate::{CSignature, CType, Dialect, Form, Node, signature};

/// The dialect of drawn signatures: no feature of one compiler alone, except vectors of one
/// `__int128`.
const DIALECT: Dialect = Dialect {
    one_int128: true,
    ..Dialect::COMMON
};

/// Returns signature number `index` under `seed`. Its bit-fields are members of their types,
/// flexible arrays are arrays of no elements, and complex numbers are records of two. It has no
/// atomics.
pub fn signature_for_zig(seed: u64, index: u64) -> CSignature {
    let mut drawn = signature(seed, index, DIALECT);
    drawn.types_mut().for_each(value);
    drawn
}

/// Changes a type that is passed: Zig's parameters have their types' own alignments.
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
