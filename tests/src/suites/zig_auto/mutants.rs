//! Zig's conventions with one line changed: each must be noticed.

use cabi::PartType::{F16, F32, F64, F80, I8, I16, I32, I64, V128, V256};
use cabi::convention::{ArgFlags, Classify, Frame, Group, GroupKind, PartTypes, Rule, Rules, Want};
use cabi::x86_64::*;
use cabi::{Convention, Error, Reg, Type, VectorLevel, X86_64_WIN64, zig};

const INTS: PartTypes = PartTypes::of(&[I8, I16, I32, I64]);
const FLOATS: PartTypes = PartTypes::of(&[F16, F32, F64, V128, V256]);
const GPRS: &[Reg] = &[RAX, RDX, RBX, RCX, RSI, RDI, R8, R9];
const XMMS: &[Reg] = &[XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7];
const X87: &[Reg] = &[ST0, ST1, ST2, ST3, ST4, ST5, ST6];
const OWN_SLOT: Rule = Rule::AssignToStack { size: 0, align: 0 };

/// The mutants of `convention` that show at `level`.
pub(super) fn of(
    convention: &Convention,
    level: VectorLevel,
) -> Vec<(&'static str, &'static Convention)> {
    if *convention == X86_64_WIN64 {
        return OF_WIN64.to_vec();
    }
    if *convention == zig::AUTO_TRACED {
        return TRACED.to_vec();
    }
    let mut all = MUTANTS.to_vec();
    if level != VectorLevel::Baseline {
        all.push(("no-wide-vectors", &NO_WIDE_VECTORS));
        all.push(("stack-aligned-to-16", &STACK_ALIGNED_TO_16));
    }
    all
}

