//! The examples run, and find what they assert.
#![allow(clippy::unwrap_used)] // an unexpected error ends the test
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

#[path = "../examples/div.rs"]
mod div;
#[path = "../examples/function_pointer.rs"]
mod function_pointer;
#[path = "../examples/gsl.rs"]
mod gsl;
#[path = "../examples/library.rs"]
mod library;
#[path = "../examples/qsort.rs"]
mod qsort;

#[test]
fn div_runs() {
    div::main().unwrap();
}

#[test]
fn function_pointer_runs() {
    function_pointer::main().unwrap();
}

#[test]
fn gsl_runs() {
    gsl::main().unwrap();
}

#[test]
#[cfg(target_env = "gnu")]
fn library_runs() {
    library::main().unwrap();
}

#[test]
fn qsort_runs() {
    qsort::main().unwrap();
}
