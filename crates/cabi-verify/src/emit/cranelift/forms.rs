//! Values in each of their forms, taken apart and put together byte by byte, by nothing of what is tested.

use cabi::{Place, Type};
use clif_cabi::cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, Value, types};
use clif_cabi::cranelift_codegen::isa::TargetFrontendConfig;
use clif_cabi::cranelift_frontend::FunctionBuilder;
use clif_cabi::{Arg, Entry, LowerError, Part, Returned, Values, value_type};

/// Stores a result that is not in memory yet.
pub(super) fn keep(
    builder: &mut FunctionBuilder<'_>,
    returned: Returned,
    parts: &[Part],
    to: Value,
) {
    match returned {
        Returned::Value(value) => {
            builder.ins().store(MemFlagsData::new(), value, to, 0);
        }
        Returned::Parts(values) => {
            for (part, value) in parts.iter().zip(values) {
                store_part(builder, part, value, to);
            }
        }
        _ => {}
    }
}

/// A value in one of its forms: memory, one value, parts, one value of another type of the same width.
pub(super) fn argument(
    builder: &mut FunctionBuilder<'_>,
    ty: &Type,
    parts: &[Part],
    at: Value,
    form: usize,
) -> Arg {
    let load =
        |builder: &mut FunctionBuilder<'_>, ty| builder.ins().load(ty, MemFlagsData::new(), at, 0);
    match (form, value_type(ty)) {
        (1, Some(ty)) => Arg::value(load(builder, ty)),
        (3, Some(ty)) => Arg::value(load(builder, other_type(ty))),
        (2, _) if !parts.is_empty() => Arg::Parts(load_parts(builder, parts, at)),
        _ => Arg::memory(at),
    }
}

fn other_type(ty: ir::Type) -> ir::Type {
    match ty {
        types::I16 => types::F16,
        types::F16 => types::I16,
        types::I32 => types::F32,
        types::F32 => types::I32,
        types::I64 => types::F64,
        types::F64 => types::I64,
        types::I128 | types::F128 => types::I8X16,
        ty if ty.bits() == 128 => types::I128,
        ty => ty,
    }
}

pub(super) fn load_parts(builder: &mut FunctionBuilder<'_>, parts: &[Part], at: Value) -> Values {
    let load = |part| load_part(builder, part, at);
    parts.iter().map(load).collect()
}

/// One part of the object at `at`, with garbage where it holds nothing of the object.
fn load_part(builder: &mut FunctionBuilder<'_>, part: &Part, at: Value) -> Value {
    let offset = i32::try_from(part.offset).unwrap_or(0);
    if part.ty.bytes() == u32::from(part.size) {
        return builder.ins().load(part.ty, MemFlagsData::new(), at, offset);
    }
    let mut word = builder.ins().iconst(types::I64, 0);
    for byte in 0..8 {
        let part = if byte < i32::from(part.size) {
            let flags = MemFlagsData::new();
            builder.ins().uload8(types::I64, flags, at, offset + byte)
        } else {
            builder.ins().iconst(types::I64, 0x5a)
        };
        let part = builder.ins().ishl_imm_u(part, i64::from(8 * byte));
        word = builder.ins().bor(word, part);
    }
    let int = int_of(part.ty);
    if int != types::I64 {
        word = builder.ins().ireduce(int, word);
    }
    if part.ty == int {
        return word;
    }
    builder.ins().bitcast(part.ty, MemFlagsData::new(), word)
}

/// Writes the bytes of a part that hold something of the object at `to`.
fn store_part(builder: &mut FunctionBuilder<'_>, part: &Part, value: Value, to: Value) {
    let offset = i32::try_from(part.offset).unwrap_or(0);
    if part.ty.bytes() == u32::from(part.size) {
        builder.ins().store(MemFlagsData::new(), value, to, offset);
        return;
    }
    let int = int_of(part.ty);
    let mut word = if part.ty == int {
        value
    } else {
        builder.ins().bitcast(int, MemFlagsData::new(), value)
    };
    for byte in 0..i32::from(part.size) {
        let flags = MemFlagsData::new();
        if int == types::I8 {
            builder.ins().store(flags, word, to, offset + byte);
        } else {
            builder.ins().istore8(flags, word, to, offset + byte);
            word = builder.ins().ushr_imm_u(word, 8);
        }
    }
}

fn int_of(ty: ir::Type) -> ir::Type {
    ir::Type::int_with_byte_size(u16::try_from(ty.bytes()).unwrap_or(8)).unwrap_or(types::I64)
}

pub(super) fn constant(builder: &mut FunctionBuilder<'_>, address: *const u8) -> Value {
    // An address has 64 bits here.
    builder.ins().iconst(
        types::I64,
        i64::from_ne_bytes((address as u64).to_ne_bytes()),
    )
}

/// Writes argument `i` to `to`, asked for in one of its forms.
pub(super) fn write_down(
    builder: &mut FunctionBuilder<'_>,
    config: TargetFrontendConfig,
    entry: &Entry,
    i: usize,
    ty: &Type,
    to: Value,
    form: usize,
) -> Result<(), LowerError> {
    let plan = entry.plan();
    let lanes = matches!(plan.abi().args[i].place, Place::PerElement { .. });
    let parts = plan.parts(i).to_vec();
    match (form, value_type(ty)) {
        (0, _) if ty.align() <= 4096 => {
            let from = entry.address(builder, i)?;
            copy(builder, config, ty.size(), from, to);
        }
        (1, Some(_)) if !lanes => {
            let value = entry.value(builder, i)?;
            builder.ins().store(MemFlagsData::new(), value, to, 0);
        }
        (2, _) if !parts.is_empty() => {
            let values = entry.parts(builder, i)?;
            for (part, value) in parts.iter().zip(values) {
                store_part(builder, part, value, to);
            }
        }
        _ => entry.store(builder, i, to)?,
    }
    Ok(())
}

/// Copies an object: byte by byte, a large one by `memcpy`.
pub(super) fn copy(
    builder: &mut FunctionBuilder<'_>,
    config: TargetFrontendConfig,
    size: u64,
    from: Value,
    to: Value,
) {
    if size > 64 {
        let size = builder
            .ins()
            .iconst(types::I64, i64::try_from(size).unwrap_or(0));
        builder.call_memcpy(config, to, from, size);
        return;
    }
    for at in 0..i32::try_from(size).unwrap_or(0) {
        let flags = MemFlagsData::new();
        let byte = builder.ins().load(types::I8, flags, from, at);
        builder.ins().store(flags, byte, to, at);
    }
}
