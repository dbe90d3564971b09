//! Calls whose instruction the front end emits: their plans, values, callees and results.

use std::sync::Arc;

use super::{Lowering, cached};
use crate::clif_types::clif_call_conv;
use crate::cranelift::codegen::ir::Value;
use crate::cranelift::frontend::FunctionBuilder;
use crate::emit::{Arg, CallResult, Callable, Callee, Ret, check};
use crate::error::LowerError;
use crate::stubs::{ByRef, Stubs};
use cabi::FnSig;
use clif_cabi_plan::CallPlan;
use smallvec::SmallVec;

impl Lowering {
    /// Returns the plan of a `try_call` of a function of `sig` ([`CallPlan::of_try_call`]). It is
    /// that of [`Lowering::call_plan`] except on x86-64 Windows.
    ///
    /// # Errors
    /// [`LowerError`] for a signature that cannot be lowered.
    pub fn try_call_plan(&self, sig: &FnSig) -> Result<Arc<CallPlan>, LowerError> {
        let plan = self.call_plan(sig)?;
        if clif_call_conv(plan.signature.call_conv).supports_exceptions() {
            return Ok(plan);
        }
        let plan = || {
            self.allowed(
                CallPlan::of_try_call(sig, &self.target)?,
                CallPlan::stub_need,
            )
        };
        cached(&self.cached.try_calls, sig, plan)
    }

    /// Returns the values for a front end's own `call` or `call_indirect` with [the plan's
    /// signature](crate::clif_signature): the level below [`Lowering::call_sig`]. They include the
    /// address of the result if the callee writes the result. With a plan of
    /// [`Lowering::try_call_plan`] they are the values for a `try_call`.
    ///
    /// # Errors
    /// As [`Lowering::call_planned`].
    pub fn values_in(
        &self,
        builder: &mut FunctionBuilder<'_>,
        plan: &CallPlan,
        args: &[Arg],
        ret: Ret,
    ) -> Result<SmallVec<[Value; 16]>, LowerError> {
        self.planned(plan, builder, |mut site| {
            site.check(args, ret)?;
            site.values(args, ret, None)
        })
    }

    /// Returns the callee for the values of [`Lowering::values_in`]: `callee` itself, or a stub
    /// that also sets AL for a variadic one. [`Callable::call`] calls it. So does an instruction of
    /// one's own with [`Callable::code`], [`Callable::signature`] and [`Callable::args`]:
    /// docs/front-end.md has a `try_call`.
    ///
    /// # Errors
    /// [`LowerError`] for a callee that neither `builder`'s function nor the module knows. For
    /// other callees and for a plan, the errors of [`Lowering::call_planned`].
    pub fn callee(
        &self,
        stubs: &mut (impl Stubs + ?Sized),
        builder: &mut FunctionBuilder<'_>,
        plan: &CallPlan,
        callee: impl Into<Callee>,
    ) -> Result<Callable, LowerError> {
        let (stubs, callee) = (&mut ByRef(stubs), callee.into());
        self.planned(plan, builder, |mut site| {
            check::position(site.builder)?;
            self.check_entry(stubs, site.builder.func, callee, None, &plan.sig)?;
            site.callee(stubs, callee)
        })
    }

    /// Returns the result of a call of `plan` from its CLIF `results`. After a call that never
    /// returns, emits a trap. Nothing may be emitted between the call and this: a result on the x87
    /// stack must be popped before anything else is called. A result that the callee wrote to
    /// memory is where the `ret` of [`Lowering::values_in`] said, so give both the same.
    ///
    /// # Errors
    /// [`LowerError`] if the result does not have the form `ret`, or if `results` are not the
    /// call's. For a plan, the errors of [`Lowering::call_planned`].
    pub fn values_out(
        &self,
        stubs: &mut (impl Stubs + ?Sized),
        builder: &mut FunctionBuilder<'_>,
        plan: &CallPlan,
        results: &[Value],
        ret: Ret,
    ) -> Result<CallResult, LowerError> {
        self.planned(plan, builder, |mut site| {
            site.values_out(&mut ByRef(stubs), results, ret)
        })
    }
}
