//! Arguments into the slots of a call, in whichever form they are given.

use crate::cranelift::codegen::ir::{Value, types};
use clif_cabi_plan::{Passing, ResultPlan, Slot, ValueType};
use smallvec::SmallVec;

use super::call::{CallSite, NO_FIELDS};
use super::forms::{Arg, Ret};
use super::memory::{self, Address, PairFor};
use super::{Values, convert, fields, lanes};
use crate::clif_types::clif_type;
use crate::error::LowerError;
use crate::parts::{Part, part};

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
        let Some(passing) = self.plan.inner.args.get(i) else {
            return Ok(());
        };
        match (arg, passing) {
            (_, Passing::Nothing) => {}
            (Arg::Value(value), Passing::Parts(_)) => match self.plan.parts(i) {
                [part] if part.ty == self.builder.func.dfg.value_type(*value) => {
                    let value = convert::passed(self.builder, part, *value);
                    ready.values.push(value);
                }
                parts => {
                    let values = self.split(i, *value, parts)?;
                    self.parts(i, &values, ready);
                }
            },
            (Arg::Memory { base, .. }, Passing::Reference { .. }) if self.is_forwarded(arg) => {
                ready.values.push(*base);
            }
            (Arg::Memory { base, offset }, passing) => {
                let from = Address::of_object(self.builder, *base, *offset, self.size(i));
                self.object(i, passing, from, ready);
            }
            (Arg::Value(value), Passing::Reference { size, align }) => {
                let copy = memory::slot(self.builder, *size, *align);
                memory::write(self.builder, *value, copy.base, copy.offset);
                ready.values.push(copy.base);
            }
            (Arg::Parts(values), Passing::Object(_) | Passing::Block { .. }) => {
                let to = memory::slot(self.builder, self.size(i), 16);
                memory::store_all(self.builder, self.plan.parts(i), values, to);
                self.object(i, passing, to, ready);
            }
            (Arg::Fields(values), passing) => self.fields(i, values, passing, ready)?,
            (Arg::Parts(values), _) => self.parts(i, values, ready),
            (Arg::Value(_), _) => {} // refused by `check::arguments`
        }
        Ok(())
    }

    /// Argument `i` by the values of its parts.
    fn parts(&mut self, i: usize, values: &[Value], ready: &mut Ready) {
        for (part, value) in self.plan.parts(i).iter().zip(values) {
            let value = convert::passed(self.builder, part, *value);
            ready.values.push(value);
        }
    }

    /// Argument `i` by its fields.
    fn fields(
        &mut self,
        i: usize,
        values: &[Value],
        passing: &Passing,
        ready: &mut Ready,
    ) -> Result<(), LowerError> {
        let ty = self.plan.arg_type(i);
        let fields = fields::fields(ty)?;
        let align = match passing {
            Passing::Parts(_) | Passing::Vectors(_) => {
                let parts = self.plan.parts(i);
                let parts = fields::to_parts(self.builder, &fields, values, parts);
                self.parts(i, &parts.ok_or(NO_FIELDS)?, ready);
                return Ok(());
            }
            Passing::Reference { align, .. } => *align,
            _ => 16,
        };
        let to = memory::slot(self.builder, ty.size(), align);
        fields::store(self.builder, &fields, values, (ty.size(), to)).ok_or(NO_FIELDS)?;
        match passing {
            Passing::Reference { .. } => ready.values.push(to.base),
            passing => self.object(i, passing, to, ready),
        }
        Ok(())
    }

    /// The values of argument `i`, which is the object at `from`.
    fn object(&mut self, i: usize, passing: &Passing, from: Address, ready: &mut Ready) {
        let values = &mut ready.values;
        match passing {
            Passing::Nothing => {}
            Passing::Parts(_) => {
                let parts = self.plan.parts(i).iter();
                values.extend(parts.map(|part| memory::load_passed(self.builder, part, from)));
            }
            Passing::Vectors(_) => ready.objects.push((i, from)),
            Passing::Block { tail, .. } => {
                let tail = tail.iter().map(part);
                values.extend(tail.map(|part| memory::load(self.builder, &part, from)));
                values.push(from.value(self.builder));
            }
            Passing::Object(_) => values.push(from.value(self.builder)),
            Passing::Lanes(n) => values.extend(lanes::spread(self.builder, from, *n)),
            Passing::Reference { size, align } => {
                let copy = memory::slot(self.builder, *size, *align);
                memory::copy(self.config, self.builder, *size, from, copy);
                values.push(copy.base);
            }
        }
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

    /// Bytes of argument `i`.
    fn size(&self, i: usize) -> u64 {
        self.plan.arg_type(i).size()
    }

    /// Whether `arg` is an object that is given as it is.
    pub(super) fn is_forwarded(&self, arg: &Arg) -> bool {
        matches!(arg, Arg::Memory { base, offset: 0 } if self.forwarded.contains(base))
    }

    /// The parts of one value.
    fn split(&mut self, i: usize, value: Value, parts: &[Part]) -> Result<Values, LowerError> {
        convert::split(self.builder, value, parts).ok_or_else(|| {
            let found = self.builder.func.dfg.value_type(value);
            let (what, ty) = (format!("argument {i}"), self.plan.arg_type(i));
            LowerError::value(what, ty, "its parts".into(), found)
        })
    }
}
