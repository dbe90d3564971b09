//! C-SKY, as LLVM writes it: addresses of globals and of functions are in pools of constants.

use super::state::{Address, Base, State, Value};
use super::{Flow, Isa, number};

pub(super) const ISA: Isa = Isa {
    comment: "#",
    area: 0,
    return_address: 0,
    arguments: ["r0", "r1", "r2"],
    preserved: |name| {
        let index = |bank| {
            name.strip_prefix(bank)
                .and_then(|index: &str| index.parse().ok())
        };
        index("r").is_some_and(|i: u8| matches!(i, 4..12 | 15..18 | 28))
            || index("vr").is_some_and(|i: u8| (8..16).contains(&i))
    },
    step,
};

/// The register that an assembler calls `a1`, `l1`, `t1`, by its number.
fn register(text: &str) -> String {
    let index = text.get(1..).and_then(|index| index.parse::<u8>().ok());
    match (text.get(..1), index) {
        (Some("a"), Some(i @ 0..4)) => format!("r{i}"),
        (Some("l"), Some(i @ 0..8)) => format!("r{}", i + 4),
        (Some("l"), Some(i @ 8..10)) => format!("r{}", i + 8),
        (Some("t"), Some(i @ 0..2)) => format!("r{}", i + 12),
        (Some("t"), Some(i @ 2..10)) => format!("r{}", i + 16),
        _ if text == "lr" => "r15".to_owned(),
        _ => text.to_owned(),
    }
}

fn step(state: &mut State, op: &str, operands: &[&str]) -> Flow {
    // Widths of the encoding are of no interest: `ld16.w`, `ld32.w`.
    let plain = op.replace("16", "").replace("32.", ".").replace("32", "");
    let op = if op.starts_with('f') {
        op
    } else {
        plain.as_str()
    };
    match (op, operands) {
        ("rts", _) => return Flow::Return,
        ("jsri" | "bsr", [callee]) => {
            let callee = match pooled(state, callee).map(|at| at.base) {
                Some(Base::Global(name)) => name,
                _ => (*callee).to_owned(),
            };
            return Flow::Call(callee);
        }
        ("subi" | "addi", ["sp", "sp", n]) => {
            let bytes = number(n).unwrap_or(0);
            state.move_stack(if op == "addi" { bytes } else { -bytes });
        }
        ("addi" | "ori", [to, from, n]) if *from != "sp" => {
            let (to, from) = (register(to), register(from));
            state.offset(&to, &from, number(n), &[&to, &from]);
        }
        (op, [text, memory]) if width(op).is_some() => {
            let (bytes, stored) = width(op).unwrap_or((4, false));
            let at = address(state, memory);
            let name = register(text);
            if stored {
                let value = state.get(&name);
                state.store(at.as_ref(), bytes, &value);
            } else {
                let value = state.load(at.as_ref(), bytes);
                state.set(&name, value);
            }
        }
        (op, operands) => moves(state, op, operands),
    }
    Flow::Next
}

/// What makes one register, or a pair, of a constant, an address or other registers.
fn moves(state: &mut State, op: &str, operands: &[&str]) {
    match (op, operands) {
        ("lrw" | "movi", [to, from]) => {
            let value = match (pooled(state, from), number(from)) {
                (Some(at), _) => Value::address(at),
                (None, n) => n.map_or_else(Value::default, Value::number),
            };
            state.set(&register(to), value);
        }
        ("addi", [to, "sp", n]) => on_stack(state, to, number(n)),
        ("addu", [to, "sp"]) => on_stack(state, to, state.number_in(&register(to))),
        ("mov", [to, "sp"]) => on_stack(state, to, Some(0)),
        // The upper bits alone change.
        (
            "mov" | "sextb" | "sexth" | "zextb" | "zexth" | "sextb.w" | "fmovs" | "fmovd"
            | "fmov.32" | "fmov.64" | "fmfvrl" | "fmfvr.32.1" | "fmtvr.32.1",
            [to, from],
        ) => state.set(&register(to), state.get(&register(from))),
        ("fmtvrl", [to, from]) => state.join(&register(to), &register(from), &register(to)),
        ("fmtvrh", [to, from]) => state.join(&register(to), &register(to), &register(from)),
        ("fmtvr.64", [to, low, high]) => {
            state.join(&register(to), &register(low), &register(high));
        }
        ("fmfvrh", [to, from]) => state.set(&register(to), state.get(&register(from)).upper(4)),
        ("fmfvr.64", [low, high, from]) => {
            let value = state.get(&register(from));
            state.set(&register(high), value.upper(4));
            state.set(&register(low), value);
        }
        (_, [to, rest @ ..]) => {
            let names: Vec<String> = rest.iter().map(|text| register(text)).collect();
            // `op a0, a1` is of both.
            let own = (rest.len() == 1).then(|| register(to));
            let names = names.iter().chain(&own).map(String::as_str);
            state.combine(&register(to), names);
        }
        _ => {}
    }
}

/// The address of what is so many bytes from the stack pointer.
fn on_stack(state: &mut State, to: &str, bytes: Option<i64>) {
    let at = bytes.map(|bytes| state.on_stack(bytes));
    state.set(
        &register(to),
        at.map_or_else(Value::default, Value::address),
    );
}

/// Bytes of an access of memory, and whether it is a store.
fn width(op: &str) -> Option<(usize, bool)> {
    Some(match op {
        "ld.b" | "ld.bs" => (1, false),
        "ld.h" | "ld.hs" => (2, false),
        "ld.w" | "flds" | "fld.32" => (4, false),
        "fldd" | "fld.64" => (8, false),
        "st.b" => (1, true),
        "st.h" => (2, true),
        "st.w" | "fsts" | "fst.32" => (4, true),
        "fstd" | "fst.64" => (8, true),
        _ => return None,
    })
}

/// `[.LCPI0_1]`: what the pool has there.
fn pooled(state: &State, text: &str) -> Option<Address> {
    state.constant(text.strip_prefix('[')?.strip_suffix(']')?)
}

/// `(sp, 8)`, `(a0, 4)`.
fn address(state: &State, text: &str) -> Option<Address> {
    let (base, offset) = text.strip_prefix('(')?.strip_suffix(')')?.split_once(',')?;
    let offset = number(offset)?;
    match base.trim() {
        "sp" => Some(state.on_stack(offset)),
        base => Some(state.address_in(&register(base))?.plus(offset)),
    }
}
