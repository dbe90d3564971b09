//! Values in each of their forms, taken apart and put together byte by byte, by nothing of what is tested.

use cabi::{Leaf, LeafKind, Place, Type, leaves};
use clif_cabi::cranelift_codegen::ir::condcodes::IntCC;
use clif_cabi::cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, Value, types};
use clif_cabi::cranelift_codegen::isa::TargetFrontendConfig;
use clif_cabi::cranelift_frontend::FunctionBuilder;
use clif_cabi::{
    Arg, ClifPart, Entry, FieldValue, LowerError, Returned, Values, clif_type, fields, value_type,
};

/// Stores a result that is not in memory yet.
pub(super) fn keep(
    builder: &mut FunctionBuilder<'_>,
    returned: Returned,
    parts: &[ClifPart],
    ty: &Type,
    to: Value,
) {
    match returned {
        Returned::Fields(values) => store_fields(builder, ty, &values, to),
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

/// A value in one of its forms: memory, one value, parts, one value of another type of the same width or fields.
pub(super) fn argument(
    builder: &mut FunctionBuilder<'_>,
    ty: &Type,
    parts: &[ClifPart],
    at: Value,
    form: usize,
) -> Arg {
    let load =
        |builder: &mut FunctionBuilder<'_>, ty| builder.ins().load(ty, MemFlagsData::new(), at, 0);
    match (form, value_type(ty)) {
        (1, Some(ty)) => Arg::value(load(builder, ty)),
        (3, Some(ty)) => Arg::value(load(builder, other_type(ty))),
        (2, _) if !parts.is_empty() => Arg::Parts(load_parts(builder, parts, at)),
        (3, None) if fields(ty).is_ok() => Arg::Fields(load_fields(builder, ty, at)),
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

pub(super) fn load_parts(
    builder: &mut FunctionBuilder<'_>,
    parts: &[ClifPart],
    at: Value,
) -> Values {
    let load = |part| load_part(builder, part, at);
    parts.iter().map(load).collect()
}

/// One part of the object at `at`, with garbage where it holds nothing of the object.
fn load_part(builder: &mut FunctionBuilder<'_>, part: &ClifPart, at: Value) -> Value {
    let (ty, offset) = (clif_type(part.ty), i32::try_from(part.offset).unwrap_or(0));
    if ty.bytes() == u32::from(part.size) {
        return builder.ins().load(ty, MemFlagsData::new(), at, offset);
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
    let int = int_of(ty);
    if int != types::I64 {
        word = builder.ins().ireduce(int, word);
    }
    if ty == int {
        return word;
    }
    builder.ins().bitcast(ty, MemFlagsData::new(), word)
}

/// Writes the bytes of a part that hold something of the object at `to`.
fn store_part(builder: &mut FunctionBuilder<'_>, part: &ClifPart, value: Value, to: Value) {
    let (ty, offset) = (clif_type(part.ty), i32::try_from(part.offset).unwrap_or(0));
    if ty.bytes() == u32::from(part.size) {
        builder.ins().store(MemFlagsData::new(), value, to, offset);
        return;
    }
    let int = int_of(ty);
    let mut word = if ty == int {
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

/// What has a value in an object of `ty`, by the layout.
struct LeafValue {
    first_bit: i32,
    n_bits: i32,
    is_signed: bool,
    /// The CLIF type of the value.
    ty: ir::Type,
}

impl LeafValue {
    /// All of `ty`, which has fields.
    fn all(ty: &Type) -> Vec<Self> {
        let valued = leaves(ty).filter(|leaf| leaf.width_bits > 0 && !leaf.unnamed);
        // None of more than 64 bytes is given so.
        let bits = |n: u64| i32::try_from(n).unwrap_or(0);
        let own = |(leaf, own): (Leaf, FieldValue)| Self {
            first_bit: bits(leaf.offset_bits),
            n_bits: match leaf.bit_field {
                true => bits(leaf.width_bits),
                false => own.ty.bits().cast_signed(),
            },
            is_signed: matches!(leaf.kind, LeafKind::Scalar(scalar) if scalar.is_signed()),
            ty: own.ty,
        };
        valued
            .zip(fields(ty).unwrap_or_default())
            .map(own)
            .collect()
    }

    /// Its first byte, if it is whole bytes.
    fn offset(&self) -> Option<i32> {
        let is_whole = self.first_bit % 8 == 0 && self.n_bits == self.ty.bits().cast_signed();
        is_whole.then_some(self.first_bit / 8)
    }
}

/// Whether some part has each byte of `fields`: what a compiler does not pass of a value cannot be taken.
fn are_in(fields: &[FieldValue], parts: &[ClifPart]) -> bool {
    fields.iter().all(|field| {
        let (first, end) = (
            field.offset_bits / 8,
            (field.offset_bits + field.width_bits).div_ceil(8),
        );
        (first..end).all(|byte| {
            let mut parts = parts.iter();
            parts.any(|part| (part.offset..part.offset + u32::from(part.size)).contains(&byte))
        })
    })
}

/// The fields of the object at `at`, bit by bit where they are not whole bytes, with garbage above a bit-field.
pub(super) fn load_fields(builder: &mut FunctionBuilder<'_>, ty: &Type, at: Value) -> Values {
    let flags = MemFlagsData::new();
    let load = |own: LeafValue| {
        if let Some(offset) = own.offset() {
            return builder.ins().load(own.ty, flags, at, offset);
        }
        let mut value = builder.ins().iconst(types::I64, -1);
        for bit in (own.first_bit..own.first_bit + own.n_bits).rev() {
            let byte = builder.ins().uload8(types::I64, flags, at, bit / 8);
            let byte = builder.ins().ushr_imm_u(byte, i64::from(bit % 8));
            let bit = builder.ins().band_imm_u(byte, 1);
            value = builder.ins().ishl_imm_u(value, 1);
            value = builder.ins().bor(value, bit);
        }
        match own.ty {
            types::I64 => value,
            ty => builder.ins().ireduce(ty, value),
        }
    };
    LeafValue::all(ty).into_iter().map(load).collect()
}

/// Writes the bits of fields at `to`, and a bit-field's neighbors not. A bit-field that is not extended by its sign or by zeros is written inverted.
fn store_fields(builder: &mut FunctionBuilder<'_>, ty: &Type, values: &[Value], to: Value) {
    let flags = MemFlagsData::new();
    for (own, value) in LeafValue::all(ty).into_iter().zip(values) {
        if let Some(offset) = own.offset() {
            builder.ins().store(flags, *value, to, offset);
            continue;
        }
        let unused = i64::from(own.ty.bits().cast_signed() - own.n_bits);
        let high = builder.ins().ishl_imm_u(*value, unused);
        let extended = match own.is_signed {
            true => builder.ins().sshr_imm_u(high, unused),
            false => builder.ins().ushr_imm_u(high, unused),
        };
        let is_right = builder.ins().icmp(IntCC::Equal, extended, *value);
        let inverted = builder.ins().bnot(*value);
        let value = builder.ins().select(is_right, *value, inverted);
        let mut bits = match own.ty {
            types::I64 => value,
            _ => builder.ins().uextend(types::I64, value),
        };
        for bit in own.first_bit..own.first_bit + own.n_bits {
            let byte = builder.ins().uload8(types::I64, flags, to, bit / 8);
            let others = builder.ins().band_imm_u(byte, 0xff ^ 1 << (bit % 8));
            let one = builder.ins().band_imm_u(bits, 1);
            let one = builder.ins().ishl_imm_u(one, i64::from(bit % 8));
            let byte = builder.ins().bor(others, one);
            builder.ins().istore8(flags, byte, to, bit / 8);
            bits = builder.ins().ushr_imm_u(bits, 1);
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
    let lanes = matches!(plan.abi.args[i].place, Place::PerElement { .. });
    let parts = plan.args.parts(i).to_vec();
    match (form, value_type(ty)) {
        (0, _) if ty.align() <= 4096 => {
            let from = entry.address(builder, i)?;
            copy(builder, config, ty.size(), from, to);
        }
        (1, Some(_)) if !lanes => {
            let value = entry.value(builder, i)?;
            builder.ins().store(MemFlagsData::new(), value, to, 0);
        }
        (1, None) if fields(ty).is_ok_and(|fields| are_in(&fields, &parts)) => {
            let values = entry.fields(builder, i)?;
            store_fields(builder, ty, &values, to);
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
