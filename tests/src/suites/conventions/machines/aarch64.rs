//! AArch64: clang.

use cabi::convention::Features;
use cabi::{Target, aarch64};
use cabi_verify::emulated::{Emulated, Stubs};
use cabi_verify::generate::Absent;

use super::super::shapes::{FLOAT16, OF_C, VECTORS_IN_REGISTERS};
use super::{C, Compiler, Machine};

const ABSENT: &[(&str, &str)] = &[
    ("__float128", "long double"),
    ("_Complex __float128", "_Complex long double"),
];

pub(super) fn machine() -> Machine {
    Machine {
        name: "aapcs64",
        convention: &aarch64::AAPCS64,
        target: || Target::named("aarch64-unknown-linux-gnu"),
        features: Features::default(),
        signatures: C,
        absent: Absent {
            names: ABSENT,
            vectors: true,
            bit_int: true,
            align: 16,
            fill: 9,
        },
        shapes: &[OF_C, &[FLOAT16, VECTORS_IN_REGISTERS]],
        compilers: &[
            Compiler {
                name: "gcc",
                // By strict aliasing its `va_arg` loses an HFA of `_Float16` or an HVA, which it stores by way of another type.
                command: "aarch64-linux-gnu-gcc -O2 -fno-strict-aliasing -S -w -fno-pic -fno-section-anchors -fomit-frame-pointer -fno-optimize-sibling-calls \
                          -o @s @c",
                isa: None,
                bugs: &[],
                bit_int: false,
            },
            Compiler {
                name: "clang",
                command: "clang-19 --target=aarch64-linux-gnu -O2 -S -w -fno-crash-diagnostics -fno-pic -fomit-frame-pointer \
                          -fno-optimize-sibling-calls -o @s @c",
                isa: None,
                bugs: &[],
                bit_int: true,
            },
        ],
        emulated: Some((
            Emulated {
                emulator: "qemu-aarch64",
                stubs: Stubs::AArch64,
            },
            "aarch64-linux-gnu-gcc",
        )),
        equivalent: &[
            ("`if nest: ", "C has no static chain there"),
            (
                "taking also v0 v1 v2 v3 v4 v5 v6 v7` without its guard",
                "the rule before it places integers",
            ),
            (
                "results, `if type in [F16, F32, F64, V128]: first free of v0 v1 v2 v3` without its guard",
                "the same",
            ),
        ],
    }
}
