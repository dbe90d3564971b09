//! Libraries that code keeps open, as the system lists them, and a system that refuses memory.

use std::path::Path;

use super::{IntFn, call};
use crate::common::*;

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
        "lifetime::system::a_library_stays_open_as_long_as_code_may_call_it",
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
            let through = unsafe { named::<IntFn>(&engine, "through").code().clone() };
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

/// cranelift-jit writes a file for perf if the environment asks for it, and panics if it cannot.
#[test]
fn a_profile_that_cannot_be_opened_is_an_error() {
    unsafe extern "C" {
        fn setrlimit(resource: i32, limits: &[u64; 2]) -> i32;
    }
    const RLIMIT_NOFILE: i32 = 7;
    alone(
        "lifetime::system::a_profile_that_cannot_be_opened_is_an_error",
        || {
            // SAFETY: the process has no other thread that reads the environment.
            unsafe { std::env::set_var("PERF_BUILDID_DIR", "any") };
            let mut engine = engine();
            // SAFETY: a limit of this process, which is at most the one that it has.
            assert_eq!(unsafe { setrlimit(RLIMIT_NOFILE, &[0, 0]) }, 0);
            let clif = "function %f() system_v {\nblock0:\n return\n}";
            let id = engine.declare_export("f", &parse(clif).signature).unwrap();
            let error = message(define(&mut engine, id, clif));
            let panicked = "Cranelift panicked on function f: called `Result::unwrap()`";
            assert!(error.starts_with(panicked), "{error}");
            assert!(engine.finalize().is_ok() && engine.code(id).is_err());
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
        "lifetime::system::memory_that_may_not_be_executable_is_an_error",
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

/// At Linux's limit of mappings, pages in the middle of one cannot be unmapped.
#[test]
fn memory_that_cannot_be_unmapped_stays_reserved() {
    alone(
        "lifetime::system::memory_that_cannot_be_unmapped_stays_reserved",
        || {
            let mut engines: Vec<Engine> = (0..10).map(|_| engine()).collect();
            let page = region::page::size();
            let mut filler = region::alloc(page << 18, region::Protection::NONE).unwrap();
            let start = filler.as_mut_ptr::<u8>();
            let is_split = |i: usize| {
                let at = start.wrapping_add(2 * i * page);
                // SAFETY: a page of the filler.
                unsafe { region::protect(at, page, region::Protection::READ) }.is_ok()
            };
            if (0..1 << 17).all(is_split) {
                println!("not run: this kernel allows more than 262,144 mappings");
            }
            drop(engines.remove(5));
            drop(filler);
        },
    );
}
