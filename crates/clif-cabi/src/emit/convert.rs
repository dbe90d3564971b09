//! Conversions between a front end's one SSA value and the parts that are passed. Only bits move:
//! no conversion changes a number.

use crate::cranelift::MemFlagsData;
use crate::cranelift::codegen::ir::{Endianness, Type, Value, types};
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use clif_cabi_plan::{ClifPart, Extension, ValueType};
use smallvec::smallvec;

use super::{Values, memory};
use crate::clif_types::clif_type;

/// Returns flags that reinterpret: lane order as in memory, which has byte order `order`.
pub(super) fn flags(order: Endianness) -> MemFlagsData {
    MemFlagsData::new().with_endianness(order)
}

/// Returns the parts of `value`, or `None` if its bits do not make them. A value that no
/// instruction takes apart goes through memory.
pub(super) fn split(
    builder: &mut FunctionBuilder<'_>,
    value: Value,
    parts: &[ClifPart],
    order: Endianness,
) -> Option<Values> {
    let ty = builder.func.dfg.value_type(value);
    if ty.is_invalid() {
        return None;
    }
    let values = match parts {
        [part] => {
            first_bytes(builder, value, (clif_type(part.ty), order)).map(|value| smallvec![value])
        }
        [first, second] if are_two_words(first, second) && ty.bits() == 128 => {
            two_words(builder, value, order).map(|words| Values::from_slice(&words))
        }
        _ => None,
    };
    values.or_else(|| split_in_memory(builder, value, parts, order))
}

/// Does [`split`] through memory. `None` if the value has too few bytes.
fn split_in_memory(
    builder: &mut FunctionBuilder<'_>,
    value: Value,
    parts: &[ClifPart],
    order: Endianness,
) -> Option<Values> {
    let bytes = builder.func.dfg.value_type(value).bytes();
    if end(parts) > bytes {
        return None;
    }
    let at = memory::scratch(builder, u64::from(bytes));
    builder.ins().store(flags(order), value, at.base, at.offset);
    Some(memory::load_all(builder, parts, at))
}

/// Returns the first byte after the object that `parts` hold.
fn end(parts: &[ClifPart]) -> u32 {
    let ends = parts.iter().map(|p| p.offset + u32::from(p.size));
    ends.max().unwrap_or(0)
}

/// Checks whether they are the first and the second word of 16 bytes. A convention may order them
/// otherwise, or have one in two registers.
fn are_two_words(first: &ClifPart, second: &ClifPart) -> bool {
    [first.ty, second.ty] == [ValueType::I64; 2] && [first.offset, second.offset] == [0, 8]
}

/// Returns the words of a value of 16 bytes, in memory order. `None` where no instruction takes it
/// apart.
pub(super) fn two_words(
    builder: &mut FunctionBuilder<'_>,
    value: Value,
    order: Endianness,
) -> Option<[Value; 2]> {
    let lanes = match builder.func.dfg.value_type(value) {
        types::I128 => {
            let (low, high) = builder.ins().isplit(value);
            return Some(in_order([low, high], order));
        }
        types::I64X2 => value,
        ty if ty.is_vector() => builder.ins().bitcast(types::I64X2, flags(order), value),
        // f128 has no instruction to take it apart.
        _ => return None,
    };
    Some([0, 1].map(|lane| builder.ins().extractlane(lanes, lane)))
}

/// Returns the lower and the upper half of a number in memory order, or the reverse.
pub(super) fn in_order<T>([low, high]: [T; 2], order: Endianness) -> [T; 2] {
    match order {
        Endianness::Little => [low, high],
        Endianness::Big => [high, low],
    }
}

/// Returns `value` as the first bytes of a value of type `ty`. `None` if bits would be lost.
fn first_bytes(
    builder: &mut FunctionBuilder<'_>,
    value: Value,
    (ty, order): (Type, Endianness),
) -> Option<Value> {
    let unused = ty
        .bits()
        .saturating_sub(builder.func.dfg.value_type(value).bits());
    if order == Endianness::Little || unused == 0 || ty.bits() > 64 {
        return reshape(builder, value, (ty, order));
    }
    let int = Type::int(u16::try_from(ty.bits()).ok()?)?;
    let low = reshape(builder, value, (int, order))?;
    let first = builder.ins().ishl_imm_u(low, i64::from(unused));
    reshape(builder, first, (ty, order))
}

