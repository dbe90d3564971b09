//! AArch64's part of the conventions of these tests.

use cabi::Reg;
use cabi::aarch64::{
    AAPCS64, AARCH64_LANG, AARCH64_LANG_CONTEXT, APPLE_ARM64, V0, V1, V2, V3, V4, V5, V7, X0, X1,
    X2, X3, X4, X5, X6, X7, X8,
};
use cabi::convention::{ArgFlags, Convention, Rule, Want};

/// As messages name it.
pub(crate) const TARGET: &str = "aarch64-unknown-linux-gnu";

pub(crate) const C: Convention = AAPCS64;
pub(crate) const LANG: Convention = AARCH64_LANG;
pub(crate) static CONTEXT: Convention = AARCH64_LANG_CONTEXT;

pub(crate) const SRET: Rule = Rule::IfFlag(ArgFlags::SRET, &Rule::AssignToReg(&[X8]));
pub(crate) const LARGE: Rule = Rule::IfWants(Want::Memory, &Rule::PassIndirect { align: 8 });
pub(crate) const OTHER: &[Reg] = &[X1, X0, X4, X3];
pub(crate) const OTHER_FLOATS: &[Reg] = &[V1, V0, V5, V3];
pub(crate) const OTHER_RESULTS: &[Reg] = &[X1, X0];
pub(crate) const OTHER_RESULTS_FLOATS: &[Reg] = &[V3, V1, V0, V2];
pub(crate) const LAST: &[Reg] = &[X7, X6, X5, X4, X3, X2, X1, X0];
pub(crate) const LAST_FLOATS: &[Reg] = &[V7, V5];
pub(crate) const BOTH_FLOATS: &[[Reg; 2]] = &[[V1, X0], [V0, X4], [V4, X2]];
pub(crate) const BOTH_INTS: &[Reg] = &[X1, X3];

/// Apple's variant.
pub(crate) static ALSO: Convention = APPLE_ARM64;
