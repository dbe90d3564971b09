//! What the tests of a language's convention know of AArch64.

use std::arch::asm;

pub(crate) use clif_cabi::cabi::aarch64::{AARCH64_LANG as LANG, AARCH64_LANG_CONTEXT as CONTEXT};

/// Integer registers of results.
pub(crate) const N_INTS: usize = 6;
/// The target and its C, as messages name them.
pub(crate) const NAMES: [&str; 2] = ["aarch64-unknown-linux-gnu", "AAPCS64"];

/// Calls `code` with these arguments, and `own` in the register of the context. Its result, and what is in that register afterwards.
///
/// # Safety
/// `code` is a function of C's `long (void *, long)`.
pub(crate) unsafe fn call(code: *const u8, words: *mut u64, n: u64, own: u64) -> (u64, u64) {
    let (found, after): (u64, u64);
    // SAFETY: as the caller says; what else it changes is declared.
    unsafe {
        asm!(
            "blr {code}",
            code = in(reg) code,
            inout("x0") words => found,
            in("x1") n,
            inout("x21") own => after,
            clobber_abi("C"),
        );
    }
    (found, after)
}
