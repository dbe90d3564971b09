//! Values in each of their forms, taken apart and put together byte by byte, without the code under
//! test.

use cabi::{LeafKind, Place, Type, leaves};
use clif_cabi::clif_cabi_plan::{Machine, SignaturePlan};
use clif_cabi::cranelift_codegen::ir::condcodes::IntCC;
use clif_cabi::cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, Value, types};
use clif_cabi::cranelift_codegen::isa::TargetFrontendConfig;
use clif_cabi::cranelift_frontend::FunctionBuilder;
use clif_cabi::{
    Arg, CallResult, ClifPart, Entry, FieldValue, LowerError, Lowering, Values, clif_type,
    value_type,
};

use crate::pattern::is_big_endian;

/// Stores a result that is not in memory yet.
pub(super) fn keep(
    builder: &mut FunctionBuilder<'_>,
    returned: CallResult,
    plan: &SignaturePlan,
    (to, lower): (Value, &Lowering),
) {
    let ty = plan.sig.result();
    match returned {
        CallResult::Fields(values) => {
            store(builder, &ValueBits::of_fields(ty, plan, lower), &values, to);
        }
        CallResult::Value(value) => {
            builder.ins().store(MemFlagsData::new(), value, to, 0);
        }
        CallResult::Parts(values) => {
            store(
                builder,
                &ValueBits::of_parts(plan.result.parts()),
                &values,
                to,
            );
        }
        _ => {}
    }
}

/// Returns argument `arg` or the result in one of its forms: memory, one value or fields, parts,
/// one value of another type as wide.
pub(super) fn argument(
    builder: &mut FunctionBuilder<'_>,
    plan: &SignaturePlan,
    arg: Option<usize>,
    at: Value,
    (form, lower): (usize, &Lowering),
) -> Arg {
    let (ty, parts) = match arg {
        Some(i) => (&plan.sig.params()[i].ty, plan.args.parts(i)),
        None => (plan.sig.result(), plan.result.parts()),
    };
    let flags = MemFlagsData::new();
    match (form, value_type(ty)) {
        (1, Some(ty)) => Arg::value(builder.ins().load(ty, flags, at, 0)),
        (3, Some(ty)) => Arg::value(builder.ins().load(other_type(ty, lower), flags, at, 0)),
        (1, None) if lower.fields(ty).is_ok() => {
            Arg::Fields(load(builder, &ValueBits::of_fields(ty, plan, lower), at))
        }
        (2, _) if !parts.is_empty() => Arg::Parts(load(builder, &ValueBits::of_parts(parts), at)),
        _ => Arg::memory(at),
    }
}

fn other_type(ty: ir::Type, lower: &Lowering) -> ir::Type {
    let has_vectors = || Machine::of(lower.target()).is_ok_and(|machine| machine.has_vectors());
    match ty {
        types::I16 => types::F16,
        types::F16 => types::I16,
        types::I32 => types::F32,
        types::F32 => types::I32,
        types::I64 => types::F64,
        types::F64 => types::I64,
        types::I128 | types::F128 if has_vectors() => types::I8X16,
        types::I128 => types::F128,
        ty if ty.bits() == 128 => types::I128,
        ty => ty,
    }
}

/// Bits of an object that are a value in CLIF: a part or a field.
struct ValueBits {
    first_bit: i32,
    n_bits: i32,
    /// Sign of a bit-field's value: `true` if it is signed.
    bit_field: Option<bool>,
    ty: ir::Type,
    /// `true` if the first bit is the highest.
    highest_first: bool,
}

/// Offsets here end before 64 bytes.
fn bits(n: u64) -> i32 {
    i32::try_from(n).unwrap_or(0)
}

impl ValueBits {
    fn of_parts(parts: &[ClifPart]) -> Vec<Self> {
        let of_part = |part: &ClifPart| Self {
            first_bit: bits(8 * u64::from(part.offset)),
            n_bits: bits(8 * u64::from(part.size)),
            bit_field: None,
            ty: clif_type(part.ty),
            // A big-endian machine passes no part of an integer.
            highest_first: false,
        };
        parts.iter().map(of_part).collect()
    }

    /// Returns all fields of `ty`, by the layout on the machine of `plan`.
    fn of_fields(ty: &Type, plan: &SignaturePlan, lower: &Lowering) -> Vec<Self> {
        let leaves = leaves(ty).filter(|leaf| leaf.width_bits > 0 && !leaf.unnamed);
        let all = leaves.zip(lower.fields(ty).unwrap_or_default());
        all.map(|(leaf, field)| {
            let is_signed = matches!(leaf.kind, LeafKind::Scalar(scalar) if scalar.is_signed());
            Self {
                first_bit: bits(leaf.offset_bits),
                n_bits: match leaf.bit_field {
                    true => bits(leaf.width_bits),
                    false => field.ty.bits().cast_signed(),
                },
                bit_field: leaf.bit_field.then_some(is_signed),
                ty: field.ty,
                highest_first: is_big_endian(Some(plan.abi.convention)),
            }
        })
        .collect()
    }

    /// Returns its first byte, if the value consists of whole bytes.
    fn offset(&self) -> Option<i32> {
        let is_whole = self.first_bit % 8 == 0 && self.n_bits == self.ty.bits().cast_signed();
        is_whole.then_some(self.first_bit / 8)
    }

