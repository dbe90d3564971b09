//! Conversions of CLIF values. Only bits move: no conversion changes a number.

use crate::cranelift::MemFlagsData;
use crate::cranelift::codegen::ir::{Endianness, Type, Value, types};
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use clif_cabi_plan::{ClifPart, Extension};

use crate::clif_types::clif_type;

/// Returns flags that reinterpret: lane order as in memory, which has byte order `order`.
pub(super) fn flags(order: Endianness) -> MemFlagsData {
    MemFlagsData::new().with_endianness(order)
}

/// Returns the words of a value of 16 bytes, the lower half of the number first.
pub(super) fn two_words(
    builder: &mut FunctionBuilder<'_>,
    value: Value,
    order: Endianness,
) -> [Value; 2] {
    let lanes = match builder.func.dfg.value_type(value) {
        types::I64X2 => value,
        ty if ty.is_vector() => builder.ins().bitcast(types::I64X2, flags(order), value),
        ty => {
            let number = match ty {
                types::I128 => value,
                _ => builder.ins().bitcast(types::I128, flags(order), value),
            };
            let (low, high) = builder.ins().isplit(number);
            return [low, high];
        }
    };
    let [first, second] = [0, 1].map(|lane| builder.ins().extractlane(lanes, lane));
    match order {
        Endianness::Little => [first, second],
        Endianness::Big => [second, first],
    }
}

/// Returns the value of 16 bytes of type `ty` that the lower and the upper half of a number make.
pub(super) fn of_two_words(
    builder: &mut FunctionBuilder<'_>,
    [low, high]: [Value; 2],
    (ty, order): (Type, Endianness),
) -> Value {
    let number = builder.ins().iconcat(low, high);
    match ty {
        types::I128 => number,
        ty => builder.ins().bitcast(ty, flags(order), number),
    }
}

/// Returns the value of `part` as the passing side has it: a narrow integer is extended.
#[inline]
pub(super) fn passed(builder: &mut FunctionBuilder<'_>, part: &ClifPart, value: Value) -> Value {
    let ty = part.passed_as;
    match part.extension {
        _ if ty == part.ty => value,
        Extension::Sign => builder.ins().sextend(clif_type(ty), value),
        _ => builder.ins().uextend(clif_type(ty), value),
    }
}

/// Returns the low bits of `value` as `ty`, zero-extended if `ty` is wider. `None` for other
/// numbers of more than 64 bits.
pub(super) fn reshape(
    builder: &mut FunctionBuilder<'_>,
    value: Value,
    (ty, order): (Type, Endianness),
) -> Option<Value> {
    let from = builder.func.dfg.value_type(value);
    if from == ty {
        return Some(value);
    }
    if from.bits().max(ty.bits()) > 64 {
        let in_vector = |ty: Type| ty.is_vector() || ty == types::F128;
        let are_vectors = in_vector(from) && in_vector(ty) && from.bits() == ty.bits();
        return are_vectors.then(|| builder.ins().bitcast(ty, flags(order), value));
    }
    if from.bits() == ty.bits() {
        return Some(builder.ins().bitcast(ty, flags(order), value));
    }
    let int = bits_of(builder, value, flags(order));
    let wide = int_of(ty);
    let int = match from.bits() < ty.bits() {
        true => builder.ins().uextend(wide, int),
        false => builder.ins().ireduce(wide, int),
    };
    Some(match ty == wide {
        true => int,
        false => builder.ins().bitcast(ty, flags(order), int),
    })
}

/// Returns an integer of 64 bits as a value of type `ty`, at most 8 bytes.
pub(super) fn from_word(builder: &mut FunctionBuilder<'_>, word: Value, ty: Type) -> Value {
    let int = int_of(ty);
    let narrow = match int == types::I64 {
        true => word,
        false => builder.ins().ireduce(int, word),
    };
    match ty == int {
        true => narrow,
        false => builder.ins().bitcast(ty, MemFlagsData::new(), narrow),
    }
}

/// Returns a value of at most 8 bytes as an integer of 64 bits; upper bits are zero.
pub(super) fn to_word(builder: &mut FunctionBuilder<'_>, value: Value) -> Value {
    let int = bits_of(builder, value, MemFlagsData::new());
    match builder.func.dfg.value_type(int) {
        types::I64 => int,
        _ => builder.ins().uextend(types::I64, int),
    }
}

/// Returns the bits of `value`, at most 64, as an integer.
fn bits_of(builder: &mut FunctionBuilder<'_>, value: Value, flags: MemFlagsData) -> Value {
    let ty = builder.func.dfg.value_type(value);
    match int_of(ty) {
        int if int == ty => value,
        int => builder.ins().bitcast(int, flags, value),
    }
}

/// Returns the integer of as many bytes as `ty`, at most 8.
fn int_of(ty: Type) -> Type {
    let bytes = u16::try_from(ty.bytes()).unwrap_or(8);
    Type::int_with_byte_size(bytes).unwrap_or(types::I64)
}

/// Returns the vector `f64x2` of the words `low` and `high`, each an integer or a double.
pub(super) fn pair(builder: &mut FunctionBuilder<'_>, low: Value, high: Value) -> Value {
    let types = [low, high].map(|word| builder.func.dfg.value_type(word));
    if types == [types::F64; 2] {
        let low = builder.ins().splat(types::F64X2, low);
        return builder.ins().insertlane(low, high, 1);
    }
    let [low, high] = [low, high].map(|word| to_word(builder, word));
    let low = builder.ins().scalar_to_vector(types::I64X2, low);
    let lanes = builder.ins().insertlane(low, high, 1);
    lanes_as(builder, types::F64X2, lanes)
}

/// Returns two floats as the one value of their register, without integer registers.
pub(super) fn two_floats(builder: &mut FunctionBuilder<'_>, low: Value, high: Value) -> Value {
    let lanes = builder.ins().scalar_to_vector(types::F32X4, low);
    let lanes = builder.ins().insertlane(lanes, high, 1);
    let lanes = lanes_as(builder, types::F64X2, lanes);
    builder.ins().extractlane(lanes, 0)
}

/// Returns the first of two floats, or the second one.
pub(super) fn one_float(builder: &mut FunctionBuilder<'_>, both: Value, is_second: bool) -> Value {
    let lanes = builder.ins().splat(types::F64X2, both);
    let lanes = lanes_as(builder, types::F32X4, lanes);
    builder.ins().extractlane(lanes, u8::from(is_second))
}

/// Returns a vector of a little-endian machine as another of its size.
fn lanes_as(builder: &mut FunctionBuilder<'_>, ty: Type, lanes: Value) -> Value {
    builder.ins().bitcast(ty, flags(Endianness::Little), lanes)
}
