//! The callee of a call instruction: the function, its address, or a stub on the way to it. Front
//! ends make call instructions of their own with it.

use crate::cranelift::codegen::ir::{
    DataFlowGraph, ExceptionTable, FuncRef, Inst, SigRef, Signature, Value, types,
};
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use smallvec::SmallVec;

use super::call::CallSite;
use super::forms::Callee;
use super::{Values, check};
use crate::clif_types::{import_planned, is_planned, type_names};
use crate::error::LowerError;
use crate::stubs::{Stubs, check_import, import_stub};

/// The function, signature and further values of a call instruction that a front end makes itself.
/// With them the callee finds everything where C puts it, AL of a variadic call included. Made by
/// [`Lowering::callee`](crate::Lowering::callee).
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Callable {
    /// The callee of the instruction.
    pub code: CallCode,
    /// The CLIF signature of the instruction, imported: the plan's, unless [`Callable::extra`] has
    /// values.
    pub signature: SigRef,
    /// Values that follow those of [`Lowering::values_in`](crate::Lowering::values_in): arguments
    /// of a stub that goes to the callee.
    pub extra: Values,
}

/// Callee of a call instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CallCode {
    /// A function, for `call` and `try_call`.
    Function(FuncRef),
    /// An address, for `call_indirect` and `try_call_indirect`.
    Address(Value),
}

impl Callable {
    /// Returns a callee that is `function` itself.
    pub(super) fn function(function: FuncRef, signature: SigRef) -> Self {
        let (code, extra) = (CallCode::Function(function), Values::new());
        Self {
            code,
            signature,
            extra,
        }
    }

    /// Returns all values of the instruction: those of
    /// [`Lowering::values_in`](crate::Lowering::values_in), then the further ones.
    #[must_use]
    pub fn args(&self, values: &[Value]) -> SmallVec<[Value; 16]> {
        values.iter().chain(&self.extra).copied().collect()
    }

    /// Emits the `call` or `call_indirect` with those values.
    ///
    /// # Errors
    /// [`LowerError::Function`] if `builder` cannot insert it, or builds another function;
    /// [`LowerError::Values`] if the values are not of the types of the signature.
    pub fn call(
        &self,
        builder: &mut FunctionBuilder<'_>,
        values: &[Value],
    ) -> Result<Inst, LowerError> {
        check::position(builder)?;
        let args = self.args(values);
        self.check(&builder.func.dfg, &args)?;
        Ok(self.insert(builder, &args))
    }

    /// Does [`Callable::call`] with `values` of the plan.
    pub(super) fn emit(&self, builder: &mut FunctionBuilder<'_>, values: &[Value]) -> Inst {
        match self.extra.is_empty() {
            true => self.insert(builder, values),
            false => self.insert(builder, &self.args(values)),
        }
    }

    fn insert(&self, builder: &mut FunctionBuilder<'_>, args: &[Value]) -> Inst {
        match self.code {
            CallCode::Function(func) => builder.ins().call(func, args),
            CallCode::Address(address) => {
                builder.ins().call_indirect(self.signature, address, args)
            }
        }
    }

    /// Emits the `try_call` or `try_call_indirect` with those values, and ends the block. `table`
    /// is an exception table of [`Callable::signature`].
    ///
    /// # Errors
    /// The errors of [`Callable::call`], and [`LowerError::Function`] for a table of another
    /// signature. Also [`LowerError::Function`] for a calling convention under which Cranelift has
    /// no `try_call`: on x86-64 Windows the plan has to be one of
    /// [`Lowering::try_call_plan`](crate::Lowering::try_call_plan).
    pub fn try_call(
        &self,
        builder: &mut FunctionBuilder<'_>,
        values: &[Value],
        table: ExceptionTable,
    ) -> Result<Inst, LowerError> {
        check::position(builder)?;
        let (args, dfg) = (self.args(values), &builder.func.dfg);
        let call_conv = self.check(dfg, &args)?.call_conv;
        let tables = &dfg.exception_tables;
        if !tables.is_valid(table) || tables[table].signature() != self.signature {
            let why = "the exception table has another signature than the call";
            return Err(LowerError::Function(why));
        }
        if !call_conv.supports_exceptions() {
            let why = "Cranelift has no try_call for this calling convention: on x86-64 Windows, use `Lowering::try_call_plan`";
            return Err(LowerError::Function(why));
        }
        Ok(match self.code {
            CallCode::Function(func) => builder.ins().try_call(func, &args, table),
            CallCode::Address(address) => builder.ins().try_call_indirect(address, &args, table),
        })
    }

