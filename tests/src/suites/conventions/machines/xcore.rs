//! XCore: clang, for C and for what C has no words for.

use cabi::{Target, xcore};
use cabi_verify::places::Isa;

use super::{Compiler, Machine, Observed};
use crate::suites::conventions::ir;
use crate::suites::conventions::shapes::{RECORDS, VARIADIC};

/// Guards of the one type that parts have.
const WITHOUT_TYPE: &str = "[I32]: first free of r0 r1 r2 r3` without its guard";
const WITHOUT_SLOT_TYPE: &str = "[I32]: stack slot of 4, align 4` without its guard";

pub(super) fn all() -> [Machine; 2] {
    [of_c(), of_ir()]
}

/// What C has words for.
fn of_c() -> Machine {
    Machine {
        compilers: vec![Compiler::clang(
            "--target=xcore -mllvm -stop-after=finalize-isel -mllvm -simplify-mir",
        )],
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
        ..Machine::of_c(
            "xcore",
            &xcore::XCORE,
            Target::XCORE,
            Observed::Read(Isa::XCORE),
        )
    }
}

/// Values that no C has: results of several words, static chains.
fn of_ir() -> Machine {
    Machine {
        name: "xcore-values",
        convention: &xcore::XCORE_VALUES,
        signatures: ir::VALUES,
        shapes: &[&[VARIADIC, RECORDS]],
        compilers: vec![Compiler::clang(
            "--target=xcore -x ir -mllvm -stop-after=finalize-isel -mllvm -simplify-mir",
        )],
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