const MUTANTS: &[(&str, &Convention)] = &[
    (
        "rdx-first",
        &args(&[
            Rule::IfType(
                INTS,
                &Rule::AssignToReg(&[RDX, RAX, RBX, RCX, RSI, RDI, R8, R9]),
            ),
            Rule::DelegateTo(zig::AUTO.rules.args),
        ]),
    ),
    (
        "r9-before-r8",
        &args(&[
            Rule::IfType(
                INTS,
                &Rule::AssignToReg(&[RAX, RDX, RBX, RCX, RSI, RDI, R9, R8]),
            ),
            Rule::DelegateTo(zig::AUTO.rules.args),
        ]),
    ),
    (
        "rcx-before-rbx",
        &args(&[
            Rule::IfType(
                INTS,
                &Rule::AssignToReg(&[RAX, RDX, RCX, RBX, RSI, RDI, R8, R9]),
            ),
            Rule::DelegateTo(zig::AUTO.rules.args),
        ]),
    ),
    ("no-r9", &args(zig::AUTO_TRACED.rules.args)),
    (
        "r10-too",
        &args(&[
            Rule::IfType(
                INTS,
                &Rule::AssignToReg(&[RAX, RDX, RBX, RCX, RSI, RDI, R8, R9, R10]),
            ),
            Rule::DelegateTo(zig::AUTO.rules.args),
        ]),
    ),
    (
        "no-xmm7",
        &args(&[
            Rule::IfType(INTS, &Rule::AssignToReg(GPRS)),
            Rule::IfType(
                FLOATS,
                &Rule::AssignToReg(&[XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6]),
            ),
            Rule::IfType(PartTypes::of(&[F80]), &Rule::AssignToReg(X87)),
            OWN_SLOT,
        ]),
    ),
    (
        "xmm1-first",
        &args(&[
            Rule::IfType(FLOATS, &Rule::AssignToReg(&[XMM1, XMM0])),
            Rule::DelegateTo(zig::AUTO.rules.args),
        ]),
    ),
    (
        "no-guard-for-vectors",
        &args(&[
            Rule::IfType(INTS, &Rule::AssignToReg(GPRS)),
            Rule::IfType(
                PartTypes::of(&[F16, F32, F64, V256]),
                &Rule::AssignToReg(XMMS),
            ),
            Rule::IfType(PartTypes::of(&[F80]), &Rule::AssignToReg(X87)),
            OWN_SLOT,
        ]),
    ),
    (
        "x87-on-the-stack",
        &args(&[
            Rule::IfType(INTS, &Rule::AssignToReg(GPRS)),
            Rule::IfType(FLOATS, &Rule::AssignToReg(XMMS)),
            OWN_SLOT,
        ]),
    ),
    (
        "no-st6",
        &args(&[
            Rule::IfType(INTS, &Rule::AssignToReg(GPRS)),
            Rule::IfType(FLOATS, &Rule::AssignToReg(XMMS)),
            Rule::IfType(
                PartTypes::of(&[F80]),
                &Rule::AssignToReg(&[ST0, ST1, ST2, ST3, ST4, ST5]),
            ),
            OWN_SLOT,
        ]),
    ),
    (
        "st1-first",
        &args(&[
            Rule::IfType(PartTypes::of(&[F80]), &Rule::AssignToReg(&[ST1, ST0])),
            Rule::DelegateTo(zig::AUTO.rules.args),
        ]),
    ),
    (
        "slots-of-8",
        &args(&[
            Rule::IfType(INTS, &Rule::AssignToReg(GPRS)),
            Rule::IfType(FLOATS, &Rule::AssignToReg(XMMS)),
            Rule::IfType(PartTypes::of(&[F80]), &Rule::AssignToReg(X87)),
            Rule::AssignToStack { size: 8, align: 0 },
        ]),
    ),
    (
        "slots-aligned-to-8",
        &args(&[
            Rule::IfType(INTS, &Rule::AssignToReg(GPRS)),
            Rule::IfType(FLOATS, &Rule::AssignToReg(XMMS)),
            Rule::IfType(PartTypes::of(&[F80]), &Rule::AssignToReg(X87)),
            Rule::AssignToStack { size: 0, align: 8 },
        ]),
    ),
    (
        "sret-in-rdx",
        &args(&[
            Rule::IfFlag(ArgFlags::SRET, &Rule::AssignToReg(&[RDX])),
            Rule::DelegateTo(zig::AUTO.rules.args),
        ]),
    ),
    (
        "result-in-rdx",
        &results(&[
            Rule::IfType(INTS, &Rule::AssignToReg(&[RDX, RAX])),
            Rule::DelegateTo(zig::AUTO.rules.results),
        ]),
    ),
    (
        "slice-result-in-memory",
        &results(&[
            Rule::IfType(INTS, &Rule::AssignToReg(&[RAX])),
            Rule::DelegateTo(&[
                Rule::IfType(FLOATS, &Rule::AssignToReg(&[XMM0])),
                Rule::IfType(PartTypes::of(&[F80]), &Rule::AssignToReg(&[ST0])),
            ]),
        ]),
    ),
    (
        "x87-result-in-memory",
        &results(&[
            Rule::IfType(INTS, &Rule::AssignToReg(&[RAX, RDX])),
            Rule::IfType(FLOATS, &Rule::AssignToReg(&[XMM0])),
        ]),
    ),
    (
        "sret-returned-in-rdx",
        &frame(Frame {
            sret_returned_in: Some(RDX),
            ..zig::AUTO.frame
        }),
    ),
    (
        "rbx-kept",
        &frame(Frame {
            callee_saved: &[RBX],
            ..zig::AUTO.frame
        }),
    ),
    (
        "rsi-and-rdi-kept",
        &frame(Frame {
            callee_saved: &[RSI, RDI],
            ..zig::AUTO.frame
        }),
    ),
    (
        "stack-aligned-to-128",
        &frame(Frame {
            stack_align: 128,
            ..zig::AUTO.frame
        }),
    ),
    (
        "a-register-is-carried",
        &frame(Frame {
            carried: Some(R8),
            ..zig::AUTO.frame
        }),
    ),
    (
        "alignment-at-most-8",
        &classifier(|ty, cx| changed(ty, cx, |group| group.align = group.align.min(8))),
    ),
    (
        "slices-are-split",
        &classifier(|ty, cx| changed(ty, cx, |group| group.may_split = true)),
    ),
    (
        "slices-use-up-r9",
        &classifier(|ty, cx| changed(ty, cx, |group| group.exhausts = &[R9])),
    ),
    (
        "records-in-memory",
        &classifier(|ty, cx| {
            changed(ty, cx, |group| {
                if ty.as_record().is_some() && group.kind == GroupKind::Registers {
                    (group.kind, group.parts) = (GroupKind::Memory, Default::default());
                }
            })
        }),
    ),
    (
        "words-in-pairs",
        &classifier(|ty, cx| match ty.size() {
            16 if ty.as_record().is_some() => {
                (zig::AUTO.rules.classify)(&cabi::DataModel::LP64.slice(), cx)
            }
            _ => (zig::AUTO.rules.classify)(ty, cx),
        }),
    ),
];

