//! What the tests of a language's convention know of x86-64.

use std::arch::asm;

use clif_cabi::cabi::{Convention, DataModel, FnSig, Type, VectorLevel, X86_64_PRESERVE_ALL};
pub(crate) use clif_cabi::cabi::{X86_64_LANG as LANG, X86_64_LANG_CONTEXT as CONTEXT};

use super::common::Jit;

static PRESERVE_ALL: Convention = X86_64_PRESERVE_ALL;

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

#[test]
fn refused_functions() {
    let jit = Jit::new("none", &[]);
    let words = |sig: &FnSig| {
        let (call, entry) = (jit.lower.call_plan(sig), jit.lower.entry_plan(sig));
        [
            call.map_or_else(|error| error.to_string(), |_| "a call".into()),
            entry.map_or_else(|error| error.to_string(), |_| "an entry".into()),
        ]
    };
    let needs = "x86_64-unknown-linux-gnu: a context register needs the setting enable_pinned_reg";
    let sig = FnSig::new([], Type::VOID).convention(&super::CONTEXT);
    assert_eq!(words(&sig), [needs, needs]);
    // A callee pops at most what `ret imm16` says, in steps of 16 bytes.
    let words_of = |n| FnSig::new(vec![Type::I64; n], Type::VOID).convention(&super::LANG);
    let in_registers = 6;
    assert_eq!(
        words(&words_of(in_registers + 65520 / 8)),
        ["a call", "an entry"]
    );
    let most = "Cranelift does not take this signature: parameter 8196: the argument area exceeds 65520 bytes";
    // The area is one parameter of the function.
    let at_entry = most.replace("8196", "6");
    assert_eq!(
        words(&words_of(in_registers + 65520 / 8 + 1)),
        [most, &at_entry]
    );
    // A static chain needs a stub.
    let chain = FnSig::new([Type::I64], Type::VOID)
        .static_chain(&DataModel::LP64)
        .convention(&super::LANG);
    assert!(words(&chain)[0].contains("the convention has no register for a static chain"));
    // A function of preserve_all returns nothing; a call of one is any C call.
    let sig = FnSig::new([Type::I64], Type::I64).convention(&PRESERVE_ALL);
    let no_result = "Cranelift does not take this signature: result 0: no register is left for a `i64` under `preserve_all`";
    assert_eq!(words(&sig), ["a call", no_result]);
    let sig = FnSig::new([Type::I64], Type::VOID).convention(&PRESERVE_ALL);
    assert_eq!(words(&sig), ["a call", "an entry"]);
    let [call, entry] = words(&sig.features(VectorLevel::Avx));
    assert_eq!(call, "a call");
    assert!(entry.contains("preserve the lower 16 bytes of a vector register"));
}
