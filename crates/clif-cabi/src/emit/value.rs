//! The two conversions of a C value: from a front end's form to the ABI's parts or object, and
//! back. Calls and entries have both: arguments are passed by one and received by the other,
//! results are returned and received.

use std::fmt;

use crate::cranelift::codegen::ir::{Endianness, Type, Value};
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use clif_cabi_plan::{ClifPart, ClifParts, PassMode, SignaturePlan};
use smallvec::{Array, SmallVec};

use super::fields::{self, Fields};
use super::forms::{Arg, Ret, Returned};
use super::memory::{self, Address, MemoryConfig};
use super::{Values, convert};
use crate::clif_types::{clif_type, type_name, type_names, value_type};
use crate::error::LowerError;

/// Fields of types that were checked are put together in any case.
const NO_FIELDS: LowerError = LowerError::Internal("fields that no instruction takes apart");

/// An argument or the result of a plan.
#[derive(Clone, Copy)]
pub(super) struct CValue<'a> {
    /// Index of the argument. `None`: the result.
    pub(super) arg: Option<usize>,
    pub(super) ty: &'a cabi::Type,
    pub(super) mode: PassMode,
    /// The parts that it can be given and received in.
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

    /// Returns the type that it has as one SSA value, if it has one.
    pub(super) fn whole(&self) -> Option<Type> {
        value_type(self.ty)
    }

    /// Returns values of `types` as fields, if these are not the types of the parts, but the values
    /// are all bytes of the value all the same.
    pub(super) fn given_parts(&self, types: impl Iterator<Item = Type> + Clone) -> Option<Fields> {
        match part_types(self.parts).eq(types.clone()) {
            true => None,
            false => fields::of_parts(self.ty, types, self.order()),
        }
    }

    /// Returns the error that the value is `found` where `expected` would be right.
    pub(super) fn error(&self, expected: String, found: String) -> LowerError {
        LowerError::value([self, self.ty, &expected, &found])
    }

    /// Returns its object `offset` bytes after `base`: offsets in it must not leave 32 bits.
    pub(super) fn given(
        &self,
        builder: &mut FunctionBuilder<'_>,
        base: Value,
        offset: i32,
    ) -> Address {
        let here = Address { base, offset };
        let last = u32::try_from(self.ty.size()).unwrap_or(u32::MAX);
        match i64::from(offset) + i64::from(last) <= i64::from(i32::MAX) {
            true => here,
            false => Address::at(here.value(builder)),
        }
    }

    /// Appends the parts of `arg` to `values`, as they are passed: narrow integers are extended.
    pub(super) fn form_to_parts(
        &self,
        builder: &mut FunctionBuilder<'_>,
        arg: &Arg,
        values: &mut SmallVec<impl Array<Item = Value>>,
    ) -> Result<(), LowerError> {
        let own = match (arg, self.parts) {
            (Arg::Memory { base, offset, .. }, parts) => {
                let from = self.given(builder, *base, *offset);
                for part in parts {
                    let value = memory::load_passed(builder, part, from);
                    values.push(self.with_all_bits(builder, value));
                }
                return Ok(());
            }
            (Arg::Value(value), parts) => {
                let found = builder.func.dfg.value_type(*value);
                if let [part] = parts
                    && clif_type(part.ty) == found
                {
                    let value = convert::passed(builder, part, *value);
                    values.push(self.with_all_bits(builder, value));
                    return Ok(());
                }
                let no_parts = || self.error("its parts".into(), type_name(found));
                &convert::split(builder, *value, parts, self.order()).ok_or_else(no_parts)?
            }
            (Arg::Parts(own), parts) => match self.given_parts(types_of(builder, own)) {
                Some(given) => {
                    &fields::to_parts(builder, &given, own, parts, self.order()).ok_or(NO_FIELDS)?
                }
                None => own,
            },
            (Arg::Fields(own), parts) => {
                let fields = self.fields()?;
                &fields::to_parts(builder, &fields, own, parts, self.order()).ok_or(NO_FIELDS)?
            }
        };
        for (part, value) in self.parts.iter().zip(own) {
            let value = convert::passed(builder, part, *value);
            values.push(self.with_all_bits(builder, value));
        }
        Ok(())
    }

    /// Extends a `_BitInt` from its own bits.
    fn with_all_bits(&self, builder: &mut FunctionBuilder<'_>, value: Value) -> Value {
        let Some((bits, signed)) = self.plan.extended_bits(self.ty) else {
            return value;
        };
        let all = builder.func.dfg.value_type(value);
        // A convention of a language's own may pass it as a float.
        if !all.is_int() {
            return value;
        }
        let unused = all.bits().saturating_sub(bits.into());
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
                let from = self.given(builder, *base, *offset);
                memory::copy(config, builder, size, from, to);
            }
            Arg::Value(value) => memory::write(builder, *value, to),
            Arg::Parts(values) | Arg::Fields(values) => {
                let given = match arg {
                    Arg::Fields(_) => Some(self.fields()?),
                    _ => self.given_parts(types_of(builder, values)),
                };
                let Some(fields) = given else {
                    memory::store_all(builder, self.parts, values, to);
                    return Ok(());
                };
                let stored = fields::store(builder, &fields, values, (size, to), self.order());
                stored.ok_or(NO_FIELDS)?;
            }
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
            return Ok(self.given(builder, *base, *offset));
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
    ) -> Result<Returned, LowerError> {
        let parts = self.parts;
        Ok(match ret {
            Ret::Ignore => Returned::Nothing,
            Ret::Parts => Returned::Parts(Values::from_slice(values)),
            Ret::Fields => {
                let fields = self.fields()?;
                let values = fields::from_parts(builder, parts, values, &fields, self.order());
                Returned::Fields(values.ok_or(NO_FIELDS)?)
            }
            Ret::Memory(to) => {
                memory::store_all(builder, parts, values, Address::at(to));
                Returned::Nothing
            }
            Ret::Value => {
                let whole = self.whole();
                let joined = whole
                    .and_then(|whole| convert::join(builder, values, parts, (whole, self.order())));
                let refused = || self.error(memory_or(parts, "Ret"), "Ret::Value".into());
                Returned::Value(joined.ok_or_else(refused)?)
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
    ) -> Result<Returned, LowerError> {
        let words: ClifParts;
        let parts = match (ret, self.parts) {
            (Ret::Fields, []) => {
                words = fields::words(self.ty.size(), self.order());
                &words
            }
            (_, parts) => parts,
        };
        match (ret, self.whole()) {
            (Ret::Value, Some(whole)) => {
                let value = memory::read(builder, whole, from);
                return Ok(Returned::Value(value));
            }
            (Ret::Memory(to), _) => {
                memory::copy(config, builder, self.ty.size(), from, Address::at(to));
                return Ok(Returned::Nothing);
            }
            (Ret::Ignore, _) => return Ok(Returned::Nothing),
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