const TRACED: &[(&str, &Convention)] = &[
    (
        "r9-is-an-argument",
        &Convention {
            rules: zig::AUTO.rules,
            ..zig::AUTO_TRACED
        },
    ),
    (
        "trace-in-r8",
        &Convention {
            frame: Frame {
                carried: Some(R8),
                ..zig::AUTO.frame
            },
            ..zig::AUTO_TRACED
        },
    ),
    (
        "trace-not-kept",
        &Convention {
            frame: Frame {
                carried: None,
                ..zig::AUTO.frame
            },
            ..zig::AUTO_TRACED
        },
    ),
];

const OF_WIN64: &[(&str, &Convention)] = &[
    (
        "i128-returned-in-xmm1",
        &Convention {
            rules: Rules {
                results: &[
                    Rule::IfType(PartTypes::of(&[V128]), &Rule::AssignToReg(&[XMM1])),
                    Rule::DelegateTo(X86_64_WIN64.rules.results),
                ],
                ..X86_64_WIN64.rules
            },
            ..X86_64_WIN64
        },
    ),
    (
        "i128-on-the-stack",
        &Convention {
            rules: Rules {
                args: &[
                    Rule::IfWants(Want::Memory, &Rule::PassByVal { size: 8, align: 8 }),
                    Rule::DelegateTo(X86_64_WIN64.rules.args),
                ],
                ..X86_64_WIN64.rules
            },
            ..X86_64_WIN64
        },
    ),
];

const NO_WIDE_VECTORS: Convention = args(&[
    Rule::IfType(INTS, &Rule::AssignToReg(GPRS)),
    Rule::IfType(
        PartTypes::of(&[F16, F32, F64, V128]),
        &Rule::AssignToReg(XMMS),
    ),
    Rule::IfType(PartTypes::of(&[F80]), &Rule::AssignToReg(X87)),
    OWN_SLOT,
]);

const STACK_ALIGNED_TO_16: Convention = frame(Frame {
    vector_align: None,
    ..zig::AUTO.frame
});

const fn args(args: &'static [Rule]) -> Convention {
    Convention {
        rules: Rules {
            args,
            ..zig::AUTO.rules
        },
        ..zig::AUTO
    }
}

const fn results(results: &'static [Rule]) -> Convention {
    Convention {
        rules: Rules {
            results,
            ..zig::AUTO.rules
        },
        ..zig::AUTO
    }
}

const fn frame(frame: Frame) -> Convention {
    Convention { frame, ..zig::AUTO }
}

const fn classifier(classify: cabi::convention::Classifier) -> Convention {
    Convention {
        rules: Rules {
            classify,
            ..zig::AUTO.rules
        },
        ..zig::AUTO
    }
}

fn changed(
    ty: &Type,
    cx: &mut Classify<'_, '_>,
    change: impl FnOnce(&mut Group),
) -> Result<Group, Error> {
    let mut group = (zig::AUTO.rules.classify)(ty, cx)?;
    change(&mut group);
    Ok(group)
}
