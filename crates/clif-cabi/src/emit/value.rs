//! The two conversions of a C value: from the form in which a front end has it to the parts or the object in which the ABI has it, and back. Calls and
//! entries have both: arguments are passed by the one and received by the other, results are returned and received.

use crate::cranelift::codegen::ir::{DataFlowGraph, Value, types};
use crate::cranelift::codegen::isa::TargetFrontendConfig;
use crate::cranelift::frontend::FunctionBuilder;
use clif_cabi_plan::PassMode;
use smallvec::{Array, SmallVec};

use super::check::{are_fields, are_parts, memory_or, names, type_of, types_of};
use super::forms::{Arg, Ret, Returned};
use super::memory::{self, Address};
use super::{Values, convert, fields};
use crate::error::LowerError;
use crate::parts::CValue;

/// Fields of types that were checked are put together in any case.
const NO_FIELDS: LowerError = LowerError::Stub {
    why: "fields that no instruction takes apart",
};

impl CValue<'_> {
    /// Refuses `arg`, unless the value can be passed as it is given.
    pub(super) fn check(&self, dfg: &DataFlowGraph, arg: &Arg) -> Result<(), LowerError> {
        let fits = match (arg, self.mode) {
            (_, PassMode::Ignore) => true,
            (Arg::Memory { base, .. }, _) => type_of(dfg, *base) == types::I64,
            (Arg::Value(value), PassMode::Parts | PassMode::Indirect { .. }) => {
                let found = type_of(dfg, *value);
                self.whole == Some(found)
                    || self.whole.is_some_and(|own| own.bits() == found.bits())
            }
            (Arg::Value(_), _) => false,
            (_, PassMode::Lanes(_)) | (Arg::Parts(_), PassMode::Indirect { .. }) => false,
            (Arg::Parts(_), PassMode::Area) if self.parts.is_empty() => false,
            (Arg::Parts(values), _) => are_parts(dfg, values, self.parts),
            (Arg::Fields(values), _) => are_fields(dfg, values, self.ty()).is_ok(),
        };
        match fits {
            true => Ok(()),
            false => Err(self.refused(dfg, arg)),
        }
    }

    /// Why [`CValue::check`] refuses it.
    #[cold]
    fn refused(&self, dfg: &DataFlowGraph, arg: &Arg) -> LowerError {
        let one = |expected: String, value| {
            LowerError::value(self.name(), self.ty(), expected, type_of(dfg, value))
        };
        let form = match (arg, self.mode) {
            (Arg::Memory { base, .. }, _) => return one("an address".into(), *base),
            (Arg::Value(value), PassMode::Parts | PassMode::Indirect { .. }) => match self.whole {
                Some(whole) => return one(whole.to_string(), *value),
                None => "Arg::Value".into(),
            },
            (Arg::Value(_), _) => "Arg::Value".into(),
            (Arg::Parts(values), _) if !self.parts.is_empty() => {
                let expected = format!("the parts [{}]", names(self.parts));
                return self.error(expected, types_of(dfg, values));
            }
            (Arg::Parts(_), _) => "Arg::Parts".into(),
            (Arg::Fields(values), _) => match are_fields(dfg, values, self.ty()) {
                Err((Some(expected), found)) => return self.error(expected, found),
                Err((None, found)) => found,
                Ok(()) => "Arg::Fields".into(),
            },
        };
        self.error(memory_or(self.parts, "Arg"), form)
    }

    /// Appends the parts of `arg` to `values`, as they are passed: narrow integers are extended.
    pub(super) fn form_to_parts(
        &self,
        builder: &mut FunctionBuilder<'_>,
        arg: &Arg,
        values: &mut SmallVec<impl Array<Item = Value>>,
    ) -> Result<(), LowerError> {
        let own = match (arg, self.parts) {
            (Arg::Memory { base, offset }, parts) => {
                let from = Address::of_object(builder, *base, *offset, self.ty().size());
                for part in parts {
                    values.push(memory::load_passed(builder, part, from));
                }
                return Ok(());
            }
            (Arg::Value(value), [part]) if part.ty == builder.func.dfg.value_type(*value) => {
                values.push(convert::passed(builder, part, *value));
                return Ok(());
            }
            (Arg::Value(value), parts) => {
                let found = builder.func.dfg.value_type(*value);
                let no_parts =
                    || LowerError::value(self.name(), self.ty(), "its parts".into(), found);
                &convert::split(builder, *value, parts).ok_or_else(no_parts)?
            }
            (Arg::Parts(own), _) => own,
            (Arg::Fields(own), parts) => {
                let fields = fields::fields(self.ty())?;
                &fields::to_parts(builder, &fields, own, parts).ok_or(NO_FIELDS)?
            }
        };
        for (part, value) in self.parts.iter().zip(own) {
            values.push(convert::passed(builder, part, *value));
        }
        Ok(())
    }

    /// Writes `arg` to the object at `to`.
    pub(super) fn form_to_memory(
        &self,
        config: TargetFrontendConfig,
        builder: &mut FunctionBuilder<'_>,
        arg: &Arg,
        to: Address,
    ) -> Result<(), LowerError> {
        let size = self.ty().size();
        match arg {
            Arg::Memory { base, offset } => {
                let from = Address::of_object(builder, *base, *offset, size);
                memory::copy(config, builder, size, from, to);
            }
            Arg::Value(value) => memory::write(builder, *value, to.base, to.offset),
            Arg::Parts(values) => memory::store_all(builder, self.parts, values, to),
            Arg::Fields(values) => {
                let fields = fields::fields(self.ty())?;
                fields::store(builder, &fields, values, (size, to)).ok_or(NO_FIELDS)?;
            }
        }
        Ok(())
    }

    /// The object that `arg` is: where it is given, or a new one of `bytes` bytes.
    pub(super) fn object(
        &self,
        config: TargetFrontendConfig,
        builder: &mut FunctionBuilder<'_>,
        arg: &Arg,
        bytes: u64,
    ) -> Result<Address, LowerError> {
        if let Arg::Memory { base, offset } = arg {
            let size = self.ty().size();
            return Ok(Address::of_object(builder, *base, *offset, size));
        }
        let to = memory::slot(builder, bytes, 16);
        self.form_to_memory(config, builder, arg, to)?;
        Ok(to)
    }

    /// The value in the form `ret`, from its parts.
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
                let fields = fields::fields(self.ty())?;
                let values = fields::from_parts(builder, parts, values, &fields);
                Returned::Fields(values.ok_or(NO_FIELDS)?)
            }
            Ret::Memory(to) => {
                memory::store_all(builder, parts, values, Address::at(to));
                Returned::Nothing
            }
            Ret::Value => {
                let joined = self.whole.and_then(|whole| {
                    convert::join(builder, values, parts, whole)
                        .or_else(|| convert::join_in_memory(builder, values, parts, whole))
                });
                let refused = || self.error(memory_or(parts, "Ret"), "Ret::Value".into());
                Returned::Value(joined.ok_or_else(refused)?)
            }
        })
    }

    /// The value in the form `ret`, from the object at `from`.
    pub(super) fn memory_to_form(
        &self,
        config: TargetFrontendConfig,
        builder: &mut FunctionBuilder<'_>,
        from: Address,
        ret: Ret,
    ) -> Result<Returned, LowerError> {
        let words;
        let parts = match (ret, self.parts) {
            (Ret::Fields, []) => {
                words = fields::words(self.ty().size());
                &words
            }
            (_, parts) => parts,
        };
        match (ret, self.whole) {
            (Ret::Value, Some(whole)) => {
                let value = memory::read(builder, whole, from.base, from.offset);
                return Ok(Returned::Value(value));
            }
            (Ret::Memory(to), _) => {
                memory::copy(config, builder, self.ty().size(), from, Address::at(to));
                return Ok(Returned::Nothing);
            }
            (Ret::Ignore, _) => return Ok(Returned::Nothing),
            _ => {}
        }
        let values = memory::load_all(builder, parts, from);
        CValue { parts, ..*self }.parts_to_form(builder, &values, ret)
    }
}
