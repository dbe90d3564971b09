//! Bits of an object in SSA values: from the values that a front end has to the parts that are passed, and back. Only bits move: no conversion changes a number. Bits
//! are counted as little-endian machines do: bit 0 is the lowest of the first byte.

use crate::cranelift::MemFlagsData;
use crate::cranelift::codegen::ir::{Endianness, Type, Value, types};
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use clif_cabi_plan::{ClifPart, Extension};
use smallvec::{SmallVec, smallvec};

use super::Values;
use super::fields::FieldValue;
use crate::clif_types::clif_type;

/// An object whose bits are in SSA values.
pub(super) struct Object(SmallVec<[Slice; 8]>);

/// A value that holds some bits of an object in its lowest ones; what is above them is unspecified.
#[derive(Clone, Copy)]
struct Slice {
    value: Value,
    /// The bit of the object that is its lowest.
    first: u32,
    bits: u32,
}

impl Slice {
    fn overlaps(&self, first: u32, bits: u32) -> bool {
        self.first < first + bits && first < self.first + self.bits
    }
}

impl Object {
    /// What is one value.
    pub(super) fn of_value(builder: &FunctionBuilder<'_>, value: Value) -> Self {
        let (first, bits) = (0, bits_of(builder, value));
        Self(smallvec![Slice { value, first, bits }])
    }

    pub(super) fn of_parts(parts: &[ClifPart], values: &[Value]) -> Self {
        let slices = parts.iter().zip(values).map(|(part, value)| Slice {
            value: *value,
            first: 8 * part.offset,
            bits: 8 * u32::from(part.size),
        });
        let mut slices: SmallVec<[Slice; 8]> = slices.collect();
        // What is in two registers is taken from the first.
        slices.dedup_by_key(|own| own.first);
        Self(slices)
    }

    pub(super) fn of_fields(fields: &[FieldValue], values: &[Value]) -> Self {
        let slices = fields.iter().zip(values).map(|(field, value)| Slice {
            value: *value,
            first: field.offset_bits,
            bits: field.width_bits,
        });
        Self(slices.collect())
    }

    /// The object in `parts`.
    pub(super) fn parts(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        parts: &[ClifPart],
    ) -> Values {
        let part = |part: &ClifPart| {
            let bits = (8 * part.offset, 8 * u32::from(part.size));
            self.bits_as(builder, bits, clif_type(part.ty))
        };
        parts.iter().map(part).collect()
    }

    /// The object's `fields`.
    pub(super) fn fields(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        fields: &[FieldValue],
    ) -> Values {
        let field = |field: &FieldValue| {
            let (first, bits) = (field.offset_bits, field.width_bits);
            if !field.is_narrow() {
                return self.bits_as(builder, (first, bits), field.ty);
            }
            let word = self.word(builder, first, bits);
            let unused = i64::from(64_u32.saturating_sub(bits));
            let high = builder.ins().ishl_imm_u(word, unused);
            let low = match field.is_signed {
                true => builder.ins().sshr_imm_u(high, unused),
                false => builder.ins().ushr_imm_u(high, unused),
            };
            low_bits(builder, low, field.ty)
        };
        fields.iter().map(field).collect()
    }

    /// The object's first bits as one value of type `ty`.
    pub(super) fn value(&mut self, builder: &mut FunctionBuilder<'_>, ty: Type) -> Value {
        self.bits_as(builder, (0, ty.bits()), ty)
    }

    /// The `bits` bits from `first` on as a value of type `ty`. What is above them is unspecified.
    fn bits_as(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        (first, bits): (u32, u32),
        ty: Type,
    ) -> Value {
        let own = self.0.iter().filter(|own| own.overlaps(first, bits));
        let own: SmallVec<[Slice; 4]> = own.copied().collect();
        let value_type = |own: &Slice| builder.func.dfg.value_type(own.value);
        match &own[..] {
            [one] if one.first == first => {
                if let Some(value) = reshape(builder, one.value, ty) {
                    return value;
                }
            }
            [one]
                if (value_type(one), ty) == (types::F64, types::F32)
                    && first == one.first + types::F32.bits() =>
            {
                return second_float(builder, one.value);
            }
            [low, high]
                if ty == types::F64
                    && high.first == first + types::F32.bits()
                    && [low, high].map(value_type) == [types::F32; 2] =>
            {
                return two_floats(builder, low.value, high.value);
            }
            _ => {}
        }
        if ty.bits() <= 64 {
            let word = self.word(builder, first, bits);
            return low_bits(builder, word, ty);
        }
        let low = self.word(builder, first, 64);
        let high = self.word(builder, first + 64, bits.saturating_sub(64));
        let whole = builder.ins().iconcat(low, high);
        as_type(builder, whole, ty)
    }

    /// At most 64 bits, from `first` on. What is above them is unspecified.
    fn word(&mut self, builder: &mut FunctionBuilder<'_>, first: u32, bits: u32) -> Value {
        self.split_wide(builder, first, bits);
        let mut word = None;
        for own in self.0.iter().filter(|own| own.overlaps(first, bits)) {
            let mut placed = low_bits(builder, own.value, types::I64);
            let is_below = own.first + own.bits < first + bits;
            if is_below && own.bits < bits_of(builder, own.value) {
                // Fewer than 64 bits.
                let mask = i64::MAX >> 63_u32.saturating_sub(own.bits);
                placed = builder.ins().band_imm_u(placed, mask);
            }
            placed = match own.first.checked_sub(first) {
                Some(0) => placed,
                Some(up) => builder.ins().ishl_imm_u(placed, i64::from(up)),
                None => (builder.ins()).ushr_imm_u(placed, i64::from(first - own.first)),
            };
            word = Some(or(builder, word, placed));
        }
        word.unwrap_or_else(|| builder.ins().iconst(types::I64, 0))
    }

