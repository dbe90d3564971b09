//! The assembly of a machine: where a program begins, two calls of the system, a callee that writes registers down (`cabi_capture`) and a caller that fills them
//! (`cabi_enter`).
//!
//! Both know no signature: they move all registers of arguments and of results, each between the machine and a cell of an image. After the cells a dump has the stack
//! pointer and the return address.

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
    pub arguments: Vec<String>,
    /// Those of results, which are of them.
    pub results: Vec<String>,
}

fn is_float(register: &str) -> bool {
    register.starts_with(['f', 'v'])
}

impl Stubs {
    /// Moves one register from or to the bytes at a distance from a base.
    fn instruction(&self, is_load: bool, register: &str, at: usize) -> String {
        let float = is_float(register);
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
    pub(super) fn register_bytes(&self, name: &str) -> usize {
        if is_float(name) {
            self.float
        } else {
            self.word
        }
    }

    /// Bytes of a register that a narrow value is extended to fill.
    pub(super) fn extended_bytes(&self, name: &str) -> usize {
        match self.assembly {
            Assembly::AArch64 if !is_float(name) => 4,
            _ => self.register_bytes(name),
        }
    }

    /// Whether the low-order byte of a word is the last one in memory.
    pub(super) fn is_big_endian(&self) -> bool {
        self.assembly == Assembly::S390X
    }

    /// Bytes of a register, as it is stored, before those of a part of `size`: s390x has a number in the low-order bytes, a short float in the others.
    pub(super) fn before_in_register(&self, name: &str, size: usize) -> usize {
        match self.is_big_endian() && !is_float(name) {
            true => self.word.saturating_sub(size),
            false => 0,
        }
    }

    /// Bytes of a slot before those of a part of `size`, which is a number of `width` there.
    pub(super) fn before_in_slot(&self, size: usize, width: usize) -> usize {
        match self.is_big_endian() {
            true => width.saturating_sub(size),
            false => 0,
        }
    }

    /// The assembly, to be read by a C compiler's assembler.
    pub(super) fn text(&self) -> String {
        let all = |registers: &[String], is_load: bool| -> String {
            let line = |register: &String| {
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
