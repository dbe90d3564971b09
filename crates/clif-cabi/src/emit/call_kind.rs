//! How a function is called: by `call`, by `call_indirect`, or by a stub on the way to it.

use crate::cranelift::codegen::ir::{FuncRef, SigRef, Value, types};
use crate::cranelift::inst_builder::*;

use super::call::CallSite;
use super::callable::{Callable, Code};
use super::forms::Callee;
use super::{Values, check};
use crate::clif_types::is_planned;
use crate::error::LowerError;
use crate::import;
use crate::stubs::Stubs;

/// How a call is made.
pub(super) enum CallKind {
    /// By `call`: of the function itself, or of a stub to it.
    Function(FuncRef),
    /// By `call_indirect`.
    Address(SigRef, Source),
    /// By `call` of a stub, which finds the address after the argument area and so many padding arguments before that.
    Stub(FuncRef, Source, usize),
}

/// Where the address of a callee comes from.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Value(Value),
    Function(FuncRef),
}

impl CallSite<'_, '_, '_> {
    /// How `callee` is called: directly, through an address, or by a stub that sets AL, the static chain or second registers of floats first.
    pub(super) fn call_kind(
        &mut self,
        stubs: &mut dyn Stubs,
        callee: Callee,
    ) -> Result<CallKind, LowerError> {
        let signature = &self.plan.signature;
        let indirect = self.plan.indirect.as_ref();
        let by_stub = indirect.zip(self.plan.indirect_stub());
        let code = match callee {
            Callee::Function(id) => {
                let signature = import::planned_signature(self.builder.func, signature);
                let direct = self.plan.direct_stub(id.as_u32());
                let is_direct = direct.is_some() || by_stub.is_none();
                let func = match direct {
                    None => stubs.function(id, signature, self.builder.func)?,
                    Some(stub) => stubs.stub(stub, signature, self.builder.func)?,
                };
                check::are_imported(&self.builder.func.dfg, func, signature)?;
                if is_direct {
                    return Ok(CallKind::Function(func));
                }
                Source::Function(func)
            }
            Callee::Ref(func) => {
                let imported = check::imported(&self.builder.func.dfg, func)?;
                if by_stub.is_none() && is_planned(imported, signature) {
                    return Ok(CallKind::Function(func));
                }
                Source::Function(func)
            }
            Callee::Address(address) => {
                check::callee(&self.builder.func.dfg, address)?;
                Source::Value(address)
            }
        };
        let Some((indirect, stub)) = by_stub else {
            let signature = import::planned_signature(self.builder.func, signature);
            return Ok(CallKind::Address(signature, code));
        };
        let signature = import::planned_signature(self.builder.func, &indirect.signature);
        let func = stubs.stub(stub, signature, self.builder.func)?;
        check::are_imported(&self.builder.func.dfg, func, signature)?;
        Ok(CallKind::Stub(func, code, indirect.padding))
    }

    /// What a call instruction of one's own names and needs.
    pub(crate) fn callee(
        &mut self,
        stubs: &mut dyn Stubs,
        callee: Callee,
    ) -> Result<Callable, LowerError> {
        check::position(self.builder)?;
        let call_kind = self.call_kind(stubs, callee)?;
        self.callable(call_kind)
    }

    pub(super) fn callable(&mut self, call_kind: CallKind) -> Result<Callable, LowerError> {
        let (code, signature, extra) = match call_kind {
            CallKind::Address(signature, code) => {
                let code = Code::Address(self.address(code));
                return Ok(Callable {
                    code,
                    signature,
                    extra: Values::new(),
                });
            }
            CallKind::Function(func) => (Code::Function(func), func, Values::new()),
            CallKind::Stub(func, code, padding) => {
                let address = self.address(code);
                let extra = std::iter::repeat_n(address, padding + 1).collect();
                (Code::Function(func), func, extra)
            }
        };
        let Some(import) = self.builder.func.dfg.ext_funcs.get(signature) else {
            return Err(LowerError::Stub("the function of a stub was not imported"));
        };
        Ok(Callable {
            code,
            signature: import.signature,
            extra,
        })
    }

    fn address(&mut self, code: Source) -> Value {
        match code {
            Source::Value(address) => address,
            Source::Function(func) => self.builder.ins().func_addr(types::I64, func),
        }
    }
}
