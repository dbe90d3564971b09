//! C-SKY: clang has no code generator for it, rustc's LLVM has one. clang makes LLVM IR of C, and its `llc` assembly of that.

use cabi::Target;
use cabi::convention::{Convention, Features, FloatLevel};
use cabi::csky::{CSKY, CSKY_SOFT};
use cabi_verify::places::Isa;

use super::super::shapes::BY_VALUE;
use super::{Compiler, Machine, Observed};

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

/// Both are told of the floats: clang takes complex numbers apart where they have registers, `llc` has the attributes.
fn machine(
    name: &'static str,
    (convention, floats): (&'static Convention, FloatLevel),
    clang: &str,
    llc: &'static str,
    equivalent: &'static [(&'static str, &'static str)],
) -> Machine {
    Machine {
        features: Features::from(floats),
        shapes: &[BY_VALUE],
        compilers: vec![Compiler {
            name: "rustc's LLVM",
            llc: Some(["-mtriple=csky-unknown-linux-gnuabiv2", llc]),
            ..Compiler::clang(&format!("--target=csky {clang}"))
        }],
        equivalent,
        ..Machine::of_c(
            name,
            convention,
            Target::CSKY_LINUX_HF,
            Observed::Read(Isa::CSKY),
        )
    }
}

pub(super) fn all() -> [Machine; 5] {
    use FloatLevel::{Double, Single, Soft};
    const SOFT_FLOATS: &str = "-mfloat-abi=soft";
    const SINGLES: &str = "-mfloat-abi=hard -Xclang -target-feature -Xclang +fpuv2_sf";
    const DOUBLES: &str = "-mfloat-abi=hard -Xclang -target-feature -Xclang +fpuv2_df";
    const DOUBLES_3: &str = "-mfloat-abi=hard -Xclang -target-feature -Xclang +fpuv3_df";
    [
        machine(
            "csky-soft",
            (&CSKY_SOFT, Double),
            SOFT_FLOATS,
            "-mattr=+2e3",
            SOFT,
        ),
        machine("csky soft", (&CSKY, Soft), SOFT_FLOATS, "-mattr=+2e3", SOFT),
        machine(
            "csky fpuv2 single",
            (&CSKY, Single),
            SINGLES,
            "-mattr=+2e3,+fpuv2_sf,+hard-float,+hard-float-abi",
            SINGLE,
        ),
        machine(
            "csky fpuv2",
            (&CSKY, Double),
            DOUBLES,
            "-mattr=+2e3,+fpuv2_sf,+fpuv2_df,+hard-float,+hard-float-abi",
            DOUBLE,
        ),
        machine(
            "csky fpuv3",
            (&CSKY, Double),
            DOUBLES_3,
            "-mattr=+2e3,+fpuv3_sf,+fpuv3_df,+hard-float,+hard-float-abi",
            DOUBLE,
        ),
    ]
}
