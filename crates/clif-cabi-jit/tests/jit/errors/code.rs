//! Functions that Cranelift cannot compile.

use super::{message, works};

use crate::common::*;

#[test]
fn signatures_that_cranelift_asserts_against_are_refused() {
    let mut engine = engine();
    let refused = |engine: &mut Engine, sig: &str| {
        let id = engine.declare_local(&signature("() system_v")).unwrap();
        let clif = format!("function %f() system_v {{\n sig0 = {sig}\nblock0:\n return\n}}");
        let text = message(define(engine, id, &clif));
        let (_, reason) = text.split_once(": ").unwrap();
        reason.to_owned()
    };
    let table = "
        (i128) system_v > parameter i128: an i128 must be passed as two i64
        () -> i128 system_v > result i128: an i128 must be passed as two i64
        (i64 sret) -> i64 system_v > parameter i64 sret: sret does not go together with results
        () -> i64 sret system_v > result i64 sret: sret is a parameter, never a result
        (f64 uext) system_v > parameter f64 uext: only integers can be extended";
    #[cfg(target_arch = "x86_64")]
    let of_machine = "
        (i64 sarg(12)) system_v > parameter i64 sarg(12): the size of a struct argument must be a multiple of 8
        (f128) windows_fastcall > parameter f128: windows_fastcall has no place for f16 and f128
        () apple_aarch64 > calling convention apple_aarch64 is not available on x86-64
        () probestack > calling convention probestack is not available on x86-64";
    #[cfg(target_arch = "aarch64")]
    let of_machine = "
        (i64 sarg(16)) system_v > parameter i64 sarg(16): AArch64 passes no struct argument
        (i64 sret) tail > parameter i64 sret: the convention tail has no sret
        (f128) apple_aarch64 > parameter f128: apple_aarch64 has no place for f128
        () windows_fastcall > calling convention windows_fastcall is not available on AArch64
        () probestack > calling convention probestack is not available on AArch64";
    for row in table.trim().lines().chain(of_machine.trim().lines()) {
        let (sig, expected) = row.trim().rsplit_once(" > ").unwrap();
        assert_eq!(refused(&mut engine, sig), expected);
    }
    works(&mut engine);
}

/// CLIF, and how the error of each begins.
const NOT_COMPILED: &[(&str, &str)] = &[
    // Not even valid.
    (
        "function %f() system_v {
        block0:
            v0 = iconst.i32 1
            v1 = iconst.i64 1
            v2 = iadd v0, v1
            return
        }",
        "cannot compile function f:\n",
    ),
    // Valid, not supported.
    (
        "function %f(i64) -> i64, i64, i64, i64, i64, i64, i64, i64, i64 system_v {
        block0(v0: i64):
            return v0, v0, v0, v0, v0, v0, v0, v0, v0
        }",
        "cannot compile function f: ",
    ),
    // Valid, and Cranelift panics for want of a lowering.
    #[cfg(target_arch = "x86_64")]
    (
        "function %f(i64) system_v {
        block0(v0: i64):
            v1 = load.i8x8 v0
            v2 = iadd v1, v1
            store v2, v0
            return
        }",
        "Cranelift panicked on function f: ",
    ),
    // A call of a name that no module knows.
    (
        "function %f() system_v {
            fn0 = %elsewhere() system_v
        block0:
            call fn0()
            return
        }",
        "relocation at byte ",
    ),
    // Thread-local storage.
    (
        "function %f() -> i64 system_v {
            gv0 = symbol tls u1:0
        block0:
            v0 = tls_value.i64 gv0
            return v0
        }",
        "",
    ),
];

#[test]
fn functions_that_cranelift_cannot_compile_are_errors() {
    let mut engine = engine();
    let sig = signature("() system_v");
    let id = engine.declare_export("f", &sig).unwrap();
    for (clif, expected) in NOT_COMPILED {
        let text = message(define(&mut engine, id, clif));
        assert!(text.starts_with(expected), "{text}");
    }
    works(&mut engine);
}
