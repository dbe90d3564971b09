//! Handlers of `try_call`: entered by exceptions of C++, panics of Rust, RaiseException and faults.
//! The suite `emission` has arguments and results of such calls.

use std::ffi::{CStr, c_char};

use super::*;

thread_local! {
    static NOTED: Cell<i64> = const { Cell::new(0) };
}

extern "C" fn note(n: i64) {
    NOTED.set(NOTED.get() + n);
}

/// Handlers: a name, the item of the exception table, and code. In the code v1 to v3 are the
/// function's parameters, v10 is the exception, v11 the selector.
const HANDLERS: [(&str, &str, &str); 5] = [
    (
        "all",
        "default",
        "v20 = call fn1(v10)
        call fn2()
        v21 = iconst.i64 1000
        jump block1(v21)",
    ),
    ("typed", "tag1", TYPED),
    ("other", "tag2", TYPED),
    (
        "cleanup",
        "tag0",
        "call fn3(v1)
        call fn3(v3)
        call fn4(v10)
        trap user1",
    ),
    (
        "returns",
        "default",
        "v20 = iconst.i64 1000
        jump block1(v20)",
    ),
];

/// Returns 1000 times the selector.
const TYPED: &str = "v20 = call fn1(v10)
        call fn2()
        v21 = ireduce.i32 v11
        v22 = sextend.i64 v21
        v23 = iconst.i64 1000
        v24 = imul v22, v23
        jump block1(v24)";

/// Defines a function `i64 NAME(i64 n, i64 a, i64 b, i64 c)` for each of these handlers. It returns
/// the result of `i64 callee(i64 n)` or of the handler, and `a + 2 b + 3 c` more. By the signature
/// of the call, `n` is in rcx, and four words are the shadow space.
fn callers<const N: usize>(
    engine: &mut Engine,
    callee: &str,
    handlers: [&str; N],
) -> [TypedCode<FourFn>; N] {
    let (words, args) = (["i64"; 10].join(", "), ["v0"; 10].join(", "));
    for (name, item, code) in HANDLERS.iter().filter(|own| handlers.contains(&own.0)) {
        let text = format!(
            "function %{name}(i64, i64, i64, i64) -> i64 windows_fastcall {{
                sig0 = ({words}) -> i64 system_v
                fn0 = %{callee}(i64) -> i64 windows_fastcall
                fn1 = %__cxa_begin_catch(i64) -> i64 windows_fastcall
                fn2 = %__cxa_end_catch() windows_fastcall
                fn3 = %note(i64) windows_fastcall
                fn4 = %_Unwind_Resume(i64) windows_fastcall
            block0(v0: i64, v1: i64, v2: i64, v3: i64):
                v4 = func_addr.i64 fn0
                try_call_indirect v4({args}), sig0, block1(ret0), [ {item}: block2(exn0, exn1) ]
            block1(v5: i64):
                v6 = iadd v5, v1
                v7 = iadd v6, v2
                v8 = iadd v7, v2
                v9 = iconst.i64 3
                v12 = imul v3, v9
                v13 = iadd v8, v12
                return v13
            block2(v10: i64, v11: i64):
                {code}
            }}"
        );
        program(engine, &text).unwrap();
    }
    engine.finalize().unwrap();
    // SAFETY: compiled so just above.
    handlers.map(|name| unsafe { named::<FourFn>(engine, name) })
}

/// Returns an engine with the functions of `dll`.
fn cxx(dll: &Library, personality: Personality, level: OptLevel) -> Engine {
    let settings = Settings::default()
        .opt_level(level)
        .personality(personality);
    let mut engine = Engine::new(&settings).unwrap();
    engine.add_library(dll);
    engine.bind("note", note as *const u8).unwrap();
    bind_cxx(&mut engine, dll);
    engine
}

/// Binds the names of the C++ library in `dll`.
pub(crate) fn bind_cxx(engine: &mut Engine, dll: &Library) {
    #[repr(C)]
    struct NamedAddress(*const c_char, *const u8);
    let all = dll
        .symbol("cxx_symbols")
        .unwrap()
        .cast::<[NamedAddress; 6]>();
    // SAFETY: six in windows.cc.
    for NamedAddress(name, address) in unsafe { &*all } {
        // SAFETY: a string literal there.
        let name = unsafe { CStr::from_ptr(*name) };
        engine.bind(name.to_str().unwrap(), *address).unwrap();
    }
}

fn gnu() -> Personality {
    let own = Personality::new("__gxx_personality_seh0").cleanup(0);
    own.catches(1, "_ZTId")
        .catches(1, "_ZTIi")
        .catches(2, "_ZTId")
}

