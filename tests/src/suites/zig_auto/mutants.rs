//! Zig's conventions with one line changed: each must be noticed.

use cabi::PartType::{F16, F32, F64, F80, I8, I16, I32, I64, V128, V256};
use cabi::convention::{ArgFlags, GroupKind, PartTypes, Rule, WantedKind};
use cabi::x86_64::*;
use cabi::zig::{AUTO, AUTO_TRACED};
use cabi::{Convention, DataModel, Reg, VectorLevel, X86_64_WIN64};

use crate::mutants::{changed, groups};
use crate::suites::conventions::mutations::keep;

const INTS: PartTypes = PartTypes::of(&[I8, I16, I32, I64]);
const FLOATS: PartTypes = PartTypes::of(&[F16, F32, F64, V128, V256]);
const X87S: PartTypes = PartTypes::of(&[F80]);
const GPRS: &[Reg] = &[RAX, RDX, RBX, RCX, RSI, RDI, R8, R9];
const XMMS: &[Reg] = &[XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7];
const STACK: &[Reg] = &[ST0, ST1, ST2, ST3, ST4, ST5, ST6];

/// The rules of `auto` for arguments, and for results, by their places in their list: integers,
/// floats and vectors, the x87 stack, slots.
const INTS_AT: usize = 0;
const FLOATS_AT: usize = 1;
const X87S_AT: usize = 2;
const SLOTS_AT: usize = 3;

type List = &'static [Rule];

/// Makes the rule that values of these types are in these registers.
fn regs(types: PartTypes, regs: &[Reg]) -> Rule {
    Rule::IfType(types, keep(Rule::AssignToReg(regs.to_vec().leak())))
}

/// Replaces `n` rules of `list` by these.
fn replaced(list: &mut List, at: usize, n: usize, rules: &[Rule]) {
    let mut all = list.to_vec();
    all.splice(at..at + n, rules.iter().copied());
    *list = all.leak();
}

fn first(list: &mut List, rule: Rule) {
    replaced(list, 0, 0, &[rule]);
}

fn arg(convention: &mut Convention, at: usize, rule: Rule) {
    replaced(&mut convention.rules.args, at, 1, &[rule]);
}

const fn slots(size: u32, align: u32) -> Rule {
    Rule::AssignToStack { size, align }
}

