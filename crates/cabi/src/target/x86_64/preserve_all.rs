//! clang's `preserve_all` on x86-64: System V's places, with callees that leave every register but
//! r11 as it was.

use super::registers::{
    R8, R9, R10, R12, R13, R14, R15, RAX, RBP, RBX, RCX, RDI, RDX, RSI, XMM0, XMM1, XMM2, XMM3,
    XMM4, XMM5, XMM6, XMM7, XMM8, XMM9, XMM10, XMM11, XMM12, XMM13, XMM14, XMM15,
};
use super::sysv::X86_64_SYSV;
use crate::convention::{Convention, Frame, FrameKind};

/// clang's `__attribute__((preserve_all))`. `clif-cabi` calls functions with any result, and
/// defines those without one.
pub static X86_64_PRESERVE_ALL: Convention = Convention {
    name: "preserve_all",
    frame: Frame {
        kind: FrameKind::PreserveAll,
        callee_saved: &[
            RAX, RCX, RDX, RBX, RBP, RSI, RDI, R8, R9, R10, R12, R13, R14, R15, XMM0, XMM1, XMM2,
            XMM3, XMM4, XMM5, XMM6, XMM7, XMM8, XMM9, XMM10, XMM11, XMM12, XMM13, XMM14, XMM15,
        ],
        ..X86_64_SYSV.frame
    },
    ..X86_64_SYSV
};
