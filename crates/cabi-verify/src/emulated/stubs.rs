//! The assembly of a machine: where a program begins, two calls of the system, a callee that writes registers down (`cabi_capture`) and a caller that fills them
//! (`cabi_enter`).
//!
//! The two know no signature: they move all registers of arguments and of results, each between the machine and a cell of an image. After the cells a dump has the stack
//! pointer and the return address.

use cabi::Bank;

use crate::image::{Cell, RegisterFile};

/// Bytes from one register's cell to the next.
pub(super) const CELL: usize = 16;

/// A machine, and how its assembly is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Assembly {
    /// RISC-V. Two instructions are numbers: where six registers have arguments, assemblers know no a7; the system then looks at t0.
    RiscV,
    /// AArch64.
    AArch64,
    /// s390x. The first 160 bytes of the stack belong to a callee.
    S390X,
}

/// A machine's assembly, and the registers that it moves.
#[derive(Clone, Debug)]
pub struct Stubs {
    /// The machine.
    pub assembly: Assembly,
    /// Bytes of a pointer, and of a register of integers.
    pub word: usize,
    /// Bytes of a register of floats or vectors, whose names begin with `f` or `v`.
    pub float: usize,
    /// Registers of arguments: the cells of an image, in their order.
    pub arguments: Vec<&'static str>,
    /// Those of results, which are of them.
    pub results: Vec<&'static str>,
}

fn bank(register: &str) -> Bank {
    match register.starts_with(['f', 'v']) {
        true => Bank::Vector,
        false => Bank::Int,
    }
}

impl Stubs {
    /// Moves one register from or to the bytes at a distance from a base.
    fn instruction(&self, is_load: bool, register: &str, at: usize) -> String {
        let float = bank(register) == Bank::Vector;
        match self.assembly {
            Assembly::RiscV => {
                let prefix = if float { "f" } else { "" };
                let verb = if is_load { 'l' } else { 's' };
                let suffix = if self.register_bytes(register) == 8 {
                    'd'
                } else {
                    'w'
                };
                format!("{prefix}{verb}{suffix} {register}, {at}(t0)")
            }
            Assembly::AArch64 => {
                let verb = if is_load { "ldr" } else { "str" };
                format!("{verb} {}, [x9, #{at}]", register.replace('v', "q"))
            }
            Assembly::S390X => {
                let verb = match (is_load, float) {
                    (true, true) => "ld",
                    (true, false) => "lg",
                    (false, true) => "std",
                    (false, false) => "stg",
                };
                format!("{verb} %{register}, {at}(%r1)")
            }
        }
    }

    /// Bytes of a register.
    fn register_bytes(&self, name: &str) -> usize {
        match bank(name) {
            Bank::Vector => self.float,
            _ => self.word,
        }
    }

    /// Where an image has the registers, and after them the argument area.
    pub(super) fn register_file(&self) -> RegisterFile {
        let cells = self.arguments.iter().enumerate();
        let cells = cells.map(|(i, name)| {
            let (bank, bytes) = (bank(name), self.register_bytes(name));
            Cell {
                name,
                bank,
                at: CELL * i,
                bytes,
                extended: match (self.assembly, bank) {
                    (Assembly::AArch64, Bank::Int) => 4,
                    _ => bytes,
                },
            }
        });
        RegisterFile {
            cells: cells.collect(),
            area: CELL * self.arguments.len(),
            word: self.word,
            extended: self.word,
            is_big_endian: self.assembly == Assembly::S390X,
        }
    }

    /// The assembly, to be read by a C compiler's assembler.
    pub(super) fn text(&self) -> String {
        let all = |registers: &[&'static str], is_load: bool| -> String {
            let line = |register: &&'static str| {
                let cell = self.arguments.iter().position(|other| other == register);
                let at = CELL * cell.unwrap_or(0);
                format!(" {}\n", self.instruction(is_load, register, at))
            };
            registers.iter().map(line).collect()
        };
        let after = CELL * self.arguments.len();
        let (load, store) = match self.word {
            8 => ("ld", "sd"),
            _ => ("lw", "sw"),
        };
        let template = match self.assembly {
            Assembly::RiscV => include_str!("riscv.s"),
            Assembly::AArch64 => include_str!("aarch64.s"),
            Assembly::S390X => include_str!("s390x.s"),
        };
        template
            .replace("{store}", &all(&self.arguments, false))
            .replace("{load}", &all(&self.arguments, true))
            .replace("{load results}", &all(&self.results, true))
            .replace("{store results}", &all(&self.results, false))
            .replace("{sp}", &after.to_string())
            .replace("{ra}", &(after + CELL).to_string())
            .replace("{l}", load)
            .replace("{s}", store)
    }
}
