//! Lifetimes of code and libraries: code lives as long as its engine or any `Code` of it, on
//! whatever thread the last of them goes. Each test checks the mappings or allocations of its whole
//! process, and has one of its own.

#[cfg(target_os = "linux")]
mod leaks;
#[cfg(target_os = "linux")]
mod system;

use std::sync::{Arc, Barrier};
use std::thread;

use crate::common::*;

/// The type of all code here.
type IntFn = extern "C" fn(c_int) -> c_int;

fn address(code: &Code) -> usize {
    // SAFETY: only looked at.
    unsafe { code.as_ptr() }.addr()
}

/// Defines `int add_n(int x) { return x + n; }`.
fn adding(engine: &mut Engine, n: i32) -> Code {
    let clif = format!(
        "function %add(i32) -> i32 system_v {{
        block0(v0: i32):
            v1 = iconst.i32 {n}
            v2 = iadd v0, v1
            return v2
        }}"
    );
    let id = add(engine, &format!("add_{n}"), &clif);
    engine.finalize().unwrap();
    engine.code(id).unwrap()
}

fn call(code: &Code, x: c_int) -> c_int {
    // SAFETY: all code here is `int(int)`.
    let function = unsafe { code.typed::<IntFn>() };
    function(x)
}

#[test]
fn code_lives_as_long_as_its_last_owner() {
    alone("lifetime::code_lives_as_long_as_its_last_owner", || {
        // The engine first, then the code.
        let mut first = engine();
        let code = adding(&mut first, 1);
        let (other, at) = (adding(&mut first, 2), address(&code));
        assert!(is_executable(at));
        drop(first);
        assert_eq!(call(&code, 41), 42);
        drop(code);
        // Another function of the same engine keeps it all, and a typed function is an owner too.
        assert!(is_executable(at));
        assert_eq!(call(&other, 40), 42);
        // SAFETY: an `int(int)`.
        let typed = unsafe { other.typed::<IntFn>() };
        drop(other);
        assert_eq!(typed(40), 42);
        drop(typed);
        assert!(!is_executable(at));

        // The code first, then the engine.
        let mut second = engine();
        let at = address(&adding(&mut second, 3));
        assert!(is_executable(at));
        drop(second);
        assert!(!is_executable(at));

        code_of_another_engine();
        threads();
    });
}

/// Checks that code that another engine's code calls lives as long as that.
fn code_of_another_engine() {
    let (mut callee, mut caller) = (engine(), engine());
    let (seven, eight) = (adding(&mut callee, 7), adding(&mut caller, 8));
    let at = address(&seven);
    caller.bind_code("seven", &seven).unwrap();
    caller.bind_code("own", &eight).unwrap();
    drop((seven, callee, eight));
    let clif = "function %fifteen(i32) -> i32 system_v {
            sig0 = (i32) -> i32 system_v
            fn0 = %seven sig0
            fn1 = %own sig0
        block0(v0: i32):
            v1 = call fn0(v0)
            v2 = call fn1(v1)
            return v2
        }";
    program(&mut caller, clif).unwrap();
    caller.finalize().unwrap();
    // SAFETY: an `int(int)`.
    let fifteen = unsafe { named::<IntFn>(&caller, "fifteen").code().clone() };
    drop(caller);
    assert_eq!(call(&fifteen, 0), 15);
    assert!(is_executable(at));
    let caller_at = address(&fifteen);
    drop(fifteen);
    assert!(!is_executable(at) && !is_executable(caller_at));
}

/// Engines are made on one thread and used on another. Many threads call code at once while its
/// engine goes on. The last owner ends on a thread of its own.
fn threads() {
    let mut engines: Vec<_> = (0..4).map(|_| engine()).collect();
    let numbered = engines.iter_mut().zip(0..);
    let codes: Vec<_> = numbered.map(|(engine, i)| adding(engine, i)).collect();
    let at: Vec<_> = codes.iter().map(address).collect();
    let start = Arc::new(Barrier::new(8 + engines.len()));
    let callers = (0..8).map(|thread_idx| {
        let (codes, start) = (codes.clone(), Arc::clone(&start));
        thread::spawn(move || {
            start.wait();
            for x in 0..2000 {
                for (n, code) in (0..).zip(&codes) {
                    assert_eq!(call(code, x + thread_idx), x + thread_idx + n);
                }
            }
        })
    });
    let mut threads: Vec<_> = callers.collect();
    drop(codes);
    threads.extend(engines.into_iter().map(|mut engine| {
        let start = Arc::clone(&start);
        thread::spawn(move || {
            start.wait();
            for n in 100..150 {
                assert_eq!(call(&adding(&mut engine, n), 1), n + 1);
            }
        })
    }));
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(!at.into_iter().any(is_executable));
}

/// Promises of the documentation, checked by the compiler.
const _: () = {
    const fn send<T: Send>() {}
    const fn send_sync<T: Send + Sync>() {}
    send::<Engine>();
    send_sync::<Code>();
    send_sync::<TypedCode<extern "C" fn()>>();
    send_sync::<Library>();
    send_sync::<Error>();
};
