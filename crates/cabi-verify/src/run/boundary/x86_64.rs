//! x86-64: a function must keep the registers that its convention names (psABI 3.2.1, Registers and
//! the Stack Frame), `rsp`, the control bits of MXCSR, and the x87 control word; the direction flag
//! is clear at every call and return.

use std::mem::offset_of;

use cabi::{Bank, Reg};

use super::Image;

/// Words of an image: the general registers by encoding, the flags, MXCSR, the x87 control word, and from word 20 `xmm6` to `xmm15`.
pub(super) const N_WORDS: usize = 40;
pub(super) const SP: usize = 4;
const FLAGS: usize = 16;

/// Start of the argument area at a callee's first instruction, in bytes from `rsp`.
pub(super) const AREA: u64 = 8;

/// State of the machine besides registers that the assembly saves.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub(super) struct Own {
    mxcsr: u32,
    x87_control: u32,
    /// `fnstenv` after it.
    x87: [u8; 32],
    /// Not 0 where the callee has 32 bytes of its caller's frame above its return address.
    shadow_space: u64,
}

// As x86_64.s has them.
const _: () = assert!(offset_of!(Own, mxcsr) == 0);
const _: () = assert!(offset_of!(Own, x87_control) == 4);
const _: () = assert!(offset_of!(Own, x87) == 8);
const _: () = assert!(offset_of!(Own, shadow_space) == 40);

pub(super) const OWN: Own = Own {
    mxcsr: 0,
    x87_control: 0,
    x87: [0xff; 32],
    shadow_space: 0,
};

/// Has the thunk write to as much of its caller's frame as a callee may.
pub(super) fn set_shadow_space(own: &mut Own, bytes: u32) {
    own.shadow_space = bytes.into();
}

/// Checks whether the x87 stack was empty after all.
pub(super) fn check_own(own: &Own) -> Result<(), String> {
    match [own.x87[8], own.x87[9]] {
        [0xff, 0xff] => Ok(()),
        tags => Err(format!("the x87 stack is not empty: tags {tags:02x?}")),
    }
}

/// Number of the value that vector registers are filled with; the next one fills their upper half.
/// General registers of these numbers are not filled.
pub(super) const FILLED_VECTOR: usize = 14;

pub(super) const N_GENERAL: usize = 16;

/// Names by encoding.
pub(super) const NAMES: [&str; N_GENERAL] = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15",
];

/// The general registers that some convention has callees keep.
pub(super) const KEPT: [usize; 10] = [3, 5, 6, 7, 9, 11, 12, 13, 14, 15];

/// The vector registers that callees of Win64 keep; the bit of the first, its word in an image, and the words of each.
pub(super) const KEPT_VECTORS: ([&str; 10], u32, usize, usize) = (
    [
        "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
    ],
    22,
    20,
    2,
);

/// Further registers that every function keeps, and their bits in the words of an image. A callee
/// may change the status bits of MXCSR.
pub(super) const KEPT_ALWAYS: [(&str, usize, u64); 3] = [
    ("rsp", SP, !0),
    ("control bits of MXCSR", 17, !0x3f),
    ("the x87 control word", 18, !0),
];

/// Registers are bits: `n` for the general one of encoding `n`, `16 + n` for `xmmn`. These are `rcx rdx rsi rdi r8 r9`, `xmm0` to `xmm7`.
pub(super) const MAY_HOLD_ARGUMENTS: u64 = bits(1, 3) | bits(6, 10) | bits(16, 24);

/// All but `rsp`.
pub(super) const ALL_FILL: u64 = bits(0, 4) | bits(5, 32);

/// The bits from `start` up to `end`.
const fn bits(start: u32, end: u32) -> u64 {
    (1 << end) - (1 << start)
}

pub(super) fn bit(reg: Reg) -> u64 {
    match reg.bank() {
        Bank::Int => 1 << reg.index(),
        Bank::Vector if reg.index() < 16 => 1 << (16 + reg.index()),
        _ => 0,
    }
}

/// Returns an error in the state of the machine at a call.
pub(super) fn wrong_at_call(image: &Image) -> Option<String> {
    is_backwards(image).then(|| "makes the call with the direction flag set".to_owned())
}

/// Returns an error in the state of the machine at a return.
pub(super) fn wrong_at_return(image: &Image) -> Option<String> {
    is_backwards(image).then(|| "returns with the direction flag set".to_owned())
}

fn is_backwards(image: &Image) -> bool {
    image.0[FLAGS] & 1 << 10 != 0
}
