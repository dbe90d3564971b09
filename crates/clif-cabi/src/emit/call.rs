//! Calls: arguments into slots, the call itself, its result out.

use cranelift_codegen::ir::{Inst, InstBuilder, TrapCode, Value, types};
use cranelift_frontend::FunctionBuilder;
use smallvec::SmallVec;

use super::forms::{Arg, Callee, Ret, Returned};
use super::memory::{self, Address};
use super::{Values, convert, lanes};
use crate::bridge::{Bridge, Bridges};
use crate::error::LowerError;
use crate::pieces::{Piece, value_type};
use crate::realize::{CallPlan, Passing, RetPlan, Slot};

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

impl CallSite<'_, '_, '_> {
    /// Emits the whole call.
    pub(crate) fn emit(
        &mut self,
        bridges: &mut dyn Bridges,
        callee: Callee,
        args: &[Arg],
        ret: Ret,
    ) -> Result<Returned, LowerError> {
        self.check_ret(ret)?;
        let sret = self.sret(ret);
        let values = self.values_in(args, sret)?;
        let inst = self.instruction(bridges, callee, values)?;
        let results = Values::from_slice(self.builder.inst_results(inst));
        self.values_out(bridges, &results, ret)
    }

    /// Refuses a form the result cannot have, before anything is emitted.
    fn check_ret(&self, ret: Ret) -> Result<(), LowerError> {
        let ty = self.plan.sig.result();
        let fits = match (ret, &self.plan.ret) {
            (Ret::Ignore | Ret::Memory(_), _) => true,
            (Ret::Value, RetPlan::Pieces(_)) => value_type(ty).is_some(),
            (Ret::Pieces, RetPlan::Pieces(_) | RetPlan::X87(_)) => true,
            (Ret::Value | Ret::Pieces, RetPlan::Nothing | RetPlan::Never) => true,
            _ => false,
        };
        if fits {
            return Ok(());
        }
        Err(LowerError::Value {
            what: "result".into(),
            ty: ty.to_string(),
            expected: "an address to put it at".into(),
            found: format!("{ret:?}"),
        })
    }

    /// The address the callee writes its result to, if it does: the caller's, or a slot for a result nobody wants.
    pub(crate) fn sret(&mut self, ret: Ret) -> Option<Value> {
        match (&self.plan.ret, ret) {
            (RetPlan::Sret, Ret::Memory(address)) => Some(address),
            (RetPlan::Sret, _) => {
                let ty = self.plan.sig.result();
                Some(memory::slot(self.builder, ty.size(), ty.align()).base)
            }
            _ => None,
        }
    }

    /// The values of the CLIF call, one per parameter of [`CallPlan::signature`].
    pub(crate) fn values_in(
        &mut self,
        args: &[Arg],
        sret: Option<Value>,
    ) -> Result<SmallVec<[Value; 16]>, LowerError> {
        let expected = self.plan.args.len();
        if args.len() != expected {
            return Err(LowerError::ArgumentCount {
                expected,
                found: args.len(),
            });
        }
        for (i, arg) in args.iter().enumerate() {
            self.check_arg(i, arg)?;
        }
        let mut ready: SmallVec<[ArgValues; 8]> = SmallVec::new();
        for (i, arg) in args.iter().enumerate() {
            ready.push(self.argument(i, arg)?);
        }
        let filler = if self.plan.slots.contains(&Slot::Filler) {
            Some(self.filler(sret, args, &ready))
        } else {
            None
        };
        let value_of = |slot: &Slot| match *slot {
            Slot::Sret => sret,
            Slot::Filler => filler,
            Slot::Piece { arg, piece } => match ready.get(arg) {
                Some(ArgValues::Values(values) | ArgValues::Block(_, values)) => {
                    values.get(piece).copied()
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
        self.plan
            .slots
            .iter()
            .map(|slot| {
                value_of(slot).ok_or(LowerError::Bridge {
                    why: "a slot without value",
                })
            })
            .collect()
    }

    /// Refuses an argument of the wrong form, before anything is emitted.
    fn check_arg(&self, i: usize, arg: &Arg) -> Result<(), LowerError> {
        let (Some(param), Some(passing)) = (self.plan.sig.params().get(i), self.plan.args.get(i))
        else {
            return Ok(());
        };
        let types_of = |values: &[Value]| -> Values { Values::from_slice(values) };
        let refuse = |expected: String, found: String| {
            Err(LowerError::Value {
                what: format!("argument {i}"),
                ty: param.ty.to_string(),
                expected,
                found,
            })
        };
        match (arg, passing) {
            (_, Passing::Nothing) => Ok(()),
            (Arg::Memory { base, .. }, _) => match self.builder.func.dfg.value_type(*base) {
                types::I64 => Ok(()),
                _ => refuse("an address".into(), "a value that is none".into()),
            },
            (Arg::Value(value), Passing::Pieces(_)) => {
                let found = self.builder.func.dfg.value_type(*value);
                match value_type(&param.ty) {
                    Some(ty) if ty.bits() == found.bits() => Ok(()),
                    Some(ty) => Err(LowerError::value(
                        format!("argument {i}"),
                        &param.ty,
                        ty.to_string(),
                        found,
                    )),
                    None => refuse("an address or pieces".into(), "one value".into()),
                }
            }
            (Arg::Pieces(values), Passing::Pieces(pieces)) => {
                let types_match = values.len() == pieces.len()
                    && types_of(values)
                        .iter()
                        .zip(pieces)
                        .all(|(v, piece)| self.builder.func.dfg.value_type(*v) == piece.ty);
                if types_match {
                    return Ok(());
                }
                let expected: Vec<String> =
                    pieces.iter().map(|piece| piece.ty.to_string()).collect();
                refuse(
                    expected.join(", "),
                    format!("{} other pieces", values.len()),
                )
            }
            _ => refuse("an address".into(), "values".into()),
        }
    }

    fn argument(&mut self, i: usize, arg: &Arg) -> Result<ArgValues, LowerError> {
        let Some(passing) = self.plan.args.get(i) else {
            return Ok(ArgValues::Nothing);
        };
        let load = |builder: &mut FunctionBuilder<'_>, pieces: &[Piece], from: Address| -> Values {
            pieces
                .iter()
                .map(|piece| memory::load(builder, piece, from))
                .collect()
        };
        Ok(match (arg, passing) {
            (_, Passing::Nothing) => ArgValues::Nothing,
            (Arg::Memory { base, offset }, passing) => {
                let from = Address {
                    base: *base,
                    offset: *offset,
                };
                match passing {
                    Passing::Pieces(pieces) => ArgValues::Values(load(self.builder, pieces, from)),
                    Passing::Block(tail) => {
                        let tail = load(self.builder, tail, from);
                        ArgValues::Block(from.value(self.builder), tail)
                    }
                    Passing::Lanes(n) => ArgValues::Values(lanes::spread(self.builder, from, *n)),
                    Passing::Nothing => ArgValues::Nothing,
                }
            }
            (Arg::Value(value), Passing::Pieces(pieces)) => {
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
        let param = self.plan.sig.params().get(i);
        Err(LowerError::value(
            format!("argument {i}"),
            param.map_or(&cabi::Type::VOID, |param| &param.ty),
            "its pieces".into(),
            self.builder.func.dfg.value_type(value),
        ))
    }

    /// Any integer at hand: one in a register costs a move, a constant one instruction more.
    fn filler(&mut self, sret: Option<Value>, args: &[Arg], ready: &[ArgValues]) -> Value {
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

    /// The call instruction: direct, indirect, and with AL set for a variadic callee.
    fn instruction(
        &mut self,
        bridges: &mut dyn Bridges,
        callee: Callee,
        mut values: SmallVec<[Value; 16]>,
    ) -> Result<Inst, LowerError> {
        let n_sse = self.plan.abi.n_sse;
        let variadic = self.plan.indirect.as_ref();
        let signature = self.plan.signature.clone();
        Ok(match (callee, variadic) {
            (Callee::Function(id), None) => {
                let signature = self.builder.import_signature(signature);
                let func = bridges.function(id, signature, self.builder.func)?;
                self.builder.ins().call(func, &values)
            }
            (Callee::Function(id), Some(_)) => {
                let signature = self.builder.import_signature(signature);
                let bridge = Bridge::VariadicDirect { n_sse, callee: id };
                let func = bridges.bridge(bridge, signature, self.builder.func)?;
                self.builder.ins().call(func, &values)
            }
            (callee, None) => {
                let address = self.address(callee);
                let signature = self.builder.import_signature(signature);
                self.builder
                    .ins()
                    .call_indirect(signature, address, &values)
            }
            (callee, Some((signature, fillers))) => {
                let address = self.address(callee);
                let signature = self.builder.import_signature(signature.clone());
                let area = u32::try_from(self.plan.abi.area_bytes).unwrap_or(u32::MAX);
                let bridge = Bridge::VariadicIndirect { n_sse, area };
                let func = bridges.bridge(bridge, signature, self.builder.func)?;
                values.extend(std::iter::repeat_n(address, fillers + 1));
                self.builder.ins().call(func, &values)
            }
        })
    }

    fn address(&mut self, callee: Callee) -> Value {
        match callee {
            Callee::Address(address) => address,
            Callee::Ref(func) => self.builder.ins().func_addr(types::I64, func),
            // Calls of functions are direct.
            Callee::Function(_) => self.builder.ins().iconst(types::I64, 0),
        }
    }

    /// The result of a call whose CLIF results are `results`.
    pub(crate) fn values_out(
        &mut self,
        bridges: &mut dyn Bridges,
        results: &[Value],
        ret: Ret,
    ) -> Result<Returned, LowerError> {
        match &self.plan.ret {
            RetPlan::Never => {
                self.builder.ins().trap(CAME_BACK);
                Ok(Returned::Nothing)
            }
            RetPlan::Nothing | RetPlan::Sret => Ok(Returned::Nothing),
            RetPlan::Pieces(pieces) => self.pieces_out(pieces, results, ret),
            RetPlan::X87(pieces) => self.drain(bridges, pieces, ret),
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
                let ty = self.plan.sig.result();
                let joined = value_type(ty).and_then(|clif| {
                    convert::join(self.builder, results, pieces, clif)
                        .or_else(|| convert::join_in_memory(self.builder, results, pieces, clif))
                });
                joined
                    .map(Returned::Value)
                    .ok_or_else(|| LowerError::Value {
                        what: "result".into(),
                        ty: ty.to_string(),
                        expected: "an address or pieces".into(),
                        found: "one value".into(),
                    })
            }
        }
    }

    /// Takes the result off the x87 stack. It is drained even if nobody wants it: the callee's callers rely on an empty stack. The drain
    /// writes to a slot of its own, so that nothing computes an address between the call and it.
    fn drain(
        &mut self,
        bridges: &mut dyn Bridges,
        pieces: &[Piece],
        ret: Ret,
    ) -> Result<Returned, LowerError> {
        let complex = pieces.len() > 2;
        let slot = memory::slot(self.builder, if complex { 32 } else { 16 }, 16);
        let signature = self.builder.import_signature(Bridge::address_signature());
        let bridge = if complex {
            Bridge::DrainComplexX87
        } else {
            Bridge::DrainX87
        };
        let func = bridges.bridge(bridge, signature, self.builder.func)?;
        self.builder.ins().call(func, &[slot.base]);
        if ret == Ret::Ignore {
            return Ok(Returned::Nothing);
        }
        let values: Values = pieces
            .iter()
            .map(|piece| memory::load(self.builder, piece, slot))
            .collect();
        match ret {
            Ret::Memory(address) => {
                let to = Address {
                    base: address,
                    offset: 0,
                };
                for (piece, value) in pieces.iter().zip(&values) {
                    memory::store(self.builder, piece, *value, to);
                }
                Ok(Returned::Nothing)
            }
            _ => Ok(Returned::Pieces(values)),
        }
    }
}
