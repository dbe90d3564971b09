//! Panics of Rust.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering};

use super::unknown;
use crate::common::*;

extern "C-unwind" fn panics() {
    panic!("a callback panics");
}

/// Code without rules ends the unwinding, and with it the process: here a stub that the unwinder
/// does not know.
#[test]
fn a_panic_ends_at_code_without_rules() {
    if child_task().is_none() {
        let test = "unwind::panics::a_panic_ends_at_code_without_rules";
        return aborts(test, "stub", "a callback panics");
    }
    let mut engine = engine();
    engine.bind("callback", panics as *const u8).unwrap();
    let callback = import(&mut engine, "callback", "() system_v");
    let (id, _) = unknown::framed(&mut engine, callback.as_u32());
    engine.finalize().unwrap();
    // SAFETY: a function without parameters and result.
    let calls = unsafe { function::<extern "C-unwind" fn()>(&engine, id) };
    println!("came back with {:?}", catch_unwind(|| calls()));
}

unsafe extern "C" {
    fn rust_eh_personality();
}

static NOTED: AtomicBool = AtomicBool::new(false);

extern "C" fn note() {
    NOTED.store(true, Ordering::Relaxed);
}

/// A panic passes through a function, and with Rust's personality a cleanup runs on its way.
#[test]
fn a_panic_enters_a_cleanup() {
    let personality = Personality::new("rust_eh_personality").cleanup(0);
    let mut engine = Engine::new(&Settings::default().personality(personality)).unwrap();
    let functions = [
        ("rust_eh_personality", rust_eh_personality as *const u8),
        ("callback", panics as *const u8),
        ("note", note as *const u8),
    ];
    for (name, address) in functions {
        engine.bind(name, address).unwrap();
    }
    let text = "function %calls() system_v {
            sig0 = () system_v
            fn0 = %callback sig0
            fn1 = %note sig0
            fn2 = %_Unwind_Resume(i64) system_v
        block0:
            try_call fn0(), sig0, block1, [ tag0: block2(exn0, exn1) ]
        block1:
            return
        block2(v0: i64, v1: i64):
            call fn1()
            call fn2(v0)
            trap user1
        }";
    program(&mut engine, text).unwrap();
    engine.finalize().unwrap();
    // SAFETY: compiled as `void calls(void)` just above.
    let calls = unsafe { named::<extern "C-unwind" fn()>(&engine, "calls") };
    assert!(!NOTED.load(Ordering::Relaxed));
    let panic = catch_unwind(|| calls()).unwrap_err();
    assert_eq!(*panic.downcast_ref::<&str>().unwrap(), "a callback panics");
    assert!(NOTED.load(Ordering::Relaxed));
}
