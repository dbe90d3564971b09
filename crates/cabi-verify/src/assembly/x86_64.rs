//! x86-64, as gcc and clang write it in AT&T syntax without position-independent code.

use super::state::{Address, State, Value};
use super::{Flow, Isa, number, symbol};

pub(super) const ISA: Isa = Isa {
    comment: "#",
    area: 0,
    return_address: 8,
    arguments: ["rdi", "rsi", "rdx"],
    preserved: |name| matches!(name, "rbx" | "rbp" | "r12" | "r13" | "r14" | "r15"),
    step,
};

/// Functions of x64 Windows.
pub(super) const WIN64: Isa = Isa {
    arguments: ["rcx", "rdx", "r8"],
    preserved: |name| {
        let saved = |n: &str| n.parse::<u8>().is_ok_and(|n| n >= 6);
        let is_vector = name.strip_prefix("xmm").is_some_and(saved);
        is_vector || matches!(name, "rdi" | "rsi") || (ISA.preserved)(name)
    },
    ..ISA
};

/// An operand: a register and its bytes, a place in memory, or what is in the instruction.
enum Operand {
    Register(String, usize),
    Memory(Option<Address>),
    Immediate(Value),
}

use Operand::{Immediate, Memory, Register};

fn step(state: &mut State, op: &str, operands: &[&str]) -> Flow {
    match (op, operands) {
        ("ret" | "retq", _) => return Flow::Return,
        ("call" | "callq", [callee]) => {
            let callee = callee.split('@').next().unwrap_or_default();
            return Flow::Call(callee.to_owned());
        }
        ("leave", _) => {
            set_stack(state, state.address_in("rbp"));
            pop(state, "%rbp");
        }
        ("push" | "pushq", [from]) => {
            let value = value(state, &operand(state, from), 8);
            state.move_stack(-8);
            state.store(Some(&state.on_stack(0)), 8, &value);
        }
        ("pop" | "popq", [to]) => pop(state, to),
        ("subq", [n, "%rsp"]) => state.move_stack(-immediate(n)),
        ("addq", [n, "%rsp"]) => state.move_stack(immediate(n)),
        ("andq", [n, "%rsp"]) => state.align_stack(-immediate(n)),
        ("movq", [from, "%rsp"]) => set_stack(state, state.address_in(name(from).0)),
        ("leaq", [from, "%rsp"]) => set_stack(state, address(state, from)),
        ("leaq", [from, to]) => {
            let value = address(state, from).map_or_else(Value::default, Value::address);
            state.set(name(to).0, value);
        }
        ("fldt", [from]) => {
            for i in (1..8).rev() {
                state.set(&st(i), state.get(&st(i - 1)));
            }
            let value = value(state, &operand(state, from), 10);
            state.set("st0", value);
        }
        ("fstpt", [to]) => {
            let value = state.get("st0");
            assign(state, &operand(state, to), 10, value);
            for i in 0..7 {
                state.set(&st(i), state.get(&st(i + 1)));
            }
        }
        ("fxch", [with, ..]) => {
            let other = st(with
                .trim_matches(['%', 's', 't', '(', ')'])
                .parse()
                .unwrap_or(1));
            let (first, second) = (state.get("st0"), state.get(&other));
            state.set("st0", second);
            state.set(&other, first);
        }
        _ => other(state, op, operands),
    }
    Flow::Next
}

/// Moves and shuffles of data.
fn other(state: &mut State, op: &str, operands: &[&str]) {
    if op.starts_with("cmp") || op.starts_with("test") || op.starts_with('j') {
        return;
    }
    let all: Vec<Operand> = operands.iter().map(|text| operand(state, text)).collect();
    let plain = op.strip_prefix('v').unwrap_or(op);
    match (width(plain), &all[..]) {
        _ if plain.contains("xor") && operands.windows(2).all(|pair| pair[0] == pair[1]) => {
            if let Some(to) = all.last() {
                assign(state, to, 0, Value::default());
            }
        }
        (_, [from, Memory(to)]) if plain.starts_with("movh") => {
            let upper = value(state, from, 16).upper(8);
            state.store(to.as_ref(), 8, &upper);
        }
        (Some(bytes), [from, to]) => {
            let bytes = match (bytes, from, to) {
                (0, Register(_, bytes), _) | (0, _, Register(_, bytes)) => *bytes,
                (bytes, ..) => bytes,
            };
            let value = value(state, from, bytes);
            assign(state, to, bytes, value);
        }
        (_, [.., to]) => {
            let is_source = |i: usize| i + 1 < all.len() || !op.starts_with('v');
            let sources = all.iter().enumerate().filter(|(i, _)| is_source(*i));
            let sources = sources.map(|(_, one)| value(state, one, 64));
            let made = Value::of_all(sources.collect());
            assign(state, to, extracted(plain), made);
        }
        _ => {}
    }
}

/// Bytes that a move of two operands has, from the low-order one on; 0 where its register says how many.
fn width(op: &str) -> Option<usize> {
    let of_letter = |letter: &str| match letter {
        "b" => 1,
        "w" => 2,
        "l" => 4,
        _ => 8,
    };
    Some(match op.strip_prefix("mov")? {
        "d" | "ss" => 4,
        "q" | "sd" | "absq" | "lps" | "lpd" => 8,
        letter @ ("b" | "w" | "l") => of_letter(letter),
        "sh" => 2,
        "aps" | "ups" | "apd" | "upd" | "" => 0,
        rest if rest.starts_with("dq") => 0,
        // `movzbl`, `movslq`.
        rest => of_letter(rest.strip_prefix(['z', 's'])?.get(..1)?),
    })
}

