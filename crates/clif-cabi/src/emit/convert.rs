//! Between the one SSA value a front end has and the pieces that travel. Only bits move: no conversion changes a number.

use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::FunctionBuilder;

use super::{Values, memory};
use crate::pieces::Piece;

/// Reinterpret: lane order as in memory.
fn flags() -> MemFlagsData {
    MemFlagsData::new().with_endianness(Endianness::Little)
}

/// The pieces of `value`, or `None` if its bits do not make them.
pub(crate) fn split(
    builder: &mut FunctionBuilder<'_>,
    value: Value,
    pieces: &[Piece],
) -> Option<Values> {
    let ty = builder.func.dfg.value_type(value);
    if ty.is_invalid() {
        return None;
    }
    match pieces {
        [piece] => reshape(builder, value, piece.ty).map(|v| Values::from_slice(&[v])),
        [low, high] if [low.ty, high.ty] == [types::I64; 2] && ty.bits() == 128 => {
            let (low, high) = halves(builder, value, ty)?;
            Some(Values::from_slice(&[low, high]))
        }
        _ => None,
    }
}

/// The same by way of memory, for what no instruction takes apart. `None` if the value has too few bytes.
pub(crate) fn split_in_memory(
    builder: &mut FunctionBuilder<'_>,
    value: Value,
    pieces: &[Piece],
) -> Option<Values> {
    let bytes = builder.func.dfg.value_type(value).bytes();
    if end(pieces) > bytes {
        return None;
    }
    let at = memory::slot(builder, u64::from(bytes), 16);
    builder.ins().store(flags(), value, at.base, at.offset);
    let load = |piece| memory::load(builder, piece, at);
    Some(pieces.iter().map(load).collect())
}

/// The byte behind the last one of the object that `pieces` hold.
fn end(pieces: &[Piece]) -> u32 {
    let ends = pieces.iter().map(|p| p.offset + u32::from(p.size));
    ends.max().unwrap_or(0)
}

fn halves(builder: &mut FunctionBuilder<'_>, value: Value, ty: Type) -> Option<(Value, Value)> {
    if ty == types::I128 {
        return Some(builder.ins().isplit(value));
    }
    if !ty.is_vector() {
        return None; // f128 has no instruction to take it apart
    }
    let lanes = match ty {
        types::I64X2 => value,
        _ => builder.ins().bitcast(types::I64X2, flags(), value),
    };
    Some((
        builder.ins().extractlane(lanes, 0),
        builder.ins().extractlane(lanes, 1),
    ))
}

/// The bits of `value` as `ty`, zero-extended if `ty` is a wider integer. `None` if bits would be lost.
pub(crate) fn reshape(builder: &mut FunctionBuilder<'_>, value: Value, ty: Type) -> Option<Value> {
    let from = builder.func.dfg.value_type(value);
    if from == ty {
        return Some(value);
    }
    if from.bits() == ty.bits() && from.bits() <= 64 || from.is_vector() && ty.is_vector() {
        return (from.bits() == ty.bits()).then(|| builder.ins().bitcast(ty, flags(), value));
    }
    if from.bits() < ty.bits() && ty == types::I64 {
        let int = Type::int(u16::try_from(from.bits()).ok()?)?;
        let value = if from == int {
            value
        } else {
            builder.ins().bitcast(int, flags(), value)
        };
        return Some(builder.ins().uextend(types::I64, value));
    }
    None
}

/// The value of type `ty` that `pieces` make, or `None` if they make none.
pub(crate) fn join(
    builder: &mut FunctionBuilder<'_>,
    values: &[Value],
    pieces: &[Piece],
    ty: Type,
) -> Option<Value> {
    match (values, pieces) {
        ([value], [piece]) => narrow(builder, *value, piece.ty, ty),
        ([low, high], [a, b]) if ty == types::I128 && [a.ty, b.ty] == [types::I64; 2] => {
            Some(builder.ins().iconcat(*low, *high))
        }
        _ => None,
    }
}

/// The same by way of memory. `None` if the pieces have too few bytes.
pub(crate) fn join_in_memory(
    builder: &mut FunctionBuilder<'_>,
    values: &[Value],
    pieces: &[Piece],
    ty: Type,
) -> Option<Value> {
    if end(pieces) < ty.bytes() {
        return None;
    }
    let at = memory::slot(builder, u64::from(end(pieces)), 16);
    for (piece, value) in pieces.iter().zip(values) {
        memory::store(builder, piece, *value, at);
    }
    Some(builder.ins().load(ty, flags(), at.base, at.offset))
}

/// A piece of type `from` as the value `ty` whose bits are its low ones.
fn narrow(builder: &mut FunctionBuilder<'_>, value: Value, from: Type, ty: Type) -> Option<Value> {
    if from.bits() == ty.bits() {
        return reshape(builder, value, ty);
    }
    if from.is_int() && from.bits() > ty.bits() {
        let int = Type::int(u16::try_from(ty.bits()).ok()?)?;
        let value = builder.ins().ireduce(int, value);
        return reshape(builder, value, ty);
    }
    None
}
