//! What the tests of a language's convention know of x86-64.

use std::arch::asm;

pub(crate) use clif_cabi::cabi::{X86_64_LANG as LANG, X86_64_LANG_CONTEXT as CONTEXT};

/// Integer registers of results.
pub(crate) const N_INTS: usize = 8;
/// The target and its C, as messages name them.
pub(crate) const NAMES: [&str; 2] = ["x86_64-unknown-linux-gnu", "x86-64 System V"];

/// Calls `code` with these arguments, and `own` in the register of the context. Its result, and what is in that register afterwards.
///
/// # Safety
/// `code` is a function of C's `long (void *, long)`.
pub(crate) unsafe fn call(code: *const u8, words: *mut u64, n: u64, own: u64) -> (u64, u64) {
    let (found, after): (u64, u64);
    // SAFETY: as the caller says; what else it changes is declared.
    unsafe {
        asm!(
            "call {code}",
            code = in(reg) code,
            in("rdi") words,
            in("rsi") n,
            inout("r15") own => after,
            lateout("rax") found,
            clobber_abi("sysv64"),
        );
    }
    (found, after)
}
