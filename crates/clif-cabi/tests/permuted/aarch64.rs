//! The conventions on AArch64, and those of a language with a mistake each.

use cabi::Reg;
use cabi::aarch64::{
    AAPCS64, AARCH64_LANG, APPLE_ARM64, V0, V1, V2, V3, V4, V5, V7, X0, X1, X2, X3, X4, X5, X6, X7,
    X8,
};
use cabi::convention::{ArgFlags, Convention, PartType, PartTypes, Rule, Rules, Want};

const INTS: PartTypes = PartTypes::of(&[PartType::I8, PartType::I16, PartType::I32, PartType::I64]);
const FLOATS: PartTypes = PartTypes::of(&[PartType::F32, PartType::F64, PartType::V128]);
const SCALAR_FLOATS: PartTypes = PartTypes::of(&[PartType::F32, PartType::F64]);

const fn convention(
    name: &'static str,
    args: &'static [Rule],
    results: &'static [Rule],
) -> Convention {
    Convention {
        name,
        rules: Rules {
            args,
            results,
            ..AAPCS64.rules
        },
        ..AAPCS64
    }
}

const SRET: Rule = Rule::IfFlag(ArgFlags::SRET, &Rule::AssignToReg(&[X8]));
const LARGE: Rule = Rule::IfWants(Want::Memory, &Rule::PassIndirect { align: 8 });
const MEMORY: Rule = Rule::PassByVal { size: 8, align: 8 };
const RESULTS: &[Rule] = &[
    Rule::IfType(INTS, &Rule::AssignToReg(&[X1, X0])),
    Rule::IfType(FLOATS, &Rule::AssignToReg(&[V3, V1, V0, V2])),
];

/// The register of the first integer of [`PERMUTED`].
pub(crate) const FIRST: Reg = X1;

/// Another order in both classes, x2 and v2 skipped, x5 to x7 never used.
pub(crate) static PERMUTED: Convention = convention(
    "permuted",
    &[
        SRET,
        LARGE,
        Rule::IfType(INTS, &Rule::AssignToReg(&[X1, X0, X4, X3])),
        Rule::IfType(FLOATS, &Rule::AssignToReg(&[V1, V0, V5, V3])),
        MEMORY,
    ],
    RESULTS,
);

/// The last register first: all before it are skipped by a function of one argument.
static LAST_FIRST: Convention = convention(
    "last first",
    &[
        SRET,
        LARGE,
        Rule::IfType(INTS, &Rule::AssignToReg(&[X7, X6, X5, X4, X3, X2, X1, X0])),
        Rule::IfType(FLOATS, &Rule::AssignToReg(&[V7, V5])),
        MEMORY,
    ],
    RESULTS,
);

/// A float is in a register of each class.
static BOTH: Convention = convention(
    "both",
    &[
        SRET,
        LARGE,
        Rule::IfType(
            SCALAR_FLOATS,
            &Rule::AssignToBoth(&[[V1, X0], [V0, X4], [V4, X2]]),
        ),
        Rule::IfType(INTS, &Rule::AssignToReg(&[X1, X3])),
        MEMORY,
    ],
    AAPCS64.rules.results,
);

/// As C, as a control of these tests themselves.
static PLAIN: Convention = AAPCS64;
static APPLE: Convention = APPLE_ARM64;

pub(crate) static ALL: [&Convention; 6] = [&PERMUTED, &LAST_FIRST, &BOTH, &PLAIN, &APPLE, &LANG];

static LANG: Convention = AARCH64_LANG;

/// A language's own convention with a mistake: code of it must not pass for the right one.
const fn mistaken(rules: Rules) -> Convention {
    let name = "mistaken";
    Convention {
        name,
        rules,
        ..LANG
    }
}

pub(crate) static MISTAKEN: [(&str, Convention); 4] = [
    (
        "the second integer argument first",
        mistaken(Rules {
            args: &[
                Rule::IfType(INTS, &Rule::AssignToReg(&[X3, X2])),
                Rule::DelegateTo(AARCH64_LANG.rules.args),
            ],
            ..LANG.rules
        }),
    ),
    (
        "results in another order",
        mistaken(Rules {
            results: &[
                Rule::IfType(INTS, &Rule::AssignToReg(&[X2, X4, X3])),
                Rule::DelegateTo(AARCH64_LANG.rules.results),
            ],
            ..LANG.rules
        }),
    ),
    (
        "records in words",
        mistaken(Rules {
            classify: |ty, cx| match ty.as_record() {
                Some(_) => (AAPCS64.rules.classify)(ty, cx),
                None => (LANG.rules.classify)(ty, cx),
            },
            ..LANG.rules
        }),
    ),
    (
        "values are not split",
        mistaken(Rules {
            classify: |ty, cx| {
                let mut group = (LANG.rules.classify)(ty, cx)?;
                group.may_split = false;
                Ok(group)
            },
            ..LANG.rules
        }),
    ),
];
