//! s390x, as gcc and clang write it without position-independent code. A number of four bytes is in the upper half of its floating-point register, as in
//! the left half of an object of eight.

use super::state::{Address, State, Value};
use super::{Flow, Isa, number, symbol};

pub(super) const ISA: Isa = Isa {
    comment: "#",
    big_endian: true,
    position: |register, size, byte| match register.starts_with('r') {
        true => (size - 1).saturating_sub(byte),
        false => 7_u64.saturating_sub(byte),
    },
    area: 0,
    arguments: ["r2", "r3", "r4"],
    preserved: |name| {
        let index = |bank| {
            name.strip_prefix(bank)
                .and_then(|index: &str| index.parse().ok())
        };
        index("r").is_some_and(|i: u8| (6..14).contains(&i) || i == 15)
            || index("f").is_some_and(|i: u8| (8..16).contains(&i))
    },
    step,
};

fn step(state: &mut State, op: &str, operands: &[&str]) -> Flow {
    let operands: Vec<&str> = operands
        .iter()
        .map(|operand| operand.strip_prefix('%').unwrap_or(operand))
        .collect();
    match (op, &operands[..]) {
        ("br", ["r14"]) => return Flow::Return,
        ("brasl", [_, callee]) => {
            return Flow::Call(callee.trim_end_matches("@PLT").to_owned());
        }
        ("aghi", ["r15", n]) => state.move_stack(number(n).unwrap_or(0)),
        ("lay" | "la", ["r15", to]) => {
            let to = address(state, to).map_or(0, |to| to.offset - state.on_stack(0).offset);
            state.move_stack(to);
        }
        ("lay" | "la" | "larl", [to, from]) => {
            let value = address(state, from).map_or_else(Value::default, Value::address);
            state.set(to, value);
        }
        ("aghi" | "agfi", [to, n]) => state.offset(to, to, number(n), &[to, to]),
        ("aghik", [to, from, n]) => state.offset(to, from, number(n), &[to, from]),
        ("lghi" | "lhi", [to, n]) => {
            state.set(to, number(n).map_or_else(Value::default, Value::number));
        }
        ("ic", [to, from]) => {
            let at = address(state, from);
            let value = state.load(at.as_ref(), 1).over(&state.get(to), 1);
            state.set(to, value);
        }
        ("mvc", [to, from]) => copy(state, to, from),
        ("stmg" | "lmg", [first, last, at]) => several(state, op == "lmg", (first, last), at),
        // The upper bits alone change.
        (
            "lgr" | "lr" | "ldr" | "ler" | "lgdr" | "ldgr" | "lgfr" | "llgfr" | "lghr" | "llghr"
            | "lhr" | "llhr" | "lgbr" | "lbr" | "llgcr" | "llcr",
            [to, from],
        ) => {
            let value = state.get(from);
            state.set(to, value);
        }
        (op, [register, memory]) if access(op).is_some() => {
            let (bytes, is_load) = access(op).unwrap_or((8, true));
            one(state, (bytes, is_load), register, memory);
        }
        (op, [to, rest @ ..]) => other(state, op, to, rest),
        _ => {}
    }
    Flow::Next
}

/// Bytes of an access of memory, and whether it is a load.
fn access(op: &str) -> Option<(usize, bool)> {
    Some(match op.trim_end_matches('y').trim_end_matches("rl") {
        "lg" | "ld" => (8, true),
        "l" | "lgf" | "llgf" | "le" => (4, true),
        "lh" | "lgh" | "llh" | "llgh" => (2, true),
        "lb" | "lgb" | "llc" | "llgc" => (1, true),
        "stg" | "std" => (8, false),
        "st" | "ste" => (4, false),
        "sth" => (2, false),
        "stc" => (1, false),
        _ => return None,
    })
}

fn one(state: &mut State, (bytes, is_load): (usize, bool), register: &str, memory: &str) {
    if let Some(pooled) = state.constant(memory) {
        state.set(register, Value::address(pooled));
        return;
    }
    let at = address(state, memory);
    let is_upper = register.starts_with('f') && bytes == 4;
    if is_load {
        let value = state.load(at.as_ref(), bytes);
        let value = if is_upper { value.raised() } else { value };
        state.set(register, value);
    } else {
        let value = state.get(register);
        let value = if is_upper { value.high() } else { value };
        state.store(at.as_ref(), bytes, &value);
    }
}

/// Registers side by side; the stack pointer among those that are loaded is what it was at the entry.
fn several(state: &mut State, is_load: bool, (first, last): (&str, &str), at: &str) {
    let index = |name: &str| name.trim_start_matches('r').parse::<i64>().ok();
    let (Some(first), Some(last), Some(at)) = (index(first), index(last), address(state, at))
    else {
        return;
    };
    for i in first..=last {
        let at = at.plus(8 * (i - first));
        match (is_load, i) {
            (true, 15) => state.move_stack(at.offset - 8 * 15 - state.on_stack(0).offset),
            (true, _) => {
                let value = state.load(Some(&at), 8);
                state.set(&format!("r{i}"), value);
            }
            (false, 15) => {}
            (false, _) => {
                let value = state.get(&format!("r{i}"));
                state.store(Some(&at), 8, &value);
            }
        }
    }
}

/// `mvc 160(8,%r15),0(%r1)`.
fn copy(state: &mut State, to: &str, from: &str) {
    let parsed = to.split_once('(').and_then(|(offset, rest)| {
        let (bytes, base) = rest.split_once(',')?;
        Some((format!("{offset}({base}"), number(bytes)?))
    });
    let Some((to, bytes)) = parsed else { return };
    let (to, from) = (address(state, &to), address(state, from));
    state.copy(to.as_ref(), from.as_ref(), bytes);
}

/// An instruction that makes its first operand of all of them, memory too; one that stores a constant leaves nothing there.
fn other(state: &mut State, op: &str, to: &str, rest: &[&str]) {
    if let Some(bytes) = op.strip_prefix("mv").map(|op| match op {
        "ghi" => 8,
        "hi" => 4,
        "hhi" => 2,
        _ => 1,
    }) {
        let at = address(state, to);
        state.store(at.as_ref(), bytes, &Value::default());
        return;
    }
    let (memory, registers): (Vec<&str>, Vec<&str>) =
        rest.iter().partition(|operand| operand.ends_with(')'));
    let at = memory.first().and_then(|operand| address(state, operand));
    let loaded = state.load(at.as_ref(), 8);
    state.set("memory", loaded);
    state.combine(to, registers.into_iter().chain([to, "memory"]));
}

/// `160(%r15)`, `0(%r1)`, `global+4`.
fn address(state: &State, text: &str) -> Option<Address> {
    let Some((offset, base)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) else {
        return symbol(text);
    };
    let offset = if offset.is_empty() {
        0
    } else {
        number(offset)?
    };
    match base.strip_prefix('%')? {
        "r15" => Some(state.on_stack(offset)),
        base => Some(state.address_in(base)?.plus(offset)),
    }
}
