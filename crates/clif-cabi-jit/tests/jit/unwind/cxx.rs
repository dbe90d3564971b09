//! Exceptions of C++: thrown below JIT code, caught above it or in it.

use crate::common::*;

/// Callees that return and that throw, and a caller that catches.
const TEXT: &str = r#"
extern "C" {
int noted;
void note() { ++noted; }
int noted_so_far() { return noted; }
int returns(int n) { return n; }
int throws(int n) { throw n; }
int throws_double(int n) { throw n + 0.5; }
/* What f(g, n) returns, or what is caught from it. */
int catches(int (*f)(int (*)(int), int), int (*g)(int), int n) {
  try { return f(g, n); }
  catch (int caught) { return 1000 + caught; }
  catch (double) { return 2000; }
}
}
"#;

/// The C++ compilers of this target that are here, with flags.
pub(crate) fn compilers() -> Vec<(&'static str, Vec<&'static str>)> {
    let (names, flags): (&[&str], &[&str]) = if GCC == "gcc" {
        (&["g++", "clang++-19"], &[])
    } else {
        // No C++ library to develop with is installed for it, only the one to run.
        let path = "-L/usr/aarch64-linux-gnu/lib";
        (&["clang++-19"], &["-nostdlib++", "-l:libstdc++.so.6", path])
    };
    let here = compilers_here(names).into_iter();
    here.map(|cxx| (cxx, [&["-x", "c++"], flags].concat()))
        .collect()
}

/// C++'s own; a handler of tag 0 is a cleanup, one of tag 1 catches `int`, one of tag 2 `double` or `int`.
pub(crate) fn gxx() -> Personality {
    Personality::new("__gxx_personality_v0")
        .cleanup(0)
        .catches(1, "_ZTIi")
        .catches(2, "_ZTId")
        .catches(2, "_ZTIi")
}

/// `int name(int (*g)(int), int n)` for each kind of handler, and one without.
fn functions(engine: &mut Engine) {
    let head = "(i64, i32) -> i32 system_v {
        sig0 = (i32) -> i32 system_v
        fn0 = %__cxa_begin_catch(i64) -> i64 system_v
        fn1 = %__cxa_end_catch() system_v
        fn2 = %note() system_v
        fn3 = %_Unwind_Resume(i64) system_v
    block0(v0: i64, v1: i32):\n";
    let mut define = |name: &str, handlers: &str, handler: &str| {
        let call = match handlers {
            "" => "v2 = call_indirect sig0, v0(v1)\n jump block1(v2)\n".to_owned(),
            handlers => format!(
                "try_call_indirect v0(v1), sig0, block1(ret0), [ {handlers}: block2(exn0, exn1) ]\n"
            ),
        };
        let text = format!(
            "function %{name}{head} {call}block1(v9: i32):\n return v9\nblock2(v3: i64, v4: i64):\n {handler}\n}}"
        );
        program(engine, &text).unwrap();
    };
    let trap = "trap user1";
    define("passes", "", trap);
    let caught = |result: &str| format!("v5 = call fn0(v3)\n {result}\n call fn1()\n return v6");
    define("catch_all", "default", &caught("v6 = iconst.i32 -1"));
    define("catch_int", "tag1", &caught("v6 = load.i32 v5"));
    define("selects", "tag2", &caught("v6 = ireduce.i32 v4"));
    define("cleanup", "tag0", "call fn2()\n call fn3(v3)\n trap user1");
}

type Thrower = extern "C-unwind" fn(c_int) -> c_int;
type Catches = unsafe extern "C" fn(*const u8, Thrower, c_int) -> c_int;

/// An engine with the library and the functions above.
fn with_functions(name: &str, (cxx, flags): &(&str, Vec<&str>), settings: &Settings) -> Engine {
    let library = library(cxx, flags, name, TEXT);
    let mut engine = Engine::new(settings).unwrap();
    engine.add_library(&library);
    functions(&mut engine);
    engine.finalize().unwrap();
    engine
}

/// What is caught above `function`, or what it returns, called with `callee`.
fn called(engine: &Engine, function: &str, callee: &str, n: c_int) -> c_int {
    // SAFETY: functions of these types.
    unsafe {
        let own = named::<extern "C-unwind" fn(Thrower, c_int) -> c_int>(engine, function);
        let catches: Catches = symbol(engine, "catches");
        let callee: Thrower = symbol(engine, callee);
        catches(own.code().as_ptr().cast(), callee, n)
    }
}

#[test]
fn exceptions_pass_and_enter_handlers() {
    for compiler in compilers() {
        let settings = Settings::default().personality(gxx());
        let engine = with_functions("unwind_cxx", &compiler, &settings);
        let called = |function, callee, n| called(&engine, function, callee, n);
        for function in ["passes", "catch_all", "catch_int", "cleanup"] {
            assert_eq!(called(function, "returns", 3), 3);
        }
        assert_eq!(called("passes", "throws", 3), 1003);
        assert_eq!(called("passes", "throws_double", 3), 2000);
        assert_eq!(called("catch_all", "throws", 3), -1);
        assert_eq!(called("catch_all", "throws_double", 3), -1);
        // Which of two types, by the selector.
        assert_eq!(called("selects", "throws", 3), 2);
        assert_eq!(called("selects", "throws_double", 3), 3);
        assert_eq!(called("catch_int", "throws", 3), 3);
        assert_eq!(called("catch_int", "throws_double", 3), 2000);
        // SAFETY: `int noted_so_far(void)`.
        let noted: extern "C" fn() -> c_int =
            unsafe { core::mem::transmute(engine.symbol("noted_so_far").unwrap()) };
        let before = noted();
        assert_eq!(called("cleanup", "throws", 3), 1003);
        assert_eq!(noted(), before + 1);
    }
}

/// With a front end's own unwinder handlers are passed by, and what no handler of the process catches ends it.
#[test]
fn handlers_of_another_unwinder_are_passed_by() {
    for compiler in compilers() {
        let settings = Settings::default().personality(Personality::own_unwinder());
        let engine = with_functions("unwind_own", &compiler, &settings);
        assert_eq!(called(&engine, "catch_all", "throws", 3), 1003);
    }
}
