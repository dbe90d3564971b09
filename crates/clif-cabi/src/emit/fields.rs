//! Records by their fields: each scalar and vector of a type is one SSA value. Fields are put
//! together to parts, and taken out of parts, in registers. Bits are counted from the lowest one of
//! the object as one number. This bit is in the first byte on little-endian machines, in the last
//! byte on others.

use crate::cranelift::codegen::ir::{Endianness, Type, Value, types};
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use cabi::{Kind, LeafKind, Scalar, leaves};
use clif_cabi_plan::{ClifPart, ClifParts, ValueType};
use smallvec::SmallVec;

use super::memory::{self, Address, MAX_FIELDS_BYTES, MemoryConfig};
use super::{Values, convert};
use crate::clif_types::clif_type;

/// One scalar or vector of a type, as [`Arg::Fields`](crate::Arg::Fields) takes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct FieldValue {
    /// Bits from the start of the object.
    pub offset_bits: u32,
    /// Width in the object, in bits: that of the type, or of the bit-field.
    pub width_bits: u32,
    /// CLIF type of the value; for a bit-field that of its declared type.
    pub ty: Type,
    /// `true` if a bit-field that is taken out is extended by its sign.
    pub is_signed: bool,
}

impl FieldValue {
    /// Returns a value of type `ty` as the only field of an object.
    pub(super) fn single(ty: Type) -> Self {
        Self {
            offset_bits: 0,
            width_bits: ty.bits(),
            ty,
            is_signed: false,
        }
    }

    fn is_narrow(&self) -> bool {
        self.width_bits < self.ty.bits()
    }

    /// Checks whether the field is whole bytes of the object, so that one load or store moves it.
    pub(super) fn is_whole(&self) -> bool {
        !self.is_narrow() && self.offset_bits.is_multiple_of(8)
    }

    fn end_bits(&self) -> u32 {
        self.offset_bits + self.width_bits
    }

    /// Returns the number of the field's bits from bit `first` of the object to before bit `end`.
    fn bits_in(&self, (first, end): (u32, u32)) -> u32 {
        let end = end.min(self.end_bits());
        end.saturating_sub(first.max(self.offset_bits))
    }
}

/// The fields of a type, in the order of their declaration.
pub type Fields = SmallVec<[FieldValue; 8]>;

/// Most bits of a value that is given by its fields.
const MAX_BITS: u32 = 512;

impl MemoryConfig {
    /// Returns the fields of `ty` on the machine, or the reason why there are none.
    pub(crate) fn fields(&self, ty: &cabi::Type) -> Result<Fields, &'static str> {
        let fields = fields_of(ty)?;
        match self.has_vectors() || fields.iter().all(|own| !own.ty.is_vector()) {
            true => Ok(fields),
            false => Err("a vector, which Cranelift does not have on this machine"),
        }
    }
}

/// Returns the fields of `ty` on a machine with vectors, or the reason why there are none.
pub(super) fn fields_of(ty: &cabi::Type) -> Result<Fields, &'static str> {
    if ty.size() > MAX_FIELDS_BYTES {
        return Err("more than 64 bytes");
    }
    let mut fields = Fields::new();
    for leaf in leaves(ty).filter(|leaf| leaf.width_bits > 0 && !leaf.unnamed) {
        let clif_ty = clif_cabi_plan::leaf_type(&leaf).map(clif_type);
        let clif_ty = clif_ty.ok_or("a member that is not a CLIF value")?;
        if leaf.bit_field && clif_ty.bits() > 64 {
            return Err("a bit-field of a type of more than 8 bytes");
        }
        // A _Bool has one bit that counts, and is a byte to CLIF as to C.
        let is_bool = matches!(leaf.kind, LeafKind::Scalar(Scalar::Bool));
        if !leaf.bit_field && !is_bool && leaf.width_bits != u64::from(clif_ty.bits()) {
            return Err("a _BitInt or vector of a width that no CLIF type has");
        }
        let width_bits = match leaf.bit_field {
            true => leaf.width_bits,
            false => clif_ty.bits().into(),
        };
        // No leaf ends after its type.
        let narrow = |bits: u64| u32::try_from(bits).map_err(|_| "more than 64 bytes");
        let field = FieldValue {
            offset_bits: narrow(leaf.offset_bits)?,
            width_bits: narrow(width_bits)?,
            ty: clif_ty,
            is_signed: matches!(leaf.kind, LeafKind::Scalar(scalar) if scalar.is_signed()),
        };
        let bits = (field.offset_bits, field.end_bits());
        if fields.iter().any(|own| own.bits_in(bits) > 0) {
            return Err("members that overlap, as in a union");
        }
        fields.push(field);
    }
    Ok(fields)
}

