//! Calls: arguments into slots, the call itself, its result out.

use clif_cabi_plan::{Passing, ResultPlan, Slot};
use cranelift_codegen::ir::{FuncRef, InstBuilder, SigRef, TrapCode, Value, types};
use cranelift_frontend::FunctionBuilder;
use smallvec::SmallVec;

use super::forms::{Arg, Callable, Callee, Code, Ret, Returned};
use super::memory::{self, Address};
use super::{Values, check, convert, lanes};
use crate::bridge::{Bridges, address_signature};
use crate::error::LowerError;
use crate::pieces::{Piece, value_type};
use crate::plan::CallPlan;

/// The trap behind a call that does not come back.
const CAME_BACK: TrapCode = TrapCode::unwrap_user(0x7c);

/// What one call knows.
pub(crate) struct CallSite<'a, 'b, 'f> {
    pub(crate) plan: &'a CallPlan,
    pub(crate) builder: &'b mut FunctionBuilder<'f>,
}

/// The values of one argument.
enum ArgValues {
    Nothing,
    Values(Values),
    /// The address Cranelift copies from, and the values of the tail.
    Block(Value, Values),
}

/// How a call is made.
enum Via {
    /// By `call`: of the function itself, or of a bridge to it.
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
    /// Emits the whole call. What can be refused is looked at, and what bridges it needs are asked for, before the first instruction.
    pub(crate) fn emit(
        &mut self,
        bridges: &mut dyn Bridges,
        callee: Callee,
        args: &[Arg],
        ret: Ret,
    ) -> Result<Returned, LowerError> {
        self.check(args, ret)?;
        let via = self.via(bridges, callee)?;
        let pop = self.pop_stub(bridges)?;
        let values = self.values(args, ret)?;
        let inst = self.callable(via)?.call(self.builder, &values)?;
        let results = Values::from_slice(self.builder.inst_results(inst));
        self.results_out(pop, &results, ret)
    }

    fn check(&self, args: &[Arg], ret: Ret) -> Result<(), LowerError> {
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

    /// The address the callee writes its result to, if it does: the caller's, or a slot for a result nobody wants.
    fn sret(&mut self, ret: Ret) -> Option<Value> {
        match (self.plan.result(), ret) {
            (ResultPlan::Sret, Ret::Memory(address)) => Some(address),
            (ResultPlan::Sret, _) => {
                let ty = self.plan.sig().result();
                Some(memory::slot(self.builder, ty.size(), ty.align()).base)
            }
            _ => None,
        }
    }

    fn values(&mut self, args: &[Arg], ret: Ret) -> Result<SmallVec<[Value; 16]>, LowerError> {
        let sret = self.sret(ret);
        let mut ready: SmallVec<[ArgValues; 8]> = SmallVec::new();
        for (i, arg) in args.iter().enumerate() {
            ready.push(self.argument(i, arg)?);
        }
        let padding = if self.plan.inner.slots.contains(&Slot::Padding) {
            Some(self.padding(sret, args, &ready))
        } else {
            None
        };
        let value_of = |slot: &Slot| match *slot {
            Slot::Sret => sret,
            Slot::Padding => padding,
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
            Slot::Block { arg } => match ready.get(arg) {
                Some(ArgValues::Block(address, _)) => Some(*address),
                _ => None,
            },
        };
        let slots = &self.plan.inner.slots;
        slots
            .iter()
            .map(|slot| {
                value_of(slot).ok_or(LowerError::Bridge {
                    why: "a slot without value",
                })
            })
            .collect()
    }

    fn argument(&mut self, i: usize, arg: &Arg) -> Result<ArgValues, LowerError> {
        let Some(passing) = self.plan.inner.args.get(i) else {
            return Ok(ArgValues::Nothing);
        };
        let pieces = self.plan.loaded(i);
        let load = |builder: &mut FunctionBuilder<'_>, pieces: &[Piece], from: Address| -> Values {
            pieces
                .iter()
                .map(|piece| memory::load(builder, piece, from))
                .collect()
        };
        Ok(match (arg, passing) {
            (_, Passing::Nothing) => ArgValues::Nothing,
            (Arg::Memory { base, offset }, passing) => {
                let size = self.plan.sig().params().get(i).map_or(0, |p| p.ty.size());
                let from = Address::of_object(self.builder, *base, *offset, size);
                match passing {
                    Passing::Parts(_) => ArgValues::Values(load(self.builder, pieces, from)),
                    Passing::Block(_) => {
                        let tail = load(self.builder, pieces, from);
                        ArgValues::Block(from.value(self.builder), tail)
                    }
                    Passing::Lanes(n) => ArgValues::Values(lanes::spread(self.builder, from, *n)),
                    Passing::Nothing => ArgValues::Nothing,
                }
            }
            (Arg::Value(value), Passing::Parts(_)) => {
                ArgValues::Values(self.split(i, *value, pieces)?)
            }
            (Arg::Pieces(values), _) => ArgValues::Values(values.clone()),
            (Arg::Value(_), _) => ArgValues::Nothing, // refused by `check_arg`
        })
    }

