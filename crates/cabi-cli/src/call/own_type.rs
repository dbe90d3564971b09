//! The type that an argument has by itself, which counts where no parameter states one: after the `...`.

use cabi::{Scalar, Type};

use super::clang::Answers;
use super::literal::{Init, Value, with_unit};
use super::number::{Number, NumberKind, Suffix};

/// The type an argument has by itself, where no parameter says it, after the default argument promotions.
pub(crate) fn promoted_type(init: &Init, answers: &Answers) -> Result<Type, String> {
    match init {
        // The name of a type says more than the type: `_Float32` is not promoted.
        Init::Value(Value::Compound(ty, _)) => answers.promoted(ty),
        init => Ok(cabi::promote(&own_type(init, answers)?)),
    }
}

/// The type before the promotions.
fn own_type(init: &Init, answers: &Answers) -> Result<Type, String> {
    let value = match init {
        Init::Value(value) => value,
        Init::List(_) => {
            return Err("an initialiser here needs its type: (struct vec2){1, 2}".into());
        }
    };
    match value {
        Value::Number(number) => Ok(number_type(number, answers)),
        Value::Complex(a, b) => {
            let (a, b) = (number_type(a, answers), number_type(b, answers));
            let rank = |ty: &Type| (ty.as_scalar().is_some_and(Scalar::is_float), ty.size());
            let part = if rank(&a) < rank(&b) { b } else { a };
            Type::complex(&part).map_err(|e| e.to_string())
        }
        Value::Text(_) | Value::Null | Value::Address(..) => Ok(Type::PTR),
        Value::Compound(ty, _) => answers.ty(ty),
        Value::Other(text) => match (answers.constant(text), with_unit(text)) {
            (Err(_), Some(Value::Complex(re, im))) => {
                own_type(&Init::Value(Value::Complex(re, im)), answers)
            }
            (answer, _) => answer.map(|(ty, _)| ty),
        },
    }
}

/// The type of a constant (C17 6.4.4.1 and 6.4.4.2).
fn number_type(number: &Number, answers: &Answers) -> Type {
    let (magnitude, decimal, unsigned, long) = match &number.kind {
        NumberKind::Float { suffix, .. } => {
            return match suffix {
                Suffix::None => Type::F64,
                Suffix::F => Type::F32,
                Suffix::L => answers.long_double.clone(),
                Suffix::F16 => Type::F16,
                Suffix::Bf16 => Type::BF16,
                Suffix::F128 => Type::F128,
            };
        }
        NumberKind::Int {
            magnitude,
            decimal,
            unsigned,
            long,
        } => (*magnitude, *decimal, *unsigned, *long),
    };
    let candidates = [
        (
            Type::I32,
            i32::MAX.unsigned_abs().into(),
            !unsigned && !long,
        ),
        (Type::U32, u32::MAX.into(), (unsigned || !decimal) && !long),
        (Type::I64, i64::MAX.unsigned_abs().into(), !unsigned),
        (Type::U64, u64::MAX.into(), unsigned || !decimal),
        (Type::I128, i128::MAX.unsigned_abs(), !unsigned),
    ];
    candidates
        .into_iter()
        .find(|(_, most, allowed)| *allowed && magnitude <= *most)
        .map_or(Type::U128, |(ty, ..)| ty)
}
