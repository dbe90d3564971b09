//! Where a compiler's code has the values of a call, read from its assembly: for little-endian machines and conventions that nothing here runs.
//!
//! A function is followed instruction by instruction. What a register or a byte of memory holds is known by its sources: the registers and the argument
//! area at the function's entry, globals, what a call returned. A function that copies its arguments to globals so says where each of them was; one that
//! calls with globals as arguments says where it puts them. An instruction that is not known makes its result of all its operands: it can hide a
//! difference only by naming the right place.

mod csky;
mod places;
mod riscv;
mod state;
mod x86_64;
mod xcore;

use std::collections::HashMap;
use std::rc::Rc;

pub use places::Question;
pub use state::{Address, Base, Source, Sources, State};

/// A machine's assembly.
#[derive(Clone, Copy, Debug)]
pub struct Isa {
    /// What starts a comment.
    comment: &'static str,
    /// Bytes from the stack pointer to the argument area, at a function's entry and at a call.
    area: i64,
    /// Bytes that a call pushes between both.
    return_address: i64,
    /// The registers of the first three integer arguments, for calls of `memcpy`.
    arguments: [&'static str; 3],
    /// Whether functions preserve a register.
    preserved: fn(&str) -> bool,
    /// What one instruction does: its name, its operands.
    step: fn(&mut State, &str, &[&str]) -> Flow,
}

/// Where control goes after an instruction.
enum Flow {
    Next,
    Return,
    /// To this symbol and back.
    Call(String),
}

impl Isa {
    /// XCore.
    pub const XCORE: Self = xcore::ISA;
    /// C-SKY.
    pub const CSKY: Self = csky::ISA;
    /// RISC-V, both widths.
    pub const RISCV: Self = riscv::ISA;
    /// x86-64.
    pub const X86_64: Self = x86_64::ISA;
    /// x86-64, functions of x64 Windows.
    pub const WIN64: Self = x86_64::WIN64;
}

/// What is known of a function.
#[derive(Clone)]
pub struct Function {
    /// What holds when it calls something for the last time.
    pub at_call: Option<State>,
    /// What holds when it returns.
    pub at_return: State,
}

/// The functions of `text`, by their names.
pub fn functions(text: &str, isa: &Isa) -> HashMap<String, Function> {
    let mut all = HashMap::new();
    let pool = Rc::new(constants(text));
    let mut current: Option<(String, State, Option<State>)> = None;
    for line in text.lines() {
        let line = line.split(isa.comment).next().unwrap_or_default();
        let Some(instruction) = line.strip_prefix(char::is_whitespace) else {
            if let Some(label) = line.trim_end().strip_suffix(':')
                && !label.starts_with('.')
            {
                let state = State::at_entry(isa, &pool);
                current = Some((label.trim_start_matches('_').to_owned(), state, None));
            }
            continue;
        };
        let instruction = instruction.trim();
        if instruction.is_empty() || instruction.starts_with('.') || instruction.ends_with(':') {
            continue;
        }
        let Some((name, state, at_call)) = &mut current else {
            continue;
        };
        let (op, operands) = instruction
            .split_once(char::is_whitespace)
            .unwrap_or((instruction, ""));
        match (isa.step)(state, op, &split(operands)) {
            Flow::Next => {}
            Flow::Call(callee) => {
                if !state.is_own(&callee) {
                    *at_call = Some(state.clone());
                    state.forget_registers();
                }
            }
            Flow::Return => {
                let function = Function {
                    at_call: at_call.take(),
                    at_return: state.clone(),
                };
                all.insert(name.clone(), function);
                current = None;
            }
        }
    }
    all
}

/// The addresses that data have under labels: `.LCPI0_1: .long global`.
fn constants(text: &str) -> HashMap<String, Address> {
    let mut lines = text.lines().map(str::trim).peekable();
    let mut all = HashMap::new();
    while let Some(line) = lines.next() {
        let word = lines.peek().and_then(|next| {
            next.strip_prefix(".long")
                .or_else(|| next.strip_prefix(".quad"))
        });
        if let (Some(label), Some(address)) = (line.strip_suffix(':'), word.and_then(symbol)) {
            all.insert(label.to_owned(), address);
        }
    }
    all
}

/// The operands, at commas that are in no brackets.
fn split(operands: &str) -> Vec<&str> {
    let (mut all, mut start, mut depth) = (Vec::new(), 0, 0);
    for (i, c) in operands.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                all.extend(operands.get(start..i).map(str::trim));
                start = i + 1;
            }
            _ => {}
        }
    }
    all.extend(
        operands
            .get(start..)
            .map(str::trim)
            .filter(|rest| !rest.is_empty()),
    );
    all
}

/// A number as assemblers write it.
fn number(text: &str) -> Option<i64> {
    let text = text.trim().trim_start_matches('#');
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let value = match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    value.ok().map(|value| sign * value)
}

/// `symbol`, `symbol+4`, `symbol-4`.
fn symbol(text: &str) -> Option<Address> {
    let text = text.trim();
    let at = text.find(['+', '-']).unwrap_or(text.len());
    let (name, offset) = text.split_at_checked(at)?;
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '.');
    let offset = match offset {
        "" => 0,
        offset => number(offset.trim_start_matches('+'))?,
    };
    is_name.then(|| Address::new(Base::Global(name.to_owned()), offset))
}