/// Bytes that an instruction of other names stores in memory.
fn extracted(op: &str) -> usize {
    match op {
        "extracti64x4" | "extractf64x4" => 32,
        op if op.starts_with("extract") && op != "extractps" => 16,
        op if op.ends_with('q') => 8,
        op if op.ends_with('w') => 2,
        op if op.ends_with('b') => 1,
        _ => 4,
    }
}

fn st(i: usize) -> String {
    format!("st{i}")
}

fn pop(state: &mut State, to: &str) {
    let value = state.load(Some(&state.on_stack(0)), 8);
    state.move_stack(8);
    state.set(name(to).0, value);
}

fn set_stack(state: &mut State, to: Option<Address>) {
    if let Some(to) = to {
        state.move_stack(to.offset - state.on_stack(0).offset);
    }
}

fn immediate(text: &str) -> i64 {
    text.strip_prefix('$').and_then(number).unwrap_or(0)
}

fn value(state: &State, of: &Operand, bytes: usize) -> Value {
    match of {
        Register(name, _) if name == "rsp" => Value::address(state.on_stack(0)),
        Register(name, all) => match second_byte(name) {
            Some(whole) => state.get(whole).low(2).upper(1),
            None => state.get(name).low(bytes.min(*all)),
        },
        Memory(at) => state.load(at.as_ref(), bytes),
        Immediate(value) => value.clone(),
    }
}

/// The register of which `name` is the second byte.
fn second_byte(name: &str) -> Option<&'static str> {
    let at = ["ah", "bh", "ch", "dh"].iter().position(|own| *own == name);
    ["rax", "rbx", "rcx", "rdx"].get(at?).copied()
}

fn assign(state: &mut State, to: &Operand, bytes: usize, value: Value) {
    match to {
        Register(name, _) => match second_byte(name) {
            Some(whole) => {
                let made = Value::of_all(vec![state.get(whole), value]);
                state.set(whole, made);
            }
            None => state.set(name, value),
        },
        Memory(at) => state.store(at.as_ref(), bytes, &value),
        Immediate(_) => {}
    }
}

fn operand(state: &State, text: &str) -> Operand {
    if let Some(text) = text.strip_prefix('$') {
        return Immediate(match (number(text), symbol(text)) {
            (Some(n), _) => Value::number(n),
            (None, at) => at.map_or_else(Value::default, Value::address),
        });
    }
    match text.starts_with('%') {
        true => {
            let (name, bytes) = name(text);
            Register(name.to_owned(), bytes)
        }
        false => Memory(address(state, text)),
    }
}

/// The whole of the register that `text` names, and how many of its bytes that is.
fn name(text: &str) -> (&str, usize) {
    const WORDS: [&str; 8] = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"];
    let text = text.trim_start_matches('%');
    let text = text.split('{').next().unwrap_or(text);
    if let Some((kind, n)) = text.split_once("mm") {
        let bytes = match kind {
            "x" => 16,
            "y" => 32,
            _ => 64,
        };
        return (vector(n), bytes);
    }
    if let Some(whole) = WORDS.iter().find(|whole| **whole == text) {
        return (whole, 8);
    }
    if text.starts_with('r') {
        let bytes = match text.chars().last() {
            Some('d') => 4,
            Some('w') => 2,
            Some('b') => 1,
            _ => 8,
        };
        return (text.trim_end_matches(['d', 'w', 'b']), bytes);
    }
    let core = text.trim_start_matches('e').trim_end_matches('l');
    let part = WORDS.iter().find(|whole| {
        let own = whole.get(1..).unwrap_or_default();
        own == core || own.strip_suffix('x') == Some(core)
    });
    let bytes = match (text.starts_with('e'), text.ends_with('l')) {
        (true, _) => 4,
        (_, true) => 1,
        _ => 2,
    };
    (part.copied().unwrap_or(text), bytes)
}

/// The register of vectors that has this number.
fn vector(number: &str) -> &'static str {
    const NAMES: [&str; 16] = [
        "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
    ];
    let i = number.parse::<usize>().unwrap_or(NAMES.len());
    // No convention names those from 16 on.
    NAMES.get(i).copied().unwrap_or("others")
}

/// `8(%rsp)`, `global+4(%rip)`, `4+global(%rip)`, `global`.
fn address(state: &State, text: &str) -> Option<Address> {
    let (offset, base) = match text.strip_suffix(')') {
        Some(inside) => inside.rsplit_once('(')?,
        None => (text, "%rip"),
    };
    if base == "%rip" {
        return symbol(offset).or_else(|| {
            let (n, global) = offset.split_once('+')?;
            Some(symbol(global)?.plus(number(n)?))
        });
    }
    let offset = match offset {
        "" => 0,
        offset => number(offset)?,
    };
    match base {
        "%rsp" => Some(state.on_stack(offset)),
        base => Some(state.address_in(name(base).0)?.plus(offset)),
    }
}