/// Returns values of `types` as fields of an object of `ty`. Each is at the next multiple of its
/// size. It begins with the next field of `ty` instead, if that is earlier or no field has bits at
/// the multiple. `None` if they are not all fields of `ty`, integers as integers and floats as
/// floats. The last value of a record may have more bytes than the record.
pub(super) fn of_parts(
    ty: &cabi::Type,
    types: impl Iterator<Item = Type>,
    order: Endianness,
) -> Option<Fields> {
    let may_be_wider = order == Endianness::Little && matches!(ty.kind(), Kind::Record(_));
    let size = 8 * u32::try_from(ty.size()).ok()?;
    let fields = fields_of(ty).ok()?;
    let (mut values, mut end) = (Fields::new(), 0);
    for ty in types {
        let offset_bits = next_start(&fields, end, ty.bits().max(8));
        let width_bits = ty.bits().min(size.checked_sub(offset_bits)?);
        let is_cut = width_bits < ty.bits() && (!may_be_wider || ty.is_vector());
        // A value of another function has no type.
        if ty.is_invalid() || is_cut || width_bits == 0 {
            return None;
        }
        end = offset_bits + width_bits;
        values.push(FieldValue {
            offset_bits,
            width_bits,
            ty,
            is_signed: false,
        });
    }
    let covers = fields.iter().all(|field| {
        let mut given_bits = 0;
        let is_alike = values.iter().all(|value| {
            let bits = field.bits_in((value.offset_bits, value.end_bits()));
            given_bits += bits;
            bits == 0 || value.ty.is_int() == field.ty.is_int()
        });
        is_alike && given_bits == field.width_bits
    });
    covers.then_some(values)
}

/// Returns the first bit, at `end` or after it, of a value of `bits` bits.
fn next_start(fields: &[FieldValue], end: u32, bits: u32) -> u32 {
    let aligned = end.next_multiple_of(bits);
    let starts = fields.iter().map(|own| own.offset_bits);
    let next = starts.filter(|start| *start >= end).min();
    let has_some = |own: &FieldValue| own.bits_in((aligned, aligned + bits)) > 0;
    match next {
        Some(next) if next < aligned || !fields.iter().any(has_some) => next,
        _ => aligned,
    }
}

/// Returns the `parts` of a value whose `fields` are `values`.
pub(super) fn to_parts(
    builder: &mut FunctionBuilder<'_>,
    fields: &[FieldValue],
    values: &[Value],
    parts: &[ClifPart],
    order: Endianness,
) -> Values {
    let slices = fields.iter().zip(values).map(|(field, value)| Slice {
        value: *value,
        first: lowest((field.offset_bits, field.width_bits), order),
        bits: field.width_bits,
    });
    let mut slices: SmallVec<[Slice; 8]> = slices.collect();
    let part = |part: &ClifPart| {
        let bits = 8 * u32::from(part.size);
        let first = lowest((8 * part.offset, bits), order);
        let ty = (clif_type(part.ty), order);
        let sources = overlapping(&slices, first, bits);
        match sources[..] {
            [slice] if slice.first == first && slice.bits == bits_of(builder, slice.value) => {
                if let Some(value) = convert::reshape(builder, slice.value, ty) {
                    return value;
                }
            }
            [low, high]
                if part.ty == ValueType::F64
                    && order == Endianness::Little
                    && high.first == first + types::F32.bits() =>
            {
                let types = [low, high].map(|own| builder.func.dfg.value_type(own.value));
                if types == [types::F32; 2] {
                    return convert::two_floats(builder, low.value, high.value);
                }
            }
            _ => {}
        }
        bits_as(builder, &mut slices, (first, bits), ty)
    };
    parts.iter().map(part).collect()
}

