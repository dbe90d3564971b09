//! The callee of a call instruction: the function, its address, or a stub on the way to it.

use crate::cranelift::codegen::ir::types;
use crate::cranelift::inst_builder::*;

use super::call::CallSite;
use super::callable::{CallCode, Callable};
use super::forms::Callee;
use super::{Values, check};
use crate::clif_types::is_planned;
use crate::error::LowerError;
use crate::import;
use crate::stubs::{Stubs, check_import, import_stub};

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
                let signature = import::planned_signature(func, &plan.signature);
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
            None => (None, import::planned_signature(func, &plan.signature), 0),
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
