//! Panics of Rust.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering};

use super::unknown;
use crate::common::*;

extern "C-unwind" fn panics() {
    panic!("a callback panics");
}

/// What is on the stack when a panic comes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Through {
    Compiled,
    /// A stub that the unwinder knows nothing of.
    Stub,
    /// C of which it knows nothing.
    C,
}

/// The message of the panic that came through a function of JIT code.
fn caught(through: Through) -> String {
    let mut engine = engine();
    engine.bind("callback", panics as *const u8).unwrap();
    let text = "function %calls() system_v {\n fn0 = %callback() system_v\nblock0:\n call fn0()\n return\n}";
    program(&mut engine, text).unwrap();
    let calls = engine.declare_export("calls", &signature("() system_v"));
    let mut id = calls.unwrap();
    if through == Through::Stub {
        id = unknown::framed(&mut engine, id.as_u32()).0;
    }
    engine.finalize().unwrap();
    if through == Through::C {
        let flags = ["-fno-asynchronous-unwind-tables", "-fno-unwind-tables"];
        let text = "void twice(void (*f)(void)) { f(); f(); }";
        let library = library(GCC, &flags, "unwind_no_tables", text);
        // SAFETY: as the C text declares it.
        let twice = unsafe {
            let twice = library.symbol("twice").unwrap();
            core::mem::transmute::<*const u8, extern "C-unwind" fn(*const u8)>(twice)
        };
        // SAFETY: it is called while the engine lives.
        let calls = unsafe { engine.code(id).unwrap().as_ptr() };
        let panic = catch_unwind(|| twice(calls.cast())).unwrap_err();
        return panic.downcast_ref::<&str>().unwrap().to_string();
    }
    // SAFETY: compiled as `void calls(void)` just above.
    let calls = unsafe { function::<extern "C-unwind" fn()>(&engine, id) };
    let panic = catch_unwind(|| calls()).unwrap_err();
    panic.downcast_ref::<&str>().unwrap().to_string()
}

#[test]
fn a_panic_passes_through_jit_code() {
    assert_eq!(caught(Through::Compiled), "a callback panics");
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
    let all = [Through::Stub, Through::C];
    if let Some(which) = told() {
        let which = all.iter().find(|own| format!("{own:?}") == which);
        println!("came back with {}", caught(*which.unwrap()));
        return;
    }
    for through in all {
        let test = "unwind::panics::a_panic_ends_at_code_without_rules";
        aborts(test, &format!("{through:?}"), "a callback panics");
    }
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
