//! XCore, as clang writes it: words of memory are counted in words.

use super::state::{Address, State, Value};
use super::{Flow, Isa, number, symbol};

pub(super) const ISA: Isa = Isa {
    comment: "#",
    area: 4,
    return_address: 0,
    arguments: ["r0", "r1", "r2"],
    preserved: |name| matches!(name, "r4" | "r5" | "r6" | "r7" | "r8" | "r9" | "r10"),
    step,
};

fn step(state: &mut State, op: &str, operands: &[&str]) -> Flow {
    let words = |text: &str| 4 * number(text).unwrap_or(0);
    match (op, operands) {
        ("entsp" | "extsp", [n]) => state.move_stack(-words(n)),
        ("retsp", _) => return Flow::Return,
        ("bl" | "blat", [callee]) => return Flow::Call((*callee).to_owned()),
        ("ldaw", ["sp", from]) => {
            let to = address(state, from, 4).map_or(0, |to| to.offset - state.on_stack(0).offset);
            state.move_stack(to);
        }
        ("ldaw", [to, from]) => {
            let value = address(state, from, 4).map_or_else(Value::default, Value::address);
            state.set(to, value);
        }
        ("ldc", [to, n]) => state.set(to, number(n).map_or_else(Value::default, Value::number)),
        ("mkmsk", [to, n]) => {
            let ones = number(n).and_then(|n| 1_i64.checked_shl(u32::try_from(n).ok()?));
            state.set(
                to,
                ones.map_or_else(Value::default, |ones| Value::number(ones - 1)),
            );
        }
        ("mov", [to, from]) => {
            let value = state.get(from);
            state.set(to, value);
        }
        // Of an aligned address `or` is a sum.
        ("add" | "or", [to, from, n]) => {
            let n = number(n).or_else(|| state.number_in(n));
            state.offset(to, from, n, operands);
        }
        ("ldw" | "ld16s" | "ld8u", [to, from]) => {
            let bytes = width(op);
            let from = address(state, from, bytes);
            let value = state.load(from.as_ref(), usize::try_from(bytes).unwrap_or(0));
            state.set(to, value);
        }
        ("stw" | "st16" | "st8", [from, to]) => {
            let bytes = width(op);
            let (value, to) = (state.get(from), address(state, to, bytes));
            state.store(to.as_ref(), usize::try_from(bytes).unwrap_or(0), &value);
        }
        // The upper bits alone.
        ("sext" | "zext", _) => {}
        (_, [to, rest @ ..]) => state.combine(to, rest.iter().copied()),
        _ => {}
    }
    Flow::Next
}

fn width(op: &str) -> i64 {
    match op.trim_start_matches(|c: char| c.is_alphabetic()) {
        "16s" | "16" => 2,
        "8u" | "8" => 1,
        _ => 4,
    }
}

/// `sp[3]`, `dp[global+4]`, `r0[1]`, `r0[r1]`; the latter count units of `unit` bytes.
fn address(state: &State, text: &str, unit: i64) -> Option<Address> {
    let (base, inside) = text.strip_suffix(']')?.split_once('[')?;
    match base {
        "sp" => Some(state.on_stack(4 * number(inside)?)),
        "dp" | "cp" => symbol(inside),
        base => {
            let index = number(inside).or_else(|| state.number_in(inside))?;
            Some(state.address_in(base)?.plus(unit * index))
        }
    }
}
