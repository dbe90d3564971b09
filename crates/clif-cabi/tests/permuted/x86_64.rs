//! The conventions on x86-64, and those of a language with a mistake each.

use cabi::convention::{Convention, PartType, PartTypes, Rule, Rules};
use cabi::x86_64::{R8, R9, RAX, RCX, RDI, RDX, RSI, XMM0, XMM1, XMM3, XMM5, XMM7};
use cabi::{Reg, X86_64_LANG, X86_64_SYSV};

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
            ..X86_64_SYSV.rules
        },
        ..X86_64_SYSV
    }
}

const MEMORY: Rule = Rule::PassByVal { size: 8, align: 8 };
const RESULTS: &[Rule] = &[
    Rule::IfType(INTS, &Rule::AssignToReg(&[RDX, RAX])),
    Rule::IfType(FLOATS, &Rule::AssignToReg(&[XMM1, XMM0])),
];

/// The register of the first integer of [`PERMUTED`].
pub(crate) const FIRST: Reg = RSI;

/// Another order in both classes, rdx and xmm2 skipped, r9 never used.
pub(crate) static PERMUTED: Convention = convention(
    "permuted",
    &[
        Rule::IfType(INTS, &Rule::AssignToReg(&[RSI, RDI, R8, RCX])),
        Rule::IfType(FLOATS, &Rule::AssignToReg(&[XMM1, XMM0, XMM5, XMM3])),
        MEMORY,
    ],
    RESULTS,
);

/// The last register first: all before it are skipped by a function of one argument.
static LAST_FIRST: Convention = convention(
    "last first",
    &[
        Rule::IfType(INTS, &Rule::AssignToReg(&[R9, R8, RCX, RDX, RSI, RDI])),
        Rule::IfType(FLOATS, &Rule::AssignToReg(&[XMM7, XMM5])),
        MEMORY,
    ],
    RESULTS,
);

/// A float is in a register of each class, as Win64 passes unnamed ones.
static BOTH: Convention = convention(
    "both",
    &[
        Rule::IfType(
            SCALAR_FLOATS,
            &Rule::AssignToBoth(&[[XMM1, RDI], [XMM0, R8], [XMM3, RDX]]),
        ),
        Rule::IfType(INTS, &Rule::AssignToReg(&[RSI, RCX])),
        MEMORY,
    ],
    X86_64_SYSV.rules.results,
);

/// The first part of a value is its second eightbyte.
static SWAPPED: Convention = Convention {
    name: "swapped",
    rules: Rules {
        classify: |ty, cx| {
            let mut group = (X86_64_SYSV.rules.classify)(ty, cx)?;
            group.parts.reverse();
            Ok(group)
        },
        ..X86_64_SYSV.rules
    },
    ..X86_64_SYSV
};

/// As System V, as a control of these tests themselves.
static PLAIN: Convention = X86_64_SYSV;

pub(crate) static ALL: [&Convention; 6] = [&PERMUTED, &LAST_FIRST, &BOTH, &SWAPPED, &PLAIN, &LANG];

static LANG: Convention = X86_64_LANG;

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
                Rule::IfType(INTS, &Rule::AssignToReg(&[RSI, RDI])),
                Rule::DelegateTo(X86_64_LANG.rules.args),
            ],
            ..LANG.rules
        }),
    ),
    (
        "System V's second result register",
        mistaken(Rules {
            results: &[
                Rule::IfType(INTS, &Rule::AssignToReg(&[RAX, RDX, RCX])),
                Rule::DelegateTo(X86_64_LANG.rules.results),
            ],
            ..LANG.rules
        }),
    ),
    (
        "records in words",
        mistaken(Rules {
            classify: |ty, cx| match ty.as_record() {
                Some(_) => (X86_64_SYSV.rules.classify)(ty, cx),
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
