//! Calls: arguments, given in any form, into slots, the call itself, its result out.

use crate::cranelift::codegen::entity::packed_option::ReservedValue;
use crate::cranelift::codegen::ir::{FuncRef, Opcode, TrapCode, Value, types};
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use clif_cabi_plan::{CallPlan, ClifPart, PassMode, ResultPlan, Slot, Stub, ValueType, What};
use smallvec::SmallVec;

use super::forms::{Arg, CallResult, Callee, Ret};
use super::memory::{self, Address, MemoryConfig};
use super::value::{CValue, order};
use super::{Values, check, convert, lanes, owned, slot_of};
use crate::clif_types::clif_type;
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

/// The values of the arguments so far.
#[derive(Default)]
pub(super) struct ArgValues {
    /// The values of all arguments, those in registers first. An argument has the values of its
    /// parts, in their order. An object in memory has the bytes after its last whole word, and then
    /// its address.
    pub(super) values: SmallVec<[Value; 16]>,
    /// Number of values that belong to arguments in registers.
    pub(super) n_passed: usize,
    /// The first value of each argument, and the first after it.
    ranges: SmallVec<[(usize, usize); 16]>,
    /// Addresses of the objects whose words are loaded into vectors, by their arguments.
    objects: SmallVec<[(usize, Address); 2]>,
}

impl ArgValues {
    /// Returns the values of argument `arg`.
    fn of(&self, arg: u32) -> &[Value] {
        let range = self.ranges.get(arg as usize).copied();
        let own = range.and_then(|(start, end)| self.values.get(start..end));
        own.unwrap_or_default()
    }

    /// Returns the address of argument `arg`, if its words are loaded into vectors.
    fn object(&self, arg: u32) -> Option<Address> {
        let mut objects = self.objects.iter();
        objects.find_map(|(own, from)| (*own == arg as usize).then_some(*from))
    }
}

