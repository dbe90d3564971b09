//! RISC-V, both widths, as gcc and clang write it without position-independent code.

use super::state::{Address, State, Value};
use super::{Flow, Isa, number, symbol};

pub(super) const ISA: Isa = Isa {
    comment: "#",
    area: 0,
    return_address: 0,
    arguments: ["a0", "a1", "a2"],
    preserved: |name| name.starts_with('s') || name.starts_with("fs"),
    step,
};

fn step(state: &mut State, op: &str, operands: &[&str]) -> Flow {
    match (op, operands) {
        ("ret", _) | ("jr", ["ra"]) => return Flow::Return,
        ("call" | "jal", [callee]) => return Flow::Call((*callee).to_owned()),
        ("lui" | "la" | "lla", [to, from]) => {
            let value = of_symbol(from).map_or_else(Value::default, Value::address);
            state.set(to, value);
        }
        ("addi", ["sp", "sp", n]) => state.move_stack(number(n).unwrap_or(0)),
        ("addi" | "addiw", [to, from, n]) => match of_symbol(n) {
            Some(address) => state.set(to, Value::address(address)),
            None if *from == "sp" => {
                let address = state.on_stack(number(n).unwrap_or(0));
                state.set(to, Value::address(address));
            }
            None => state.offset(to, from, number(n), operands),
        },
        // Of an aligned address, a sum.
        ("ori", [to, from, n]) => state.offset(to, from, number(n), operands),
        ("li", [to, n]) => state.set(to, number(n).map_or_else(Value::default, Value::number)),
        ("mv", [to, "sp"]) => {
            let address = state.on_stack(0);
            state.set(to, Value::address(address));
        }
        // The upper bits alone change.
        (
            "sext.w" | "zext.w" | "sext.h" | "zext.h" | "sext.b" | "zext.b" | "mv" | "andi",
            [to, from, ..],
        ) => {
            let value = state.get(from);
            state.set(to, value);
        }
        (op, [to, from]) if op.starts_with("fmv") => {
            let value = if *from == "zero" {
                Value::default()
            } else {
                state.get(from)
            };
            state.set(to, value);
        }
        (op, [register, memory]) => match (width(op), address(state, memory)) {
            (Some((bytes, true)), at) => {
                let value = state.load(at.as_ref(), bytes);
                state.set(register, value);
            }
            (Some((bytes, false)), at) => {
                let value = state.get(register);
                state.store(at.as_ref(), bytes, &value);
            }
            _ => state.combine(register, [*memory]),
        },
        (_, [to, rest @ ..]) => state.combine(to, rest.iter().copied()),
        _ => {}
    }
    Flow::Next
}

/// Bytes of an access of memory, and whether it is a load.
fn width(op: &str) -> Option<(usize, bool)> {
    Some(match op {
        "lb" | "lbu" => (1, true),
        "lh" | "lhu" | "flh" => (2, true),
        "lw" | "lwu" | "flw" => (4, true),
        "ld" | "fld" => (8, true),
        "sb" => (1, false),
        "sh" | "fsh" => (2, false),
        "sw" | "fsw" => (4, false),
        "sd" | "fsd" => (8, false),
        _ => return None,
    })
}

/// `%hi(global)`, `%lo(global+4)`, `global`.
fn of_symbol(text: &str) -> Option<Address> {
    let inside = text
        .strip_prefix("%hi(")
        .or_else(|| text.strip_prefix("%lo("));
    symbol(inside.map_or(text, |inside| inside.trim_end_matches(')')))
}

/// `8(sp)`, `%lo(global)(a0)`.
fn address(state: &State, text: &str) -> Option<Address> {
    let (offset, base) = text.strip_suffix(')')?.rsplit_once('(')?;
    if let Some(address) = of_symbol(offset) {
        return Some(address);
    }
    let offset = if offset.is_empty() {
        0
    } else {
        number(offset)?
    };
    match base {
        "sp" => Some(state.on_stack(offset)),
        base => Some(state.address_in(base)?.plus(offset)),
    }
}
