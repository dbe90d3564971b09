//! The registers of arguments, in the order in which they are taken.

use crate::convention::Reg;
use crate::target::x86_64::registers::{
    R8, R9, RCX, RDI, RDX, RSI, XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7,
};

pub(super) const ARG_GPRS: &[Reg] = &[RDI, RSI, RDX, RCX, R8, R9];
pub(super) const ARG_VECTORS: &[Reg] = &[XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7];
