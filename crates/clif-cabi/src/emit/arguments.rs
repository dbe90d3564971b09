//! Arguments into the slots of a call, in whichever form they are given.

use crate::cranelift::codegen::ir::{Value, types};
use clif_cabi_plan::{PassMode, Passing, ResultPlan, Slot, ValueType};
use smallvec::SmallVec;

use super::call::CallSite;
use super::forms::{Arg, Ret};
use super::memory::{self, Address, PairFor};
use super::{convert, lanes};
use crate::clif_types::clif_type;
use crate::error::LowerError;
use crate::parts::part;

/// The values of the arguments so far.
#[derive(Default)]
pub(super) struct Ready {
    /// The values of all arguments, those in registers first. An argument has the values of its parts, in their order, and then the address if it is an
    /// object in memory.
    pub(super) values: SmallVec<[Value; 16]>,
    /// How many values are of arguments in registers.
    pub(super) n_passed: usize,
    /// The first value of each argument, and the first after it.
    ranges: SmallVec<[(usize, usize); 16]>,
    /// Where the objects are whose words are loaded into vectors, by their arguments.
    objects: SmallVec<[(usize, Address); 2]>,
}

impl Ready {
    /// The values of argument `arg`.
    fn of(&self, arg: usize) -> &[Value] {
        let range = self.ranges.get(arg).copied();
        let own = range.and_then(|(start, end)| self.values.get(start..end));
        own.unwrap_or_default()
    }

    /// Where argument `arg` is, if its words are loaded into vectors.
    fn object(&self, arg: usize) -> Option<Address> {
        let mut objects = self.objects.iter();
        objects.find_map(|(own, from)| (*own == arg).then_some(*from))
    }
}

