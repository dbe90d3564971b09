//! Objects that a caller gives away ([`Arg::owned_memory`]): the callee gets the object instead of
//! a copy, so nothing else of the call may name it.

use std::ops::Range;

use crate::cranelift::codegen::ir::{DataFlowGraph, Opcode, StackSlot, Value};
use crate::cranelift::frontend::FunctionBuilder;
use clif_cabi_plan::{CallPlan, PassMode};

use super::forms::{Arg, Ret};
use super::memory::{Address, MemoryConfig};
use super::value::CValue;
use crate::error::LowerError;

/// Base of an address.
#[derive(PartialEq)]
enum Start {
    Slot(StackSlot),
    /// Any other value, of which no more is known.
    Value(Value),
}

/// Returns the place of an object: its bytes after a start.
fn object(dfg: &DataFlowGraph, at: Address, size: u64) -> (Start, Range<i64>) {
    let (start, first) = start_of(dfg, at);
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    (start, first..first.saturating_add(size))
}

fn overlap((start, own): &(Start, Range<i64>), (other_start, other): &(Start, Range<i64>)) -> bool {
    start == other_start && own.start < other.end && other.start < own.end
}

fn start_of(dfg: &DataFlowGraph, at: Address) -> (Start, i64) {
    let offset = i64::from(at.offset);
    let is_known = dfg.value_is_valid(at.base);
    let inst = is_known.then(|| dfg.value_def(at.base).inst()).flatten();
    let data = inst.map(|inst| &dfg.insts[inst]);
    let data = data.filter(|data| data.opcode() == Opcode::StackAddr);
    match data.and_then(|data| Some((data.stack_slot()?, data.load_store_offset()?))) {
        Some((slot, first)) => (Start::Slot(slot), i64::from(first) + offset),
        None => (Start::Value(at.base), offset),
    }
}

/// Returns the object of `arg`, if it is given away, and its required alignment.
fn owned_object(
    dfg: &DataFlowGraph,
    value: &CValue<'_>,
    arg: &Arg,
) -> Option<((Start, Range<i64>), u32)> {
    match (value.mode, arg) {
        (
            PassMode::Indirect { size, align },
            &Arg::Memory {
                base,
                offset,
                owned: true,
            },
        ) => Some((object(dfg, Address { base, offset }, size), align)),
        _ => None,
    }
}

/// Refuses an object that is given away if the callee can reach it by another argument or by the
/// address of its result. Refuses also an object that cannot be aligned.
pub(super) fn check(
    dfg: &DataFlowGraph,
    (plan, config): (&CallPlan, MemoryConfig),
    args: &[Arg],
    ret: Ret,
) -> Result<(), LowerError> {
    let given_at = |i: usize| owned_object(dfg, &CValue::argument(plan, i)?, args.get(i)?);
    for i in 0..args.len() {
        let Some(((own, align), value)) = given_at(i).zip(CValue::argument(plan, i)) else {
            continue;
        };
        if matches!(own.0, Start::Slot(_))
            && (align > config.slot_align || own.1.start % i64::from(align) != 0)
        {
            let expected = format!("an object that is aligned to {align}");
            return Err(value.error(
                expected,
                "an offset or slot with a smaller alignment".into(),
            ));
        }
        let points = |value: &Value| overlap(&object(dfg, Address::at(*value), 1), &own);
        let names = |(other, arg): (usize, &Arg)| match arg {
            _ if other == i => false,
            // Read before the call, or given away as well.
            Arg::Memory { .. } => given_at(other).is_some_and(|(other, _)| overlap(&other, &own)),
            Arg::Value(value) => points(value),
            Arg::Parts(values) | Arg::Fields(values) => values.iter().any(points),
        };
        let result = CValue::result(plan);
        let (ty, by_address) = (result.ty, matches!(result.mode, PassMode::Indirect { .. }));
        let who = match (args.iter().enumerate().position(names), ret) {
            (Some(other), _) => format!("argument {other}"),
            (None, Ret::Memory(to))
                if by_address && overlap(&object(dfg, Address::at(to), ty.size()), &own) =>
            {
                "the result".into()
            }
            _ => continue,
        };
        let expected = "an object that only this argument refers to".into();
        return Err(value.error(expected, format!("one that {who} refers to")));
    }
    Ok(())
}

/// Aligns the stack slot that `at` is in, if it is one, as `check` has found to be possible.
pub(super) fn align(builder: &mut FunctionBuilder<'_>, at: Address, align: u32) {
    if let (Start::Slot(slot), _) = start_of(&builder.func.dfg, at) {
        let shift = u8::try_from(align.ilog2()).unwrap_or_default();
        let slot = &mut builder.func.sized_stack_slots[slot];
        slot.align_shift = slot.align_shift.max(shift);
    }
}
