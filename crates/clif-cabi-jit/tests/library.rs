//! A shared library that only the test knows, opened by its path: it is called, it calls back, and it stays open exactly
//! as long as code may call it.
//!
//! One test, since it looks at what the whole process has mapped.
#![allow(clippy::unwrap_used)] // an unexpected error ends the test
#![cfg(all(has_engine, target_os = "linux"))]

mod common;

use std::ffi::c_int;
use std::path::Path;

use clif_cabi_jit::{Engine, Library};
use common::{add, build_library, cc, engine, function, import};

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
    let path = build_library(&cc(), &[], "callbacks", C);
    let mut engine = engine();
    // SAFETY: its destructor calls what `at_close` was given, which is still alive then.
    let library = unsafe { Library::open(&path) }.unwrap();
    engine.add_library(&library);
    drop(library);
    import(&mut engine, "apply", "(i64, i32) -> i32 system_v");
    import(&mut engine, "at_close", "(i64) system_v");
    let counter = twice(&mut engine);
    // int through(int x) { at_close(twice); return apply(twice, x); }
    let through = add(
        &mut engine,
        "through",
        "function %through(i32) -> i32 system_v {
            sig0 = (i64, i32) -> i32 system_v
            sig1 = (i64) system_v
            sig2 = (i32) -> i32 system_v
            fn0 = u0:0 sig0
            fn1 = u0:1 sig1
            fn2 = colocated u0:2 sig2
        block0(v0: i32):
            v1 = func_addr.i64 fn2
            call fn1(v1)
            v2 = call fn0(v1, v0)
            return v2
        }",
    );
    engine.finalize().unwrap();
    // SAFETY: an `int(int)`.
    let through = unsafe { function::<extern "C" fn(c_int) -> c_int>(&engine, through) };
    drop(engine);
    assert_eq!(through(20), 41);
    assert!(is_open(&path));
    // SAFETY: leaked above; written by compiled code only.
    assert_eq!(unsafe { counter.read_volatile() }, 1);
    drop(through);
    assert!(!is_open(&path));
    // SAFETY: as above. The library's last word still found the code.
    assert_eq!(unsafe { counter.read_volatile() }, 2);

    missing_at_once();
}

/// Adds a function `twice` that counts its calls. Returns the counter, which is leaked.
fn twice(engine: &mut Engine) -> *const c_int {
    let counter = Box::leak(Box::new(0));
    engine.bind("counter", (&raw mut *counter).cast()).unwrap();
    let counter_id = {
        use clif_cabi_jit::cranelift_module::{Linkage, Module};
        engine
            .declare_data("counter", Linkage::Import, true, false)
            .unwrap()
    };
    // int twice(int x) { counter += 1; return x + x; }
    add(
        engine,
        "twice",
        &format!(
            "function %twice(i32) -> i32 system_v {{
                gv0 = symbol u1:{}
            block0(v0: i32):
                v1 = symbol_value.i64 gv0
                v2 = load.i32 v1
                v3 = iconst.i32 1
                v4 = iadd v2, v3
                store v4, v1
                v5 = iadd v0, v0
                return v5
            }}",
            counter_id.as_u32()
        ),
    );
    counter
}

/// A library that lacks a symbol is refused when it is opened, not at its first call.
fn missing_at_once() {
    let text =
        "extern int nowhere_to_be_found(int); int f(int x) { return nowhere_to_be_found(x); }";
    let path = build_library(&cc(), &[], "incomplete", text);
    // SAFETY: it has no routines of its own to run.
    let error = unsafe { Library::open(&path) }.unwrap_err().to_string();
    assert!(
        error.contains("undefined symbol: nowhere_to_be_found"),
        "{error}"
    );
}
