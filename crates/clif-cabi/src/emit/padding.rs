//! Values for padding arguments, which only keep a register from being used, or a word of the argument area empty.
//!
//! Any value will do, and those are taken that cost least. What is stored to the argument area is in some register until the call: as a padding argument
//! it is computed in the one that it keeps from being used, and costs nothing. In a second register it would cost a move; so does an address, or a value
//! that is passed in another register.

use clif_cabi_plan::{Slot, ValueType};
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use smallvec::SmallVec;

use super::arguments::Ready;
use super::call::CallSite;
use super::check::type_of;
use super::forms::Arg;
use super::zero;

/// The values for the padding arguments of a call, by their types.
#[derive(Default)]
pub(super) struct Padding {
    ints: OneType,
    floats: OneType,
}

/// The best value last: there may be fewer than padding arguments.
#[derive(Default)]
struct OneType {
    values: SmallVec<[Value; 8]>,
    n_taken: usize,
}

impl Padding {
    /// The value of the next padding argument of type `ty`.
    pub(super) fn next(&mut self, ty: ValueType) -> Option<Value> {
        let own = match ty {
            ValueType::F64 => &mut self.floats,
            _ => &mut self.ints,
        };
        let next = own.values.get(own.n_taken).or(own.values.last());
        own.n_taken += 1;
        next.copied()
    }
}

impl CallSite<'_, '_, '_> {
    /// The values for the padding arguments. `addresses` are alive at the call as well: of the result and of the callee. `vectors` are stored to the
    /// argument area, and `floats` are words of which they were made.
    pub(super) fn padding(
        &mut self,
        args: &[Arg],
        addresses: &[Option<Value>],
        ready: &Ready,
        (vectors, mut floats): (&[Value], SmallVec<[Value; 8]>),
    ) -> Padding {
        let mut padding = Padding::default();
        let [ints, n_floats] = self.padded();
        if let Some((_, n)) = n_floats {
            for value in vectors {
                match self.builder.func.dfg.value_type(*value) {
                    types::F64 => floats.push(*value),
                    types::F64X2 if floats.len() < n => {
                        floats.push(self.builder.ins().extractlane(*value, 0));
                    }
                    _ => {}
                }
            }
            let at_hand = floats.into_iter().chain(ready.values.iter().copied());
            padding.floats = self.of_type(types::F64, n, at_hand);
        }
        if let Some((first, n)) = ints {
            let bases = args.iter().filter_map(|arg| match arg {
                Arg::Memory { base, .. } => Some(*base),
                _ => None,
            });
            let (passed, stored) = ready.values.split_at(ready.n_passed);
            let addresses = addresses.iter().flatten().copied().chain(bases);
            let stored = vectors.iter().chain(stored).rev().copied();
            let at_hand = stored.chain(addresses).chain(passed.iter().copied());
            padding.ints = self.of_type(types::I64, n, at_hand);
            self.keep_arrived(first, &mut padding.ints);
        }
        padding
    }

    /// The first register that padding arguments keep from being used, counted among those of its class, and how many they keep: integers, vectors. `None`
    /// if there is no such argument at all.
    fn padded(&self) -> [Option<(usize, usize)>; 2] {
        let inner = &self.plan.inner;
        let (mut padded, mut n_used) = ([None; 2], [0; 2]);
        let mut is_stored = false;
        for (slot, param) in inner.slots.iter().zip(&inner.signature.params) {
            let class = usize::from(!param.ty.is_int());
            if matches!(slot, Slot::Padding) {
                let (_, n) = padded[class].get_or_insert((n_used[class], 0));
                *n += usize::from(!is_stored);
            } else {
                is_stored = is_stored || self.is_stored(slot);
                n_used[class] += 1;
            }
        }
        padded
    }

    /// `n` values of type `ty`, or what there is of them; at least one.
    fn of_type(&mut self, ty: Type, n: usize, at_hand: impl Iterator<Item = Value>) -> OneType {
        let mut values = SmallVec::<[Value; 8]>::new();
        for value in at_hand {
            if values.len() == n.max(1) {
                break;
            }
            // An argument of no bytes may name any value, also one of another function.
            if !values.contains(&value) && type_of(&self.builder.func.dfg, value) == ty {
                values.push(value);
            }
        }
        if values.is_empty() {
            values.push(zero(self.builder, ty));
        }
        values.reverse();
        OneType { values, n_taken: 0 }
    }

    /// A function that passes on what it was given has some values where they arrived: as padding arguments they stay there.
    fn keep_arrived(&self, first: usize, padding: &mut OneType) {
        let func = &self.builder.func;
        let Some(entry) = func.layout.entry_block() else {
            return;
        };
        let (params, values) = (func.dfg.block_params(entry), &mut padding.values);
        for (at, param) in (0..values.len()).zip(params.iter().skip(first)) {
            if let Some(own) = values.iter().position(|value| value == param) {
                values.swap(own, at);
            }
        }
    }
}
