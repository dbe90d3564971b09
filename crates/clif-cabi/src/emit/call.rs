//! Calls: arguments into slots, the call itself, its result out.

use crate::cranelift::codegen::ir::{FuncRef, TrapCode, Value};
use crate::cranelift::codegen::isa::TargetFrontendConfig;
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use clif_cabi_plan::{ResultPlan, Stub};
use smallvec::SmallVec;

use super::forms::{Arg, Callee, Ret, Returned};
use super::memory::{self, Address};
use super::{Values, check, convert, fields};
use crate::error::LowerError;
use crate::import;
use crate::parts::Part;
use crate::plan::CallPlan;
use crate::stubs::Stubs;

/// The trap after a call that does not come back.
const CAME_BACK: TrapCode = TrapCode::unwrap_user(0x7c);

/// Fields of types that were checked are put together in any case.
pub(super) const NO_FIELDS: LowerError = LowerError::Stub {
    why: "fields that no instruction takes apart",
};

/// A call at the position of a builder.
pub(crate) struct CallSite<'a, 'b, 'f> {
    pub(crate) plan: &'a CallPlan,
    pub(crate) builder: &'b mut FunctionBuilder<'f>,
    pub(crate) config: TargetFrontendConfig,
    /// Addresses of copies that are the function's own, and that the callee is given as they are.
    pub(crate) forwarded: Values,
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
        let address = match callee {
            Callee::Address(address) => Some(address),
            _ => None,
        };
        let values = self.values(args, ret, address)?;
        let inst = self.callable(via)?.emit(self.builder, &values);
        let results = self.own_results(self.builder.inst_results(inst));
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
        self.values(args, ret, None)
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
        self.results_out(pop, &self.own_results(results), ret)
    }

    /// The parts of the C result, in their order, picked from the CLIF `results`.
    fn own_results(&self, results: &[Value]) -> Values {
        match self.plan.result() {
            ResultPlan::Parts { results: own, .. } => {
                let mut values = Values::new();
                for value in own.iter().filter_map(|i| results.get(*i)) {
                    values.push(*value);
                }
                values
            }
            _ => Values::from_slice(results),
        }
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
            (ResultPlan::Parts { .. }, _) => self.parts_out(self.plan.result_parts(), results, ret),
            (ResultPlan::Vectors { .. }, _) => {
                let (Ret::Parts | Ret::Fields, Some(base)) = (ret, results.first()) else {
                    return Ok(Returned::Nothing);
                };
                let from = Address::at(*base);
                let parts = self.plan.result_parts();
                let values = memory::load_all(self.builder, parts, from);
                self.parts_out(parts, &values, ret)
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
            Ret::Fields => {
                let ty = self.plan.sig().result();
                let fields = fields::fields(ty)?;
                let values = fields::from_parts(self.builder, parts, results, &fields);
                Ok(Returned::Fields(values.ok_or(NO_FIELDS)?))
            }
            Ret::Memory(address) => {
                let to = Address::at(address);
                memory::store_all(self.builder, parts, results, to);
                Ok(Returned::Nothing)
            }
            Ret::Value => {
                let ty = self.plan.sig().result();
                let joined = self.plan.result_value_type().and_then(|clif| {
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
        let signature = import::planned_signature(self.builder.func, &Stub::address_signature());
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
        let to = Address::at(address);
        memory::store_all(self.builder, parts, &values, to);
        Returned::Nothing
    }
}
