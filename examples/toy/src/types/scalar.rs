//! Scalars: their names in the language, and their layout.

use super::{MODEL, int};
use cabi::{Scalar, Type};

pub(super) fn scalar_layout(scalar: Scalar) -> Result<Type, cabi::Error> {
    Ok(match scalar {
        Scalar::Bool => Type::BOOL,
        Scalar::Int { bits: 8, signed } => {
            if signed {
                Type::I8
            } else {
                Type::U8
            }
        }
        Scalar::Int { bits: 16, signed } => {
            if signed {
                Type::I16
            } else {
                Type::U16
            }
        }
        Scalar::Int { bits: 32, signed } => {
            if signed {
                Type::I32
            } else {
                Type::U32
            }
        }
        Scalar::Int { bits: 64, signed } => {
            if signed {
                Type::I64
            } else {
                Type::U64
            }
        }
        Scalar::Int { bits: _, signed } => {
            if signed {
                Type::I128
            } else {
                Type::U128
            }
        }
        Scalar::BitInt { bits, signed } => MODEL.bit_int(bits, signed)?,
        Scalar::F16 => Type::F16,
        Scalar::BF16 => Type::BF16,
        Scalar::F32 => Type::F32,
        Scalar::F64 => Type::F64,
        Scalar::F80 => Type::F80,
        Scalar::F128 => Type::F128,
        Scalar::Dec32 => Type::DEC32,
        Scalar::Dec64 => Type::DEC64,
        Scalar::Dec128 => Type::DEC128,
        Scalar::FnPtr => MODEL.fn_pointer(),
        _ => MODEL.pointer(),
    })
}

/// The language's names of scalars, and C's where they have one.
const SCALARS: [(&str, Scalar); 34] = [
    ("bool", Scalar::Bool),
    ("i8", int(8, true)),
    ("u8", int(8, false)),
    ("i16", int(16, true)),
    ("u16", int(16, false)),
    ("i32", int(32, true)),
    ("u32", int(32, false)),
    ("i64", int(64, true)),
    ("u64", int(64, false)),
    ("i128", int(128, true)),
    ("u128", int(128, false)),
    ("f16", Scalar::F16),
    ("bf16", Scalar::BF16),
    ("f32", Scalar::F32),
    ("f64", Scalar::F64),
    ("f80", Scalar::F80),
    ("f128", Scalar::F128),
    ("d32", Scalar::Dec32),
    ("d64", Scalar::Dec64),
    ("d128", Scalar::Dec128),
    // Second names from here on.
    ("isize", int(64, true)),
    ("usize", int(64, false)),
    ("c_char", int(8, true)),
    ("c_short", int(16, true)),
    ("c_ushort", int(16, false)),
    ("c_int", int(32, true)),
    ("c_uint", int(32, false)),
    ("c_long", int(64, true)),
    ("c_ulong", int(64, false)),
    ("c_longlong", int(64, true)),
    ("c_ulonglong", int(64, false)),
    ("c_float", Scalar::F32),
    ("c_double", Scalar::F64),
    ("c_longdouble", Scalar::F80),
];

/// The scalar called `name`.
pub(crate) fn scalar_named(name: &str) -> Option<Scalar> {
    SCALARS
        .iter()
        .find(|(own, _)| *own == name)
        .map(|(_, scalar)| *scalar)
}

pub(super) fn scalar_name(scalar: Scalar) -> String {
    match scalar {
        Scalar::BitInt { bits, signed: true } => format!("bitint<{bits}>"),
        Scalar::BitInt {
            bits,
            signed: false,
        } => format!("ubitint<{bits}>"),
        _ => SCALARS
            .iter()
            .find(|(_, own)| *own == scalar)
            .map_or("?", |(name, _)| name)
            .to_string(),
    }
}
