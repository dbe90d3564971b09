//! A system that forbids memory to become executable: an error, where cranelift-jit's own memory would panic.
//!
//! A process cannot take this back, so the test runs itself again as a child.
#![allow(clippy::unwrap_used)] // an unexpected error ends the test
#![cfg(all(has_engine, target_os = "linux"))]

mod common;

use clif_cabi_jit::Error;
use common::{add, again, engine};

const CHILD: &str = "CLIF_CABI_JIT_HARDENED";

unsafe extern "C" {
    fn prctl(option: i32, ...) -> i32;
}
const PR_SET_MDWE: i32 = 65;
const PR_MDWE_REFUSE_EXEC_GAIN: u64 = 1;

#[test]
fn memory_that_may_not_be_executable_is_an_error() {
    if std::env::var_os(CHILD).is_some() {
        return child();
    }
    let (child, text) = again("memory_that_may_not_be_executable_is_an_error", CHILD, "1");
    print!("{text}");
    assert!(child.status.success(), "{text}");
    assert!(text.contains("refused as expected") || text.contains("skipped:"));
}

fn child() {
    let mut engine = engine();
    // SAFETY: a request about this process, without pointers.
    if unsafe { prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0u64, 0u64, 0u64) } != 0 {
        println!("skipped: this kernel has no PR_SET_MDWE (Linux 6.3)");
        return;
    }
    let id = add(
        &mut engine,
        "f",
        "function %f() system_v {\nblock0:\n return\n}",
    );
    for _ in 0..2 {
        let error = engine.finalize().unwrap_err();
        assert!(matches!(error, Error::Memory { .. }), "{error}");
        assert!(
            error
                .to_string()
                .starts_with("cannot make memory executable: "),
            "{error}"
        );
        assert!(engine.code(id).is_err());
    }
    println!("refused as expected");
}
