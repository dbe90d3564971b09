//! The two conversions of a C value: from a front end's form to the ABI's parts or object, and
//! back. Calls and entries have both: arguments are passed by one and received by the other,
//! results are returned and received.

use std::fmt;

use crate::cranelift::codegen::ir::{Endianness, Type, Value, types};
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use clif_cabi_plan::{ClifPart, ClifParts, MAX_STACK_BYTES, PassMode, SignaturePlan, ValueType};
use smallvec::{Array, SmallVec};

use super::fields::{self, FieldValue, Fields};
use super::forms::{Arg, CallResult, Ret};
use super::memory::{self, Address, MemoryConfig};
use super::{Values, convert};
use crate::clif_types::{clif_type, type_names, value_type};
use crate::error::LowerError;

/// An argument or the result of a plan.
#[derive(Clone, Copy)]
pub(super) struct CValue<'a> {
    /// Index of the argument. `None`: the result.
    pub(super) arg: Option<usize>,
    pub(super) ty: &'a cabi::Type,
    pub(super) mode: PassMode,
    /// Parts in which the value can be given and received.
    pub(super) parts: &'a [ClifPart],
    plan: &'a SignaturePlan,
}

/// `argument 2`, `result`.
impl fmt::Display for CValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.arg {
            Some(i) => write!(f, "argument {i}"),
            None => f.write_str("result"),
        }
    }
}

impl<'a> CValue<'a> {
    pub(super) fn argument(plan: &'a SignaturePlan, i: usize) -> Option<Self> {
        Some(Self {
            arg: Some(i),
            ty: &plan.sig.params().get(i)?.ty,
            mode: plan.args.mode(i)?,
            parts: plan.args.parts(i),
            plan,
        })
    }

    pub(super) fn result(plan: &'a SignaturePlan) -> Self {
        let ty = plan.sig.result();
        Self {
            arg: None,
            ty,
            mode: plan.result.mode(ty),
            parts: plan.result.parts(),
            plan,
        }
    }

    fn order(&self) -> Endianness {
        order(self.plan)
    }

    /// Returns the fields of a value that was checked to have some.
    fn fields(&self) -> Result<Fields, LowerError> {
        fields::fields_of(self.ty).map_err(LowerError::Internal)
    }

    /// Returns the type of the value as one SSA value, if it has one.
    pub(super) fn single_type(&self) -> Option<Type> {
        value_type(self.ty)
    }

    /// Returns values of `types` as fields, if they are all bytes of the value. `None` if `types`
    /// are the types of the parts.
    pub(super) fn parts_as_fields(
        &self,
        types: impl Iterator<Item = Type> + Clone,
    ) -> Option<Fields> {
        match part_types(self.parts).eq(types.clone()) {
            true => None,
            false => fields::of_parts(self.ty, types, self.order()),
        }
    }