    /// The pieces of one value. What no instruction takes apart goes through memory.
    fn split(&mut self, i: usize, value: Value, pieces: &[Piece]) -> Result<Values, LowerError> {
        if let Some(values) = convert::split(self.builder, value, pieces) {
            return Ok(values);
        }
        if let Some(values) = convert::split_in_memory(self.builder, value, pieces) {
            return Ok(values);
        }
        let param = self.plan.sig().params().get(i);
        Err(LowerError::value(
            format!("argument {i}"),
            param.map_or(&cabi::Type::VOID, |param| &param.ty),
            "its pieces".into(),
            self.builder.func.dfg.value_type(value),
        ))
    }

    /// Any integer at hand: one in a register costs a move, a constant one instruction more.
    fn padding(&mut self, sret: Option<Value>, args: &[Arg], ready: &[ArgValues]) -> Value {
        let is_int = |value: &Value| self.builder.func.dfg.value_type(*value) == types::I64;
        let values = ready.iter().flat_map(|arg| match arg {
            ArgValues::Values(values) => values.as_slice(),
            _ => &[],
        });
        let bases = args.iter().filter_map(|arg| match arg {
            Arg::Memory { base, .. } => Some(base),
            _ => None,
        });
        let at_hand = sret.iter().chain(bases).chain(values).copied().find(is_int);
        at_hand.unwrap_or_else(|| self.builder.ins().iconst(types::I64, 0))
    }

