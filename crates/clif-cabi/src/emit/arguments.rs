//! Arguments into the slots of a call, in whichever form they are given.

use clif_cabi_plan::{Passing, ResultPlan, Slot};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use smallvec::SmallVec;

use super::call::{CallSite, NO_FIELDS};
use super::forms::{Arg, Ret};
use super::memory::{self, Address};
use super::{Values, convert, fields, lanes, zero};
use crate::error::LowerError;
use crate::parts::{Part, parts};

/// The values of one argument.
enum ArgValues {
    Nothing,
    Values(Values),
    /// The address of the object, and the values of what is not passed by it.
    Block(Value, Values),
    /// Where the object is. Its words are loaded into vectors.
    Object(Address),
}

impl CallSite<'_, '_, '_> {
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
        let mut vectors = SmallVec::<[Value; 8]>::new();
        let mut float = None;
        for (slot, param) in slots.clone() {
            if let Slot::Vector { arg, part } = *slot
                && let Some(values) = ready.get(arg)
            {
                vectors.extend(self.vector(values, (arg, part), param.value_type, &mut float));
            }
        }
        let mut padding: SmallVec<[(Type, Value); 2]> = SmallVec::new();
        for (_, param) in slots.clone().filter(|(slot, _)| **slot == Slot::Padding) {
            let ty = param.value_type;
            if !padding.iter().any(|(own, _)| *own == ty) {
                padding.push((ty, self.padding(ty, result, args, (&ready, float))));
            }
        }
        let mut vectors = vectors.into_iter();
        let mut value_of = |slot: &Slot, ty: Type| match *slot {
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
            Slot::Vector { .. } => vectors.next(),
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
                value_of(slot, param.value_type).ok_or_else(|| LowerError::Stub {
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
            (Arg::Memory { base, .. }, Passing::Reference { .. }) if self.is_forwarded(arg) => {
                ArgValues::Values(Values::from_slice(&[*base]))
            }
            (Arg::Memory { base, offset }, passing) => {
                let from = Address::of_object(self.builder, *base, *offset, self.size(i));
                self.object(i, passing, from)
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
            (Arg::Parts(values), Passing::Object(_) | Passing::Block { .. }) => {
                let to = memory::slot(self.builder, self.size(i), 16);
                memory::store_all(self.builder, self.plan.parts(i), values, to);
                self.object(i, passing, to)
            }
            (Arg::Fields(values), passing) => self.fields(i, values, passing)?,
            (Arg::Parts(values), _) => ArgValues::Values(values.clone()),
            (Arg::Value(_), _) => ArgValues::Nothing, // refused by `check::arguments`
        })
    }

    /// Argument `i` by its fields.
    fn fields(
        &mut self,
        i: usize,
        values: &[Value],
        passing: &Passing,
    ) -> Result<ArgValues, LowerError> {
        let param = self.plan.sig().params().get(i);
        let ty = param.map_or(&cabi::Type::VOID, |param| &param.ty);
        let fields = fields::fields(ty)?;
        let align = match passing {
            Passing::Parts(_) | Passing::Vectors(_) => {
                let parts = self.plan.parts(i);
                let parts = fields::to_parts(self.builder, &fields, values, parts);
                return Ok(ArgValues::Values(parts.ok_or(NO_FIELDS)?));
            }
            Passing::Reference { align, .. } => *align,
            _ => 16,
        };
        let to = memory::slot(self.builder, ty.size(), align);
        fields::store(self.builder, &fields, values, (ty.size(), to)).ok_or(NO_FIELDS)?;
        Ok(match passing {
            Passing::Reference { .. } => ArgValues::Values(Values::from_slice(&[to.base])),
            passing => self.object(i, passing, to),
        })
    }

    /// The values of argument `i`, which is the object at `from`.
    fn object(&mut self, i: usize, passing: &Passing, from: Address) -> ArgValues {
        let parts = self.plan.parts(i);
        match passing {
            Passing::Nothing => ArgValues::Nothing,
            Passing::Parts(_) => ArgValues::Values(memory::load_all(self.builder, parts, from)),
            Passing::Vectors(_) => ArgValues::Object(from),
            Passing::Block { tail, .. } => {
                let tail = memory::load_all(self.builder, &self::parts(tail), from);
                ArgValues::Block(from.value(self.builder), tail)
            }
            Passing::Object(_) => ArgValues::Block(from.value(self.builder), Values::new()),
            Passing::Lanes(n) => ArgValues::Values(lanes::spread(self.builder, from, *n)),
            Passing::Reference { size, align } => {
                let copy = memory::slot(self.builder, *size, *align);
                memory::copy(self.config, self.builder, *size, from, copy);
                ArgValues::Values(Values::from_slice(&[copy.base]))
            }
        }
    }

    /// The words of argument `arg` from part `part` on that a parameter of type `ty` holds. A `float` that is loaded for it is at hand for padding.
    fn vector(
        &mut self,
        values: &ArgValues,
        (arg, part): (usize, usize),
        ty: Type,
        float: &mut Option<Value>,
    ) -> Option<Value> {
        let is_pair = ty != types::F64;
        match values {
            ArgValues::Object(from) => {
                let parts = self.plan.parts(arg).get(part..)?;
                match parts.first()? {
                    low if is_pair => {
                        let (pair, high) = memory::load_pair(self.builder, low.offset, *from);
                        *float = Some(high);
                        Some(pair)
                    }
                    own => Some(memory::load_float(self.builder, own, *from)),
                }
            }
            ArgValues::Values(values) => match values.get(part..)? {
                [low, high, ..] if is_pair => Some(convert::pair(self.builder, *low, *high)),
                [own, ..] => convert::reshape(self.builder, *own, types::F64),
                [] => None,
            },
            _ => None,
        }
    }

    /// Bytes of argument `i`.
    fn size(&self, i: usize) -> u64 {
        let param = self.plan.sig().params().get(i);
        param.map_or(0, |param| param.ty.size())
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
        (ready, float): (&[ArgValues], Option<Value>),
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
        let at_hand = result
            .iter()
            .chain(bases)
            .chain(values)
            .chain(&float)
            .copied()
            .find(fits);
        at_hand.unwrap_or_else(|| zero(self.builder, ty))
    }
}
