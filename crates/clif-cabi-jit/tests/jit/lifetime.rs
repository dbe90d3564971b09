//! Lifetimes of code and libraries: code lives as long as its engine or any `Code` of it, on
//! whatever thread the last of them goes. Each test checks the mappings or allocations of its whole
//! process, and has one of its own.

mod leaks;

use std::path::Path;
use std::sync::{Arc, Barrier};
use std::thread;

use crate::common::*;

/// The type of all code here.
type Int = extern "C" fn(c_int) -> c_int;

fn address(code: &Code) -> usize {
    // SAFETY: only looked at.
    unsafe { code.as_ptr() }.addr()
}

/// `int add_n(int x) { return x + n; }`
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
    let function = unsafe { code.typed::<Int>() };
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
        let typed = unsafe { other.typed::<Int>() };
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

/// Code that is called by another engine's code lives as long as that.
fn code_of_another_engine() {
    let (mut callee, mut caller) = (engine(), engine());
    let (seven, own) = (adding(&mut callee, 7), adding(&mut caller, 8));
    let at = address(&seven);
    caller.bind_code("seven", &seven).unwrap();
    caller.bind_code("own", &own).unwrap();
    drop((seven, callee, own));
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
    let fifteen = unsafe { named::<Int>(&caller, "fifteen").code().clone() };
    drop(caller);
    assert_eq!(call(&fifteen, 0), 15);
    assert!(is_executable(at));
    let caller_at = address(&fifteen);
    drop(fifteen);
    assert!(!is_executable(at) && !is_executable(caller_at));
}

/// Engines made on one thread and used on another; code called by many at once while its engine
/// goes on; the last owner gone on a thread of its own.
fn threads() {
    let mut engines: Vec<_> = (0..4).map(|_| engine()).collect();
    let all = engines.iter_mut().zip(0..);
    let codes: Vec<_> = all.map(|(engine, i)| adding(engine, i)).collect();
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

/// A library that only the test knows: it is called, calls back, and has a last word.
const C: &str = "
static int (*last_word)(int);
int apply(int (*f)(int), int x) { return f(x) + 1; }
void at_close(int (*f)(int)) { last_word = f; }
__attribute__((destructor)) static void close_down(void) { if (last_word) last_word(1); }
";

fn is_open(library: &Path) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.contains(library.to_str().unwrap())
}

#[test]
fn a_library_stays_open_as_long_as_code_may_call_it() {
    alone(
        "lifetime::a_library_stays_open_as_long_as_code_may_call_it",
        || {
            let path = build_library(&cc(), &[], "callbacks", C);
            let mut engine = engine();
            // SAFETY: its destructor calls what `at_close` was given, which is still alive then.
            let library = unsafe { Library::open(&path) }.unwrap();
            engine.add_library(&library);
            drop(library);
            let counter: *const c_int = Box::leak(Box::new(0));
            engine.bind("counter", counter.cast()).unwrap();
            let data = engine.declare_data("counter", Linkage::Import, true, false);
            data.unwrap();
            // int twice(int x) { counter += 1; return x + x; }
            // int through(int x) { at_close(twice); return apply(twice, x); }
            let text = "
                function %twice(i32) -> i32 system_v {
                    gv0 = symbol %counter
                block0(v0: i32):
                    v1 = symbol_value.i64 gv0
                    v2 = load.i32 v1
                    v3 = iconst.i32 1
                    v4 = iadd v2, v3
                    store v4, v1
                    v5 = iadd v0, v0
                    return v5
                }
                function %through(i32) -> i32 system_v {
                    fn0 = %apply(i64, i32) -> i32 system_v
                    fn1 = %at_close(i64) system_v
                    fn2 = colocated %twice(i32) -> i32 system_v
                block0(v0: i32):
                    v1 = func_addr.i64 fn2
                    call fn1(v1)
                    v2 = call fn0(v1, v0)
                    return v2
                }";
            program(&mut engine, text).unwrap();
            engine.finalize().unwrap();
            // SAFETY: an `int(int)`.
            let through = unsafe { named::<Int>(&engine, "through").code().clone() };
            drop(engine);
            assert_eq!(call(&through, 20), 41);
            assert!(is_open(&path));
            // SAFETY: leaked above; written by compiled code only.
            assert_eq!(unsafe { counter.read_volatile() }, 1);
            drop(through);
            assert!(!is_open(&path));
            // SAFETY: as above. The library's last word still found the code.
            assert_eq!(unsafe { counter.read_volatile() }, 2);
        },
    );
}

/// A system that forbids memory to become executable: an error, where cranelift-jit's own memory
/// would panic. A process cannot take this back.
#[test]
fn memory_that_may_not_be_executable_is_an_error() {
    unsafe extern "C" {
        fn prctl(option: i32, ...) -> i32;
    }
    const PR_SET_MDWE: i32 = 65;
    const PR_MDWE_REFUSE_EXEC_GAIN: u64 = 1;
    alone(
        "lifetime::memory_that_may_not_be_executable_is_an_error",
        || {
            let mut engine = engine();
            // SAFETY: a request about this process, without pointers.
            if unsafe { prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0u64, 0u64, 0u64) } != 0 {
                println!("not run: this kernel has no PR_SET_MDWE (Linux 6.3)");
                return;
            }
            let clif = "function %f() system_v {\nblock0:\n return\n}";
            let id = add(&mut engine, "f", clif);
            for _ in 0..2 {
                let error = engine.finalize().unwrap_err();
                assert!(matches!(error, Error::Memory { .. }), "{error}");
                let error = error.to_string();
                let why = "cannot make memory executable: ";
                assert!(error.starts_with(why), "{error}");
                assert!(engine.code(id).is_err());
            }
        },
    );
}
