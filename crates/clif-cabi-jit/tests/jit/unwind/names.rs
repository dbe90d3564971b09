//! Exceptions pass C++, stubs and JIT code, and a backtrace through them has a frame for each, in which every function has its name: by the crate `backtrace`, and by `symbol_at` for code in memory.

use super::cxx::{compilers, gxx};
use super::kinds::build;
use super::nested::{Nested, Outer, nested, outer};
use clif_cabi_jit::symbol_at;
use std::backtrace::Backtrace;
use std::cell::RefCell;

use crate::common::*;

thread_local! {
    /// The names, and what std says.
    static SEEN: RefCell<(Vec<String>, String)> = RefCell::default();
}

/// The names of all functions that have not returned.
fn names() -> Vec<String> {
    let mut names = Vec::new();
    backtrace::trace(|frame| {
        let before = names.len();
        backtrace::resolve_frame(frame, |symbol| {
            names.extend(symbol.name().map(|name| format!("{name:#}")));
        });
        if names.len() == before {
            let symbol = symbol_at(frame.ip().cast::<u8>().wrapping_sub(1));
            names.push(symbol.map_or("?".to_owned(), |own| format!("jit {}", own.name)));
        }
        true
    });
    names
}

/// What C++ calls in the end.
extern "C-unwind" fn callback() -> c_int {
    SEEN.set((names(), Backtrace::force_capture().to_string()));
    7
}

#[test]
fn every_function_has_its_name() {
    // One: `backtrace` asks once for all which libraries there are.
    let Some(compiler) = compilers().pop() else {
        return;
    };
    let library = build("unwind_names", &compiler);
    let mut engine = Engine::new(&Settings::default().personality(gxx())).unwrap();
    engine.add_library(&library);
    // SAFETY: as the C++ text declares it.
    let called_with: extern "C" fn(*const c_void, extern "C-unwind" fn() -> c_int) -> c_int =
        unsafe { symbol(&engine, "called_with") };
    // SAFETY: as above.
    let caught_of: extern "C" fn(Outer) -> c_int = unsafe { symbol(&engine, "caught_of") };
    // From the function that C++ calls in the end to the one that calls first.
    let called = |code: *const c_void| {
        assert_eq!(called_with(code, callback), 7);
        let (names, of_std) = SEEN.take();
        let start = names.iter().position(|own| own.ends_with("callback"));
        let end = names.iter().position(|own| own == "called_with");
        let (start, end) = (start.unwrap() + 1, end.unwrap());
        assert!(!names[..end].iter().any(|own| own == "?"), "{names:?}");
        (names[start..end].to_vec(), of_std)
    };
    for Nested {
        name,
        code,
        n_frames,
    } in nested(&mut engine)
    {
        assert_eq!(caught_of(code), 1005, "{name}");
        let (names, of_std) = called(code as *const c_void);
        // C++'s own among them, and the stub before the function that it enters.
        assert!(names.contains(&format!("jit {name}")), "{name} {names:?}");
        assert_eq!(c_int::try_from(names.len()).unwrap(), n_frames, "{names:?}");
        // The control: std alone does not know it.
        assert!(of_std.contains("<unknown>") && !of_std.contains(name));
    }
    let closures = closures();
    let interface = closures.interface(&outer()).unwrap();
    let closure = interface.closure("closure", |_, result| result.set(callback()).unwrap());
    let closure = closure.unwrap();
    let (names, _) = called(closure.code());
    assert!(names.contains(&"jit closure".to_owned()), "{names:?}");
}