impl CallSite<'_, '_, '_> {
    /// Returns the address to which the callee, or the stub of the call, writes the result: the
    /// caller's, or a slot. `None` if neither does.
    fn result_address(&mut self, ret: Ret) -> Option<Value> {
        match (&self.plan.result, ret) {
            (ResultPlan::Sret | ResultPlan::Registers { .. }, Ret::Memory(address)) => {
                Some(address)
            }
            (ResultPlan::Sret, _) => {
                Some(slot_of(self.config, self.builder, self.plan.sig.result()))
            }
            (ResultPlan::Registers { bytes, .. }, _) => {
                Some(memory::scratch(self.builder, u64::from(*bytes)).base)
            }
            _ => None,
        }
    }

    /// Returns the values of the CLIF call, one per parameter of the plan's signature.
    pub(crate) fn values(
        &mut self,
        args: &[Arg],
        ret: Ret,
        callee: Option<Value>,
    ) -> Result<SmallVec<[Value; 16]>, LowerError> {
        let result = self.result_address(ret);
        let plan = self.plan;
        let mut all = ArgValues::default();
        self.arg_values(args, &mut all)?;
        let n_params = plan.signature.params.len();
        if plan.is_in_order && all.values.len() == n_params {
            return Ok(all.values);
        }
        let mut values = SmallVec::from_elem(Value::reserved_value(), n_params);
        let params = values.as_mut_slice();
        let (mut vectors, mut floats) = (SmallVec::<[Value; 8]>::new(), SmallVec::new());
        let mut padding = None;
        for slot in &plan.args.slots {
            let value = match slot.what {
                What::Sret | What::StubResult => result,
                What::Part { arg, part } => all.of(arg).get(part as usize).copied(),
                What::Words { arg, part, at_once } => {
                    let words = self.words(&all, slot, (arg, part as usize, at_once), &mut floats);
                    vectors.extend(words);
                    words
                }
                What::Object { arg } => all.of(arg).last().copied(),
                What::Tail { arg } => all.of(arg).first().copied(),
                // After all others, whose values are at hand.
                What::Padding => {
                    let values = padding.get_or_insert_with(|| {
                        let to = match ret {
                            Ret::Memory(address) if plan.sig.result().size() > 0 => Some(address),
                            _ => result,
                        };
                        let words = (&*vectors, std::mem::take(&mut floats));
                        self.padding(args, &[to, callee], &all, words)
                    });
                    let (ty, value) = (slot.part.ty, values.next(slot.part.ty));
                    // A gap of less than a word has less of it.
                    match ty.is_int() && ty.bytes() < 8 {
                        true => value.map(|own| self.builder.ins().ireduce(clif_type(ty), own)),
                        false => value,
                    }
                }
                _ => None,
            };
            let to = slot.param.and_then(|param| params.get_mut(param as usize));
            let (Some(value), Some(to)) = (value, to) else {
                let why = "a parameter without value";
                return Err(LowerError::Internal(why));
            };
            *to = value;
        }
        Ok(values)
    }

    /// Returns the values of all arguments. Values that the call stores to the argument area are
    /// loaded last: they then take none of the registers that others are passed in.
    fn arg_values(&mut self, args: &[Arg], all: &mut ArgValues) -> Result<(), LowerError> {
        let plan = self.plan;
        if plan.is_in_order {
            let mut args = args.iter().enumerate();
            return args.try_for_each(|(i, arg)| self.argument(i, arg, all));
        }
        all.ranges.resize(args.len(), (0, 0));
        for is_late in [false, true] {
            all.n_passed = all.values.len();
            for (i, (arg, arg_abi)) in args.iter().zip(&plan.abi.args).enumerate() {
                // In the argument area, where other ones stand before it in the CLIF signature.
                if matches!(arg_abi.place, cabi::Place::Stack { .. }) == is_late {
                    let start = all.values.len();
                    self.argument(i, arg, all)?;
                    if let Some(range) = all.ranges.get_mut(i) {
                        *range = (start, all.values.len());
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds the values of argument `i`.
    fn argument(&mut self, i: usize, arg: &Arg, all: &mut ArgValues) -> Result<(), LowerError> {
        let Some(value) = CValue::argument(self.plan, i) else {
            return Ok(());
        };
        let (builder, values) = (&mut *self.builder, &mut all.values);
        match (value.mode, arg) {
            (PassMode::Ignore, _) => {}
            (PassMode::Words, Arg::Memory { base, offset, .. }) => {
                all.objects
                    .push((i, value.object_at(builder, *base, *offset)));
            }
            (PassMode::Parts | PassMode::Words, _) => value.form_to_parts(builder, arg, values)?,
            (PassMode::Indirect { align, .. }, Arg::Memory { base, .. })
                if is_forwarded(&self.forwarded, arg, align) =>
            {
                values.push(*base);
            }
            (
                PassMode::Indirect { align, .. },
                &Arg::Memory {
                    base,
                    offset,
                    owned: true,
                },
            ) => {
                owned::align(builder, Address { base, offset }, align);
                values.push(value.object_at(builder, base, offset).value(builder));
            }
            (PassMode::Indirect { size, align }, _) => {
                let copy = memory::slot(self.config, builder, size, align);
                value.form_to_memory(self.config, builder, arg, copy)?;
                values.push(copy.base);
            }
            (PassMode::Lanes(n), _) => {
                let from = value.object(self.config, builder, arg, value.ty.size())?;
                values.extend(lanes::spread(builder, from, n));
            }
            (PassMode::Area | PassMode::Stub { .. }, _) => {
                let size = value.ty.size();
                let from = value.object(self.config, builder, arg, size)?;
                let tail = match value.mode {
                    PassMode::Area => u32::try_from(size).ok().and_then(ClifPart::tail),
                    _ => None,
                };
                values.extend(tail.map(|tail| memory::load(builder, &tail, from)));
                values.push(from.value(builder));
            }
        }
        Ok(())
    }

    /// Returns the words of `slot`, from `part` on. Floats that are loaded for it can serve as
    /// padding.
    fn words(
        &mut self,
        all: &ArgValues,
        slot: &Slot,
        (arg, part, at_once): (u32, usize, bool),
        floats: &mut SmallVec<[Value; 8]>,
    ) -> Option<Value> {
        let slot_part = &slot.part;
        if let Some(from) = all.object(arg) {
            let builder = &mut *self.builder;
            return Some(match slot_part.ty {
                ValueType::I64 | ValueType::F64 => memory::load(builder, slot_part, from),
                _ if at_once => memory::read(builder, types::F64X2, from.plus(slot_part.offset)),
                _ => {
                    let from = from.plus(slot_part.offset);
                    let (pair, words) = memory::load_pair(builder, from, Opcode::Splat);
                    floats.extend(words);
                    pair
                }
            });
        }
        match all.of(arg).get(part..)? {
            [word, ..] if slot_part.ty.bytes() == types::I64.bytes() => {
                let ty = (clif_type(slot_part.ty), order(self.plan));
                convert::reshape(self.builder, *word, ty)
            }
            [low, high, ..] => Some(convert::pair(self.builder, *low, *high)),
            _ => None,
        }
    }
}

/// Checks whether `arg` is an object that is passed on without a copy: one of those at the
/// addresses `forwarded`, with alignments, which has `align`.
pub(super) fn is_forwarded(forwarded: &[(Value, u32)], arg: &Arg, align: u32) -> bool {
    let Arg::Memory {
        base, offset: 0, ..
    } = arg
    else {
        return false;
    };
    let mut copies = forwarded.iter();
    copies.any(|(copy, own)| copy == base && *own >= align)
}
