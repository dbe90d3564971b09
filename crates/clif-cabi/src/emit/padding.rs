//! Values for padding arguments, which only keep a register unused, or a word of the argument area
//! empty.
//!
//! Any value will do, so the cheapest are taken. A value that is stored to the argument area is in
//! some register until the call. As a padding argument it is computed in the register that must
//! stay unused, at no cost. In a second register it would cost a move. An address, or a value that
//! is passed in another register, would cost a move too.

use crate::cranelift::codegen::ir::{Function, Type, Value, types};
use crate::cranelift::inst_builder::*;
use clif_cabi_plan::{CallPlan, PassMode, Slot, ValueType};
use smallvec::SmallVec;

use super::call::{ArgValues, CallSite};
use super::check::type_of;
use super::forms::Arg;
use super::zero;
use crate::clif_types::clif_type;

/// Values for the padding arguments of a call, by their types. The best value is first and taken
/// last: padding arguments may be fewer.
#[derive(Default)]
pub(super) struct Padding {
    ints: SmallVec<[Value; 8]>,
    floats: SmallVec<[Value; 8]>,
}

impl Padding {
    /// Returns the value of the next padding argument of type `ty`.
    pub(super) fn next(&mut self, ty: ValueType) -> Option<Value> {
        let values = match ty {
            ValueType::F64 => &mut self.floats,
            _ => &mut self.ints,
        };
        match values[..] {
            [value] => Some(value),
            _ => values.pop(),
        }
    }
}

impl CallSite<'_, '_, '_> {
    /// Returns the values for the padding arguments. `addresses` are alive at the call as well: of
    /// the result and of the callee. `vectors` are stored to the argument area, and `floats` are
    /// the words in them.
    pub(super) fn padding(
        &mut self,
        args: &[Arg],
        addresses: &[Option<Value>],
        all: &ArgValues,
        (vectors, mut floats): (&[Value], SmallVec<[Value; 8]>),
    ) -> Padding {
        let (plan, mut padding) = (self.plan, Padding::default());
        let in_register = |own: &Slot| own.place.reg().is_some();
        let is_int = |own: &Slot| own.part.ty.is_int();
        let padding_slots = plan.args.padding();
        let positions_of = |is_int| -> SmallVec<[usize; 8]> {
            let slots = padding_of(plan, is_int).filter(|(_, own)| in_register(own));
            slots.map(|(nth, _)| nth).collect()
        };
        if !padding_slots.iter().all(is_int) {
            let positions = positions_of(false);
            for value in vectors {
                match self.builder.func.dfg.value_type(*value) {
                    types::F64 => floats.push(*value),
                    types::F64X2 if floats.len() < positions.len() => {
                        floats.push(self.builder.ins().extractlane(*value, 0));
                    }
                    _ => {}
                }
            }
            let at_hand = floats.into_iter().chain(all.values.iter().copied());
            padding.floats = self.of_type(types::F64, positions.len(), at_hand);
            self.keep_arrived(&positions, &mut padding.floats, false);
        }
        if padding_slots.iter().any(is_int) {
            let positions = positions_of(true);
            // Nothing reads an object of no bytes, so its address may be any value.
            let is_read = |i| plan.args.mode(i) != Some(PassMode::Ignore);
            let bases = args.iter().enumerate().filter_map(|(i, arg)| match arg {
                Arg::Memory { base, .. } if is_read(i) => Some(*base),
                _ => None,
            });
            let (passed, stored) = all.values.split_at(all.n_passed);
            let addresses = addresses.iter().flatten().copied().chain(bases);
            let stored = vectors.iter().chain(stored).rev().copied();
            let at_hand = stored.chain(addresses).chain(passed.iter().copied());
            padding.ints = self.of_type(types::I64, positions.len(), at_hand);
            self.keep_arrived(&positions, &mut padding.ints, true);
        }
        padding
    }

    /// Moves each of `values` that is a parameter of the function being built to the padding
    /// argument of the register in which it arrived.
    fn keep_arrived(&self, positions: &[usize], values: &mut [Value], ints: bool) {
        for (n, param) in arrived(self.builder.func, ints).enumerate() {
            let Some(index) = values.iter().position(|value| *value == param) else {
                continue;
            };
            let at = positions.iter().position(|own| *own == n);
            if let Some(at) = at.and_then(|at| values.len().checked_sub(at + 1)) {
                values.swap(index, at);
            }
        }
    }

    /// Returns `n` values of type `ty`, or as many as there are; at least one.
    fn of_type(
        &mut self,
        ty: Type,
        n: usize,
        at_hand: impl Iterator<Item = Value>,
    ) -> SmallVec<[Value; 8]> {
        let mut values = SmallVec::<[Value; 8]>::new();
        for value in at_hand {
            if values.len() == n.max(1) {
                break;
            }
            if !values.contains(&value) && type_of(&self.builder.func.dfg, value) == ty {
                values.push(value);
            }
        }
        if values.is_empty() {
            values.push(zero(self.builder, ty));
        }
        values
    }
}

