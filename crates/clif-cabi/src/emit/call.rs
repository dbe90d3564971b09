//! Calls: arguments into slots, the call itself, its result out.

use clif_cabi_plan::ResultPlan;
use cranelift_codegen::ir::{FuncRef, InstBuilder, SigRef, TrapCode, Value, types};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::FunctionBuilder;
use smallvec::SmallVec;

use super::callable::{Callable, Code};
use super::forms::{Arg, Callee, Ret, Returned};
use super::memory::{self, Address};
use super::{Values, check, convert};
use crate::clif_types::clif_signature;
use crate::error::LowerError;
use crate::parts::{Part, value_type};
use crate::plan::CallPlan;
use crate::stubs::{Stubs, address_signature};

/// The trap after a call that does not come back.
const CAME_BACK: TrapCode = TrapCode::unwrap_user(0x7c);

/// A call at the position of a builder.
pub(crate) struct CallSite<'a, 'b, 'f> {
    pub(crate) plan: &'a CallPlan,
    pub(crate) builder: &'b mut FunctionBuilder<'f>,
    pub(crate) config: TargetFrontendConfig,
    /// Addresses of copies that are the function's own, and that the callee is given as they are.
    pub(crate) forwarded: Values,
}

/// How a call is made.
enum Via {
    /// By `call`: of the function itself, or of a stub to it.
    Function(FuncRef),
    /// By `call_indirect`.
    Address(SigRef, Source),
    /// By `call` of a stub, which finds the address after the argument area and so many padding arguments before that.
    Stub(FuncRef, Source, usize),
}

/// Where the address of a callee comes from.
#[derive(Clone, Copy)]
enum Source {
    Value(Value),
    Function(FuncRef),
}

