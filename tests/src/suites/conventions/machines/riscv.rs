//! RISC-V: clang and gcc for each ABI; LLVM's `fastcc` by clang.

use cabi::Target;
use cabi::convention::{Convention, Features};
use cabi::riscv::{FAST_64, ILP32, ILP32D, ILP32E, ILP32F, LP64, LP64D, LP64F};
use cabi_verify::assembly::Isa;
use cabi_verify::generate::Absent;

use super::super::ir;
use super::{ABSENT_64, Compiler, Machine, USUAL_ABSENT, c};

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
/// Where a float that finds no register is one word, as an integer is.
const HARD_WORD: &[(&str, &str)] = &[
    HARD[0],
    HARD[1],
    HARD[2],
    (
        "arguments, `if type in [I8, I16, I32, I64]: first free of a0 a1 a2 a3 a4 a5 a6 a7` without its guard",
        "a float in it is its word",
    ),
];
const SOFT: &[(&str, &str)] = &[
    ("`if nest: ", "C has no static chain there"),
    ("without its guard", "all parts are integers"),
];

macro_rules! clang {
    ($target:literal, $arch:literal, $abi:literal) => {
        Compiler {
            name: "clang",
            command: concat!(
                "clang-19 --target=", $target, " -march=", $arch, " -mabi=", $abi,
                " -O2 -S -w -fno-crash-diagnostics -fno-pic -fomit-frame-pointer -fno-optimize-sibling-calls -o @s @c"
            ),
        }
    };
}

macro_rules! gcc {
    ($arch:literal, $abi:literal) => {
        Compiler {
            name: "gcc",
            command: concat!(
                "riscv64-linux-gnu-gcc -march=",
                $arch,
                " -mabi=",
                $abi,
                " -Os -S -w -fno-pic -mcmodel=medlow -msmall-data-limit=0 ",
                "-fno-section-anchors -fomit-frame-pointer -fno-optimize-sibling-calls -o @s @c"
            ),
        }
    };
}

fn machine(
    name: &'static str,
    convention: &'static Convention,
    target: fn() -> Result<Target, cabi::Error>,
    names: &'static [(&'static str, &'static str)],
    compilers: &'static [Compiler],
) -> Machine {
    Machine {
        name,
        convention,
        target,
        features: Features::default(),
        draw: c,
        absent: Absent {
            names,
            vectors: true,
            align: 16,
            fill: 9,
        },
        isa: Isa::RISCV,
        compilers,
        equivalent: match name {
            "ilp32f" => HARD_WORD,
            "ilp32d" | "lp64f" | "lp64d" => HARD,
            _ => SOFT,
        },
    }
}

/// LLVM's `fastcc`, between functions of LLVM IR: no C function has it.
fn fast() -> Machine {
    Machine {
        name: "riscv64-fastcc",
        convention: &FAST_64,
        draw: ir::fast,
        compilers: const {
            &[Compiler {
                name: "clang",
                command: "clang-19 --target=riscv64-linux-gnu -march=rv64gc -mabi=lp64d -O2 -S -w -fno-crash-diagnostics -fno-pic \
                          -fomit-frame-pointer -fno-optimize-sibling-calls -o @s -x ir @c",
            }]
        },
        equivalent: &HARD[2..],
        ..machine(
            "lp64d",
            &LP64D,
            || Target::named("riscv64gc-unknown-linux-gnu"),
            ABSENT_64,
            &[],
        )
    }
}

pub(super) fn all() -> Vec<Machine> {
    let wide = || Target::named("riscv64gc-unknown-linux-gnu");
    let narrow = || Target::named("riscv32gc-unknown-linux-gnu");
    vec![
        fast(),
        machine(
            "lp64d",
            &LP64D,
            wide,
            ABSENT_64,
            const {
                &[
                    clang!("riscv64-linux-gnu", "rv64gc", "lp64d"),
                    gcc!("rv64gc", "lp64d"),
                ]
            },
        ),
        machine(
            "lp64f",
            &LP64F,
            wide,
            ABSENT_64,
            const {
                &[
                    clang!("riscv64-linux-gnu", "rv64imafc", "lp64f"),
                    gcc!("rv64imafc", "lp64f"),
                ]
            },
        ),
        machine(
            "lp64",
            &LP64,
            wide,
            ABSENT_64,
            const {
                &[
                    clang!("riscv64-linux-gnu", "rv64imac", "lp64"),
                    gcc!("rv64imac", "lp64"),
                ]
            },
        ),
        machine(
            "ilp32d",
            &ILP32D,
            narrow,
            USUAL_ABSENT,
            const {
                &[
                    clang!("riscv32-linux-gnu", "rv32gc", "ilp32d"),
                    gcc!("rv32gc", "ilp32d"),
                ]
            },
        ),
        machine(
            "ilp32f",
            &ILP32F,
            narrow,
            USUAL_ABSENT,
            const {
                &[
                    clang!("riscv32-linux-gnu", "rv32imafc", "ilp32f"),
                    gcc!("rv32imafc", "ilp32f"),
                ]
            },
        ),
        machine(
            "ilp32",
            &ILP32,
            narrow,
            USUAL_ABSENT,
            const {
                &[
                    clang!("riscv32-linux-gnu", "rv32imac", "ilp32"),
                    gcc!("rv32imac", "ilp32"),
                ]
            },
        ),
        machine(
            "ilp32e",
            &ILP32E,
            narrow,
            USUAL_ABSENT,
            const {
                &[
                    clang!("riscv32-unknown-elf", "rv32emac", "ilp32e"),
                    gcc!("rv32emac", "ilp32e"),
                ]
            },
        ),
    ]
}
