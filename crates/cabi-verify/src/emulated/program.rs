//! The program's text: assembly, the bytes of every call, and a loop that makes one call after the other and prints what was written down. It needs no C library.

use std::fmt::Write as _;

use super::Stubs;
use super::stubs::CELL;
use crate::case::Direction;
use crate::emit::c::{IMAGE_ALIGN, string};
use crate::image::call::Given;

/// The most bytes that the variables of a call, an argument area, or copies have.
pub(super) const MAX: usize = 1 << 15;

/// A call between assembly and a function.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The function: a caller, which calls `cabi_capture`, or a callee, which `cabi_enter` calls.
    pub(super) symbol: String,
    /// Whether `cabi_enter` makes the call.
    pub(super) direction: Direction,
    /// The variables of the functions, as they are before: by name and offset, and their bytes.
    pub(super) names: Vec<(String, usize)>,
    pub(super) memory: Vec<u8>,
    /// Bytes of the argument area.
    pub(super) stack: usize,
    pub(super) given: Given,
}

/// Copies that a callee is given the addresses of start at multiples of this.
pub(super) const ALIGN: usize = IMAGE_ALIGN;

/// The text. `_start` takes the number of the call to begin with; each call prints its number, the variables, and registers, stack, pointers and what they point to.
pub(super) fn text(stubs: &Stubs, calls: &[Call]) -> String {
    let mut assembly = stubs.text();
    assembly.push_str(".globl cabi_memory\n");
    let program = include_str!("program.c")
        .replace("REGISTERS", &(CELL * stubs.arguments.len()).to_string())
        .replace("MAX", &MAX.to_string())
        .replace("ALIGN", &ALIGN.to_string());
    let (mut declared, mut rows) = (String::new(), String::new());
    for (i, call) in calls.iter().enumerate() {
        let (given, enters) = (&call.given, call.direction == Direction::Call);
        if !enters {
            for (name, at) in &call.names {
                let _ = writeln!(assembly, ".globl {name}\n.set {name}, cabi_memory+{at}");
            }
            let function = call.symbol.replace('c', "f");
            let _ = writeln!(assembly, ".globl {function}\n.set {function}, cabi_capture");
        }
        let pointers = given.pointers.iter();
        let pointers: Vec<String> = pointers.map(|(at, n)| format!("{at},{n}")).collect();
        let _ = writeln!(
            declared,
            "void {}(void); static const word p{i}[] = {{{}}};",
            call.symbol,
            [&pointers[..], &["0".to_owned()]].concat().join(",")
        );
        let _ = writeln!(
            rows,
            "{{{}, {}, {}, {}, {}, {}, {}, {}, p{i}, {}, {}}},",
            call.symbol,
            u8::from(enters),
            string(&call.memory),
            call.memory.len(),
            string(&given.image.bytes),
            given.image.bytes.len(),
            call.stack,
            string(&given.pointed),
            pointers.len(),
            u8::from(given.returns_in_memory)
        );
    }
    let lines: String = assembly
        .lines()
        .map(|line| format!("\"{}\\n\"\n", line.replace('\\', "\\\\")))
        .collect();
    let calls =
        format!("{declared}__asm__(\n{lines});\nstatic const struct row rows[] = {{\n{rows}}};");
    program.replacen("CALLS", &calls, 1)
}