/// Returns the integer parameters of `func`, or the others. The n-th is in the same register as the
/// n-th of a call, if both functions have the same convention. Otherwise its use may cost a move.
fn arrived(func: &Function, ints: bool) -> impl Iterator<Item = Value> {
    let entry = func.layout.entry_block();
    let params = entry.map_or(&[][..], |entry| func.dfg.block_params(entry));
    let is_own = move |own: &&Value| func.dfg.value_type(**own).is_int() == ints;
    params.iter().filter(is_own).copied()
}

/// Replaces the padding arguments among `values`, those of
/// [`Lowering::values_in`](crate::Lowering::values_in), by the parameters of the function being
/// built that arrived in their registers. This costs no instruction in a function that does not
/// use these parameters otherwise: one of
/// [`Lowering::filled_signature`](crate::Lowering::filled_signature).
///
/// # Example
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); } use doc::*;
/// # let isa = linux_isa();
/// # let mut func = ir::Function::new();
/// # let mut context = FunctionBuilderContext::new();
/// # let mut builder = FunctionBuilder::new(&mut func, &mut context);
/// use clif_cabi::cabi::{FnSig, Type};
/// use clif_cabi::{Arg, Lowering, Ret, keep_arrived};
///
/// let lower = Lowering::new(&*isa)?;
/// // void f(const long double *);
/// builder.func.signature = lower.filled_signature(&FnSig::new([Type::PTR], Type::VOID))?;
/// let block = builder.create_block();
/// builder.append_block_params_for_function_params(block);
/// builder.switch_to_block(block);
/// builder.ensure_inserted_block();
/// let params = builder.block_params(block).to_vec();
/// // The words of a `long double` are on the stack, after padding arguments for all integer
/// // registers.
/// let plan = lower.call_plan(&FnSig::new([Type::F80], Type::VOID))?;
/// let args = [Arg::memory(params[0])];
/// let mut values = lower.values_in(&mut builder, &plan, &args, Ret::Ignore)?;
/// keep_arrived(&plan, builder.func, &mut values);
/// assert_eq!(values[..values.len() - 2], params[..values.len() - 2]);
/// # Ok::<(), clif_cabi::LowerError>(())
/// ```
pub fn keep_arrived(plan: &CallPlan, func: &Function, values: &mut [Value]) {
    for is_int in [true, false] {
        let words = (padding_of(plan, is_int)).filter(|(_, own)| own.part.ty.bytes() == 8);
        for (nth, own) in words {
            let own_type = own.part.ty;
            let value = own.param.and_then(|param| values.get_mut(param as usize));
            let arrived = arrived(func, is_int).nth(nth);
            let arrived = arrived.filter(|own| func.dfg.value_type(*own) == clif_type(own_type));
            if let (Some(arrived), Some(value)) = (arrived, value) {
                *value = arrived;
            }
        }
    }
}

/// Returns the padding of a class, integers or the others, each with the number of parameters
/// of its class before it.
fn padding_of(plan: &CallPlan, is_int: bool) -> impl Iterator<Item = (usize, &Slot)> {
    let own = plan.args.padding().iter();
    let mut own = own
        .filter(move |own| own.part.ty.is_int() == is_int)
        .peekable();
    let params = (0..).zip(&plan.signature.params);
    let params = params.filter(move |(_, param)| param.ty.is_int() == is_int);
    params.enumerate().filter_map(move |(nth, (param, _))| {
        let own = own.next_if(|own| own.param == Some(param))?;
        Some((nth, own))
    })
}
