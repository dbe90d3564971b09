//! Panics of Rust.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering};

use super::unknown;
use crate::common::*;

extern "C-unwind" fn panics() {
    panic!("a callback panics");
}

/// The message of the panic that came through a function of JIT code, and through a stub that the unwinder knows nothing of.
fn caught(by_unknown: bool) -> String {
    let mut engine = engine();
    engine.bind("callback", panics as *const u8).unwrap();
    let text = "function %calls() system_v {\n fn0 = %callback() system_v\nblock0:\n call fn0()\n return\n}";
    program(&mut engine, text).unwrap();
    let calls = engine.declare_export("calls", &signature("() system_v"));
    let mut id = calls.unwrap();
    if by_unknown {
        id = unknown::framed(&mut engine, id.as_u32()).0;
    }
    engine.finalize().unwrap();
    // SAFETY: compiled as `void calls(void)` just above.
    let calls = unsafe { function::<extern "C-unwind" fn()>(&engine, id) };
    let panic = catch_unwind(|| calls()).unwrap_err();
    panic.downcast_ref::<&str>().unwrap().to_string()
}

#[test]
fn a_panic_passes_through_jit_code() {
    assert_eq!(caught(false), "a callback panics");
}

#[test]
fn a_panic_passes_through_an_invoker() {
    let mut invokers = invokers();
    let invoker = invokers.get(&FnSig::new([], Type::VOID)).unwrap();
    let target = (panics as *const ()).cast();
    // SAFETY: a function without arguments and result.
    let called = catch_unwind(|| unsafe { invoker.call(target, &[], core::ptr::null_mut()) });
    let panic = called.unwrap_err();
    assert_eq!(*panic.downcast_ref::<&str>().unwrap(), "a callback panics");
}

/// What has no rules ends the unwinding, and with it the process.
#[test]
fn a_panic_ends_at_code_without_rules() {
    if told().is_some() {
        println!("came back with {}", caught(true));
        return;
    }
    let test = "unwind::panics::a_panic_ends_at_code_without_rules";
    aborts(test, "stub", "a callback panics");
}

unsafe extern "C" {
    fn rust_eh_personality();
}

static NOTED: AtomicBool = AtomicBool::new(false);

extern "C" fn note() {
    NOTED.store(true, Ordering::Relaxed);
}

/// With Rust's personality a cleanup runs on the way of a panic.
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
