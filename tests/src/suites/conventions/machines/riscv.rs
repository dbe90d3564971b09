//! RISC-V: clang and gcc for each ABI; LLVM's `fastcc` by clang.

use cabi::convention::Features;
use cabi::riscv::{
    FAST_32, FAST_32_SOFT, FAST_32E, FAST_32F, FAST_64, FAST_64_SOFT, FAST_64F, ILP32, ILP32D,
    ILP32E, ILP32F, LP64, LP64D, LP64F,
};
use cabi::{LeafKind, Target, leaves};
use cabi_verify::assembly::Isa;
use cabi_verify::emulated::{Emulated, Stubs};
use cabi_verify::generate::Absent;

use super::super::KnownBug;
use super::super::ir;
use super::super::shapes::{OF_C, RECORDS};
use super::{ABSENT_64, C, Compiler, Machine, USUAL_ABSENT};

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

/// What clang is told for each of them.
macro_rules! CLANG {
    () => {
        "-O2 -S -w -fno-crash-diagnostics -fno-pic -fomit-frame-pointer -fno-optimize-sibling-calls -o @s @c"
    };
}

/// An ABI: its convention, the machine that LLVM generates code for, the extensions, its name, the target, types that are absent, and its words, floats and
/// registers of integers.
macro_rules! abi {
    ($convention:ident, $triple:literal, $arch:literal, $abi:literal, $target:literal, $absent:ident, $equivalent:ident, $emulator:literal, $stubs:expr) => {
        Machine {
            name: $abi,
            convention: &$convention,
            target: || Target::named($target),
            features: Features::default(),
            signatures: C,
            absent: Absent {
                names: $absent,
                vectors: true,
                bit_int: true,
                align: 16,
                fill: 9,
            },
            shapes: &[OF_C],
            compilers: &[
                Compiler {
                    name: "clang",
                    command: concat!(
                        "clang-19 --target=", $triple, " -march=", $arch, " -mabi=", $abi, " ", CLANG!()
                    ),
                    isa: Some(Isa::RISCV),
                    bugs: CLANG_BUGS,
                    bit_int: false,
                },
                Compiler {
                    name: "gcc",
                    command: concat!(
                        "riscv64-linux-gnu-gcc -march=", $arch, " -mabi=", $abi, " -O2 -S -w -fno-pic -mcmodel=medlow -msmall-data-limit=0 ",
                        "-fno-section-anchors -fomit-frame-pointer -fno-optimize-sibling-calls -o @s @c"
                    ),
                    // It shifts and masks what is misaligned, which is not followed.
                    isa: None,
                    bugs: &[],
                    bit_int: false,
                },
            ],
            emulated: Some((
                Emulated {
                    emulator: $emulator,
                    stubs: $stubs,
                },
                concat!("riscv64-linux-gnu-gcc -march=", $arch, " -mabi=", $abi),
            )),
            equivalent: $equivalent,
        }
    };
}

macro_rules! wide {
    ($convention:ident, $arch:literal, $abi:literal, $floats:literal, $equivalent:ident) => {
        abi!(
            $convention,
            "riscv64-linux-gnu",
            $arch,
            $abi,
            "riscv64gc-unknown-linux-gnu",
            ABSENT_64,
            $equivalent,
            "qemu-riscv64",
            Stubs::RiscV(8, $floats, 8)
        )
    };
}

macro_rules! narrow {
    ($convention:ident, $triple:literal, $arch:literal, $abi:literal, $floats:literal, $registers:literal, $equivalent:ident) => {
        abi!(
            $convention,
            $triple,
            $arch,
            $abi,
            "riscv32gc-unknown-linux-gnu",
            USUAL_ABSENT,
            $equivalent,
            "qemu-riscv32",
            Stubs::RiscV(4, $floats, $registers)
        )
    };
}

/// LLVM's `fastcc`, between functions of LLVM IR: no C function has it. Its convention, the machine that LLVM generates code for, the extensions, the ABI of C
/// and a machine of the same width, whose types are laid out alike.
macro_rules! fast {
    ($name:literal, $convention:ident, $triple:literal, $arch:literal, $abi:literal, $equivalent:expr, $c:expr) => {
        Machine {
            name: $name,
            convention: &$convention,
            signatures: ir::FASTCC,
            shapes: &[&[RECORDS]],
            compilers: &[Compiler {
                name: "clang",
                command: concat!(
                    "clang-19 --target=",
                    $triple,
                    " -march=",
                    $arch,
                    " -mabi=",
                    $abi,
                    " -x ir ",
                    CLANG!()
                ),
                isa: Some(Isa::RISCV),
                bugs: &[],
                bit_int: false,
            }],
            emulated: None,
            equivalent: $equivalent,
            ..$c
        }
    };
}

fn lp64d() -> Machine {
    wide!(LP64D, "rv64gc", "lp64d", 8, HARD)
}

fn ilp32d() -> Machine {
    narrow!(ILP32D, "riscv32-linux-gnu", "rv32gc", "ilp32d", 8, 8, HARD)
}

fn fast_32() -> [Machine; 4] {
    [
        fast!(
            "riscv32-fastcc",
            FAST_32,
            "riscv32-linux-gnu",
            "rv32gc",
            "ilp32d",
            &HARD[2..],
            ilp32d()
        ),
        fast!(
            "riscv32f-fastcc",
            FAST_32F,
            "riscv32-linux-gnu",
            "rv32imafc",
            "ilp32f",
            &HARD[2..],
            ilp32d()
        ),
        fast!(
            "riscv32-soft-fastcc",
            FAST_32_SOFT,
            "riscv32-linux-gnu",
            "rv32imac",
            "ilp32",
            FAST_SOFT,
            ilp32d()
        ),
        fast!(
            "riscv32e-fastcc",
            FAST_32E,
            "riscv32-unknown-elf",
            "rv32emac",
            "ilp32e",
            FAST_SOFT,
            ilp32d()
        ),
    ]
}

fn fast_64() -> [Machine; 3] {
    [
        fast!(
            "riscv64-fastcc",
            FAST_64,
            "riscv64-linux-gnu",
            "rv64gc",
            "lp64d",
            &HARD[2..],
            lp64d()
        ),
        fast!(
            "riscv64f-fastcc",
            FAST_64F,
            "riscv64-linux-gnu",
            "rv64imafc",
            "lp64f",
            &HARD[2..],
            lp64d()
        ),
        fast!(
            "riscv64-soft-fastcc",
            FAST_64_SOFT,
            "riscv64-linux-gnu",
            "rv64imac",
            "lp64",
            FAST_SOFT,
            lp64d()
        ),
    ]
}

pub(super) fn all() -> Vec<Machine> {
    let mut all = Vec::from(fast_32());
    all.extend(fast_64());
    all.extend([
        lp64d(),
        wide!(LP64F, "rv64imafc", "lp64f", 4, HARD),
        wide!(LP64, "rv64imac", "lp64", 0, SOFT),
        ilp32d(),
        narrow!(
            ILP32F,
            "riscv32-linux-gnu",
            "rv32imafc",
            "ilp32f",
            4,
            8,
            HARD
        ),
        narrow!(ILP32, "riscv32-linux-gnu", "rv32imac", "ilp32", 0, 8, SOFT),
        narrow!(
            ILP32E,
            "riscv32-unknown-elf",
            "rv32emac",
            "ilp32e",
            0,
            6,
            SOFT
        ),
    ]);
    all
}