    /// Returns the values of `arg`, which is no object in memory, and the fields that they are;
    /// `None` if they are the parts.
    fn values_and_fields<'v>(
        &self,
        builder: &FunctionBuilder<'_>,
        arg: &'v Arg,
    ) -> Result<(Option<Fields>, &'v [Value]), LowerError> {
        Ok(match arg {
            Arg::Value(value) => {
                let ty = builder.func.dfg.value_type(*value);
                let is_part = matches!(self.parts, [part] if clif_type(part.ty) == ty);
                let fields = (!is_part).then(|| Fields::from_slice(&[FieldValue::single(ty)]));
                (fields, std::slice::from_ref(value))
            }
            Arg::Parts(values) => (self.parts_as_fields(types_of(builder, values)), values),
            Arg::Fields(values) => (Some(self.fields()?), values),
            Arg::Memory { .. } => (None, &[]),
        })
    }

    /// Returns the error that the value is `found` where `expected` would be right.
    pub(super) fn error(&self, expected: String, found: String) -> LowerError {
        LowerError::value([self, self.ty, &expected, &found])
    }

    /// Returns the value's object, `offset` bytes after `base`. Offsets in it must not leave 32
    /// bits, nor must an offset in the frame, which Cranelift adds if `base` is a stack slot.
    pub(super) fn object_at(
        &self,
        builder: &mut FunctionBuilder<'_>,
        base: Value,
        offset: i32,
    ) -> Address {
        let address = Address { base, offset };
        let last = u32::try_from(self.ty.size()).unwrap_or(u32::MAX);
        match i64::from(offset) + i64::from(last) <= i64::from(MAX_STACK_BYTES) {
            true => address,
            false => Address::at(address.value(builder)),
        }
    }

    /// Appends the parts of `arg` to `values`, as they are passed: narrow integers are extended.
    pub(super) fn form_to_parts(
        &self,
        builder: &mut FunctionBuilder<'_>,
        arg: &Arg,
        values: &mut SmallVec<impl Array<Item = Value>>,
    ) -> Result<(), LowerError> {
        if let Arg::Memory { base, offset, .. } = arg {
            let from = self.object_at(builder, *base, *offset);
            for part in self.parts {
                let value = memory::load_passed(builder, part, from);
                values.push(self.with_all_bits(builder, value));
            }
            return Ok(());
        }
        let parts;
        let part_values = match self.values_and_fields(builder, arg)? {
            (None, part_values) => part_values,
            (Some(fields), part_values) => {
                let to = self.parts_of(&fields);
                parts = fields::to_parts(builder, &fields, part_values, &to, self.order());
                &parts
            }
        };
        for (part, value) in self.parts.iter().zip(part_values) {
            let value = convert::passed(builder, part, *value);
            values.push(self.with_all_bits(builder, value));
        }
        Ok(())
    }

    /// Returns the parts that are made of `fields`. A word that will be in a vector stays a double.
    fn parts_of(&self, fields: &[FieldValue]) -> ClifParts {
        let is_double = |own: &FieldValue, part: &ClifPart| {
            own.ty == types::F64 && own.offset_bits == 8 * part.offset
        };
        let part = |part: &ClifPart| match self.mode {
            PassMode::Words if fields.iter().any(|own| is_double(own, part)) => {
                ClifPart::new(part.offset, part.size, ValueType::F64)
            }
            _ => *part,
        };
        self.parts.iter().map(part).collect()
    }

    /// Extends a `_BitInt` from its own bits.
    fn with_all_bits(&self, builder: &mut FunctionBuilder<'_>, value: Value) -> Value {
        let Some((bits, signed)) = self.plan.extended_bits(self.ty) else {
            return value;
        };
        let ty = builder.func.dfg.value_type(value);
        // A convention of a language's own may pass it as a float.
        if !ty.is_int() {
            return value;
        }
        let unused = ty.bits().saturating_sub(bits.into());
        let high = builder.ins().ishl_imm_u(value, i64::from(unused));
        match signed {
            true => builder.ins().sshr_imm_u(high, i64::from(unused)),
            false => builder.ins().ushr_imm_u(high, i64::from(unused)),
        }
    }

    /// Writes `arg` to the object at `to`.
    pub(super) fn form_to_memory(
        &self,
        config: MemoryConfig,
        builder: &mut FunctionBuilder<'_>,
        arg: &Arg,
        to: Address,
    ) -> Result<(), LowerError> {
        let size = self.ty.size();
        match arg {
            Arg::Memory { base, offset, .. } => {
                let from = self.object_at(builder, *base, *offset);
                memory::copy(config, builder, size, from, to);
            }
            _ => match self.values_and_fields(builder, arg)? {
                (None, values) => memory::store_all(builder, self.parts, values, to),
                (Some(fields), values) => {
                    fields::store(builder, &fields, values, (size, to), self.order());
                }
            },
        }
        Ok(())
    }

    /// Returns the object of `arg`: where it is given, or a new one of `bytes` bytes.
    pub(super) fn object(
        &self,
        config: MemoryConfig,
        builder: &mut FunctionBuilder<'_>,
        arg: &Arg,
        bytes: u64,
    ) -> Result<Address, LowerError> {
        if let Arg::Memory { base, offset, .. } = arg {
            return Ok(self.object_at(builder, *base, *offset));
        }
        let to = memory::scratch(builder, bytes);
        self.form_to_memory(config, builder, arg, to)?;
        Ok(to)
    }

    /// Returns the value in the form `ret`, from its parts.
    pub(super) fn parts_to_form(
        &self,
        builder: &mut FunctionBuilder<'_>,
        values: &[Value],
        ret: Ret,
    ) -> Result<CallResult, LowerError> {
        let parts = self.parts;
        Ok(match ret {
            Ret::Ignore => CallResult::Nothing,
            Ret::Parts => CallResult::Parts(Values::from_slice(values)),
            Ret::Fields => {
                let fields = self.fields()?;
                let values = fields::from_parts(builder, parts, values, &fields, self.order());
                CallResult::Fields(values)
            }
            Ret::Memory(to) => {
                memory::store_all(builder, parts, values, Address::at(to));
                CallResult::Nothing
            }
            Ret::Value => {
                let field = self.single_type().map(FieldValue::single);
                // The unused bits of a `_BitInt` are some of its parts' bits.
                let mut parts = ClifParts::from_slice(parts);
                for part in &mut parts {
                    part.size = u8::try_from(part.ty.bytes()).unwrap_or(part.size);
                }
                let end = parts
                    .iter()
                    .map(|part| part.offset + u32::from(part.size))
                    .max();
                let field = field.filter(|own| Some(own.ty.bytes()) <= end);
                let refused = || self.error(memory_or(self.parts, "Ret"), "Ret::Value".into());
                let field = [field.ok_or_else(refused)?];
                let value = fields::from_parts(builder, &parts, values, &field, self.order());
                value
                    .first()
                    .map_or(CallResult::Nothing, |value| CallResult::Value(*value))
            }
        })
    }

    /// Returns the value in the form `ret`, from the object at `from`.
    pub(super) fn memory_to_form(
        &self,
        config: MemoryConfig,
        builder: &mut FunctionBuilder<'_>,
        from: Address,
        ret: Ret,
    ) -> Result<CallResult, LowerError> {
        let words: ClifParts;
        let mut parts = self.parts;
        match (ret, self.single_type()) {
            (Ret::Value, Some(ty)) => {
                let value = memory::read(builder, ty, from);
                return Ok(CallResult::Value(value));
            }
            (Ret::Memory(to), _) => {
                memory::copy(config, builder, self.ty.size(), from, Address::at(to));
                return Ok(CallResult::Nothing);
            }
            (Ret::Ignore, _) => return Ok(CallResult::Nothing),
            (Ret::Fields, _) => {
                let fields = self.fields()?;
                if fields.iter().all(FieldValue::is_whole) {
                    let at = |own: &FieldValue| from.plus(own.offset_bits / 8);
                    let read = |own: &FieldValue| memory::read(builder, own.ty, at(own));
                    return Ok(CallResult::Fields(fields.iter().map(read).collect()));
                }
                if parts.is_empty() {
                    words = fields::words(self.ty.size(), self.order());
                    parts = &words;
                }
            }
            _ => {}
        }
        let values = memory::load_all(builder, parts, from);
        CValue { parts, ..*self }.parts_to_form(builder, &values, ret)
    }
}

/// Returns the byte order of the machine of `plan`.
pub(super) fn order(plan: &SignaturePlan) -> Endianness {
    match plan.abi.convention.frame.big_endian {
        true => Endianness::Big,
        false => Endianness::Little,
    }
}

pub(super) fn part_types(parts: &[ClifPart]) -> impl Iterator<Item = Type> {
    parts.iter().map(|part| clif_type(part.ty))
}

/// Returns the types of `values`, which exist.
fn types_of<'a>(
    builder: &'a FunctionBuilder<'_>,
    values: &'a [Value],
) -> impl Iterator<Item = Type> + Clone + 'a {
    let dfg = &builder.func.dfg;
    values.iter().map(|value| dfg.value_type(*value))
}

/// Returns the forms of a value of `parts`, for messages: `form` is `Arg` or `Ret`.
pub(super) fn memory_or(parts: &[ClifPart], form: &str) -> String {
    match parts {
        [] => format!("{form}::Memory"),
        _ => {
            let types = type_names(part_types(parts));
            format!("{form}::Memory, or {form}::Parts of {types}")
        }
    }
}
