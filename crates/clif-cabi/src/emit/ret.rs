//! Returns: the result of the function being built, in whichever form it is.

use crate::cranelift::codegen::ir::{Type, Value};
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use clif_cabi_plan::{ResultPlan, Stub};

use super::entry::Entry;
use super::fields::{self, Fields};
use super::forms::Arg;
use super::memory::{self, Address};
use super::{Values, check, convert, zero};
use crate::error::LowerError;
use crate::import;
use crate::parts::{Part, value_type};
use crate::stubs::Stubs;

impl Entry {
    /// Returns from the function: `value` is its result, `None` for a function without. Ends the block. A result that is returned in memory is
    /// copied to where the caller wants it, unless `value` is [`Entry::sret`] itself.
    ///
    /// # Errors
    /// [`LowerError::Value`] if `value` is not of the result's form, [`LowerError::Function`] if `builder` builds another function.
    pub fn ret(
        &self,
        stubs: &mut dyn Stubs,
        builder: &mut FunctionBuilder<'_>,
        value: Option<&Arg>,
    ) -> Result<(), LowerError> {
        self.about(self.return_(stubs, builder, value))
    }

    fn return_(
        &self,
        stubs: &mut dyn Stubs,
        builder: &mut FunctionBuilder<'_>,
        value: Option<&Arg>,
    ) -> Result<(), LowerError> {
        self.check(builder)?;
        if self.plan.sig().is_noreturn() {
            return Err(LowerError::Function {
                why: "it is declared never to return",
            });
        }
        if let Some(Arg::Memory { base, .. }) = value
            && *self.plan.result() != ResultPlan::Nothing
        {
            let ty = self.plan.sig().result();
            check::address(&builder.func.dfg, *base, "result", ty)?;
        }
        let values = match (self.plan.result(), value) {
            (ResultPlan::Nothing | ResultPlan::Never, _) => Values::new(),
            (_, None) => return Err(self.bad_result("nothing".into())),
            (ResultPlan::Parts { results, .. }, Some(value)) => {
                let parts = self.result_parts(builder, self.plan.result_parts(), value)?;
                self.in_results(builder, results, &parts)
            }
            (
                ResultPlan::Stub { push, bytes, .. } | ResultPlan::Vectors { push, bytes, .. },
                Some(value),
            ) => {
                self.push(stubs, builder, (push, *bytes), value)?;
                Values::new()
            }
            (ResultPlan::Sret, Some(value)) => {
                self.result_to_memory(builder, value)?;
                Values::new()
            }
        };
        builder.ins().return_(&values);
        Ok(())
    }

    fn result_parts(
        &self,
        builder: &mut FunctionBuilder<'_>,
        parts: &[Part],
        value: &Arg,
    ) -> Result<Values, LowerError> {
        let values = match value {
            Arg::Memory { base, offset } => {
                let size = self.plan.sig().result().size();
                let from = Address::of_object(builder, *base, *offset, size);
                let load = |part| memory::load_passed(builder, part, from);
                return Ok(parts.iter().map(load).collect());
            }
            Arg::Parts(values) => {
                self.check_parts(builder, values)?;
                Ok(values.clone())
            }
            Arg::Fields(values) => {
                let fields = self.result_fields(builder, values)?;
                let parts = fields::to_parts(builder, &fields, values, parts);
                parts.ok_or_else(|| self.bad_result("Arg::Fields".into()))
            }
            Arg::Value(value) => {
                let found = check::type_of(&builder.func.dfg, *value);
                let fits = value_type(self.plan.sig().result())
                    .is_some_and(|ty| ty.bits() == found.bits());
                let split = fits.then(|| convert::split(builder, *value, parts));
                split.flatten().ok_or_else(|| self.bad_value(found))
            }
        };
        let each = |(part, value): (&Part, Value)| convert::passed(builder, part, value);
        Ok(parts.iter().zip(values?).map(each).collect())
    }

    /// The fields of the result, if `values` are them.
    fn result_fields(
        &self,
        builder: &FunctionBuilder<'_>,
        values: &[Value],
    ) -> Result<Fields, LowerError> {
        let ty = self.plan.sig().result();
        if let Err((expected, found)) = check::are_fields(&builder.func.dfg, values, ty) {
            return Err(match expected {
                Some(expected) => LowerError::Value {
                    what: "result".into(),
                    ty: ty.to_string(),
                    expected,
                    found,
                },
                None => self.bad_result(found),
            });
        }
        fields::fields(ty)
    }

