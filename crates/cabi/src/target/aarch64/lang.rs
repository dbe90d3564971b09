//! A language's own convention, between functions that one compiler makes: as [`X86_64_LANG`], in
//! the registers that Cranelift's `tail` has.

use super::{AAPCS64, V, X2, X3, X4, X5, X6, X7, X21};
use crate::convention::Rule::{AssignToReg, AssignToStack, IfType, IfWants, PassIndirect};
use crate::convention::{CalleePops, Convention, Frame, FrameKind, Reg, Rules, WantedKind};
use crate::target::parts::{FLOATS, INTS, V128_SLOT};
use crate::target::x86_64::lang::X86_64_LANG;

const X: &[Reg] = &[X2, X3, X4, X5, X6, X7];

/// A language's own convention on AArch64. No C compiler has it.
pub static AARCH64_LANG: Convention = Convention {
    name: "lang",
    rules: Rules {
        args: &[
            IfWants(WantedKind::Memory, &PassIndirect { align: 16 }),
            IfType(INTS, &AssignToReg(X)),
            IfType(FLOATS, &AssignToReg(V)),
            V128_SLOT,
            AssignToStack { size: 8, align: 8 },
        ],
        results: &[
            IfType(INTS, &AssignToReg(X)),
            IfType(FLOATS, &AssignToReg(V)),
        ],
        ..X86_64_LANG.rules
    },
    frame: Frame {
        kind: FrameKind::Tail,
        callee_pops: CalleePops::EverythingAligned,
        callee_saved: AAPCS64.frame.callee_saved,
        partly_saved: AAPCS64.frame.partly_saved,
        vector_bank: AAPCS64.frame.vector_bank,
        ..Frame::new(8, 16)
    },
};

/// [`AARCH64_LANG`] with a context in x21.
pub static AARCH64_LANG_CONTEXT: Convention = Convention {
    name: "lang with a context",
    frame: Frame {
        context: Some(X21),
        ..AARCH64_LANG.frame
    },
    ..AARCH64_LANG
};