/// Exceptions enter handlers of each kind, with the values of the function that has the handler.
/// The registers of that function's caller are kept.
#[test]
fn exceptions_enter_handlers() {
    let Some(dll) = dll() else {
        return;
    };
    for level in [OptLevel::None, OptLevel::Speed] {
        let mut engine = cxx(&dll, gnu(), level);
        // Without handlers, before and between the others.
        program(&mut engine, &PASS.replace("%callback", "%throws")).unwrap();
        let names = ["all", "typed", "other", "cleanup"];
        let callers = callers(&mut engine, "throws", names);
        let [all, typed, other, cleanup] = &callers;
        for own in &callers {
            assert_eq!(own(0, 2, 3, 4), 20, "{level:?}");
        }
        assert_eq!(all(3, 2, 3, 4), 1020);
        assert_eq!(typed(3, 2, 3, 4), 3020);
        assert_eq!([typed(-3, 2, 3, 4), other(-3, 2, 3, 4)], [2020, 2020]);
        for (own, wrong) in [(all, 100), (typed, 100), (other, 0), (cleanup, 0)] {
            NOTED.set(0);
            let wrong_of = |n| wrong_registers(&engine, **own, n);
            assert_eq!([0, 1, 2].map(wrong_of), [100, wrong, wrong]);
            let noted = if std::ptr::eq(own, cleanup) { 12 } else { 0 };
            assert_eq!(NOTED.get(), noted);
        }
    }
}

/// The control: a personality that enters nothing.
#[test]
fn the_personality_decides() {
    extern "C" fn passes_by() -> c_int {
        1 // ExceptionContinueSearch
    }
    let Some(dll) = dll() else {
        return;
    };
    let mut engine = cxx(&dll, Personality::new("passes_by"), OptLevel::Speed);
    engine.bind("passes_by", passes_by as *const u8).unwrap();
    let [all] = callers(&mut engine, "throws", ["all"]);
    assert_eq!(all(0, 2, 3, 4), 20);
    assert_eq!(wrong_registers(&engine, *all, 5), 0);
}

/// Panics of Rust run cleanups, and go on.
#[test]
fn panics_enter_cleanups() {
    extern "C-unwind" fn panics_unless_0(n: i64) -> i64 {
        if n == 0 { 5 } else { panics(n) }
    }
    // With `extern "C"`, LLVM would take the latter for one that never unwinds.
    unsafe extern "C-unwind" {
        fn rust_eh_personality();
        fn _Unwind_Resume();
    }
    let personality = Personality::new("rust_eh_personality").cleanup(0);
    let mut engine = Engine::new(&Settings::default().personality(personality)).unwrap();
    for (name, address) in [
        ("rust_eh_personality", rust_eh_personality as *const u8),
        ("_Unwind_Resume", _Unwind_Resume as *const u8),
        ("panics", panics_unless_0 as *const u8),
        ("note", note as *const u8),
    ] {
        engine.bind(name, address).unwrap();
    }
    let [cleanup] = callers(&mut engine, "panics", ["cleanup"]);
    assert_eq!(cleanup(0, 2, 3, 4), 25);
    for n in 0..30 {
        NOTED.set(0);
        let numbers = [1, 2, 3, 4, 5, 6, 7, 8].map(|own| own << n);
        assert_eq!(keeps(*cleanup, &numbers), Some(numbers));
        assert_eq!(NOTED.get(), (2 + 4) << n);
    }
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn RaiseException(code: u32, flags: u32, n: u32, values: *const usize);
}

/// Microsoft's personality of C enters handlers for all exceptions, faults of callees included.
#[test]
fn exceptions_of_the_system_enter_handlers() {
    /// Returns the address of a 5, or one that nothing is mapped at; or raises an exception.
    extern "C-unwind" fn address(n: i64) -> usize {
        static FIVE: i64 = 5;
        if n == 1 {
            // SAFETY: an exception without values.
            unsafe { RaiseException(0xe000_1234, 0, 0, std::ptr::null()) };
        }
        if n == 0 { (&raw const FIVE).addr() } else { 8 }
    }
    let personality = Personality::new("__C_specific_handler");
    let mut engine = Engine::new(&Settings::default().personality(personality)).unwrap();
    engine.bind("address", address as *const u8).unwrap();
    let text = "function %raises(i64) -> i64 windows_fastcall {
            fn0 = %address(i64) -> i64 windows_fastcall
        block0(v0: i64):
            v1 = call fn0(v0)
            v2 = load.i64 v1
            return v2
        }";
    program(&mut engine, text).unwrap();
    let [returns] = callers(&mut engine, "raises", ["returns"]);
    let results = [0, 1, 2, 0].map(|n| returns(n, 2, 3, 4));
    assert_eq!(results, [25, 1020, 1020, 25]);
}
