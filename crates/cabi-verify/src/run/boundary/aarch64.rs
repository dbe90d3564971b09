//! AArch64: a function must keep the registers that its convention names (AAPCS64 6.1), the low
//! eight bytes of such vector registers, `sp`, and the control bits of FPCR.

use cabi::{Bank, Reg};

use super::Image;

/// Words of an image: `x0` to `x30`, of which `x16` and `x17` are the assembly's own; `sp`; `d8` to `d15`; FPCR.
pub(super) const N_WORDS: usize = 42;
pub(super) const SP: usize = 31;

/// Start of the argument area at a callee's first instruction, in bytes from `sp`.
pub(super) const AREA: u64 = 0;

/// State of the machine besides registers that the assembly saves: FPCR.
pub(super) type Own = u64;
pub(super) const OWN: Own = 0;

/// No convention of it has a shadow space.
pub(super) fn set_shadow_space(_: &mut Own, _: u32) {}

/// There is nothing else to be checked.
#[expect(clippy::unnecessary_wraps, reason = "x86-64 has more")]
pub(super) fn check_own(_: &Own) -> Result<(), String> {
    Ok(())
}

/// Number of the value that vector registers are filled with; the next one fills their upper half.
/// General registers of these numbers are not filled.
pub(super) const FILLED_VECTOR: usize = 28;

pub(super) const N_GENERAL: usize = 31;

/// Names by encoding.
pub(super) const NAMES: [&str; N_GENERAL] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
    "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27",
    "x28", "x29", "x30",
];

/// The general registers that some convention has callees keep.
pub(super) const KEPT: [usize; 12] = [18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29];

/// The lower halves of vector registers that callees keep; the bit of the first, its word in an image, and the words of each.
pub(super) const KEPT_VECTORS: ([&str; 8], u32, usize, usize) = (
    ["d8", "d9", "d10", "d11", "d12", "d13", "d14", "d15"],
    40,
    32,
    1,
);

/// Further registers that every function keeps, and their bits in the words of an image.
pub(super) const KEPT_ALWAYS: [(&str, usize, u64); 2] = [("sp", SP, !0), ("FPCR", 40, !0)];

/// Registers are bits: `n` for `xn`, `32 + n` for `vn`. These are `x0` to `x7`, `v0` to `v7`.
pub(super) const MAY_HOLD_ARGUMENTS: u64 = 0xff | 0xff << 32;

/// `x0` to `x15`, `v0` to `v7` and `v16` to `v31`.
pub(super) const ALL_FILL: u64 = 0xffff | 0xffff_00ff << 32;

pub(super) fn bit(reg: Reg) -> u64 {
    match reg.bank() {
        Bank::Int if reg.index() < 32 => 1 << reg.index(),
        Bank::Vector if reg.index() < 32 => 1 << (32 + reg.index()),
        _ => 0,
    }
}

/// Returns an error in the state of the machine at a call.
pub(super) fn wrong_at_call(image: &Image) -> Option<String> {
    let sp = image.0[SP];
    (sp % 16 != 0).then(|| format!("makes the call with sp {sp:#x}"))
}

/// There is nothing that every return has to have.
pub(super) fn wrong_at_return(_: &Image) -> Option<String> {
    None
}
