//! The example runs, and finds what it asserts.
#![allow(clippy::unwrap_used)] // an unexpected error ends the test
#![cfg(all(target_arch = "x86_64", unix))]

#[path = "../examples/struct_return.rs"]
mod struct_return;

#[test]
fn struct_return_runs() {
    struct_return::main().unwrap();
}
