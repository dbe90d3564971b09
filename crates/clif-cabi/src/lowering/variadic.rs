//! [`Lowering`]: the next argument of a `va_list`, and copies of it.

use std::sync::Arc;

use crate::cranelift::codegen::ir::Value;
use crate::cranelift::frontend::FunctionBuilder;
use cabi::FnSig;
use clif_cabi_plan::{VaArgPlan, ValueType};

use super::{Lowering, cached};
use crate::emit::{check, variadic};
use crate::error::LowerError;

impl Lowering {
    /// Returns the address of the next argument of the `va_list` at `list`, as `va_arg` does: a
    /// `ty` as its caller passed it. The `va_list` may be of
    /// [`Entry::va_start`](crate::Entry::va_start), or C's. No block is ended. `sig` is the
    /// signature of a variadic function, and only its convention, policy and features matter. A
    /// function that is passed a `va_list` gives the signature of the function that was called, or
    /// any variadic one.
    ///
    /// The object may be written to. It is valid until the variadic function returns, or until the
    /// same instructions are executed once more. The reason: an argument in several registers is
    /// assembled in one temporary object.
    ///
    /// # Errors
    /// [`LowerError::Value`] if `list` is no address, and for a type that no argument after `...`
    /// has, because C promotes it (`float`, `char`, `short`, `bool`). [`LowerError::Plan`] for an
    /// argument that cannot be fetched.
    pub fn va_arg(
        &self,
        builder: &mut FunctionBuilder<'_>,
        list: Value,
        sig: &FnSig,
        ty: &cabi::Type,
    ) -> Result<Value, LowerError> {
        let promoted = cabi::promote(ty);
        if promoted != *ty {
            let expected = format!("the promoted type, {promoted}");
            return Err(LowerError::value([&"va_arg", ty, &expected, ty]));
        }
        self.va_arg_unpromoted(builder, list, sig, ty)
    }

    /// Works as [`va_arg`](Self::va_arg), for a type that C does not promote though it has the
    /// format of a type that C promotes: `_Float32` ([`FnSig::at_call_unpromoted`]).
    ///
    /// # Errors
    /// As [`va_arg`](Self::va_arg).
    pub fn va_arg_unpromoted(
        &self,
        builder: &mut FunctionBuilder<'_>,
        list: Value,
        sig: &FnSig,
        ty: &cabi::Type,
    ) -> Result<Value, LowerError> {
        self.va_arg_plan(sig, ty)
            .and_then(|plan| self.fetch(builder, list, &plan))
            .map_err(|error| error.of(None, sig))
    }

    /// Works as [`va_arg`](Self::va_arg), for a front end with types of its own. The argument is an
    /// object of `size` bytes, aligned to `align`, that callers pass in `parts`
    /// ([`VaArgPlan::of_parts`]).
    ///
    /// # Errors
    /// [`LowerError::Plan`] as `of_parts` has them. [`LowerError::Value`] if `list` is no address,
    /// and for an object that no stack frame has room for.
    pub fn va_arg_parts(
        &self,
        builder: &mut FunctionBuilder<'_>,
        list: Value,
        parts: &[ValueType],
        (size, align): (u64, u32),
    ) -> Result<Value, LowerError> {
        let plan = VaArgPlan::of_parts(parts, size, align, &self.target)?;
        self.fetch(builder, list, &plan)
    }

    fn fetch(
        &self,
        builder: &mut FunctionBuilder<'_>,
        list: Value,
        plan: &VaArgPlan,
    ) -> Result<Value, LowerError> {
        if !plan.in_place && !check::fits_a_frame(plan.size, plan.align) {
            return Err(LowerError::Value {
                what: "va_arg".into(),
                ty: "an object".into(),
                expected: "one that fits in a stack frame".into(),
                found: format!("{} bytes aligned to {}", plan.size, plan.align),
            });
        }
        variadic::va_arg(self.config, builder, list, plan)
    }

    /// Copies the `va_list` at `from` to `to`, as `va_copy` does. `sig` as for
    /// [`va_arg`](Self::va_arg): both have the `list_bytes` of its [plan](Self::va_arg_plan).
    ///
    /// # Errors
    /// [`LowerError::Value`] for a value that is no address. [`LowerError::Function`] if `builder`
    /// stands nowhere. [`LowerError::Plan`] for a convention whose `va_list` is not known.
    pub fn va_copy(
        &self,
        builder: &mut FunctionBuilder<'_>,
        to: Value,
        from: Value,
        sig: &FnSig,
    ) -> Result<(), LowerError> {
        let plan = self.va_arg_plan(sig, &cabi::Type::PTR);
        let plan = plan.map_err(|error| error.of(None, sig))?;
        variadic::va_copy(self.config, builder, to, from, plan.list_bytes.into())
    }

    /// Returns the plan of [`va_arg`](Self::va_arg): the place of the next argument of type `ty`,
    /// and the form of a `va_list`.
    ///
    /// # Errors
    /// [`LowerError::Plan`] for an argument that cannot be fetched.
    pub fn va_arg_plan(&self, sig: &FnSig, ty: &cabi::Type) -> Result<Arc<VaArgPlan>, LowerError> {
        let plan = || Ok(VaArgPlan::new(sig, ty, &self.target)?);
        cached(&self.cached.va_args, &(sig.clone(), ty.clone()), plan)
    }
}
