//! RISC-V: clang and gcc for each ABI; LLVM's `fastcc` by clang.

use cabi::convention::Convention;
use cabi::riscv::{
    FAST_32, FAST_32_SOFT, FAST_32E, FAST_32F, FAST_64, FAST_64_SOFT, FAST_64F, ILP32, ILP32D,
    ILP32E, ILP32F, LP64, LP64D, LP64F,
};
use cabi::{Error, LeafKind, Target, leaves};
use cabi_verify::emulated::{Emulated, Stubs};

use super::super::KnownBug;
use super::super::ir;
use super::super::shapes::RECORDS;
use super::{ABSENT_64, Compiler, Machine, Observed, USUAL_ABSENT, linker, scalars};

const HARD: &[(&str, &str)] = &[
    ("`if nest: ", "C has no static chain there"),
    (
        "an aligned pair of a0 a1 a2 a3 a4 a5 a6 a7` without its guard",
        "unnamed arguments have no other parts",
    ),
    (
        "results, `if type in [I8, I16, I32, I64]: first free of a0 a1` without its guard",
        "the rule before it places floats",
    ),
];
const SOFT: &[(&str, &str)] = &[
    ("`if nest: ", "C has no static chain there"),
    ("without its guard", "all parts are integers"),
];

const FAST_SOFT: &[(&str, &str)] = &[
    SOFT[1],
    ("results of any place", "a third word finds no register"),
];

const CLANG_BUGS: &[KnownBug] = &[KnownBug {
    what: "va_arg skips no word for a record of unnamed bit-fields alone, for which callers write one",
    meets: |sig| {
        let before = sig
            .params()
            .split_last()
            .map_or(&[][..], |(_, before)| before);
        let mut unnamed = before.iter().skip(sig.n_named());
        unnamed.any(|param| {
            let mut leaves = leaves(&param.ty);
            param.ty.size() > 0 && leaves.all(|leaf| leaf.unnamed || leaf.kind == LeafKind::Empty)
        })
    },
}];

/// What LLVM is told: the machine that it generates code for, the extensions, the ABI of C.
type Arch = [&'static str; 3];

const LINUX_64: &str = "riscv64-linux-gnu";
const LINUX_32: &str = "riscv32-linux-gnu";
const ELF_32: &str = "riscv32-unknown-elf";

fn clang([triple, arch, abi]: Arch, more: &str) -> Compiler {
    Compiler::clang(&format!(
        "--target={triple} -march={arch} -mabi={abi} {more}"
    ))
}

fn gcc([_, arch, abi]: Arch) -> String {
    format!("riscv64-linux-gnu-gcc -march={arch} -mabi={abi} -mcmodel=medlow -msmall-data-limit=0")
}

/// With floats of so many bytes in registers, and so many registers of integers.
fn qemu(arch: Arch, (floats, registers): (u8, u8)) -> Observed {
    let (emulator, word) = match arch[0] {
        LINUX_64 => ("qemu-riscv64", 8),
        _ => ("qemu-riscv32", 4),
    };
    let stubs = Stubs::RiscV(word, floats, registers);
    Observed::Run(Emulated { emulator, stubs }, linker(&gcc(arch)))
}

fn target([triple, ..]: Arch) -> Result<Target, Error> {
    Target::named(match triple {
        LINUX_64 => "riscv64gc-unknown-linux-gnu",
        _ => "riscv32gc-unknown-linux-gnu",
    })
}

/// An ABI of C.
fn abi(
    convention: &'static Convention,
    arch: Arch,
    registers: (u8, u8),
    equivalent: &'static [(&'static str, &'static str)],
) -> Result<Machine, Error> {
    let absent = match arch[0] {
        LINUX_64 => ABSENT_64,
        _ => USUAL_ABSENT,
    };
    Ok(Machine {
        absent: scalars(absent, 16, 9),
        compilers: vec![
            Compiler {
                bugs: CLANG_BUGS,
                ..clang(arch, "")
            },
            Compiler::gcc(&gcc(arch)),
        ],
        equivalent,
        ..Machine::of_c(arch[2], convention, target(arch)?, qemu(arch, registers))
    })
}

/// LLVM's `fastcc`, between functions of LLVM IR: no C function has it.
fn fast(
    name: &'static str,
    convention: &'static Convention,
    arch: Arch,
    registers: (u8, u8),
    equivalent: &'static [(&'static str, &'static str)],
) -> Result<Machine, Error> {
    Ok(Machine {
        signatures: ir::FASTCC,
        shapes: &[&[RECORDS]],
        compilers: vec![clang(arch, "-x ir")],
        equivalent,
        ..Machine::of_c(name, convention, target(arch)?, qemu(arch, registers))
    })
}

#[rustfmt::skip] // a line for each
pub(super) fn all() -> Result<[Machine; 14], Error> {
    let fast_hard = &HARD[2..];
    Ok([
        fast("riscv32-fastcc", &FAST_32, [LINUX_32, "rv32gc", "ilp32d"], (8, 8), fast_hard)?,
        fast("riscv32f-fastcc", &FAST_32F, [LINUX_32, "rv32imafc", "ilp32f"], (4, 8), fast_hard)?,
        fast("riscv32-soft-fastcc", &FAST_32_SOFT, [LINUX_32, "rv32imac", "ilp32"], (0, 8), FAST_SOFT)?,
        fast("riscv32e-fastcc", &FAST_32E, [ELF_32, "rv32emac", "ilp32e"], (0, 6), FAST_SOFT)?,
        fast("riscv64-fastcc", &FAST_64, [LINUX_64, "rv64gc", "lp64d"], (8, 8), fast_hard)?,
        fast("riscv64f-fastcc", &FAST_64F, [LINUX_64, "rv64imafc", "lp64f"], (4, 8), fast_hard)?,
        fast("riscv64-soft-fastcc", &FAST_64_SOFT, [LINUX_64, "rv64imac", "lp64"], (0, 8), FAST_SOFT)?,
        abi(&LP64D, [LINUX_64, "rv64gc", "lp64d"], (8, 8), HARD)?,
        abi(&LP64F, [LINUX_64, "rv64imafc", "lp64f"], (4, 8), HARD)?,
        abi(&LP64, [LINUX_64, "rv64imac", "lp64"], (0, 8), SOFT)?,
        abi(&ILP32D, [LINUX_32, "rv32gc", "ilp32d"], (8, 8), HARD)?,
        abi(&ILP32F, [LINUX_32, "rv32imafc", "ilp32f"], (4, 8), HARD)?,
        abi(&ILP32, [LINUX_32, "rv32imac", "ilp32"], (0, 8), SOFT)?,
        abi(&ILP32E, [ELF_32, "rv32emac", "ilp32e"], (0, 6), SOFT)?,
    ])
}
