//! Kinds of scalars: a number of Rust and one of C have the same kind if one may stand for the
//! other. A call compares kinds as numbers, whose low byte is the size in bytes.

use clif_cabi::cabi::{Kind, Scalar, Type};

/// Kind of a Rust type about which only [`CValue::stands_for`](crate::CValue::stands_for) decides.
/// No C type has it.
pub(crate) const NONE: u32 = 0;
/// Kind of a C type that is no scalar that Rust has. No Rust type has it.
const OTHER: u32 = u32::MAX;

pub(crate) const INT: u32 = 0x100;
pub(crate) const FLOAT: u32 = 0x200;
pub(crate) const BOOL: u32 = 0x300;
pub(crate) const POINTER: u32 = 0x400;
pub(crate) const VOID: u32 = 0x500;

/// Returns the kind of `ty`.
pub(crate) fn of(ty: &Type) -> u32 {
    let kind = match (ty.kind(), ty.as_scalar()) {
        (Kind::Void, _) => VOID,
        (_, Some(Scalar::Int { .. })) => INT,
        (_, Some(Scalar::F32 | Scalar::F64)) => FLOAT,
        (_, Some(Scalar::Bool)) => BOOL,
        (_, Some(Scalar::Ptr | Scalar::FnPtr)) => POINTER,
        _ => return OTHER,
    };
    // At most 16.
    kind | u32::try_from(ty.size()).unwrap_or(OTHER)
}

/// Returns the kind of Rust's `T`.
#[expect(clippy::cast_possible_truncation, reason = "at most 16")]
pub(crate) const fn with_size<T>(kind: u32) -> u32 {
    kind | size_of::<T>() as u32
}