/// Returns the `fields` of a value whose `parts` are `values`.
pub(super) fn from_parts(
    builder: &mut FunctionBuilder<'_>,
    parts: &[ClifPart],
    values: &[Value],
    fields: &[FieldValue],
    order: Endianness,
) -> Values {
    let mut slices = SmallVec::<[Slice; 8]>::new();
    for (part, value) in parts.iter().zip(values) {
        let (value, bits) = (*value, 8 * u32::from(part.size));
        let first = lowest((8 * part.offset, bits), order);
        // A part that is passed in two registers is two.
        if slices.iter().all(|own| own.first != first) {
            slices.push(Slice { value, first, bits });
        }
    }
    let field = |field: &FieldValue| {
        let bits = field.width_bits;
        let first = lowest((field.offset_bits, bits), order);
        let sources = overlapping(&slices, first, bits);
        if let ([slice], false) = (&sources[..], field.is_narrow()) {
            let ty = builder.func.dfg.value_type(slice.value);
            let lane = first
                .checked_sub(slice.first)
                .map(|bits| bits / types::F32.bits());
            if let (types::F64, types::F32, Some(lane @ 0..=1)) = (ty, field.ty, lane)
                && order == Endianness::Little
            {
                return convert::one_float(builder, slice.value, lane == 1);
            }
            if slice.first == first
                && let Some(value) = convert::reshape(builder, slice.value, (field.ty, order))
            {
                return value;
            }
        }
        if !field.is_narrow() {
            return bits_as(builder, &mut slices, (first, bits), (field.ty, order));
        }
        split_into_words(builder, &mut slices, (first, bits), order);
        let unused = 64_u32.saturating_sub(bits);
        let high = match overlapping(&slices, first, bits)[..] {
            // Its bits go to the top at once: those below them are shifted out afterwards.
            [slice] if field.is_signed && slice.first <= first => {
                let word = convert::to_word(builder, slice.value);
                let above = unused.saturating_sub(first - slice.first);
                builder.ins().ishl_imm_u(word, i64::from(above))
            }
            _ => {
                let word = word(builder, &mut slices, (first, bits), order);
                builder.ins().ishl_imm_u(word, i64::from(unused))
            }
        };
        let low = match field.is_signed {
            true => builder.ins().sshr_imm_u(high, i64::from(unused)),
            false => builder.ins().ushr_imm_u(high, i64::from(unused)),
        };
        convert::from_word(builder, low, field.ty)
    };
    fields.iter().map(field).collect()
}

/// Checks whether each bit of `fields` is in one of `parts`; a field that is not passed cannot be
/// taken out.
pub(super) fn are_in(fields: &[FieldValue], parts: &[ClifPart]) -> bool {
    let in_part = |field: &FieldValue, part: &ClifPart| {
        let end = part.offset + u32::from(part.size);
        field.bits_in((8 * part.offset, 8 * end))
    };
    fields.iter().all(|field| {
        let bits = parts.iter().map(|part| in_part(field, part));
        bits.sum::<u32>() == field.width_bits
    })
}

/// Stores a value of `size` bytes whose `fields` are `values` to the object at `to`.
pub(super) fn store(
    builder: &mut FunctionBuilder<'_>,
    fields: &[FieldValue],
    values: &[Value],
    (size, to): (u64, Address),
    order: Endianness,
) {
    if !fields.iter().all(FieldValue::is_whole) {
        let parts = words(size, order);
        let words = to_parts(builder, fields, values, &parts, order);
        memory::store_all(builder, &parts, &words, to);
        return;
    }
    for (field, value) in fields.iter().zip(values) {
        memory::write(builder, *value, to.plus(field.offset_bits / 8));
    }
}

/// Returns the words of an object of `size` bytes. On a big-endian machine no integer has a part
/// of its bytes: a tail is smaller ones.
pub(super) fn words(size: u64, order: Endianness) -> ClifParts {
    let bytes = u32::try_from(size).unwrap_or(u32::MAX);
    let mut parts: ClifParts = ClifPart::slots(bytes, ValueType::I64).collect();
    let is_tail = |part: &ClifPart| order == Endianness::Big && part.size < 8;
    if let Some(tail) = parts.last().copied().filter(is_tail) {
        parts.pop();
        parts.extend(memory::runs(tail.size).map(|(at, bytes)| {
            let ty = match bytes {
                4 => ValueType::I32,
                2 => ValueType::I16,
                _ => ValueType::I8,
            };
            ClifPart::new(tail.offset + u32::from(at), bytes, ty)
        }));
    }
    parts
}

