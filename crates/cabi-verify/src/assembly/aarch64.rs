//! AArch64, as gcc and clang write it for Linux.

use super::state::{Address, State, Value};
use super::{Flow, Isa, from_the_low_end, number, symbol};

pub(super) const ISA: Isa = Isa {
    comment: "//",
    big_endian: false,
    position: from_the_low_end,
    area: 0,
    arguments: ["x0", "x1", "x2"],
    preserved: |name| {
        let index = |bank| {
            name.strip_prefix(bank)
                .and_then(|index: &str| index.parse().ok())
        };
        index("x").is_some_and(|i: u8| (19..30).contains(&i))
            || index("v").is_some_and(|i: u8| (8..16).contains(&i))
    },
    step,
};

/// The register that a word names, and the bytes of it.
fn register(text: &str) -> Option<(String, usize)> {
    let text = text.trim();
    if matches!(text, "wzr" | "xzr") {
        return Some(("xzr".to_owned(), if text == "wzr" { 4 } else { 8 }));
    }
    let (bank, rest) = text.split_at_checked(1)?;
    let (index, lanes) = rest.split_once('.').unwrap_or((rest, ""));
    let index: u8 = index.parse().ok()?;
    Some(match bank {
        "x" => (format!("x{index}"), 8),
        "w" => (format!("x{index}"), 4),
        "q" => (format!("v{index}"), 16),
        "d" => (format!("v{index}"), 8),
        "s" => (format!("v{index}"), 4),
        "h" => (format!("v{index}"), 2),
        "b" => (format!("v{index}"), 1),
        "v" => (
            format!("v{index}"),
            if lanes.starts_with("16") { 16 } else { 8 },
        ),
        _ => return None,
    })
}

fn value(state: &State, text: &str) -> Value {
    match register(text) {
        Some((name, _)) if name == "xzr" => Value::number(0),
        Some((name, _)) => state.get(&name),
        None => number(text).map_or_else(Value::default, Value::number),
    }
}

fn step(state: &mut State, op: &str, operands: &[&str]) -> Flow {
    let stored = op.starts_with("st");
    match (op, operands) {
        ("ret", _) => return Flow::Return,
        ("bl", [callee]) => return Flow::Call((*callee).to_owned()),
        ("add" | "sub", ["sp", "sp", n]) => {
            let bytes = number(n).unwrap_or(0);
            state.move_stack(if op == "add" { bytes } else { -bytes });
        }
        ("ldp" | "stp" | "ldnp" | "stnp", [first, second, memory @ ..]) => {
            let bytes = register(first).map_or(8, |(_, bytes)| bytes);
            let at = address(state, memory);
            let next = at
                .as_ref()
                .map(|at| at.plus(i64::try_from(bytes).unwrap_or(8)));
            for (text, at) in [(first, at), (second, next)] {
                access(state, stored, text, bytes, at.as_ref());
            }
        }
        (op, [text, memory @ ..])
            if is_access(op) && memory.first().is_some_and(|first| first.starts_with('[')) =>
        {
            let bytes = width(op, text);
            let at = address(state, memory);
            access(state, stored, text, bytes, at.as_ref());
        }
        (op, operands) => moves(state, op, operands),
    }
    Flow::Next
}

/// Bytes of an access of memory.
fn width(op: &str, text: &str) -> usize {
    match op
        .trim_start_matches("ld")
        .trim_start_matches("st")
        .trim_start_matches(['u', 'r'])
    {
        "b" | "sb" => 1,
        "h" | "sh" => 2,
        "sw" => 4,
        _ => register(text).map_or(8, |(_, bytes)| bytes),
    }
}