impl CallSite<'_, '_, '_> {
    /// Emits the whole call. What can be refused is looked at, and what stubs it needs are asked for, before the first instruction.
    pub(crate) fn emit(
        &mut self,
        stubs: &mut dyn Stubs,
        callee: Callee,
        args: &[Arg],
        ret: Ret,
    ) -> Result<Returned, LowerError> {
        self.check(args, ret)?;
        let via = self.via(stubs, callee)?;
        let pop = self.pop_stub(stubs)?;
        let values = self.values(args, ret)?;
        let inst = self.callable(via)?.call(self.builder, &values)?;
        let results = Values::from_slice(self.builder.inst_results(inst));
        self.results_out(pop, &results, ret)
    }

    pub(super) fn check(&self, args: &[Arg], ret: Ret) -> Result<(), LowerError> {
        check::position(self.builder)?;
        let dfg = &self.builder.func.dfg;
        check::result_form(dfg, self.plan, ret)?;
        check::arguments(dfg, self.plan, args)
    }

    /// The values of the CLIF call, one per parameter of [`CallPlan::signature`].
    pub(crate) fn values_in(
        &mut self,
        args: &[Arg],
        ret: Ret,
    ) -> Result<SmallVec<[Value; 16]>, LowerError> {
        self.check(args, ret)?;
        self.values(args, ret)
    }

    /// How `callee` is called: directly, through an address, or by a stub that sets AL, the static chain or second registers of floats first.
    fn via(&mut self, stubs: &mut dyn Stubs, callee: Callee) -> Result<Via, LowerError> {
        let signature = self.plan.signature();
        let stub = self.plan.inner.indirect_stub();
        let by_stub = self.plan.inner.indirect.as_ref().zip(stub);
        let code = match callee {
            Callee::Function(id) => {
                let signature = self.builder.import_signature(signature.clone());
                let direct = self.plan.inner.direct_stub(id.as_u32());
                let is_direct = direct.is_some() || by_stub.is_none();
                let func = match direct {
                    None => stubs.function(id, signature, self.builder.func)?,
                    Some(stub) => stubs.stub(stub, signature, self.builder.func)?,
                };
                check::are_imported(&self.builder.func.dfg, func, signature)?;
                if is_direct {
                    return Ok(Via::Function(func));
                }
                Source::Function(func)
            }
            Callee::Ref(func) => {
                let imported = check::imported(&self.builder.func.dfg, func)?;
                if by_stub.is_none() && imported == signature {
                    return Ok(Via::Function(func));
                }
                Source::Function(func)
            }
            Callee::Address(address) => {
                check::address(
                    &self.builder.func.dfg,
                    address,
                    "callee",
                    &cabi::Type::FN_PTR,
                )?;
                Source::Value(address)
            }
        };
        let Some((indirect, stub)) = by_stub else {
            let signature = self.builder.import_signature(signature.clone());
            return Ok(Via::Address(signature, code));
        };
        let signature = clif_signature(&indirect.signature);
        let signature = self.builder.import_signature(signature);
        let func = stubs.stub(stub, signature, self.builder.func)?;
        check::are_imported(&self.builder.func.dfg, func, signature)?;
        Ok(Via::Stub(func, code, indirect.padding))
    }

    /// What a call instruction of one's own names and needs.
    pub(crate) fn callee(
        &mut self,
        stubs: &mut dyn Stubs,
        callee: Callee,
    ) -> Result<Callable, LowerError> {
        check::position(self.builder)?;
        let via = self.via(stubs, callee)?;
        self.callable(via)
    }

    fn callable(&mut self, via: Via) -> Result<Callable, LowerError> {
        let (code, signature, extra) = match via {
            Via::Address(signature, code) => {
                let code = Code::Address(self.address(code));
                return Ok(Callable {
                    code,
                    signature,
                    extra: Values::new(),
                });
            }
            Via::Function(func) => (Code::Function(func), func, Values::new()),
            Via::Stub(func, code, padding) => {
                let address = self.address(code);
                let extra = std::iter::repeat_n(address, padding + 1).collect();
                (Code::Function(func), func, extra)
            }
        };
        let import = self.builder.func.dfg.ext_funcs.get(signature);
        let signature = import.map(|import| import.signature);
        let missing = LowerError::Stub {
            why: "the function of a stub was not imported",
        };
        Ok(Callable {
            code,
            signature: signature.ok_or(missing)?,
            extra,
        })
    }

    fn address(&mut self, code: Source) -> Value {
        match code {
            Source::Value(address) => address,
            Source::Function(func) => self.builder.ins().func_addr(types::I64, func),
        }
    }

    /// The result of a call whose CLIF results are `results`.
    pub(crate) fn values_out(
        &mut self,
        stubs: &mut dyn Stubs,
        results: &[Value],
        ret: Ret,
    ) -> Result<Returned, LowerError> {
        check::position(self.builder)?;
        let dfg = &self.builder.func.dfg;
        check::result_form(dfg, self.plan, ret)?;
        check::results(dfg, self.plan, results)?;
        let pop = self.pop_stub(stubs)?;
        self.results_out(pop, results, ret)
    }

    fn results_out(
        &mut self,
        pop: Option<FuncRef>,
        results: &[Value],
        ret: Ret,
    ) -> Result<Returned, LowerError> {
        if self.plan.sig().is_noreturn() {
            self.builder.ins().trap(CAME_BACK);
            return Ok(Returned::Nothing);
        }
        match (self.plan.result(), pop) {
            (ResultPlan::Parts { results: own, .. }, _) => {
                let results: Values = (own.iter())
                    .filter_map(|i| results.get(*i).copied())
                    .collect();
                self.parts_out(self.plan.result_parts(), &results, ret)
            }
            (ResultPlan::Vectors { .. }, _) => {
                let (Ret::Parts, Some(base)) = (ret, results.first()) else {
                    return Ok(Returned::Nothing);
                };
                let from = Address {
                    base: *base,
                    offset: 0,
                };
                let parts = self.plan.result_parts();
                Ok(Returned::Parts(memory::load_all(self.builder, parts, from)))
            }
            (ResultPlan::Stub { bytes, .. }, Some(pop)) => Ok(self.pop(pop, *bytes, ret)),
            _ => Ok(Returned::Nothing),
        }
    }

    fn parts_out(
        &mut self,
        parts: &[Part],
        results: &[Value],
        ret: Ret,
    ) -> Result<Returned, LowerError> {
        match ret {
            Ret::Ignore => Ok(Returned::Nothing),
            Ret::Parts => Ok(Returned::Parts(Values::from_slice(results))),
            Ret::Memory(address) => {
                let to = Address {
                    base: address,
                    offset: 0,
                };
                memory::store_all(self.builder, parts, results, to);
                Ok(Returned::Nothing)
            }
            Ret::Value => {
                let ty = self.plan.sig().result();
                let joined = value_type(ty).and_then(|clif| {
                    convert::join(self.builder, results, parts, clif)
                        .or_else(|| convert::join_in_memory(self.builder, results, parts, clif))
                });
                joined
                    .map(Returned::Value)
                    .ok_or_else(|| LowerError::Value {
                        what: "result".into(),
                        ty: ty.to_string(),
                        expected: check::memory_or(parts, "Ret"),
                        found: "Ret::Value".into(),
                    })
            }
        }
    }

    /// The stub that moves the result to memory, if it is where CLIF cannot say: on the x87 stack.
    fn pop_stub(&mut self, stubs: &mut dyn Stubs) -> Result<Option<FuncRef>, LowerError> {
        let ResultPlan::Stub { pop, .. } = self.plan.result() else {
            return Ok(None);
        };
        let signature = self.builder.import_signature(address_signature());
        let func = stubs.stub(pop.clone(), signature, self.builder.func)?;
        check::are_imported(&self.builder.func.dfg, func, signature)?;
        Ok(Some(func))
    }

    /// Moves the result to memory. It is popped even if nobody wants it: the callee's callers rely on an empty stack. The stub
    /// writes to a slot of its own, so that nothing computes an address between the call and it.
    fn pop(&mut self, pop: FuncRef, bytes: u32, ret: Ret) -> Returned {
        let parts = self.plan.result_parts();
        let slot = memory::slot(self.builder, u64::from(bytes), 16);
        self.builder.ins().call(pop, &[slot.base]);
        if ret == Ret::Ignore {
            return Returned::Nothing;
        }
        let values = memory::load_all(self.builder, parts, slot);
        let Ret::Memory(address) = ret else {
            return Returned::Parts(values);
        };
        let to = Address {
            base: address,
            offset: 0,
        };
        memory::store_all(self.builder, parts, &values, to);
        Returned::Nothing
    }
}