impl CallSite<'_, '_, '_> {
    /// The address the callee, or the stub of the call, writes the result to, if one does: the caller's, or a slot.
    fn result_address(&mut self, ret: Ret) -> Option<Value> {
        let (size, align) = match self.plan.result() {
            ResultPlan::Sret => {
                let ty = self.plan.sig().result();
                (ty.size(), super::result_align(ty))
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
        callee: Option<Value>,
    ) -> Result<SmallVec<[Value; 16]>, LowerError> {
        let result = self.result_address(ret);
        let plan = self.plan;
        let ready = self.ready(args)?;
        if plan.inner.is_in_order && ready.values.len() == plan.inner.slots.len() {
            return Ok(ready.values);
        }
        let slots = (plan.inner.slots.iter()).zip(&plan.inner.signature.params);
        let mut vectors = SmallVec::<[Value; 8]>::new();
        let mut floats = SmallVec::new();
        for (slot, param) in slots.clone() {
            if let Slot::Vector { .. } = *slot {
                vectors.extend(self.vector(&ready, *slot, param.ty, &mut floats));
            }
        }
        let to = match ret {
            Ret::Memory(address) => Some(address),
            _ => result,
        };
        let mut padding = self.padding(args, &[to, callee], &ready, (&vectors, floats));
        let mut vectors = vectors.into_iter();
        let mut values = SmallVec::new();
        for (slot, param) in slots {
            let value = match *slot {
                Slot::Sret | Slot::Result => result,
                Slot::Padding { .. } => padding.next(param.ty),
                Slot::Part { arg, part } => ready.of(arg).get(part).copied(),
                Slot::Lane { arg, lane } => ready.of(arg).get(usize::from(lane)).copied(),
                Slot::Vector { .. } => vectors.next(),
                Slot::Block { arg } | Slot::Address { arg } => ready.of(arg).last().copied(),
            };
            let Some(value) = value else {
                let why = "a slot without value";
                return Err(LowerError::Stub { why });
            };
            values.push(value);
        }
        Ok(values)
    }

    /// The values of all arguments. What is stored to the argument area at the call is loaded last: then it takes none of the registers that others are
    /// passed in.
    fn ready(&mut self, args: &[Arg]) -> Result<Ready, LowerError> {
        let mut ready = Ready::default();
        ready.ranges.resize(args.len(), (0, 0));
        for is_late in [false, true] {
            ready.n_passed = ready.values.len();
            for (i, arg) in args.iter().enumerate() {
                if self.is_late(i) == is_late {
                    let start = ready.values.len();
                    self.argument(i, arg, &mut ready)?;
                    if let Some(range) = ready.ranges.get_mut(i) {
                        *range = (start, ready.values.len());
                    }
                }
            }
        }
        Ok(ready)
    }

    /// The values of argument `i`.
    fn argument(&mut self, i: usize, arg: &Arg, ready: &mut Ready) -> Result<(), LowerError> {
        let Some(value) = self.plan.value(i) else {
            return Ok(());
        };
        let (builder, values) = (&mut *self.builder, &mut ready.values);
        match (value.mode, arg) {
            (PassMode::Ignore, _) => {}
            (PassMode::Words, Arg::Memory { base, offset }) => {
                let size = value.ty().size();
                let from = Address::of_object(builder, *base, *offset, size);
                ready.objects.push((i, from));
            }
            (PassMode::Parts | PassMode::Words, _) => value.form_to_parts(builder, arg, values)?,
            (PassMode::Indirect { .. }, Arg::Memory { base, .. })
                if is_forwarded(&self.forwarded, arg) =>
            {
                values.push(*base);
            }
            (PassMode::Indirect { size, align }, _) => {
                let copy = memory::slot(builder, size, align);
                value.form_to_memory(self.config, builder, arg, copy)?;
                values.push(copy.base);
            }
            (PassMode::Area | PassMode::Stub | PassMode::Lanes, _) => {
                let size = value.ty().size();
                let from = value.object(self.config, builder, arg, size)?;
                match self.plan.inner.args.get(i) {
                    Some(Passing::Lanes(n)) => {
                        values.extend(lanes::spread(builder, from, *n));
                        return Ok(());
                    }
                    Some(Passing::Block { tail, .. }) => {
                        let tail = tail.iter().map(part);
                        values.extend(tail.map(|part| memory::load(builder, &part, from)));
                    }
                    _ => {}
                }
                values.push(from.value(builder));
            }
        }
        Ok(())
    }

    /// The words that go into `slot`, a parameter of type `ty`. What is loaded for it as floats is at hand for padding.
    fn vector(
        &mut self,
        ready: &Ready,
        slot: Slot,
        ty: ValueType,
        floats: &mut SmallVec<[Value; 8]>,
    ) -> Option<Value> {
        let Slot::Vector { arg, part, at_once } = slot else {
            return None;
        };
        if let Some(from) = ready.object(arg) {
            let own = self.plan.parts(arg).get(part)?;
            let builder = &mut *self.builder;
            return Some(match ty {
                ValueType::I64 => memory::load(builder, own, from),
                ValueType::F64 => memory::load_float(builder, own, from),
                _ if at_once => {
                    memory::read(builder, types::F64X2, from.base, from.plus(own.offset))
                }
                _ => {
                    let (pair, words) = memory::load_pair(builder, own.offset, from, PairFor::Call);
                    floats.extend(words);
                    pair
                }
            });
        }
        match ready.of(arg).get(part..)? {
            [own, ..] if ty.bytes() == types::I64.bytes() => {
                convert::reshape(self.builder, *own, clif_type(ty))
            }
            [low, high, ..] => Some(convert::pair(self.builder, *low, *high)),
            _ => None,
        }
    }

    /// Whether argument `i` is in the argument area, where other ones stand before it in the CLIF signature.
    fn is_late(&self, i: usize) -> bool {
        let place = self.plan.abi().args.get(i).map(|arg| &arg.place);
        !self.plan.inner.is_in_order && matches!(place, Some(cabi::Place::Stack { .. }))
    }
}

/// Whether `arg` is an object that is given as it is: one of the addresses `forwarded`.
pub(super) fn is_forwarded(forwarded: &[Value], arg: &Arg) -> bool {
    matches!(arg, Arg::Memory { base, offset: 0 } if forwarded.contains(base))
}
