//! Calls: arguments into slots, the call itself, its result out.

use crate::cranelift::codegen::ir::{FuncRef, TrapCode, Value};
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use clif_cabi_plan::{CallPlan, ResultPlan, Stub};
use smallvec::SmallVec;

use super::forms::{Arg, CallResult, Callee, Ret};
use super::memory::{self, Address, MemoryConfig};
use super::value::CValue;
use super::{Values, check, owned, slot_of};
use crate::error::LowerError;
use crate::stubs::{Stubs, import_stub};

/// Trap after a call that does not return.
const CAME_BACK: TrapCode = TrapCode::unwrap_user(0x7c);

/// A call at the position of a builder.
pub(crate) struct CallSite<'a, 'b, 'f> {
    pub(crate) plan: &'a CallPlan,
    pub(crate) builder: &'b mut FunctionBuilder<'f>,
    pub(crate) config: MemoryConfig,
    /// Addresses of copies that are the function's own, and that the callee is given as they are;
    /// and their alignments.
    pub(crate) forwarded: SmallVec<[(Value, u32); 4]>,
}

impl CallSite<'_, '_, '_> {
    /// Emits the whole call. Refusals and requests for stubs come before the first instruction.
    pub(crate) fn emit(
        &mut self,
        stubs: &mut dyn Stubs,
        callee: Callee,
        args: &[Arg],
        ret: Ret,
    ) -> Result<CallResult, LowerError> {
        let is_loaded =
            matches!(ret, Ret::Fields) && check::has_fields_in_memory(self.plan, self.config);
        self.check(args, if is_loaded { Ret::Ignore } else { ret })?;
        let callable = self.callee(stubs, callee)?;
        let pop = self.pop_stub(stubs)?;
        let address = match callee {
            Callee::Address(address) => Some(address),
            _ => None,
        };
        let to = match is_loaded {
            true => Ret::Memory(slot_of(self.config, self.builder, self.plan.sig.result())),
            false => ret,
        };
        let values = self.values(args, to, address)?;
        let inst = callable.emit(self.builder, &values);
        if let (true, Ret::Memory(slot)) = (is_loaded, to) {
            let result = CValue::result(self.plan);
            return result.memory_to_form(self.config, self.builder, Address::at(slot), ret);
        }
        let results = own_results(&self.plan.result, self.builder.inst_results(inst));
        self.results_out(pop, &results, ret)
    }

    pub(crate) fn check(&self, args: &[Arg], ret: Ret) -> Result<(), LowerError> {
        check::position(self.builder)?;
        let dfg = &self.builder.func.dfg;
        check::result_form((dfg, self.config), self.plan, ret)?;
        match check::arguments((dfg, self.config), self.plan, args)? {
            true => owned::check(dfg, (self.plan, self.config), args, ret),
            false => Ok(()),
        }
    }

    /// Returns the result of a call whose CLIF results are `results`.
    pub(crate) fn values_out(
        &mut self,
        stubs: &mut dyn Stubs,
        results: &[Value],
        ret: Ret,
    ) -> Result<CallResult, LowerError> {
        check::position(self.builder)?;
        let dfg = &self.builder.func.dfg;
        check::result_form((dfg, self.config), self.plan, ret)?;
        check::results(dfg, self.plan, results)?;
        let pop = self.pop_stub(stubs)?;
        let results = own_results(&self.plan.result, results);
        self.results_out(pop, &results, ret)
    }

    fn results_out(
        &mut self,
        pop: Option<FuncRef>,
        results: &[Value],
        ret: Ret,
    ) -> Result<CallResult, LowerError> {
        if self.plan.sig.is_noreturn() {
            self.builder.ins().trap(CAME_BACK);
            return Ok(CallResult::Nothing);
        }
        let result = CValue::result(self.plan);
        match (&self.plan.result, pop, results) {
            (ResultPlan::Parts { .. }, ..) => result.parts_to_form(self.builder, results, ret),
            (ResultPlan::Registers { .. }, _, [base])
                if matches!(ret, Ret::Parts | Ret::Fields) =>
            {
                result.memory_to_form(self.config, self.builder, Address::at(*base), ret)
            }
            // The result is popped even if unused: the callee's callers rely on an empty stack. The
            // stub writes to a slot of its own, so that nothing computes an address between the
            // call and it.
            (ResultPlan::Stub { bytes, .. }, Some(pop), _) => {
                let slot = memory::scratch(self.builder, u64::from(*bytes));
                self.builder.ins().call(pop, &[slot.base]);
                if ret == Ret::Ignore {
                    return Ok(CallResult::Nothing);
                }
                let values = memory::load_all(self.builder, result.parts, slot);
                result.parts_to_form(self.builder, &values, ret)
            }
            _ => Ok(CallResult::Nothing),
        }
    }

    /// Returns the stub that moves the result to memory, if CLIF cannot express its place: the x87
    /// stack.
    pub(super) fn pop_stub(
        &mut self,
        stubs: &mut dyn Stubs,
    ) -> Result<Option<FuncRef>, LowerError> {
        let ResultPlan::Stub { pop, .. } = &self.plan.result else {
            return Ok(None);
        };
        let signature = Stub::address_signature();
        let (pop, _) = import_stub(stubs, pop.clone(), &signature, self.builder.func)?;
        Ok(Some(pop))
    }
}

/// Returns the parts of the C result, in order, picked from the CLIF `results`. Returns all
/// `results` if the plan has no parts.
fn own_results(plan: &ResultPlan, results: &[Value]) -> Values {
    let ResultPlan::Parts { results: own, .. } = plan else {
        return Values::from_slice(results);
    };
    let mut values = Values::new();
    for value in own.iter().filter_map(|i| results.get(*i)) {
        values.push(*value);
    }
    values
}