/// Returns the value `ty` whose bytes are the first ones of `value`.
fn of_first_bytes(
    builder: &mut FunctionBuilder<'_>,
    value: Value,
    (ty, order): (Type, Endianness),
) -> Option<Value> {
    let from = builder.func.dfg.value_type(value);
    let unused = from.bits().saturating_sub(ty.bits());
    if order == Endianness::Little || unused == 0 || from.bits() > 64 {
        return narrow(builder, value, (ty, order));
    }
    let int = in_int(builder, value, (from, order))?;
    let low = builder.ins().ushr_imm_u(int, i64::from(unused));
    narrow(builder, low, (ty, order))
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

/// Returns the bits of `value` as `ty`, zero-extended if `ty` is wider. `None` if bits would be
/// lost.
pub(super) fn reshape(
    builder: &mut FunctionBuilder<'_>,
    value: Value,
    (ty, order): (Type, Endianness),
) -> Option<Value> {
    let from = builder.func.dfg.value_type(value);
    if from == ty {
        return Some(value);
    }
    if from.bits() == ty.bits() && from.bits() <= 64 || from.is_vector() && ty.is_vector() {
        return (from.bits() == ty.bits()).then(|| builder.ins().bitcast(ty, flags(order), value));
    }
    if from.bits() < ty.bits() && ty.bits() <= 64 {
        let value = in_int(builder, value, (from, order))?;
        let wide = Type::int(u16::try_from(ty.bits()).ok()?)?;
        let value = builder.ins().uextend(wide, value);
        return reshape(builder, value, (ty, order));
    }
    None
}

/// Returns the vector `f64x2` of the words `low` and `high`.
pub(super) fn pair(builder: &mut FunctionBuilder<'_>, low: Value, high: Value) -> Value {
    let low = builder.ins().scalar_to_vector(types::I64X2, low);
    let both = builder.ins().insertlane(low, high, 1);
    builder
        .ins()
        .bitcast(types::F64X2, flags(Endianness::Little), both)
}

/// Returns the bits of `value`, of type `from`, as an integer.
fn in_int(
    builder: &mut FunctionBuilder<'_>,
    value: Value,
    (from, order): (Type, Endianness),
) -> Option<Value> {
    let int = Type::int(u16::try_from(from.bits()).ok()?)?;
    Some(match from == int {
        true => value,
        false => builder.ins().bitcast(int, flags(order), value),
    })
}

/// Returns the value of type `ty` that `parts` make, or `None` if they have too few bytes. A value
/// that no instruction puts together goes through memory.
pub(super) fn join(
    builder: &mut FunctionBuilder<'_>,
    values: &[Value],
    parts: &[ClifPart],
    (ty, order): (Type, Endianness),
) -> Option<Value> {
    let joined = match (values, parts) {
        ([value], [_]) => of_first_bytes(builder, *value, (ty, order)),
        ([first, second], [a, b]) if ty == types::I128 && are_two_words(a, b) => {
            let [low, high] = in_order([*first, *second], order);
            Some(builder.ins().iconcat(low, high))
        }
        _ => None,
    };
    if joined.is_some() {
        return joined;
    }
    if end(parts) < ty.bytes() {
        return None;
    }
    let at = memory::scratch(builder, u64::from(end(parts)));
    memory::store_all(builder, parts, values, at);
    Some(builder.ins().load(ty, flags(order), at.base, at.offset))
}

/// Returns the value `ty` whose bits are the low ones of a part.
pub(super) fn narrow(
    builder: &mut FunctionBuilder<'_>,
    value: Value,
    (ty, order): (Type, Endianness),
) -> Option<Value> {
    let from = builder.func.dfg.value_type(value);
    if from == ty || from.bits() == ty.bits() {
        return reshape(builder, value, (ty, order));
    }
    if from.bits() <= 64 && from.bits() > ty.bits() {
        let value = in_int(builder, value, (from, order))?;
        let int = Type::int(u16::try_from(ty.bits()).ok()?)?;
        let value = builder.ins().ireduce(int, value);
        return reshape(builder, value, (ty, order));
    }
    None
}
