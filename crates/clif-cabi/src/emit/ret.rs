//! Returns: the result of the function being built, in any form.

use crate::cranelift::codegen::ir::Value;
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use clif_cabi_plan::{PassMode, ResultPlan, Stub};

use super::entry::Entry;
use super::forms::Arg;
use super::memory::{self, Address};
use super::value::{CValue, memory_or};
use super::{Values, zero};
use crate::clif_types::clif_type;
use crate::error::LowerError;
use crate::stubs::{ByRef, Stubs, import_stub};

impl Entry {
    /// Returns from the function: `value` is its result, `None` for a function without. Ends the
    /// block. A result that is returned in memory is copied to the caller's object, unless `value`
    /// is [`Entry::sret`] itself.
    ///
    /// # Errors
    /// [`LowerError::Value`] if `value` is not of the result's form, [`LowerError::Function`] if
    /// `builder` builds another function.
    pub fn ret(
        &self,
        stubs: &mut (impl Stubs + ?Sized),
        builder: &mut FunctionBuilder<'_>,
        value: Option<&Arg>,
    ) -> Result<(), LowerError> {
        self.about(self.return_(&mut ByRef(stubs), builder, value))
    }

    /// Returns the result `value` as CLIF values, for a function that does more before it returns.
    /// [`Entry::ret`] of these values reads no memory but the result's own place ([`Entry::sret`]).
    /// So a front end can drop and free objects, or run deferred code, after it has computed the
    /// result. A value that is no object in memory is given back unchanged.
    ///
    /// # Example
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # use doc::*;
    /// # let stubs = &mut NoStubs;
    /// # let isa = linux_isa();
    /// # let mut func = ir::Function::new();
    /// # let mut context = FunctionBuilderContext::new();
    /// # let mut builder = FunctionBuilder::new(&mut func, &mut context);
    /// use clif_cabi::cabi::{FnSig, RecordBuilder, Type};
    /// use clif_cabi::{Arg, Lowering, Ret};
    ///
    /// let lower = Lowering::new(&*isa)?;
    /// // struct pair take(struct pair *p, void (*drop)(struct pair *)) { struct pair q = *p;
    /// // drop(p); return q; }
    /// let pair = RecordBuilder::structure("pair").field("x", Type::F64).field("n", Type::I64);
    /// let pair = pair.build(lower.target().data_model())?;
    /// let (_, entry) = lower.begin(&mut builder, &FnSig::new([Type::PTR, Type::FN_PTR], pair))?;
    /// let (p, drop) = (entry.value(&mut builder, 0)?, entry.value(&mut builder, 1)?);
    /// let result = entry.return_values(&mut builder, &Arg::memory(p))?;
    /// let sig = FnSig::new([Type::PTR], Type::VOID);
    /// lower.call_sig(stubs, &mut builder, drop, &sig, &[Arg::value(p)], Ret::Ignore)?;
    /// entry.ret(stubs, &mut builder, Some(&result))?;
    /// # builder.finalize(isa.frontend_config());
    /// let clif = func.to_string();
    /// assert!(clif.rfind("load.i64") < clif.find("call_indirect"));
    /// # Ok::<(), clif_cabi::LowerError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Entry::ret`].
    pub fn return_values(
        &self,
        builder: &mut FunctionBuilder<'_>,
        value: &Arg,
    ) -> Result<Arg, LowerError> {
        self.about(self.read_result(builder, value))
    }

    fn read_result(
        &self,
        builder: &mut FunctionBuilder<'_>,
        value: &Arg,
    ) -> Result<Arg, LowerError> {
        let result = self.result_of(builder)?;
        result.check((&builder.func.dfg, self.config), value)?;
        let &Arg::Memory { base, offset, .. } = value else {
            return Ok(value.clone());
        };
        if result.mode == PassMode::Ignore {
            return Ok(value.clone());
        }
        Ok(match (&self.plan.result, self.sret()) {
            (ResultPlan::Sret, Some(to)) => {
                self.result_in_place(builder, value, to)?;
                Arg::memory(to)
            }
            _ => {
                let from = result.object_at(builder, base, offset);
                Arg::Parts(memory::load_all(builder, result.parts, from))
            }
        })
    }

    /// Copies the result to where it goes, unless it is there.
    fn result_in_place(
        &self,
        builder: &mut FunctionBuilder<'_>,
        value: &Arg,
        to: Value,
    ) -> Result<(), LowerError> {
        if matches!(value, Arg::Memory { base, offset: 0, .. } if *base == to) {
            return Ok(());
        }
        let result = CValue::result(&self.plan);
        result.form_to_memory(self.config, builder, value, Address::at(to))
    }

    /// Returns the result, if the function has one and `builder` is its own.
    fn result_of(&self, builder: &FunctionBuilder<'_>) -> Result<CValue<'_>, LowerError> {
        self.check(builder)?;
        match self.plan.sig.is_noreturn() {
            true => Err(LowerError::Function("it is declared never to return")),
            false => Ok(CValue::result(&self.plan)),
        }
    }

    fn return_(
        &self,
        stubs: &mut dyn Stubs,
        builder: &mut FunctionBuilder<'_>,
        value: Option<&Arg>,
    ) -> Result<(), LowerError> {
        let result = self.result_of(builder)?;
        let value = match (result.mode, value) {
            (_, Some(value)) => value,
            (PassMode::Ignore, None) => {
                builder.ins().return_(&[]);
                return Ok(());
            }
            (_, None) => {
                let expected = match result.single_type() {
                    Some(ty) => format!("Arg::Value of {ty}"),
                    None => memory_or(result.parts, "Arg"),
                };
                return Err(result.error(expected, "nothing".into()));
            }
        };
        result.check((&builder.func.dfg, self.config), value)?;
        let mut values = Values::new();
        match &self.plan.result {
            ResultPlan::Nothing | ResultPlan::Never => {}
            ResultPlan::Parts { results, .. } => {
                let mut parts = Values::new();
                result.form_to_parts(builder, value, &mut parts)?;
                values = self.in_results(builder, results, &parts);
            }
            // A push is the last call before the return, which has no values: no instruction of
            // Cranelift's touches the registers afterwards.
            ResultPlan::Stub { push, bytes, .. } | ResultPlan::Registers { push, bytes, .. } => {
                let signature = Stub::address_signature();
                let (push, _) = import_stub(stubs, push.clone(), &signature, builder.func)?;
                let from = result.object(self.config, builder, value, u64::from(*bytes))?;
                let from = from.value(builder);
                builder.ins().call(push, &[from]);
            }
            ResultPlan::Sret => {
                let no_sret = LowerError::Internal("the function has no address of its result");
                let to = self.sret().ok_or(no_sret)?;
                self.result_in_place(builder, value, to)?;
            }
        }
        builder.ins().return_(&values);
        Ok(())
    }

    /// Returns the CLIF results with `parts` at the indexes `results`, and zeros elsewhere.
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