/// Returns the number of the lowest of the `bits` bits that are `first` bits after the object's
/// start.
fn lowest((first, bits): (u32, u32), order: Endianness) -> u32 {
    match order {
        Endianness::Little => first,
        // No object that is given by its fields has more bits.
        Endianness::Big => MAX_BITS.saturating_sub(first + bits),
    }
}

/// A value that holds some bits of an object in its lowest bits; its higher bits are unspecified.
#[derive(Clone, Copy)]
struct Slice {
    value: Value,
    /// The bit of the object that is its lowest.
    first: u32,
    bits: u32,
}

/// Returns the slices that overlap the `bits` bits from `first` on.
fn overlapping(slices: &[Slice], first: u32, bits: u32) -> SmallVec<[Slice; 4]> {
    let overlaps = |own: &&Slice| own.first < first + bits && first < own.first + own.bits;
    slices.iter().filter(overlaps).copied().collect()
}

/// Replaces each slice of 16 bytes that has some of these bits by two.
fn split_into_words(
    builder: &mut FunctionBuilder<'_>,
    slices: &mut SmallVec<[Slice; 8]>,
    (first, bits): (u32, u32),
    order: Endianness,
) {
    for slice in overlapping(slices, first, bits) {
        if bits_of(builder, slice.value) <= 64 {
            continue;
        }
        let [low, high] = convert::two_words(builder, slice.value, order);
        let (first, bits) = (slice.first, slice.bits);
        slices.retain(|slice| slice.first != first);
        slices.push(Slice {
            value: low,
            first,
            bits: bits.min(64),
        });
        slices.push(Slice {
            value: high,
            first: first + 64,
            bits: bits.saturating_sub(64),
        });
    }
}

fn bits_of(builder: &FunctionBuilder<'_>, value: Value) -> u32 {
    builder.func.dfg.value_type(value).bits()
}

/// Returns the bits of an object from `first` on as a value of type `ty`.
fn bits_as(
    builder: &mut FunctionBuilder<'_>,
    slices: &mut SmallVec<[Slice; 8]>,
    (first, bits): (u32, u32),
    (ty, order): (Type, Endianness),
) -> Value {
    if ty.bits() <= 64 {
        let word = word(builder, slices, (first, bits), order);
        return convert::from_word(builder, word, ty);
    }
    let halves = [(first, 64), (first + 64, bits.saturating_sub(64))];
    let words = halves.map(|bits| word(builder, slices, bits, order));
    convert::of_two_words(builder, words, (ty, order))
}

/// Returns at most 64 bits of an object, from `first` on. The bits above them are unspecified.
fn word(
    builder: &mut FunctionBuilder<'_>,
    slices: &mut SmallVec<[Slice; 8]>,
    (first, bits): (u32, u32),
    order: Endianness,
) -> Value {
    let mut word = None;
    split_into_words(builder, slices, (first, bits), order);
    for slice in overlapping(slices, first, bits) {
        let mut value = slice.value;
        let is_below = slice.first + slice.bits < first + bits;
        if is_below && slice.bits < bits_of(builder, value) {
            // Fewer than 64 bits. An integer is masked before it is extended, which then costs
            // nothing.
            let mask = i64::MAX >> 63_u32.saturating_sub(slice.bits);
            if !builder.func.dfg.value_type(value).is_int() {
                value = convert::to_word(builder, value);
            }
            value = builder.ins().band_imm_u(value, mask);
        }
        // Any bits may be above the last one: extending by the sign costs the least.
        value = match builder.func.dfg.value_type(value) {
            types::I32 if !is_below => builder.ins().sextend(types::I64, value),
            _ => convert::to_word(builder, value),
        };
        value = match slice.first.checked_sub(first) {
            Some(0) => value,
            Some(up) => builder.ins().ishl_imm_u(value, i64::from(up)),
            None => (builder.ins()).ushr_imm_u(value, i64::from(first - slice.first)),
        };
        word = Some(memory::or(builder, word, value));
    }
    word.unwrap_or_else(|| builder.ins().iconst(types::I64, 0))
}

#[cfg(test)]
mod tests;
