//! Zig's conventions with one line changed: each must be noticed.

use cabi::PartType::{F16, F32, F64, F80, I8, I16, I32, I64, V128, V256};
use cabi::convention::{ArgFlags, Frame, GroupKind, PartTypes, Rule, Rules, Want};
use cabi::x86_64::*;
use cabi::{Convention, Reg, VectorLevel, X86_64_WIN64, zig};

const INTS: PartTypes = PartTypes::of(&[I8, I16, I32, I64]);
const FLOATS: PartTypes = PartTypes::of(&[F16, F32, F64, V128, V256]);
const X87S: PartTypes = PartTypes::of(&[F80]);
const GPRS: &[Reg] = &[RAX, RDX, RBX, RCX, RSI, RDI, R8, R9];
const XMMS: &[Reg] = &[XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7];
const STACK: &[Reg] = &[ST0, ST1, ST2, ST3, ST4, ST5, ST6];

/// Values of these types are in these registers.
macro_rules! regs {
    ($types:expr, $regs:expr) => {
        Rule::IfType($types, &Rule::AssignToReg($regs))
    };
}

/// `auto` with these rules for arguments; `..` stands for its own after them.
macro_rules! args {
    ($($rule:expr),* ; ..) => { args!($($rule,)* Rule::DelegateTo(zig::AUTO.rules.args)) };
    ($($rule:expr),*) => { &Convention { rules: Rules { args: &[$($rule),*], ..zig::AUTO.rules }, ..zig::AUTO } };
}

/// `auto` with these rules for results; `..` stands for its own after them.
macro_rules! results {
    ($($rule:expr),* ; ..) => { results!($($rule,)* Rule::DelegateTo(zig::AUTO.rules.results)) };
    ($($rule:expr),*) => { &Convention { rules: Rules { results: &[$($rule),*], ..zig::AUTO.rules }, ..zig::AUTO } };
}

/// `auto` with fields of its frame.
macro_rules! frame {
    ($($field:ident: $value:expr),*) => {
        &Convention { frame: Frame { $($field: $value,)* ..zig::AUTO.frame }, ..zig::AUTO }
    };
}

/// `auto` whose groups are changed.
macro_rules! groups {
    ($ty:pat, $group:ident => $change:expr) => {
        &Convention {
            rules: Rules {
                classify: |ty, cx| {
                    let mut $group = (zig::AUTO.rules.classify)(ty, cx)?;
                    let $ty = ty;
                    $change;
                    Ok($group)
                },
                ..zig::AUTO.rules
            },
            ..zig::AUTO
        }
    };
}

const fn slots(size: u32, align: u32) -> Rule {
    Rule::AssignToStack { size, align }
}

/// A convention with one line changed, and what is changed.
type Mutant = (&'static str, &'static Convention);

/// The mutants of `convention` that show at `level`.
pub(super) fn of(convention: &Convention, level: VectorLevel) -> Vec<Mutant> {
    if *convention == X86_64_WIN64 {
        return OF_WIN64.to_vec();
    }
    if *convention == zig::AUTO_TRACED {
        return TRACED.to_vec();
    }
    let wide = match level {
        VectorLevel::Baseline => &[],
        _ => WIDE,
    };
    [MUTANTS, wide].concat()
}