    /// The CLIF results that have `parts` at the indexes `results`, and zeros elsewhere.
    fn in_results(
        &self,
        builder: &mut FunctionBuilder<'_>,
        results: &[usize],
        parts: &[Value],
    ) -> Values {
        let declared = self.plan.signature().returns.iter().enumerate();
        declared
            .map(|(i, result)| {
                let mut own = results.iter().zip(parts);
                let own = own.find_map(|(index, part)| (*index == i).then_some(*part));
                own.unwrap_or_else(|| zero(builder, result.value_type))
            })
            .collect()
    }

    /// The last thing before the return, which has no values: no instruction of Cranelift's touches the registers afterwards.
    fn push(
        &self,
        stubs: &mut dyn Stubs,
        builder: &mut FunctionBuilder<'_>,
        (push, bytes): (&Stub, u32),
        value: &Arg,
    ) -> Result<(), LowerError> {
        let signature = import::planned_signature(builder.func, &Stub::address_signature());
        let func = stubs.stub(push.clone(), signature, builder.func)?;
        check::are_imported(&builder.func.dfg, func, signature)?;
        let from = match value {
            Arg::Memory { base, offset } => Address {
                base: *base,
                offset: *offset,
            },
            Arg::Parts(values) => {
                self.check_parts(builder, values)?;
                let from = memory::slot(builder, u64::from(bytes), 16);
                memory::store_all(builder, self.plan.result_parts(), values, from);
                from
            }
            Arg::Fields(values) => {
                let fields = self.result_fields(builder, values)?;
                let from = memory::slot(builder, u64::from(bytes), 16);
                fields::store(builder, &fields, values, (u64::from(bytes), from))
                    .ok_or_else(|| self.bad_result("Arg::Fields".into()))?;
                from
            }
            Arg::Value(_) => return Err(self.bad_result("Arg::Value".into())),
        };
        let from = from.value(builder);
        builder.ins().call(func, &[from]);
        Ok(())
    }

    /// Refuses values that are not the parts of the result.
    fn check_parts(
        &self,
        builder: &FunctionBuilder<'_>,
        values: &[Value],
    ) -> Result<(), LowerError> {
        let dfg = &builder.func.dfg;
        if check::are_parts(dfg, values, self.plan.result_parts()) {
            return Ok(());
        }
        let found = check::types_of(dfg, values);
        Err(self.bad_result(format!("the parts {found}")))
    }

    fn result_to_memory(
        &self,
        builder: &mut FunctionBuilder<'_>,
        value: &Arg,
    ) -> Result<(), LowerError> {
        let Some(to) = self.sret() else {
            return Err(self.bad_result("no place for it".into()));
        };
        let ty = self.plan.sig().result();
        match value {
            Arg::Memory { base, offset: 0 } if *base == to => {} // built in place
            Arg::Memory { base, offset } => {
                let from = Address::of_object(builder, *base, *offset, ty.size());
                memory::copy(self.config, builder, ty.size(), from, Address::at(to));
            }
            Arg::Value(value) => {
                let found = check::type_of(&builder.func.dfg, *value);
                if value_type(ty).is_none_or(|ty| ty.bits() != found.bits()) {
                    return Err(self.bad_value(found));
                }
                memory::write(builder, *value, to, 0);
            }
            Arg::Fields(values) => {
                let fields = self.result_fields(builder, values)?;
                let to = Address::at(to);
                fields::store(builder, &fields, values, (ty.size(), to))
                    .ok_or_else(|| self.bad_result("Arg::Fields".into()))?;
            }
            Arg::Parts(_) => return Err(self.bad_result("Arg::Parts".into())),
        }
        Ok(())
    }

    /// Refuses one value of the CLIF type `found` as the result.
    fn bad_value(&self, found: Type) -> LowerError {
        let ty = self.plan.sig().result();
        match value_type(ty) {
            Some(clif) => LowerError::value("result".into(), ty, clif.to_string(), found),
            None => self.bad_result("Arg::Value".into()),
        }
    }

    fn bad_result(&self, found: String) -> LowerError {
        LowerError::Value {
            what: "result".into(),
            ty: self.plan.sig().result().to_string(),
            expected: check::memory_or(self.plan.result_parts(), "Arg"),
            found,
        }
    }
}
