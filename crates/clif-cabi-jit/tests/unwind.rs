//! What the documentation says about unwinding, while there is none: a panic that reaches JIT code ends the process, although there is a
//! `catch_unwind` on its other side. One that is caught before does not.
//!
//! A process ends, so the test runs itself again as a child.
#![allow(clippy::unwrap_used, clippy::panic)] // an unexpected error ends the test; panics are what it is about
#![cfg(all(has_engine, target_os = "linux"))]

mod common;

use std::os::unix::process::ExitStatusExt;
use std::panic::catch_unwind;

use common::{add, again, engine, function, import};

const CHILD: &str = "CLIF_CABI_JIT_UNWIND";
const SIGABRT: i32 = 6;

extern "C-unwind" fn panics() {
    panic!("a callback panics");
}

extern "C-unwind" fn catches() {
    assert!(catch_unwind(|| panics()).is_err());
}

#[test]
fn a_panic_does_not_pass_through_jit_code() {
    if let Some(what) = std::env::var_os(CHILD) {
        return child(what == "panics");
    }
    for (what, signal, printed) in [
        ("catches", None, "came back"),
        // Were it `caught`, unwinding would work, and the documentation had to say so.
        ("panics", Some(SIGABRT), ""),
    ] {
        let (child, text) = again("a_panic_does_not_pass_through_jit_code", CHILD, what);
        assert_eq!(child.status.signal(), signal, "{what}: {text}");
        let printed = ["a callback panics", printed]
            .iter()
            .all(|one| text.contains(one));
        // An emulator speaks of an uncaught signal.
        let is_caught = text.lines().any(|line| line.trim() == "caught");
        assert!(printed && !is_caught, "{what}: {text}");
    }
}

fn child(panic: bool) {
    let mut engine = engine();
    let callback = import(&mut engine, "callback", "() system_v");
    let called = if panic { panics } else { catches } as extern "C-unwind" fn();
    engine.bind("callback", called as *const u8).unwrap();
    let id = add(
        &mut engine,
        "calls",
        &format!(
            "function %calls() system_v {{\n sig0 = () system_v\n fn0 = u0:{} sig0\nblock0:\n call fn0()\n return\n}}",
            callback.as_u32()
        ),
    );
    engine.finalize().unwrap();
    // SAFETY: compiled as `void calls(void)` just above.
    let calls = unsafe { function::<extern "C-unwind" fn()>(&engine, id) };
    match catch_unwind(|| calls()) {
        Ok(()) => println!("came back"),
        Err(_) => println!("caught"),
    }
}
