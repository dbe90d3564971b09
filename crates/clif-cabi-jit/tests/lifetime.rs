//! How long code lives: as long as its engine or any `Code` of it, on whatever thread the last of them goes.
//!
//! One test, since it looks at what the whole process has mapped.
#![allow(clippy::unwrap_used)] // an unexpected error ends the test
#![cfg(all(has_engine, target_os = "linux"))]

mod common;

use std::ffi::c_int;
use std::sync::{Arc, Barrier};
use std::thread;

use clif_cabi_jit::{Code, Engine};
use common::{add, engine, import, is_executable};

fn address(code: &Code) -> usize {
    // SAFETY: only looked at.
    unsafe { code.as_ptr() }.addr()
}

/// `int add_n(int x) { return x + n; }`
fn adder(engine: &mut Engine, n: i32) -> Code {
    let id = add(
        engine,
        &format!("add_{n}"),
        &format!(
            "function %add(i32) -> i32 system_v {{
            block0(v0: i32):
                v1 = iconst.i32 {n}
                v2 = iadd v0, v1
                return v2
            }}"
        ),
    );
    engine.finalize().unwrap();
    engine.code(id).unwrap()
}

fn call(code: &Code, x: c_int) -> c_int {
    // SAFETY: all code here is `int(int)`.
    let function = unsafe { code.typed::<extern "C" fn(c_int) -> c_int>() };
    function(x)
}

#[test]
fn code_lives_as_long_as_its_last_owner() {
    // The engine first, then the code.
    let mut first = engine();
    let code = adder(&mut first, 1);
    let (other, at) = (adder(&mut first, 2), address(&code));
    assert!(is_executable(at));
    drop(first);
    assert_eq!(call(&code, 41), 42);
    drop(code);
    // Another function of the same engine keeps it all.
    assert!(is_executable(at));
    assert_eq!(call(&other, 40), 42);
    // A typed function is an owner too.
    // SAFETY: an `int(int)`.
    let typed = unsafe { other.typed::<extern "C" fn(c_int) -> c_int>() };
    drop(other);
    assert_eq!(typed(40), 42);
    drop(typed);
    assert!(!is_executable(at));

    // The code first, then the engine.
    let mut second = engine();
    let at = address(&adder(&mut second, 3));
    assert!(is_executable(at));
    drop(second);
    assert!(!is_executable(at));

    code_of_another_engine();
    threads();
}

/// Code that is called by another engine's code lives as long as that.
fn code_of_another_engine() {
    let mut callee = engine();
    let mut caller = engine();
    let (seven, own) = (adder(&mut callee, 7), adder(&mut caller, 8));
    let at = address(&seven);
    caller.bind_code("seven", &seven).unwrap();
    caller.bind_code("own", &own).unwrap();
    drop((seven, callee, own));
    let seven = import(&mut caller, "seven", "(i32) -> i32 system_v");
    let own = import(&mut caller, "own", "(i32) -> i32 system_v");
    let fifteen = add(
        &mut caller,
        "fifteen",
        &format!(
            "function %f(i32) -> i32 system_v {{
                sig0 = (i32) -> i32 system_v
                fn0 = u0:{} sig0
                fn1 = u0:{} sig0
            block0(v0: i32):
                v1 = call fn0(v0)
                v2 = call fn1(v1)
                return v2
            }}",
            seven.as_u32(),
            own.as_u32()
        ),
    );
    caller.finalize().unwrap();
    let fifteen = caller.code(fifteen).unwrap();
    drop(caller);
    assert_eq!(call(&fifteen, 0), 15);
    assert!(is_executable(at));
    let caller_at = address(&fifteen);
    drop(fifteen);
    assert!(!is_executable(at) && !is_executable(caller_at));
}

/// Engines made on one thread and used on another; code called by many at once while its engine goes on; the last
/// owner gone on a thread of its own.
fn threads() {
    const THREADS: i32 = 8;
    let mut engines: Vec<_> = (0..4).map(|_| engine()).collect();
    let codes: Vec<_> = engines
        .iter_mut()
        .enumerate()
        .map(|(i, engine)| adder(engine, i32::try_from(i).unwrap()))
        .collect();
    let at: Vec<_> = codes.iter().map(address).collect();
    let start = Arc::new(Barrier::new(
        usize::try_from(THREADS).unwrap() + engines.len(),
    ));
    let callers: Vec<_> = (0..THREADS)
        .map(|thread_idx| {
            let (codes, start) = (codes.clone(), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                for x in 0..2000 {
                    for (n, code) in codes.iter().enumerate() {
                        let sum = x + thread_idx + i32::try_from(n).unwrap();
                        assert_eq!(call(code, x + thread_idx), sum);
                    }
                }
            })
        })
        .collect();
    drop(codes);
    let makers: Vec<_> = engines
        .into_iter()
        .map(|mut engine| {
            let start = Arc::clone(&start);
            thread::spawn(move || {
                start.wait();
                for n in 100..150 {
                    let code = adder(&mut engine, n);
                    assert_eq!(call(&code, 1), n + 1);
                }
            })
        })
        .collect();
    for thread in callers.into_iter().chain(makers) {
        thread.join().unwrap();
    }
    for at in at {
        assert!(!is_executable(at));
    }
}

/// What the documentation promises, checked by the compiler.
#[allow(dead_code)]
fn bounds() {
    fn send<T: Send>() {}
    fn send_sync<T: Send + Sync>() {}
    send::<Engine>();
    send_sync::<Code>();
    send_sync::<clif_cabi_jit::TypedCode<extern "C" fn()>>();
    send_sync::<clif_cabi_jit::Library>();
    send_sync::<clif_cabi_jit::Error>();
}
