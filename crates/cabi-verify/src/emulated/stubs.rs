//! The assembly of a machine: where a program begins, two calls of the system, a callee that writes registers down (`cabi_capture`) and a caller that fills them
//! (`cabi_enter`).
//!
//! Both know no signature: they move all registers of arguments and of results, each between the machine and a cell of an image. After the cells a dump has the stack
//! pointer and the return address.

use std::fmt::Write as _;

use super::Stubs;

/// Bytes from one register's cell to the next.
pub(super) const CELL: usize = 16;

/// What a template is filled with.
struct Words {
    /// Registers of arguments, and those of results, which may be of them.
    arguments: Vec<String>,
    results: Vec<String>,
    /// One register from and to the bytes at a distance from a base.
    load: fn(&Stubs, &str, usize) -> String,
    store: fn(&Stubs, &str, usize) -> String,
    template: &'static str,
}

fn numbered(letter: &str, numbers: impl Iterator<Item = u8>) -> Vec<String> {
    numbers.map(|number| format!("{letter}{number}")).collect()
}

impl Stubs {
    fn words(&self) -> Words {
        match *self {
            Self::RiscV(_, float, n) => {
                // `fastcc` has more registers of arguments than C.
                let more = if n == 8 { 7 } else { 3 };
                let floats = |n: u8| 0..if float > 0 { n } else { 0 };
                let ints = [numbered("a", 0..n), numbered("t", 3..more)];
                let floats_of_c = numbered("fa", floats(8));
                Words {
                    arguments: [
                        &ints.concat()[..],
                        &floats_of_c,
                        &numbered("ft", floats(12)),
                    ]
                    .concat(),
                    results: [numbered("a", 0..2), numbered("fa", floats(2))].concat(),
                    load: |this, register, at| this.riscv("l", register, at),
                    store: |this, register, at| this.riscv("s", register, at),
                    template: RISCV,
                }
            }
            Self::AArch64 => Words {
                arguments: [numbered("x", 0..9), numbered("v", 0..8)].concat(),
                results: [numbered("x", 0..2), numbered("v", 0..4)].concat(),
                load: |_, register, at| format!("ldr {}, [x9, #{at}]", register.replace('v', "q")),
                store: |_, register, at| format!("str {}, [x9, #{at}]", register.replace('v', "q")),
                template: AARCH64,
            },
            Self::S390X => Words {
                arguments: [numbered("r", 2..7), numbered("f", [0, 2, 4, 6].into_iter())].concat(),
                results: vec!["r2".to_owned(), "f0".to_owned()],
                load: |_, register, at| match register.starts_with('f') {
                    true => format!("ld %{register}, {at}(%r1)"),
                    false => format!("lg %{register}, {at}(%r1)"),
                },
                store: |_, register, at| match register.starts_with('f') {
                    true => format!("std %{register}, {at}(%r1)"),
                    false => format!("stg %{register}, {at}(%r1)"),
                },
                template: S390X,
            },
        }
    }

    fn riscv(&self, verb: &str, register: &str, at: usize) -> String {
        let Self::RiscV(word, float, _) = self else {
            return String::new();
        };
        let (prefix, bytes) = match register.starts_with('f') {
            true => ("f", float),
            false => ("", word),
        };
        let suffix = if *bytes == 8 { "d" } else { "w" };
        format!("{prefix}{verb}{suffix} {register}, {at}(t0)")
    }

    /// The cells of an image, in their order.
    pub(super) fn registers(&self) -> Vec<String> {
        self.words().arguments
    }

    /// Bytes of a register.
    pub(super) fn register_bytes(&self, name: &str) -> usize {
        match *self {
            Self::RiscV(_, float, _) if name.starts_with('f') => float.into(),
            Self::RiscV(word, ..) => word.into(),
            Self::AArch64 if name.starts_with('v') => 16,
            Self::AArch64 | Self::S390X => 8,
        }
    }

    /// Bytes of a register that a narrow value is extended to fill.
    pub(super) fn extended_bytes(&self, name: &str) -> usize {
        match self {
            Self::AArch64 if name.starts_with('x') => 4,
            _ => self.register_bytes(name),
        }
    }

    /// Bytes of a pointer.
    pub(super) fn word(&self) -> usize {
        match self {
            Self::RiscV(word, ..) => usize::from(*word),
            Self::AArch64 | Self::S390X => 8,
        }
    }

    /// Whether the low-order byte of a word is the last one in memory.
    pub(super) fn is_big_endian(&self) -> bool {
        matches!(self, Self::S390X)
    }

    /// Bytes of a register, as it is stored, before those of a part of `size`: s390x has a number in the low-order bytes, a short float in the others.
    pub(super) fn before_in_register(&self, name: &str, size: usize) -> usize {
        match self.is_big_endian() && name.starts_with('r') {
            true => self.register_bytes(name).saturating_sub(size),
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
        let words = self.words();
        let all = |registers: &[String], line: fn(&Self, &str, usize) -> String| {
            registers.iter().fold(String::new(), |mut text, register| {
                let cell = words.arguments.iter().position(|other| other == register);
                let _ = writeln!(text, " {}", line(self, register, CELL * cell.unwrap_or(0)));
                text
            })
        };
        let after = CELL * words.arguments.len();
        let (load, store) = if self.word() == 8 {
            ("ld", "sd")
        } else {
            ("lw", "sw")
        };
        words
            .template
            .replace("{store}", &all(&words.arguments, words.store))
            .replace("{load}", &all(&words.arguments, words.load))
            .replace("{load results}", &all(&words.results, words.load))
            .replace("{store results}", &all(&words.results, words.store))
            .replace("{sp}", &after.to_string())
            .replace("{ra}", &(after + CELL).to_string())
            .replace("{l}", load)
            .replace("{s}", store)
    }
}

/// Two instructions as numbers: where six registers have arguments, assemblers know no a7; the system then looks at t0.
const RISCV: &str = include_str!("riscv.s");

const AARCH64: &str = include_str!("aarch64.s");

/// The first 160 bytes of the stack belong to a callee.
const S390X: &str = include_str!("s390x.s");