    /// How `callee` is called: directly, through an address, and with AL set for a variadic one.
    fn via(&mut self, bridges: &mut dyn Bridges, callee: Callee) -> Result<Via, LowerError> {
        let signature = &self.plan.signature;
        let stub = self.plan.inner.indirect_stub();
        let variadic = self.plan.indirect.as_ref().zip(stub);
        let code = match callee {
            Callee::Function(id) => {
                let signature = self.builder.import_signature(signature.clone());
                let func = match self.plan.inner.direct_stub(id.as_u32()) {
                    None => bridges.function(id, signature, self.builder.func)?,
                    Some(stub) => bridges.bridge(stub, signature, self.builder.func)?,
                };
                check::bridged(&self.builder.func.dfg, func, signature)?;
                return Ok(Via::Function(func));
            }
            Callee::Ref(func) => {
                let imported = check::imported(&self.builder.func.dfg, func)?;
                if variadic.is_none() && imported == signature {
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
        let Some((signature, stub)) = variadic else {
            let signature = self.builder.import_signature(signature.clone());
            return Ok(Via::Address(signature, code));
        };
        let signature = self.builder.import_signature(signature.clone());
        let func = bridges.bridge(stub, signature, self.builder.func)?;
        check::bridged(&self.builder.func.dfg, func, signature)?;
        let padding = self.plan.inner.indirect.as_ref();
        let padding = padding.map_or(0, |call| call.padding);
        Ok(Via::Stub(func, code, padding))
    }

    /// What a call instruction of one's own names and needs.
    pub(crate) fn callee(
        &mut self,
        bridges: &mut dyn Bridges,
        callee: Callee,
    ) -> Result<Callable, LowerError> {
        check::position(self.builder)?;
        let via = self.via(bridges, callee)?;
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
        let missing = LowerError::Bridge {
            why: "the function of a bridge was not imported",
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
        bridges: &mut dyn Bridges,
        results: &[Value],
        ret: Ret,
    ) -> Result<Returned, LowerError> {
        check::position(self.builder)?;
        let dfg = &self.builder.func.dfg;
        check::result_form(dfg, self.plan, ret)?;
        check::results(dfg, self.plan, results)?;
        let pop = self.pop_stub(bridges)?;
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
            (ResultPlan::Parts(_), _) => self.pieces_out(self.plan.result_pieces(), results, ret),
            (ResultPlan::Stub { bytes, .. }, Some(pop)) => Ok(self.pop(pop, *bytes, ret)),
            _ => Ok(Returned::Nothing),
        }
    }

    fn pieces_out(
        &mut self,
        pieces: &[Piece],
        results: &[Value],
        ret: Ret,
    ) -> Result<Returned, LowerError> {
        match ret {
            Ret::Ignore => Ok(Returned::Nothing),
            Ret::Pieces => Ok(Returned::Pieces(Values::from_slice(results))),
            Ret::Memory(address) => {
                let to = Address {
                    base: address,
                    offset: 0,
                };
                for (piece, value) in pieces.iter().zip(results) {
                    memory::store(self.builder, piece, *value, to);
                }
                Ok(Returned::Nothing)
            }
            Ret::Value => {
                let ty = self.plan.sig().result();
                let joined = value_type(ty).and_then(|clif| {
                    convert::join(self.builder, results, pieces, clif)
                        .or_else(|| convert::join_in_memory(self.builder, results, pieces, clif))
                });
                joined
                    .map(Returned::Value)
                    .ok_or_else(|| LowerError::Value {
                        what: "result".into(),
                        ty: ty.to_string(),
                        expected: check::memory_or(pieces, "Ret"),
                        found: "Ret::Value".into(),
                    })
            }
        }
    }

    /// The stub that moves the result to memory, if it is where CLIF cannot say: on the x87 stack.
    fn pop_stub(&mut self, bridges: &mut dyn Bridges) -> Result<Option<FuncRef>, LowerError> {
        let ResultPlan::Stub { pop, .. } = self.plan.result() else {
            return Ok(None);
        };
        let signature = self.builder.import_signature(address_signature());
        let func = bridges.bridge(*pop, signature, self.builder.func)?;
        check::bridged(&self.builder.func.dfg, func, signature)?;
        Ok(Some(func))
    }

    /// Moves the result to memory. It is popped even if nobody wants it: the callee's callers rely on an empty stack. The stub
    /// writes to a slot of its own, so that nothing computes an address between the call and it.
    fn pop(&mut self, pop: FuncRef, bytes: u32, ret: Ret) -> Returned {
        let pieces = self.plan.result_pieces();
        let slot = memory::slot(self.builder, u64::from(bytes), 16);
        self.builder.ins().call(pop, &[slot.base]);
        if ret == Ret::Ignore {
            return Returned::Nothing;
        }
        let values: Values = pieces
            .iter()
            .map(|piece| memory::load(self.builder, piece, slot))
            .collect();
        let Ret::Memory(address) = ret else {
            return Returned::Pieces(values);
        };
        let to = Address {
            base: address,
            offset: 0,
        };
        for (piece, value) in pieces.iter().zip(&values) {
            memory::store(self.builder, piece, *value, to);
        }
        Returned::Nothing
    }
}