    /// Refuses a call instruction that is not made of `dfg`'s function, signature and values.
    /// Returns that signature.
    fn check<'a>(
        &self,
        dfg: &'a DataFlowGraph,
        args: &[Value],
    ) -> Result<&'a Signature, LowerError> {
        let signature = match self.code {
            CallCode::Function(func) => check::imported(dfg, func)?,
            CallCode::Address(to) => {
                check::address(dfg, to, &"callee", &cabi::Type::FN_PTR)?;
                self.signature
            }
        };
        let why = "it has not imported the callee's signature";
        let signature = dfg.signatures.get(signature);
        let signature = signature.ok_or(LowerError::Function(why))?;
        let declared = signature.params.iter().map(|param| param.value_type);
        match check::are_of(dfg, args, declared.clone()) {
            true => Ok(signature),
            false => Err(LowerError::Values {
                expected: type_names(declared),
                found: check::types_of(dfg, args),
            }),
        }
    }
}

impl CallSite<'_, '_, '_> {
    /// Returns how `callee` is called: directly, through an address, or by a stub that sets AL, the
    /// static chain or second registers of floats first.
    pub(crate) fn callee(
        &mut self,
        stubs: &mut dyn Stubs,
        callee: Callee,
    ) -> Result<Callable, LowerError> {
        let (plan, func) = (self.plan, &mut *self.builder.func);
        let by_stub = plan.indirect.as_ref().zip(plan.indirect_stub());
        let code = match callee {
            Callee::Function(id) => {
                if let Some(stub) = plan.direct_stub(id.as_u32()) {
                    let (stub, signature) = import_stub(stubs, stub, &plan.signature, func)?;
                    return Ok(Callable::function(stub, signature));
                }
                let signature = import_planned(func, &plan.signature);
                let function = stubs.function(id, signature, func)?;
                check_import(func, function, signature)?;
                if by_stub.is_none() {
                    return Ok(Callable::function(function, signature));
                }
                CallCode::Function(function)
            }
            Callee::Ref(function) => {
                let signature = check::imported(&func.dfg, function)?;
                let is_planned = is_planned(&func.dfg.signatures[signature], &plan.signature);
                if by_stub.is_none() && is_planned {
                    return Ok(Callable::function(function, signature));
                }
                CallCode::Function(function)
            }
            Callee::Address(address) => {
                check::address(&func.dfg, address, &"callee", &cabi::Type::FN_PTR)?;
                CallCode::Address(address)
            }
        };
        let (stub, signature, n_extra) = match by_stub {
            // The stub finds the address after padding arguments, for which any value will do.
            Some((indirect, stub)) => {
                let (stub, signature) = import_stub(stubs, stub, &indirect.signature, func)?;
                (Some(stub), signature, indirect.padding + 1)
            }
            None => (None, import_planned(func, &plan.signature), 0),
        };
        let address = match code {
            CallCode::Address(address) => address,
            CallCode::Function(function) => {
                // Its error has to come before the first instruction.
                self.pop_stub(stubs)?;
                self.builder.ins().func_addr(types::I64, function)
            }
        };
        let extra = Values::from_elem(address, n_extra);
        let code = stub.map_or(CallCode::Address(address), CallCode::Function);
        Ok(Callable {
            code,
            signature,
            extra,
        })
    }
}
