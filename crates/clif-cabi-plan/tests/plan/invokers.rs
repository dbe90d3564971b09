//! Invokers: the stubs that call a function with its arguments in memory.

use cabi::{FnSig, Target, Type, X86_64_SYSV};
use clif_cabi_plan::{CallPlan, Machine};

/// Only machines that have the steps of invokers give one.
#[test]
fn invokers_of_machines_that_have_them() {
    let sig = FnSig::new([Type::I64], Type::I64);
    for (name, is_invoked) in [
        ("x86_64-unknown-linux-gnu", true),
        ("aarch64-unknown-linux-gnu", true),
        ("riscv64gc-unknown-linux-gnu", true),
        ("s390x-unknown-linux-gnu", true),
        ("aarch64-apple-darwin", false),
    ] {
        let target = Target::named(name).unwrap();
        let plan = CallPlan::new(&sig, &target).unwrap();
        assert_eq!(plan.invoker(&target).is_some(), is_invoked, "{name}");
    }
    // C of Windows calls a stub with its arguments in other registers.
    let windows = Target::named("x86_64-pc-windows-gnu").unwrap();
    let sysv = sig.convention(&X86_64_SYSV);
    let plan = CallPlan::new(&sysv, &windows).unwrap();
    assert_eq!(plan.invoker(&windows), None);
}

/// An argument area of more than a page is skipped on x86-64 alone, where each word is pushed.
#[test]
fn invokers_of_large_areas() {
    let sig = FnSig::new(vec![Type::I64; 1000], Type::VOID);
    for (name, has_code) in [
        ("x86_64-unknown-linux-gnu", true),
        ("aarch64-unknown-linux-gnu", false),
        ("s390x-unknown-linux-gnu", false),
    ] {
        let target = Target::named(name).unwrap();
        let plan = CallPlan::new(&sig, &target).unwrap();
        let stub = plan.invoker(&target).unwrap();
        let code = stub.code(Machine::of(&target).unwrap(), false);
        let why = "the argument area is too large for a stub".to_owned();
        let expected = if has_code { Ok(()) } else { Err(why) };
        let found = code.map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(found, expected, "{name}");
    }
}
