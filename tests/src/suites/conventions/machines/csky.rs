//! C-SKY: clang has no code generator for it, rustc's LLVM has one. clang makes LLVM IR of C, and its `llc` assembly of that.

use cabi::Target;
use cabi::convention::{Convention, Features, FloatLevel};
use cabi::csky::{CSKY, CSKY_SOFT};
use cabi_verify::assembly::Isa;
use cabi_verify::generate::Absent;

use super::super::shapes::BY_VALUE;
use super::{C, Compiler, Machine, USUAL_ABSENT};

/// Words alone: the table is for targets with floats too.
const SOFT: &[(&str, &str)] = &[
    ("without its guard", "all parts are words, or become words"),
    (
        "without `if type in [F64]",
        "there are no parts of eight bytes",
    ),
];

const SINGLE: &[(&str, &str)] = &[
    (
        "`if type in [F64]: stack slot",
        "there are no parts of eight bytes",
    ),
    ("slot of 4, align 4` without its guard", "the same"),
    (FLOAT_RESULT, "the rules before it place all others"),
];
const DOUBLE: &[(&str, &str)] = &[
    (
        "slot of 4, align 4` without its guard",
        "eight bytes are two slots of four",
    ),
    (
        "slot of 8, align 4` without its guard",
        "the rules before it place all others",
    ),
    (FLOAT_RESULT, "the rules before it place all others"),
];
const FLOAT_RESULT: &str = "results, `if type in [F32, F64]: first free of vr0` without its guard";

/// Both are told of the floats: clang takes complex numbers apart where they have registers. `@llc` is that of the component `llvm-tools`.
macro_rules! compiler {
    ($floats:literal, $attributes:literal) => {
        &[Compiler {
            name: "rustc's LLVM",
            command: concat!(
                "clang-19 --target=csky ", $floats, " -O2 -S -emit-llvm -w -fno-crash-diagnostics -fno-pic -fno-optimize-sibling-calls -o @l @c|",
                "@llc -mtriple=csky-unknown-linux-gnuabiv2 -mattr=", $attributes, " -O2 -o @s @l"
            ),
            isa: Some(Isa::CSKY),
                    bugs: &[],
                    bit_int: false,
        }]
    };
}

fn machine(
    name: &'static str,
    convention: &'static Convention,
    floats: FloatLevel,
    compilers: &'static [Compiler],
    equivalent: &'static [(&'static str, &'static str)],
) -> Machine {
    Machine {
        name,
        convention,
        target: || Ok(Target::CSKY_LINUX_HF),
        features: Features::from(floats),
        signatures: C,
        absent: Absent {
            names: USUAL_ABSENT,
            vectors: true,
            bit_int: true,
            align: 4,
            fill: 5,
        },
        shapes: &[BY_VALUE],
        compilers,
        emulated: None,
        equivalent,
    }
}

pub(super) fn all() -> Vec<Machine> {
    use FloatLevel::{Double, Single, Soft};
    vec![
        machine(
            "csky-soft",
            &CSKY_SOFT,
            Double,
            const { compiler!("-mfloat-abi=soft", "+2e3") },
            SOFT,
        ),
        machine(
            "csky soft",
            &CSKY,
            Soft,
            const { compiler!("-mfloat-abi=soft", "+2e3") },
            SOFT,
        ),
        machine(
            "csky fpuv2 single",
            &CSKY,
            Single,
            const {
                compiler!(
                    "-mfloat-abi=hard -Xclang -target-feature -Xclang +fpuv2_sf",
                    "+2e3,+fpuv2_sf,+hard-float,+hard-float-abi"
                )
            },
            SINGLE,
        ),
        machine(
            "csky fpuv2",
            &CSKY,
            Double,
            const {
                compiler!(
                    "-mfloat-abi=hard -Xclang -target-feature -Xclang +fpuv2_df",
                    "+2e3,+fpuv2_sf,+fpuv2_df,+hard-float,+hard-float-abi"
                )
            },
            DOUBLE,
        ),
        machine(
            "csky fpuv3",
            &CSKY,
            Double,
            const {
                compiler!(
                    "-mfloat-abi=hard -Xclang -target-feature -Xclang +fpuv3_df",
                    "+2e3,+fpuv3_sf,+fpuv3_df,+hard-float,+hard-float-abi"
                )
            },
            DOUBLE,
        ),
    ]
}