#[rustfmt::skip] // a line for each
const MUTANTS: &[Mutant] = &[
    ("rdx-first", args![regs!(INTS, &[RDX, RAX, RBX, RCX, RSI, RDI, R8, R9]); ..]),
    ("r9-before-r8", args![regs!(INTS, &[RAX, RDX, RBX, RCX, RSI, RDI, R9, R8]); ..]),
    ("rcx-before-rbx", args![regs!(INTS, &[RAX, RDX, RCX, RBX, RSI, RDI, R8, R9]); ..]),
    ("no-r9", &Convention { rules: Rules { args: zig::AUTO_TRACED.rules.args, ..zig::AUTO.rules }, ..zig::AUTO }),
    ("r10-too", args![regs!(INTS, &[RAX, RDX, RBX, RCX, RSI, RDI, R8, R9, R10]); ..]),
    ("no-xmm7", args![
        regs!(INTS, GPRS), regs!(FLOATS, &[XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6]), regs!(X87S, STACK), slots(0, 0)
    ]),
    ("xmm1-first", args![regs!(FLOATS, &[XMM1, XMM0]); ..]),
    ("no-guard-for-vectors", args![
        regs!(INTS, GPRS), regs!(PartTypes::of(&[F16, F32, F64, V256]), XMMS), regs!(X87S, STACK), slots(0, 0)
    ]),
    ("x87-on-the-stack", args![regs!(INTS, GPRS), regs!(FLOATS, XMMS), slots(0, 0)]),
    ("no-st6", args![
        regs!(INTS, GPRS), regs!(FLOATS, XMMS), regs!(X87S, &[ST0, ST1, ST2, ST3, ST4, ST5]), slots(0, 0)
    ]),
    ("st1-first", args![regs!(X87S, &[ST1, ST0]); ..]),
    ("slots-of-8", args![regs!(INTS, GPRS), regs!(FLOATS, XMMS), regs!(X87S, STACK), slots(8, 0)]),
    ("slots-aligned-to-8", args![regs!(INTS, GPRS), regs!(FLOATS, XMMS), regs!(X87S, STACK), slots(0, 8)]),
    ("sret-in-rdx", args![Rule::IfFlag(ArgFlags::SRET, &Rule::AssignToReg(&[RDX])); ..]),
    ("result-in-rdx", results![regs!(INTS, &[RDX, RAX]); ..]),
    ("slice-result-in-memory", results![regs!(INTS, &[RAX]), regs!(FLOATS, &[XMM0]), regs!(X87S, &[ST0])]),
    ("x87-result-in-memory", results![regs!(INTS, &[RAX, RDX]), regs!(FLOATS, &[XMM0])]),
    ("sret-returned-in-rdx", frame!(sret_returned_in: Some(RDX))),
    ("rbx-kept", frame!(callee_saved: &[RBX])),
    ("rsi-and-rdi-kept", frame!(callee_saved: &[RSI, RDI])),
    ("stack-aligned-to-128", frame!(stack_align: 128)),
    ("a-register-is-carried", frame!(carried: Some(R8))),
    ("alignment-at-most-8", groups!(_, group => group.align = group.align.min(8))),
    ("slices-are-split", groups!(_, group => group.may_split = true)),
    ("slices-use-up-r9", groups!(_, group => group.exhausts = &[R9])),
    ("records-in-memory", groups!(ty, group => if ty.as_record().is_some() && group.kind == GroupKind::Registers {
        (group.kind, group.parts) = (GroupKind::Memory, Default::default());
    })),
    ("words-in-pairs", &Convention {
        rules: Rules {
            classify: |ty, cx| match ty.size() {
                16 if ty.as_record().is_some() => (zig::AUTO.rules.classify)(&cabi::DataModel::LP64.slice(), cx),
                _ => (zig::AUTO.rules.classify)(ty, cx),
            },
            ..zig::AUTO.rules
        },
        ..zig::AUTO
    }),
];

#[rustfmt::skip] // a line for each
const WIDE: &[Mutant] = &[
    ("no-wide-vectors", args![
        regs!(INTS, GPRS), regs!(PartTypes::of(&[F16, F32, F64, V128]), XMMS), regs!(X87S, STACK), slots(0, 0)
    ]),
    ("stack-aligned-to-16", frame!(vector_align: None)),
];

const fn traced(rules: Rules, carried: Option<Reg>) -> Convention {
    let frame = Frame {
        carried,
        ..zig::AUTO.frame
    };
    Convention {
        rules,
        frame,
        ..zig::AUTO_TRACED
    }
}

const TRACED: &[Mutant] = &[
    (
        "r9-is-an-argument",
        &traced(zig::AUTO.rules, zig::AUTO_TRACED.frame.carried),
    ),
    ("trace-in-r8", &traced(zig::AUTO_TRACED.rules, Some(R8))),
    ("trace-not-kept", &traced(zig::AUTO_TRACED.rules, None)),
];

const fn win64(rules: Rules) -> Convention {
    Convention {
        rules,
        ..X86_64_WIN64
    }
}

const OF_WIN64: &[Mutant] = &[
    (
        "i128-returned-in-xmm1",
        &win64(Rules {
            results: &[
                regs!(PartTypes::of(&[V128]), &[XMM1]),
                Rule::DelegateTo(X86_64_WIN64.rules.results),
            ],
            ..X86_64_WIN64.rules
        }),
    ),
    (
        "i128-on-the-stack",
        &win64(Rules {
            args: &[
                Rule::IfWants(Want::Memory, &Rule::PassByVal { size: 8, align: 8 }),
                Rule::DelegateTo(X86_64_WIN64.rules.args),
            ],
            ..X86_64_WIN64.rules
        }),
    ),
];