    /// Returns the steps through the bits, from the lowest on, and the bits of a step: 8 or 1. A
    /// step has the offset of its byte, and the number of bits below it in that byte.
    fn steps(&self) -> (Vec<(i32, i64)>, i64) {
        let step = match (self.first_bit % 8, self.n_bits % 8) {
            (0, 0) => 8_u8,
            _ => 1,
        };
        let steps = (self.first_bit..self.first_bit + self.n_bits).step_by(step.into());
        let steps = steps.map(|bit| match self.highest_first {
            true => (bit / 8, i64::from(8 - i32::from(step) - bit % 8)),
            false => (bit / 8, i64::from(bit % 8)),
        });
        let mut steps: Vec<_> = steps.collect();
        if self.highest_first {
            steps.reverse();
        }
        (steps, step.into())
    }

    /// Loads the value of the object at `at`, with ones above the bits.
    fn load(&self, builder: &mut FunctionBuilder<'_>, at: Value) -> Value {
        let flags = MemFlagsData::new();
        if let Some(offset) = self.offset() {
            return builder.ins().load(self.ty, flags, at, offset);
        }
        let mut word = builder.ins().iconst(types::I64, -1);
        let (steps, n) = self.steps();
        for (byte, below) in steps.into_iter().rev() {
            let byte = builder.ins().uload8(types::I64, flags, at, byte);
            let byte = builder.ins().ushr_imm_u(byte, below);
            let bits = builder.ins().band_imm_u(byte, (1 << n) - 1);
            word = builder.ins().ishl_imm_u(word, n);
            word = builder.ins().bor(word, bits);
        }
        let int = int_of(self.ty);
        if int != types::I64 {
            word = builder.ins().ireduce(int, word);
        }
        match self.ty == int {
            true => word,
            false => builder.ins().bitcast(self.ty, flags, word),
        }
    }

    /// Writes the bits of the object at `to`, and not their neighbors. A bit-field that is not
    /// extended by its sign or by zeros is written inverted.
    fn store(&self, builder: &mut FunctionBuilder<'_>, value: Value, to: Value) {
        let flags = MemFlagsData::new();
        if let Some(offset) = self.offset() {
            builder.ins().store(flags, value, to, offset);
            return;
        }
        let int = int_of(self.ty);
        let mut word = match self.ty == int {
            true => value,
            false => builder.ins().bitcast(int, flags, value),
        };
        if let Some(is_signed) = self.bit_field {
            let unused = i64::from(int.bits().cast_signed() - self.n_bits);
            let high = builder.ins().ishl_imm_u(word, unused);
            let extended = match is_signed {
                true => builder.ins().sshr_imm_u(high, unused),
                false => builder.ins().ushr_imm_u(high, unused),
            };
            let is_right = builder.ins().icmp(IntCC::Equal, extended, word);
            let inverted = builder.ins().bnot(word);
            word = builder.ins().select(is_right, word, inverted);
        }
        if int != types::I64 {
            word = builder.ins().uextend(types::I64, word);
        }
        let (steps, n) = self.steps();
        for (at, shift) in steps {
            let mask = (1_i64 << n) - 1;
            let byte = builder.ins().uload8(types::I64, flags, to, at);
            let unchanged = builder.ins().band_imm_u(byte, 0xff ^ mask << shift);
            let bits = builder.ins().band_imm_u(word, mask);
            let bits = builder.ins().ishl_imm_u(bits, shift);
            let byte = builder.ins().bor(unchanged, bits);
            builder.ins().istore8(flags, byte, to, at);
            word = builder.ins().ushr_imm_u(word, n);
        }
    }
}

fn load(builder: &mut FunctionBuilder<'_>, all: &[ValueBits], at: Value) -> Values {
    all.iter().map(|bits| bits.load(builder, at)).collect()
}

fn store(builder: &mut FunctionBuilder<'_>, all: &[ValueBits], values: &[Value], to: Value) {
    for (bits, value) in all.iter().zip(values) {
        bits.store(builder, *value, to);
    }
}

/// Checks whether exactly one part has each byte of `fields`. A byte that a compiler does not pass
/// is in no part. A byte of a value in two registers is in the parts of both.
fn are_in(fields: &[FieldValue], parts: &[ClifPart]) -> bool {
    fields.iter().all(|field| {
        let (first, end) = (
            field.offset_bits / 8,
            (field.offset_bits + field.width_bits).div_ceil(8),
        );
        (first..end).all(|byte| {
            let is_in = |part: &&ClifPart| {
                (part.offset..part.offset + u32::from(part.size)).contains(&byte)
            };
            parts.iter().filter(is_in).count() == 1
        })
    })
}

fn int_of(ty: ir::Type) -> ir::Type {
    ir::Type::int_with_byte_size(u16::try_from(ty.bytes()).unwrap_or(8)).unwrap_or(types::I64)
}

/// Writes argument `i`, requested in one of its forms, to `to`.
pub(super) fn write_down(
    builder: &mut FunctionBuilder<'_>,
    config: TargetFrontendConfig,
    entry: &Entry,
    i: usize,
    ty: &Type,
    to: Value,
    (form, lower): (usize, &Lowering),
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
        (1, None) if lower.fields(ty).is_ok_and(|fields| are_in(&fields, &parts)) => {
            let values = entry.fields(builder, i)?;
            store(builder, &ValueBits::of_fields(ty, plan, lower), &values, to);
        }
        (2, _) if !parts.is_empty() => {
            let values = entry.parts(builder, i)?;
            store(builder, &ValueBits::of_parts(&parts), &values, to);
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
