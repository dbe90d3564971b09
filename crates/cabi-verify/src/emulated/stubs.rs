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
                let floats = if float > 0 { 8 } else { 0 };
                Words {
                    arguments: [numbered("a", 0..n), numbered("fa", 0..floats)].concat(),
                    results: [numbered("a", 0..2), numbered("fa", 0..floats.min(2))].concat(),
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

    /// Bytes of a pointer.
    pub(super) fn word(&self) -> usize {
        match self {
            Self::RiscV(word, ..) => usize::from(*word),
            Self::AArch64 | Self::S390X => 8,
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
const RISCV: &str = "
.globl _start, cabi_write, cabi_capture, cabi_enter
_start:
 mv a0, sp
 andi sp, sp, -16
 call cabi_main
 .word 0x05d00893 # li a7, 93
 li t0, 93
 ecall
cabi_write:
 .word 0x04000893 # li a7, 64
 li t0, 64
 ecall
 ret
cabi_capture:
 la t0, cabi_dump
{store} {s} sp, {sp}(t0)
 {s} ra, {ra}(t0)
 mv a0, sp
 call cabi_record
 la t0, cabi_dump
 {l} ra, {ra}(t0)
 la t0, cabi_image
{load results} ret
cabi_enter: # of the image, bytes of the stack, its content, the function
 addi sp, sp, -16
 {s} ra, 0(sp)
 {s} s0, 8(sp)
 mv s0, sp
 sub sp, sp, a1
 mv t1, sp
1: beqz a1, 2f
 lw t2, 0(a2)
 sw t2, 0(t1)
 addi a2, a2, 4
 addi t1, t1, 4
 addi a1, a1, -4
 j 1b
2: mv t0, a0
 mv t1, a3
{load} jalr t1
 la t0, cabi_dump
{store results} mv sp, s0
 {l} ra, 0(sp)
 {l} s0, 8(sp)
 addi sp, sp, 16
 ret
";

const AARCH64: &str = "
.globl _start, cabi_write, cabi_capture, cabi_enter
_start:
 mov x0, sp
 bl cabi_main
 mov x8, #93
 svc #0
cabi_write:
 mov x8, #64
 svc #0
 ret
cabi_capture:
 adrp x9, cabi_dump
 add x9, x9, :lo12:cabi_dump
{store} mov x10, sp
 str x10, [x9, #{sp}]
 str x30, [x9, #{ra}]
 mov x0, sp
 bl cabi_record
 adrp x9, cabi_dump
 add x9, x9, :lo12:cabi_dump
 ldr x30, [x9, #{ra}]
 adrp x9, cabi_image
 add x9, x9, :lo12:cabi_image
{load results} ret
cabi_enter:
 stp x29, x30, [sp, #-16]!
 mov x29, sp
 sub sp, sp, x1
 mov x10, sp
1: cbz x1, 2f
 ldr x11, [x2], #8
 str x11, [x10], #8
 sub x1, x1, #8
 b 1b
2: mov x9, x0
 mov x10, x3
{load} blr x10
 adrp x9, cabi_dump
 add x9, x9, :lo12:cabi_dump
{store results} mov sp, x29
 ldp x29, x30, [sp], #16
 ret
";

/// The first 160 bytes of the stack belong to a callee.
const S390X: &str = "
.globl _start, cabi_write, cabi_capture, cabi_enter
_start:
 lgr %r2, %r15
 aghi %r15, -160
 brasl %r14, cabi_main
 lghi %r1, 1
 svc 0
cabi_write:
 lghi %r1, 4
 svc 0
 br %r14
cabi_capture:
 larl %r1, cabi_dump
{store} stg %r15, {sp}(%r1)
 stg %r14, {ra}(%r1)
 lgr %r2, %r15
 aghi %r15, -160
 brasl %r14, cabi_record
 aghi %r15, 160
 larl %r1, cabi_dump
 lg %r14, {ra}(%r1)
 larl %r1, cabi_image
{load results} br %r14
cabi_enter:
 stmg %r6, %r15, 48(%r15)
 lgr %r11, %r15
 sgr %r15, %r3
 lgr %r7, %r15
 lgr %r8, %r5
1: ltgr %r3, %r3
 jz 2f
 mvc 0(8, %r7), 0(%r4)
 la %r7, 8(%r7)
 la %r4, 8(%r4)
 aghi %r3, -8
 j 1b
2: lgr %r1, %r2
{load} basr %r14, %r8
 larl %r1, cabi_dump
{store results} lgr %r15, %r11
 lmg %r6, %r15, 48(%r15)
 br %r14
";
