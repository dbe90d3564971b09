//! Symbols that are missing, or cannot be.

use super::{CALLS_0, message, works};

use crate::common::*;

#[test]
fn missing_symbols_are_listed_with_their_users_and_can_be_bound_later() {
    let mut engine = engine();
    import(&mut engine, "no_such_function", "() system_v");
    import(&mut engine, "nor_this", "() system_v");
    add(&mut engine, "f", CALLS_0);
    add(&mut engine, "g", CALLS_0);
    add(&mut engine, "h", &CALLS_0.replace("u0:0", "u0:1"));
    assert_eq!(
        message(engine.finalize()),
        "cannot find no_such_function (used by f, g), nor_this (used by h); searched: the process. If a library has it, open and add that first"
    );
    extern "C" fn nothing() {}
    let nothing = nothing as extern "C" fn() as *const u8;
    engine.bind("nor_this", nothing).unwrap();
    assert_eq!(
        message(engine.finalize()),
        "cannot find no_such_function (used by f, g); searched: the bound symbols, the process. If a library has it, open and add that first"
    );
    assert_eq!(
        message(engine.symbol("nobody")),
        "cannot find nobody; searched: the bound symbols, the process. If a library has it, open and add that first"
    );
    engine.bind("no_such_function", nothing).unwrap();
    works(&mut engine);
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn libraries_are_named_in_what_was_searched() {
    let mut engine = engine();
    // SAFETY: libm has no routines of its own to run.
    let libm = unsafe { Library::open("libm.so.6") }.unwrap();
    engine.add_library(&libm);
    assert_eq!(
        message(engine.symbol("cbrt_of_two")),
        "cannot find cbrt_of_two; searched: libm.so.6, the process. If a library has it, open and add that first"
    );
    assert_eq!(
        message(libm.symbol("cbrt_of_two")),
        "cannot find cbrt_of_two; searched: libm.so.6"
    );
    assert_eq!(engine.symbol("cbrt").unwrap(), libm.symbol("cbrt").unwrap());
    assert_eq!(
        // SAFETY: there is nothing to open.
        message(unsafe { Library::open("libnothing.so.1") }),
        "cannot open library libnothing.so.1: libnothing.so.1: cannot open shared object file: No such file or directory"
    );
}

#[test]
fn names_with_nul_are_no_symbols() {
    let mut engine = engine();
    let sig = signature("() system_v");
    let expected = "symbol name \"a\\0b\" contains a NUL byte";
    assert_eq!(message(engine.declare_import("a\0b", &sig)), expected);
    assert_eq!(message(engine.declare_export("a\0b", &sig)), expected);
    assert_eq!(message(engine.bind("a\0b", std::ptr::null())), expected);
    assert_eq!(message(engine.symbol("a\0b")), expected);
    assert!(
        engine
            .declare_data("a\0b", Linkage::Import, false, false)
            .is_err()
    );
    // SAFETY: nothing is opened.
    assert!(unsafe { Library::open("a\0b") }.is_err());
    let lower = Lowering::new(engine.isa()).unwrap();
    let sig = FnSig::new([Type::F64], Type::F64);
    let error = lower.declare_import(&mut engine, "a\0b", &sig);
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("a\0b, double (double): module: "));
    works(&mut engine);
}

#[test]
fn a_name_has_one_address() {
    let mut engine = engine();
    let (one, two) = (std::ptr::dangling::<u8>(), std::ptr::without_provenance(2));
    engine.bind("one", one).unwrap();
    engine.bind("one", one).unwrap();
    let expected = "symbol one already has another address";
    assert_eq!(message(engine.bind("one", two)), expected);
    // Found in the process by finalized code, so too late for another.
    import(&mut engine, "abort", "() system_v");
    add(&mut engine, "f", CALLS_0);
    engine.finalize().unwrap();
    assert!(engine.bind("abort", one).is_err());
    let sig = signature("() system_v");
    let abort = engine.declare_export("abort", &sig).unwrap();
    assert_eq!(
        message(define(&mut engine, abort, CALLS_0)),
        "abort is an import and cannot be defined"
    );
    works(&mut engine);
}