    /// Takes values of 16 bytes that overlap these bits apart.
    fn split_wide(&mut self, builder: &mut FunctionBuilder<'_>, first: u32, bits: u32) {
        let mut slices = SmallVec::new();
        for own in &self.0 {
            if bits_of(builder, own.value) <= 64 || !own.overlaps(first, bits) {
                slices.push(*own);
                continue;
            }
            let slice = |value, first, bits| Slice { value, first, bits };
            let ([low, high], first) = (two_words(builder, own.value), own.first);
            slices.push(slice(low, first, own.bits.min(64)));
            slices.push(slice(high, first + 64, own.bits.saturating_sub(64)));
        }
        self.0 = slices;
    }
}

fn bits_of(builder: &FunctionBuilder<'_>, value: Value) -> u32 {
    builder.func.dfg.value_type(value).bits()
}

/// Reinterpret: lane order as in memory.
fn flags() -> MemFlagsData {
    MemFlagsData::new().with_endianness(Endianness::Little)
}

/// The bits of `value` as `ty`, which has as many.
fn as_type(builder: &mut FunctionBuilder<'_>, value: Value, ty: Type) -> Value {
    match builder.func.dfg.value_type(value) == ty {
        true => value,
        false => builder.ins().bitcast(ty, flags(), value),
    }
}

/// The lower bits of `value` as `ty`, both of at most 64 bits; zero-extended if `ty` is wider.
pub(super) fn low_bits(builder: &mut FunctionBuilder<'_>, value: Value, ty: Type) -> Value {
    let from = builder.func.dfg.value_type(value);
    if from.bits() == ty.bits() {
        return as_type(builder, value, ty);
    }
    let [int, wanted] = [from, ty].map(int_of);
    let value = as_type(builder, value, int);
    let value = match int.bits() < wanted.bits() {
        true => builder.ins().uextend(wanted, value),
        false => builder.ins().ireduce(wanted, value),
    };
    as_type(builder, value, ty)
}

/// The integer of as many bytes as `ty`, at most 8, has.
fn int_of(ty: Type) -> Type {
    let bytes = u16::try_from(ty.bytes()).unwrap_or(8);
    Type::int_with_byte_size(bytes).unwrap_or(types::I64)
}

/// The lower bits of `value` as `ty` without a way through words. `None` where no instruction does that.
fn reshape(builder: &mut FunctionBuilder<'_>, value: Value, ty: Type) -> Option<Value> {
    let from = builder.func.dfg.value_type(value);
    let in_vector = |ty: Type| ty.is_vector() || ty == types::F128;
    let is_alike = from == ty || from.bits() == ty.bits() && in_vector(from) && in_vector(ty);
    match is_alike {
        true => Some(as_type(builder, value, ty)),
        false if from.bits().max(ty.bits()) > 64 => None,
        false => Some(low_bits(builder, value, ty)),
    }
}

/// The words of a value of 16 bytes, in their order in memory.
fn two_words(builder: &mut FunctionBuilder<'_>, value: Value) -> [Value; 2] {
    if builder.func.dfg.value_type(value) == types::I128 {
        return builder.ins().isplit(value).into();
    }
    let lanes = as_type(builder, value, types::I64X2);
    [0, 1].map(|lane| builder.ins().extractlane(lanes, lane))
}

/// The value of `part` as whoever passes it does: an integer that is narrow is extended.
#[inline]
pub(super) fn passed(builder: &mut FunctionBuilder<'_>, part: &ClifPart, value: Value) -> Value {
    let ty = part.passed_as();
    match part.extension {
        _ if ty == part.ty => value,
        Extension::Sign => builder.ins().sextend(clif_type(ty), value),
        _ => builder.ins().uextend(clif_type(ty), value),
    }
}

/// `bits`, and those of `with` if there are some.
pub(super) fn or(builder: &mut FunctionBuilder<'_>, with: Option<Value>, bits: Value) -> Value {
    with.map_or(bits, |with| builder.ins().bor(with, bits))
}

/// The vector `f64x2` of the words `low` and `high`.
pub(super) fn pair(builder: &mut FunctionBuilder<'_>, low: Value, high: Value) -> Value {
    let low = builder.ins().scalar_to_vector(types::I64X2, low);
    let both = builder.ins().insertlane(low, high, 1);
    as_type(builder, both, types::F64X2)
}

/// Two floats as the one value that a register has them in, without a way through integer registers.
fn two_floats(builder: &mut FunctionBuilder<'_>, low: Value, high: Value) -> Value {
    let lanes = builder.ins().scalar_to_vector(types::F32X4, low);
    let lanes = builder.ins().insertlane(lanes, high, 1);
    let lanes = as_type(builder, lanes, types::F64X2);
    builder.ins().extractlane(lanes, 0)
}

/// The second of two floats.
fn second_float(builder: &mut FunctionBuilder<'_>, both: Value) -> Value {
    let lanes = builder.ins().scalar_to_vector(types::F64X2, both);
    let lanes = as_type(builder, lanes, types::F32X4);
    builder.ins().extractlane(lanes, 1)
}