/// A mutant's name, and its change.
type Mutant = (&'static str, fn(&mut Convention));

/// Returns the mutants of `convention` that show at `level`.
pub(super) fn of(
    convention: &'static Convention,
    level: VectorLevel,
) -> impl Iterator<Item = (&'static str, &'static Convention)> {
    let (own, wide): (&[Mutant], &[Mutant]) = match level {
        _ if *convention == X86_64_WIN64 => (OF_WIN64, &[]),
        _ if *convention == AUTO_TRACED => (TRACED, &[]),
        VectorLevel::Baseline => (MUTANTS, &[]),
        _ => (MUTANTS, WIDE),
    };
    let all = own.iter().chain(wide);
    all.map(|(what, change)| (*what, changed(convention, what, change)))
}

#[rustfmt::skip] // a line for each
const MUTANTS: &[Mutant] = &[
    ("rdx-first", |own| arg(own, INTS_AT, regs(INTS, &[RDX, RAX, RBX, RCX, RSI, RDI, R8, R9]))),
    ("r9-before-r8", |own| arg(own, INTS_AT, regs(INTS, &[RAX, RDX, RBX, RCX, RSI, RDI, R9, R8]))),
    ("rcx-before-rbx", |own| arg(own, INTS_AT, regs(INTS, &[RAX, RDX, RCX, RBX, RSI, RDI, R8, R9]))),
    ("no-r9", |own| arg(own, INTS_AT, regs(INTS, &GPRS[..7]))),
    ("r10-too", |own| arg(own, INTS_AT, regs(INTS, &[GPRS, &[R10]].concat()))),
    ("no-xmm7", |own| arg(own, FLOATS_AT, regs(FLOATS, &XMMS[..7]))),
    ("xmm1-first", |own| first(&mut own.rules.args, regs(FLOATS, &[XMM1, XMM0]))),
    ("no-guard-for-vectors", |own| arg(own, FLOATS_AT, regs(PartTypes::of(&[F16, F32, F64, V256]), XMMS))),
    ("x87-on-the-stack", |own| replaced(&mut own.rules.args, X87S_AT, 1, &[])),
    ("no-st6", |own| arg(own, X87S_AT, regs(X87S, &STACK[..6]))),
    ("st1-first", |own| first(&mut own.rules.args, regs(X87S, &[ST1, ST0]))),
    ("slots-of-8", |own| arg(own, SLOTS_AT, slots(8, 0))),
    ("slots-aligned-to-8", |own| arg(own, SLOTS_AT, slots(0, 8))),
    ("sret-in-rdx", |own| first(&mut own.rules.args, Rule::IfFlag(ArgFlags::SRET, &Rule::AssignToReg(&[RDX])))),
    ("result-in-rdx", |own| first(&mut own.rules.results, regs(INTS, &[RDX, RAX]))),
    ("slice-result-in-memory", |own| replaced(&mut own.rules.results, INTS_AT, 1, &[regs(INTS, &[RAX])])),
    ("x87-result-in-memory", |own| replaced(&mut own.rules.results, X87S_AT, 1, &[])),
    ("sret-returned-in-rdx", |own| own.frame.sret_returned_in = Some(RDX)),
    ("rbx-kept", |own| own.frame.callee_saved = &[RBX]),
    ("rsi-and-rdi-kept", |own| own.frame.callee_saved = &[RSI, RDI]),
    ("stack-aligned-to-128", |own| own.frame.stack_align = 128),
    ("a-register-is-carried", |own| own.frame.carried = Some(R8)),
    ("alignment-at-most-8", |own| own.rules.classify = groups!(AUTO, |group, _ty, _role| { group.align = group.align.min(8); })),
    ("slices-are-split", |own| own.rules.classify = groups!(AUTO, |group, _ty, _role| { group.may_split = true; })),
    ("slices-use-up-r9", |own| own.rules.classify = groups!(AUTO, |group, _ty, _role| { group.exhausts = &[R9]; })),
    ("records-in-memory", |own| own.rules.classify = groups!(AUTO, |group, ty, _role| {
        if ty.as_record().is_some() && group.kind == GroupKind::Registers {
            (group.kind, group.parts) = (GroupKind::Memory, Default::default());
        }
    })),
    ("words-in-pairs", |own| own.rules.classify = |ty, cx| match ty.size() {
        16 if ty.as_record().is_some() => (AUTO.rules.classify)(&DataModel::LP64.slice(), cx),
        _ => (AUTO.rules.classify)(ty, cx),
    }),
];

#[rustfmt::skip] // a line for each
const WIDE: &[Mutant] = &[
    ("no-wide-vectors", |own| arg(own, FLOATS_AT, regs(PartTypes::of(&[F16, F32, F64, V128]), XMMS))),
    ("stack-aligned-to-16", |own| own.frame.vector_align = None),
];

#[rustfmt::skip] // a line for each
const TRACED: &[Mutant] = &[
    ("r9-is-an-argument", |own| own.rules = AUTO.rules),
    ("trace-in-r8", |own| own.frame.carried = Some(R8)),
    ("trace-not-kept", |own| own.frame.carried = None),
];

#[rustfmt::skip] // a line for each
const OF_WIN64: &[Mutant] = &[
    ("i128-returned-in-xmm1", |own| first(&mut own.rules.results, regs(PartTypes::of(&[V128]), &[XMM1]))),
    ("i128-on-the-stack", |own| {
        first(&mut own.rules.args, Rule::IfWants(WantedKind::Memory, &Rule::PassByVal { size: 8, align: 8 }));
    }),
];