/// What makes one register of a constant, an address or other registers.
fn moves(state: &mut State, op: &str, operands: &[&str]) {
    match (op, operands) {
        ("adrp", [to, from]) => set(state, to, symbol(from).map(Value::address)),
        ("add", [to, _, from]) if low_part(from).is_some() => {
            set(state, to, low_part(from).map(Value::address));
        }
        ("add" | "sub" | "orr", [to, "sp", n]) => {
            let bytes = number(n).map(|n| if op == "sub" { -n } else { n });
            let at = bytes.map(|bytes| state.on_stack(bytes));
            set(state, to, at.map(Value::address));
        }
        ("add" | "sub" | "orr", [to, from, n]) => {
            let bytes = number(n).map(|n| if op == "sub" { -n } else { n });
            if let (Some((to, _)), Some((from, _))) = (register(to), register(from)) {
                let names = names(operands);
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                state.offset(&to, &from, bytes, &names);
            }
        }
        ("mov", [to, "sp"]) => {
            let at = state.on_stack(0);
            set(state, to, Some(Value::address(at)));
        }
        ("bfi", [to, from, "32" | "#32", "32" | "#32"]) => {
            if let (Some((to, _)), Some((from, _))) = (register(to), register(from)) {
                state.join(&to, &to, &from);
            }
        }
        // The upper bits alone change; and of a vector one lane.
        ("mov" | "fmov" | "sxtb" | "sxth" | "sxtw" | "uxtb" | "uxth" | "and", [to, from, ..])
            if !to.contains('[') && !from.contains('[') =>
        {
            let value = value(state, from);
            set(state, to, Some(value));
        }
        (op, [to, rest @ ..]) => {
            let keeps = to.contains('[') || matches!(op, "bfi" | "bfxil" | "ins" | "movk");
            let mut names = names(rest);
            if let Some((to, _)) = register(to) {
                names.extend(keeps.then(|| to.clone()));
                state.combine(&to, names.iter().map(String::as_str));
            }
        }
        _ => {}
    }
}

/// The registers among operands.
fn names(operands: &[&str]) -> Vec<String> {
    let registers = operands.iter().filter_map(|text| register(text));
    registers.map(|(name, _)| name).collect()
}

fn is_access(op: &str) -> bool {
    ["ldr", "ldur", "str", "stur"]
        .iter()
        .any(|start| op.starts_with(start))
}

fn set(state: &mut State, to: &str, value: Option<Value>) {
    if let Some((name, _)) = register(to) {
        state.set(&name, value.unwrap_or_default());
    }
}

fn access(state: &mut State, stored: bool, text: &str, bytes: usize, at: Option<&Address>) {
    if stored {
        let value = value(state, text);
        state.store(at, bytes, &value);
    } else {
        let value = state.load(at, bytes);
        set(state, text, Some(value));
    }
}

/// `:lo12:global`, and with gcc `#:lo12:global+8`: with what `adrp` has made, its address.
fn low_part(text: &str) -> Option<Address> {
    symbol(text.trim_start_matches('#').strip_prefix(":lo12:")?)
}

/// `[x8]`, `[sp, #16]`, `[x8, :lo12:global]`, `[sp, #-32]!`, `[sp], 32`.
fn address(state: &mut State, operands: &[&str]) -> Option<Address> {
    let (first, after) = operands.split_first()?;
    let before = first.strip_suffix('!');
    let inside = before
        .unwrap_or(first)
        .strip_prefix('[')?
        .strip_suffix(']')?;
    let (base, offset) = inside.split_once(',').unwrap_or((inside, "0"));
    let offset = offset.trim();
    if let Some(global) = low_part(offset) {
        return Some(global);
    }
    let offset = number(offset)?;
    if base != "sp" {
        let at = state.address_in(&register(base)?.0)?.plus(offset);
        let bytes = after.first().and_then(|bytes| number(bytes));
        if let Some(moved) = bytes
            .map(|bytes| at.plus(bytes))
            .or_else(|| before.map(|_| at.clone()))
        {
            set(state, base, Some(Value::address(moved)));
        }
        return Some(at);
    }
    if before.is_some() {
        state.move_stack(offset);
        return Some(state.on_stack(0));
    }
    let at = state.on_stack(offset);
    state.move_stack(after.first().and_then(|bytes| number(bytes)).unwrap_or(0));
    Some(at)
}
