//! The program's text: assembly, the bytes of every call, and a loop that makes one call after the other and prints what was written down. It needs no C library.

use std::fmt::Write as _;

use super::Stubs;
use super::stubs::CELL;
use crate::emit::c::string;

/// The most bytes that the variables of a call, an argument area, or copies have.
pub(super) const MAX: usize = 1 << 15;

/// A call.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    /// The function: a caller, which calls `cabi_capture`, or a callee, which `cabi_enter` calls.
    pub(super) symbol: String,
    pub(super) enters: bool,
    /// The variables of the functions, as they are before: by name and offset, and their bytes.
    pub(super) names: Vec<(String, usize)>,
    pub(super) memory: Vec<u8>,
    /// The registers, and after them the stack: of the call, or of the result.
    pub(super) image: Vec<u8>,
    /// Bytes of the argument area.
    pub(super) stack: usize,
    /// What pointers in image or dump point to: where they are, and how many bytes that is. A callee is given copies of what is in `pointed`, one after the other,
    /// aligned to [`ALIGN`]; of what a caller gives copies are taken.
    pub(super) pointers: Vec<(usize, usize)>,
    pub(super) pointed: Vec<u8>,
    /// Whether the last of the pointers is the caller's, to where the result goes: `pointed` is written there.
    pub(super) result: bool,
}

/// Copies that a callee is given the addresses of start at multiples of this.
pub(super) const ALIGN: usize = 64;

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
        if !call.enters {
            for (name, at) in &call.names {
                let _ = writeln!(assembly, ".globl {name}\n.set {name}, cabi_memory+{at}");
            }
            let function = call.symbol.replace('c', "f");
            let _ = writeln!(assembly, ".globl {function}\n.set {function}, cabi_capture");
        }
        let pointers: Vec<String> = call
            .pointers
            .iter()
            .map(|(at, n)| format!("{at},{n}"))
            .collect();
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
            u8::from(call.enters),
            string(&call.memory),
            call.memory.len(),
            string(&call.image),
            call.image.len(),
            call.stack,
            string(&call.pointed),
            call.pointers.len(),
            u8::from(call.result)
        );
    }
    let lines: String = assembly
        .lines()
        .map(|line| format!("\"{line}\\n\"\n"))
        .collect();
    let calls =
        format!("{declared}__asm__(\n{lines});\nstatic const struct row rows[] = {{\n{rows}}};");
    program.replacen("CALLS", &calls, 1)
}
