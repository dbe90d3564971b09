//! What the tests of a language's convention know of AArch64.

use std::arch::asm;

use clif_cabi::cabi::aarch64::{AARCH64_LANG, AARCH64_LANG_CONTEXT, X5};
use clif_cabi::cabi::convention::{Rule, Rules};
use clif_cabi::cabi::{Convention, DataModel, FnSig, Type};

use super::common::Jit;

pub(crate) const LANG: Convention = AARCH64_LANG;
pub(crate) const CONTEXT: Convention = AARCH64_LANG_CONTEXT;
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

/// Its values on the stack are parameters of the function: an area that is read by its address would be elsewhere after a tail call.
static BY_VALUE: Convention = Convention {
    name: "by value",
    rules: Rules {
        args: &[Rule::PassByVal { size: 8, align: 8 }],
        ..AARCH64_LANG.rules
    },
    ..AARCH64_LANG
};

/// A context elsewhere than in CLIF's register for it.
static IN_X5: Convention = Convention {
    name: "context in x5",
    frame: cabi::convention::Frame {
        context: Some(X5),
        ..AARCH64_LANG.frame
    },
    ..AARCH64_LANG
};

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
    let needs = "aarch64-unknown-linux-gnu: a context register needs the setting enable_pinned_reg";
    let sig = FnSig::new([], Type::VOID).convention(&super::CONTEXT);
    assert_eq!(words(&sig), [needs, needs]);
    let sig = FnSig::new([Type::I64], Type::VOID);
    let elsewhere = words(&sig.clone().convention(&IN_X5));
    let why = "its context is in another register than CLIF's pinned one";
    assert!(
        elsewhere.iter().all(|words| words.contains(why)),
        "{elsewhere:?}"
    );
    // A static chain needs a stub.
    let chain = sig.static_chain(&DataModel::LP64).convention(&super::LANG);
    assert!(words(&chain)[0].contains("the convention has no register for a static chain"));
    let large = super::common::bytes(200);
    let large = words(&FnSig::new([large], Type::VOID).convention(&BY_VALUE));
    let why = "more than 128 bytes in the argument area is not lowered for functions of its kind";
    assert!(large.iter().all(|words| words.contains(why)), "{large:?}");
}
