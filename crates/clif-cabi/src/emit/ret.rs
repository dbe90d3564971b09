//! Returns: the result of the function being built, in whichever form it is.

use crate::cranelift::codegen::ir::Value;
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use clif_cabi_plan::{PassMode, ResultPlan, Stub};

use super::entry::Entry;
use super::forms::Arg;
use super::memory::Address;
use super::value::{CValue, memory_or};
use super::{Values, zero};
use crate::clif_types::clif_type;
use crate::error::LowerError;
use crate::stubs::{ByRef, Stubs, import_stub};

impl Entry {
    /// Returns from the function: `value` is its result, `None` for a function without. Ends the block. A result that is returned in memory is
    /// copied to where the caller wants it, unless `value` is [`Entry::sret`] itself.
    ///
    /// # Errors
    /// [`LowerError::Value`] if `value` is not of the result's form, [`LowerError::Function`] if `builder` builds another function.
    pub fn ret(
        &self,
        stubs: &mut (impl Stubs + ?Sized),
        builder: &mut FunctionBuilder<'_>,
        value: Option<&Arg>,
    ) -> Result<(), LowerError> {
        self.about(self.return_(&mut ByRef(stubs), builder, value))
    }

    fn return_(
        &self,
        stubs: &mut dyn Stubs,
        builder: &mut FunctionBuilder<'_>,
        value: Option<&Arg>,
    ) -> Result<(), LowerError> {
        self.check(builder)?;
        if self.plan.sig.is_noreturn() {
            return Err(LowerError::Function("it is declared never to return"));
        }
        let result = CValue::result(&self.plan);
        let value = match (result.mode, value) {
            (PassMode::Ignore, _) => {
                builder.ins().return_(&[]);
                return Ok(());
            }
            (_, Some(value)) => value,
            (_, None) => {
                let expected = match result.whole() {
                    Some(ty) => format!("Arg::Value of {ty}"),
                    None => memory_or(result.parts, "Arg"),
                };
                return Err(result.error(expected, "nothing".into()));
            }
        };
        result.check(&builder.func.dfg, value)?;
        let mut values = Values::new();
        match &self.plan.result {
            ResultPlan::Nothing | ResultPlan::Never => {}
            ResultPlan::Parts { results, .. } => {
                let mut parts = Values::new();
                result.form_to_parts(builder, value, &mut parts)?;
                values = self.in_results(builder, results, &parts);
            }
            // The last thing before the return, which has no values: no instruction of Cranelift's touches the registers afterwards.
            ResultPlan::Stub { push, bytes, .. } | ResultPlan::Vectors { push, bytes, .. } => {
                let signature = Stub::address_signature();
                let (push, _) = import_stub(stubs, push.clone(), &signature, builder.func)?;
                let from = result.object(self.config, builder, value, u64::from(*bytes))?;
                let from = from.value(builder);
                builder.ins().call(push, &[from]);
            }
            ResultPlan::Sret => {
                let no_sret = LowerError::Internal("the function has no address of its result");
                let to = self.sret().ok_or(no_sret)?;
                let is_in_place = matches!(value, Arg::Memory { base, offset: 0 } if *base == to);
                if !is_in_place {
                    result.form_to_memory(self.config, builder, value, Address::at(to))?;
                }
            }
        }
        builder.ins().return_(&values);
        Ok(())
    }

    /// The CLIF results that have `parts` at the indexes `results`, and zeros elsewhere.
    fn in_results(
        &self,
        builder: &mut FunctionBuilder<'_>,
        results: &[usize],
        parts: &[Value],
    ) -> Values {
        let declared = self.plan.signature.returns.iter().enumerate();
        declared
            .map(|(i, result)| {
                let mut own = results.iter().zip(parts);
                let own = own.find_map(|(index, part)| (*index == i).then_some(*part));
                own.unwrap_or_else(|| zero(builder, clif_type(result.ty)))
            })
            .collect()
    }
}
