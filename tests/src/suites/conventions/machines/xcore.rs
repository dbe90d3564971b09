//! XCore: clang, for C and for what C has no words for.

use cabi::convention::Features;
use cabi::{Target, xcore};
use cabi_verify::assembly::Isa;
use cabi_verify::generate::Absent;

use super::{C, Compiler, Machine, USUAL_ABSENT};
use crate::suites::conventions::ir;
use crate::suites::conventions::shapes::{OF_C, RECORDS, VARIADIC};

/// Guards of the one type that parts have.
const WITHOUT_TYPE: &str = "[I32]: first free of r0 r1 r2 r3` without its guard";
const WITHOUT_SLOT_TYPE: &str = "[I32]: stack slot of 4, align 4` without its guard";

pub(super) fn all() -> [Machine; 2] {
    [of_c(), of_ir()]
}

/// What C has words for.
fn of_c() -> Machine {
    Machine {
        name: "xcore",
        convention: &xcore::XCORE,
        target: || Ok(Target::XCORE),
        features: Features::default(),
        signatures: C,
        absent: Absent {
            names: USUAL_ABSENT,
            vectors: true,
            bit_int: true,
            align: 4,
            fill: 5,
        },
        shapes: &[OF_C],
        compilers: &[Compiler {
            name: "clang",
            command: "clang-19 --target=xcore -O2 -S -w -fno-crash-diagnostics -fomit-frame-pointer -o @s @c",
            isa: Some(Isa::XCORE),
            bugs: &[],
            bit_int: false,
        }],
        emulated: None,
        equivalent: &[
            (
                "`if nest: first free of r11`",
                "C has no static chain there: xcore-values",
            ),
            (
                "results, without `if type in [I32]: stack slot",
                "C has no results of several words there: xcore-values",
            ),
            (
                "results, `if type in [I32]: stack slot of 4, align 4` with wider slots",
                "the same",
            ),
            ("results of any place", "the same"),
            (WITHOUT_TYPE, "every part is a word then"),
            (WITHOUT_SLOT_TYPE, "the same"),
            (
                "promote to I32` without its guard",
                "a word is promoted to a word",
            ),
        ],
    }
}

/// Values that no C has: results of several words, static chains.
fn of_ir() -> Machine {
    Machine {
        name: "xcore-values",
        convention: &xcore::XCORE_VALUES,
        signatures: ir::VALUES,
        shapes: &[&[VARIADIC, RECORDS]],
        compilers: &[Compiler {
            name: "clang",
            command: "clang-19 --target=xcore -O2 -S -w -fno-crash-diagnostics -fomit-frame-pointer -o @s -x ir @c",
            isa: Some(Isa::XCORE),
            bugs: &[],
            bit_int: false,
        }],
        equivalent: &[
            ("if it wants Memory", "no value here is in memory"),
            (WITHOUT_TYPE, "every part is a word then"),
            (WITHOUT_SLOT_TYPE, "the same"),
            (
                "promote to I32` without its guard",
                "a word is promoted to a word",
            ),
        ],
        ..of_c()
    }
}
