//! [`Lowering`]: variadic functions of a front end with signatures of its own.

use crate::cranelift::codegen::ir::{Block, Signature, Value};
use crate::cranelift::frontend::FunctionBuilder;
use clif_cabi_plan::{NamedArguments, VariadicSignature};

use super::Lowering;
use crate::clif_types::{clif_signature, plan_signature};
use crate::emit::entry::incoming_area;
use crate::emit::{check, variadic};
use crate::error::LowerError;

/// A variadic function whose named arguments a front end has placed itself. Made by [`Lowering::variadic_function`].
#[derive(Clone, Debug)]
pub struct VariadicFunction {
    plan: VariadicSignature,
}

impl Lowering {
    /// Plans the variadic function whose named arguments have the CLIF signature `named`, and take
    /// `taken` as C counts: for a front end that places arguments itself.
    /// [`Lowering::va_arg_planned`] fetches its unnamed arguments. A call of such a function needs
    /// AL: `Stub::new(&[StubStep::SetVectorCount(n), StubStep::Jump(id)])`, got by
    /// [`Stubs::stub`](crate::Stubs::stub) and called with the call's own signature.
    ///
    /// # Errors
    /// [`LowerError::Plan`] for a signature that Cranelift does not place as C does, or that disagrees with `taken`.
    ///
    /// # Example
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); } use doc::*;
    /// # let isa = linux_isa();
    /// # let mut func = ir::Function::new();
    /// # let mut context = FunctionBuilderContext::new();
    /// use clif_cabi::clif_cabi_plan::{NamedArguments, VaArgPlan, ValueType};
    /// use clif_cabi::cranelift_codegen::ir::{MemFlagsData, StackSlotData, StackSlotKind};
    /// use clif_cabi::Lowering;
    ///
    /// let lower = Lowering::new(&*isa)?;
    /// // double f(int, ...), of which the front end knows that the `int` is in a register
    /// let mut named = ir::Signature::new(isa.default_call_conv());
    /// named.params.push(AbiParam::new(types::I32));
    /// named.returns.push(AbiParam::new(types::F64));
    /// let taken = NamedArguments { int_registers: 1, ..NamedArguments::default() };
    /// let own = lower.variadic_function(&named, taken)?;
    /// func.signature = own.signature();
    /// # let mut builder = FunctionBuilder::new(&mut func, &mut context);
    /// let block = builder.create_block();
    /// builder.append_block_params_for_function_params(block);
    /// builder.switch_to_block(block);
    /// let list = builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 24, 3));
    /// let list = builder.ins().stack_addr(types::I64, list, 0);
    /// own.va_start(&mut builder, block, list)?;
    /// let double = VaArgPlan::of_parts(&[ValueType::F64], 8, 8, lower.target())?;
    /// let x = lower.va_arg_planned(&mut builder, list, &double)?;
    /// let x = builder.ins().load(types::F64, MemFlagsData::new(), x, 0);
    /// builder.ins().return_(&[x]);
    /// # builder.seal_all_blocks();
    /// # builder.finalize(isa.frontend_config());
    /// # clif_cabi::cranelift_codegen::verify_function(&func, isa.flags()).unwrap();
    /// # Ok::<(), clif_cabi::LowerError>(())
    /// ```
    pub fn variadic_function(
        &self,
        named: &Signature,
        taken: NamedArguments,
    ) -> Result<VariadicFunction, LowerError> {
        let plan = VariadicSignature::new(&plan_signature(named)?, taken, &self.target)?;
        Ok(VariadicFunction { plan })
    }
}

impl VariadicFunction {
    /// Returns the signature to define it with: the parameters of the named arguments come first,
    /// unchanged.
    #[must_use]
    pub fn signature(&self) -> Signature {
        clif_signature(&self.plan.signature)
    }

    /// Writes the `va_list` at `to`, 24 bytes, as [`Entry::va_start`](crate::Entry::va_start) does.
    /// `block` is the function's first, with its parameters.
    ///
    /// # Errors
    /// [`LowerError::Function`] if `builder` builds a function of another signature, or `block` has not its parameters; [`LowerError::Value`] if
    /// `to` is no address.
    pub fn va_start(
        &self,
        builder: &mut FunctionBuilder<'_>,
        block: Block,
        to: Value,
    ) -> Result<(), LowerError> {
        check::position(builder)?;
        let params = check::params(builder, &self.plan.signature, block)?;
        let area = incoming_area(builder, &params, Some(self.plan.area), 0)?.value(builder);
        variadic::write_va_list(builder, &self.plan.variadic, &params, area, to)
    }
}
