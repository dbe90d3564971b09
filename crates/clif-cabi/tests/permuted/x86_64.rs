//! x86-64's part of the conventions of these tests.

use cabi::convention::{Convention, Rule, Rules};
use cabi::x86_64::{R8, R9, RAX, RCX, RDI, RDX, RSI, XMM0, XMM1, XMM3, XMM5, XMM7};
use cabi::{Reg, X86_64_LANG, X86_64_LANG_CONTEXT, X86_64_SYSV};

/// As messages name it.
pub(crate) const TARGET: &str = "x86_64-unknown-linux-gnu";

pub(crate) const C: Convention = X86_64_SYSV;
pub(crate) const LANG: Convention = X86_64_LANG;
pub(crate) static CONTEXT: Convention = X86_64_LANG_CONTEXT;

/// C's pointer to a result is an ordinary argument, and large records are on the stack: no rules.
pub(crate) const SRET: Rule = Rule::DelegateTo(&[]);
pub(crate) const LARGE: Rule = SRET;
pub(crate) const OTHER: &[Reg] = &[RSI, RDI, R8, RCX];
pub(crate) const OTHER_FLOATS: &[Reg] = &[XMM1, XMM0, XMM5, XMM3];
pub(crate) const OTHER_RESULTS: &[Reg] = &[RDX, RAX];
pub(crate) const OTHER_RESULTS_FLOATS: &[Reg] = &[XMM1, XMM0];
pub(crate) const LAST: &[Reg] = &[R9, R8, RCX, RDX, RSI, RDI];
pub(crate) const LAST_FLOATS: &[Reg] = &[XMM7, XMM5];
pub(crate) const BOTH_FLOATS: &[[Reg; 2]] = &[[XMM1, RDI], [XMM0, R8], [XMM3, RDX]];
pub(crate) const BOTH_INTS: &[Reg] = &[RSI, RCX];

/// The first part of a value is its second eightbyte.
pub(crate) static ALSO: Convention = Convention {
    name: "swapped",
    rules: Rules {
        classify: |ty, cx| {
            let mut group = (C.rules.classify)(ty, cx)?;
            group.parts.reverse();
            Ok(group)
        },
        ..C.rules
    },
    ..C
};
