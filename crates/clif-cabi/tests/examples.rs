//! The examples run, and find what they assert.
#![allow(clippy::unwrap_used)] // an unexpected error ends the test
#![cfg(all(target_arch = "x86_64", unix))]

#[path = "../examples/own_stubs.rs"]
mod own_stubs;
#[path = "../examples/struct_return.rs"]
mod struct_return;

#[test]
fn struct_return_runs() {
    struct_return::main().unwrap();
}

#[test]
fn own_stubs_runs() {
    own_stubs::main().unwrap();
}
