//! Scalars: their names in the language, and their layout.

use cabi::{DataModel, Kind, Scalar, Type};

const fn int(bits: u8, signed: bool) -> Scalar {
    Scalar::Int { bits, signed }
}

/// The scalars with a name, which their layout follows.
pub(super) static SCALARS: [(&str, Scalar, Type); 17] = [
    ("bool", Scalar::Bool, Type::BOOL),
    ("i8", int(8, true), Type::I8),
    ("u8", int(8, false), Type::U8),
    ("i16", int(16, true), Type::I16),
    ("u16", int(16, false), Type::U16),
    ("i32", int(32, true), Type::I32),
    ("u32", int(32, false), Type::U32),
    ("i64", int(64, true), Type::I64),
    ("u64", int(64, false), Type::U64),
    ("i128", int(128, true), Type::I128),
    ("u128", int(128, false), Type::U128),
    ("f16", Scalar::F16, Type::F16),
    ("bf16", Scalar::BF16, Type::BF16),
    ("f32", Scalar::F32, Type::F32),
    ("f64", Scalar::F64, Type::F64),
    ("f80", Scalar::F80, Type::F80),
    ("f128", Scalar::F128, Type::F128),
];

/// Second names: C's, and those of sizes.
const ALIASES: [(&str, &str); 10] = [
    ("isize", "i64"),
    ("usize", "u64"),
    ("c_short", "i16"),
    ("c_ushort", "u16"),
    ("c_int", "i32"),
    ("c_uint", "u32"),
    ("c_longlong", "i64"),
    ("c_ulonglong", "u64"),
    ("c_float", "f32"),
    ("c_double", "f64"),
];

/// The C type of a scalar that has a name.
pub(super) fn layout(scalar: Scalar, model: &DataModel) -> Option<Type> {
    let named = SCALARS.iter().find(|(_, own, _)| *own == scalar);
    named.map(|(_, _, layout)| model.adapt(layout))
}

/// The scalar called `name`, some of which are the target's choice.
pub(crate) fn scalar_named(name: &str, model: &DataModel) -> Option<Scalar> {
    let chosen = match name {
        "c_char" => Some(model.char()),
        "c_long" => Some(model.long()),
        "c_ulong" => Some(model.unsigned_long()),
        "c_longdouble" => Some(model.long_double()),
        _ => None,
    };
    if let Some(Kind::Scalar(scalar)) = chosen.as_ref().map(Type::kind) {
        return Some(*scalar);
    }
    let alias = ALIASES.iter().find(|(own, _)| *own == name);
    let name = alias.map_or(name, |(_, name)| name);
    let scalar = SCALARS.iter().find(|(own, ..)| *own == name);
    scalar.map(|(_, scalar, _)| *scalar)
}

/// `f32x4` and the like: a scalar's name, `x`, the number of lanes.
pub(crate) fn vector_named(name: &str, model: &DataModel) -> Option<(Scalar, u16)> {
    let (scalar, lanes) = name.rsplit_once('x')?;
    Some((scalar_named(scalar, model)?, lanes.parse().ok()?))
}

pub(super) fn scalar_name(scalar: Scalar) -> &'static str {
    let named = SCALARS.iter().find(|(_, own, _)| *own == scalar);
    named.map_or("?", |(name, ..)| name)
}
