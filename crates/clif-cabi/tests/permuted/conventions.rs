//! Conventions whose registers are in another order than C's, and those of a language. `machine`
//! has their registers.

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
mod machine;

use cabi::Type;
use cabi::convention::{Convention, Extension, Part, PartType, PartTypes, Role, Rule, Rules};

use machine::{
    ALSO, BOTH_FLOATS, BOTH_INTS, C, LANG, LARGE, OTHER, OTHER_FLOATS, OTHER_RESULTS,
    OTHER_RESULTS_FLOATS, SRET,
};
pub(crate) use machine::{CONTEXT, LAST, LAST_FLOATS, TARGET};

pub(crate) const C_NAME: &str = C.name;

const INTS: PartTypes = PartTypes::of(&[PartType::I8, PartType::I16, PartType::I32, PartType::I64]);
const FLOATS: PartTypes = PartTypes::of(&[PartType::F32, PartType::F64, PartType::V128]);
const SCALAR_FLOATS: PartTypes = PartTypes::of(&[PartType::F32, PartType::F64]);

const MEMORY: Rule = Rule::PassByVal { size: 8, align: 8 };
const RESULTS: &[Rule] = &[
    Rule::IfType(INTS, &Rule::AssignToReg(OTHER_RESULTS)),
    Rule::IfType(FLOATS, &Rule::AssignToReg(OTHER_RESULTS_FLOATS)),
];

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
            ..C.rules
        },
        ..C
    }
}

/// Another order in both classes, some registers skipped and the last ones never used.
static PERMUTED: Convention = convention(
    "permuted",
    &[
        SRET,
        LARGE,
        Rule::IfType(INTS, &Rule::AssignToReg(OTHER)),
        Rule::IfType(FLOATS, &Rule::AssignToReg(OTHER_FLOATS)),
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
        Rule::IfType(INTS, &Rule::AssignToReg(LAST)),
        Rule::IfType(FLOATS, &Rule::AssignToReg(LAST_FLOATS)),
        MEMORY,
    ],
    RESULTS,
);

/// A float is in a register of each class, as Win64 passes unnamed ones.
static BOTH: Convention = convention(
    "both",
    &[
        SRET,
        LARGE,
        Rule::IfType(SCALAR_FLOATS, &Rule::AssignToBoth(BOTH_FLOATS)),
        Rule::IfType(INTS, &Rule::AssignToReg(BOTH_INTS)),
        MEMORY,
    ],
    C.rules.results,
);

/// As C, as a control of these tests themselves.
pub(crate) static PLAIN: Convention = C;
pub(crate) static OF_THE_LANGUAGE: Convention = LANG;

/// The language's, with results of one byte extended by the function that returns them.
pub(crate) static EXTENDED: Convention = Convention {
    name: "lang, extended",
    rules: Rules {
        classify: |ty, cx| {
            let mut group = (LANG.rules.classify)(ty, cx)?;
            if *ty == Type::I8 && cx.role == Role::Result {
                group.parts = [Part::int(PartType::I8, Extension::Sign)]
                    .into_iter()
                    .collect();
            }
            Ok(group)
        },
        ..LANG.rules
    },
    ..LANG
};

pub(crate) static ALL: [&Convention; 7] = [
    &PERMUTED,
    &LAST_FIRST,
    &BOTH,
    &ALSO,
    &PLAIN,
    &OF_THE_LANGUAGE,
    &EXTENDED,
];
