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
    /// Registers of results; each is one of the above.
    pub results: Vec<&'static str>,
}

fn bank(register: &str) -> Bank {
    match register.starts_with(['f', 'v']) {
        true => Bank::Vector,
        false => Bank::Int,
    }
}

impl Stubs {
    pub(super) fn is_big_endian(&self) -> bool {
        self.assembly == Assembly::S390X
    }

    /// Where an image has the registers, and after them the argument area.
    pub(super) fn register_file(&self) -> RegisterFile {
        let cells = self.arguments.iter().enumerate();
        let cells = cells.map(|(i, name)| {
            let bank = bank(name);
            let bytes = match bank {
                Bank::Vector => self.float,
                _ => self.word,
            };
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
            is_big_endian: self.is_big_endian(),
        }
    }

    /// The assembly, to be read by a C compiler's assembler. A machine's own text has the macros by which one register is moved from or to the cell at a distance.
    pub(super) fn text(&self) -> String {
        let all = |registers: &[&'static str], action: &str| -> String {
            let line = |register: &&'static str| {
                let cell = self.arguments.iter().position(|other| other == register);
                let at = CELL * cell.unwrap_or(0);
                let kind = match bank(register) {
                    Bank::Vector => "float",
                    _ => "int",
                };
                format!(" {action}_{kind} {register}, {at}\n")
            };
            registers.iter().map(line).collect()
        };
        let after = CELL * self.arguments.len();
        let width = |bytes: usize| if bytes == 8 { "d" } else { "w" };
        let template = match self.assembly {
            Assembly::RiscV => include_str!("riscv.s"),
            Assembly::AArch64 => include_str!("aarch64.s"),
            Assembly::S390X => include_str!("s390x.s"),
        };
        template
            .replace("{store}", &all(&self.arguments, "store"))
            .replace("{load}", &all(&self.arguments, "load"))
            .replace("{load results}", &all(&self.results, "load"))
            .replace("{store results}", &all(&self.results, "store"))
            .replace("{sp}", &after.to_string())
            .replace("{ra}", &(after + CELL).to_string())
            .replace("{word}", width(self.word))
            .replace("{float}", width(self.float))
    }
}
