//! Calls: arguments into slots, the call itself, its result out.

use clif_cabi_plan::{Passing, ResultPlan, Slot};
use cranelift_codegen::ir::{
    FuncRef, InstBuilder, MemFlagsData, SigRef, TrapCode, Type, Value, types,
};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::FunctionBuilder;
use smallvec::SmallVec;

use super::callable::{Callable, Code};
use super::forms::{Arg, Callee, Ret, Returned};
use super::memory::{self, Address};
use super::{Values, check, convert, lanes, zero};
use crate::clif_types::clif_signature;
use crate::error::LowerError;
use crate::parts::{Part, parts, value_type};
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

/// The values of one argument.
enum ArgValues {
    Nothing,
    Values(Values),
    /// The address of the object, and the values of what is not passed by it.
    Block(Value, Values),
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

    /// The address the callee, or the stub of the call, writes the result to, if one does: the caller's, or a slot.
    fn result_address(&mut self, ret: Ret) -> Option<Value> {
        let (size, align) = match self.plan.result() {
            ResultPlan::Sret => {
                let ty = self.plan.sig().result();
                (ty.size(), ty.align())
            }
            ResultPlan::Vectors { bytes, .. } => (u64::from(*bytes), 16),
            _ => return None,
        };
        Some(match ret {
            Ret::Memory(address) => address,
            _ => memory::slot(self.builder, size, align).base,
        })
    }

    pub(super) fn values(
        &mut self,
        args: &[Arg],
        ret: Ret,
    ) -> Result<SmallVec<[Value; 16]>, LowerError> {
        let result = self.result_address(ret);
        let mut ready: SmallVec<[ArgValues; 8]> = SmallVec::new();
        for (i, arg) in args.iter().enumerate() {
            ready.push(self.argument(i, arg)?);
        }
        let plan = self.plan;
        let slots = plan.inner.slots.iter().zip(&plan.signature().params);
        let mut padding: SmallVec<[(Type, Value); 2]> = SmallVec::new();
        for (_, param) in slots.clone().filter(|(slot, _)| **slot == Slot::Padding) {
            let ty = param.value_type;
            if !padding.iter().any(|(own, _)| *own == ty) {
                padding.push((ty, self.padding(ty, result, args, &ready)));
            }
        }
        let value_of = |slot: &Slot, ty: Type| match *slot {
            Slot::Sret | Slot::Result => result,
            Slot::Padding => {
                let mut padding = padding.iter();
                padding.find_map(|(own, value)| (*own == ty).then_some(*value))
            }
            Slot::Part { arg, part } => match ready.get(arg) {
                Some(ArgValues::Values(values) | ArgValues::Block(_, values)) => {
                    values.get(part).copied()
                }
                _ => None,
            },
            Slot::Lane { arg, lane } => match ready.get(arg) {
                Some(ArgValues::Values(values)) => values.get(usize::from(lane)).copied(),
                _ => None,
            },
            Slot::Block { arg } | Slot::Address { arg } => match ready.get(arg) {
                Some(ArgValues::Block(address, _)) => Some(*address),
                _ => None,
            },
        };
        slots
            .map(|(slot, param)| {
                value_of(slot, param.value_type).ok_or(LowerError::Stub {
                    why: "a slot without value",
                })
            })
            .collect()
    }

    fn argument(&mut self, i: usize, arg: &Arg) -> Result<ArgValues, LowerError> {
        let Some(passing) = self.plan.inner.args.get(i) else {
            return Ok(ArgValues::Nothing);
        };
        Ok(match (arg, passing) {
            (_, Passing::Nothing) => ArgValues::Nothing,
            (Arg::Memory { base, offset }, passing) => {
                let size = self.plan.sig().params().get(i).map_or(0, |p| p.ty.size());
                let from = Address::of_object(self.builder, *base, *offset, size);
                match passing {
                    Passing::Parts(_) => {
                        ArgValues::Values(memory::load_all(self.builder, self.plan.parts(i), from))
                    }
                    Passing::Block(tail) => {
                        let tail = memory::load_all(self.builder, &parts(tail), from);
                        ArgValues::Block(from.value(self.builder), tail)
                    }
                    Passing::Object(_) => ArgValues::Block(from.value(self.builder), Values::new()),
                    Passing::Lanes(n) => ArgValues::Values(lanes::spread(self.builder, from, *n)),
                    Passing::Reference { .. } if self.is_forwarded(arg) => {
                        ArgValues::Values(Values::from_slice(&[*base]))
                    }
                    Passing::Reference { size, align } => {
                        let copy = memory::slot(self.builder, *size, *align);
                        memory::copy(self.config, self.builder, *size, from, copy);
                        ArgValues::Values(Values::from_slice(&[copy.base]))
                    }
                    Passing::Nothing => ArgValues::Nothing,
                }
            }
            (Arg::Value(value), Passing::Reference { size, align }) => {
                let copy = memory::slot(self.builder, *size, *align);
                let flags = MemFlagsData::new();
                (self.builder.ins()).store(flags, *value, copy.base, copy.offset);
                ArgValues::Values(Values::from_slice(&[copy.base]))
            }
            (Arg::Value(value), Passing::Parts(_)) => {
                ArgValues::Values(self.split(i, *value, self.plan.parts(i))?)
            }
            (Arg::Parts(values), Passing::Object(_)) => {
                let size = self.plan.sig().params().get(i).map_or(0, |p| p.ty.size());
                let to = memory::slot(self.builder, size, 16);
                memory::store_all(self.builder, self.plan.parts(i), values, to);
                ArgValues::Block(to.base, Values::new())
            }
            (Arg::Parts(values), _) => ArgValues::Values(values.clone()),
            (Arg::Value(_), _) => ArgValues::Nothing, // refused by `check::arguments`
        })
    }

    /// Whether `arg` is an object that is given as it is.
    pub(super) fn is_forwarded(&self, arg: &Arg) -> bool {
        matches!(arg, Arg::Memory { base, offset: 0 } if self.forwarded.contains(base))
    }

    /// The parts of one value. What no instruction takes apart goes through memory.
    fn split(&mut self, i: usize, value: Value, parts: &[Part]) -> Result<Values, LowerError> {
        if let Some(values) = convert::split(self.builder, value, parts) {
            return Ok(values);
        }
        if let Some(values) = convert::split_in_memory(self.builder, value, parts) {
            return Ok(values);
        }
        let param = self.plan.sig().params().get(i);
        Err(LowerError::value(
            format!("argument {i}"),
            param.map_or(&cabi::Type::VOID, |param| &param.ty),
            "its parts".into(),
            self.builder.func.dfg.value_type(value),
        ))
    }

    /// Any value of type `ty` at hand: one in a register costs a move, a constant one instruction more.
    fn padding(
        &mut self,
        ty: Type,
        result: Option<Value>,
        args: &[Arg],
        ready: &[ArgValues],
    ) -> Value {
        let fits = |value: &Value| self.builder.func.dfg.value_type(*value) == ty;
        let values = ready.iter().flat_map(|arg| match arg {
            ArgValues::Values(values) => values.as_slice(),
            _ => &[],
        });
        let bases = args.iter().filter_map(|arg| match arg {
            Arg::Memory { base, .. } => Some(base),
            _ => None,
        });
        let at_hand = result.iter().chain(bases).chain(values).copied().find(fits);
        at_hand.unwrap_or_else(|| zero(self.builder, ty))
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
