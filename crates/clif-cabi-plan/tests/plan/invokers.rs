//! Invokers: the stubs that call a function with its arguments in memory.

use cabi::{FnSig, RecordBuilder, Target, Type, X86_64_SYSV};
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
        ("riscv64gc-unknown-linux-gnu", false),
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

/// A pair is partly in the last register; an `int` is extended, as in a register.
#[test]
fn words_on_the_stack_of_riscv() {
    let target = Target::named("riscv64gc-unknown-linux-gnu").unwrap();
    let pair = RecordBuilder::structure("pair").field("a", Type::I64);
    let pair = pair.field("b", Type::I64).build(target.data_model());
    let params = [vec![Type::I64; 7], vec![pair.unwrap(), Type::I32]].concat();
    let plan = CallPlan::new(&FnSig::new(params, Type::VOID), &target).unwrap();
    let stub = plan.invoker(&target).unwrap();
    let longs: String = (0..7).map(|n| format!("_arg{n}_loadqword{n}")).collect();
    let name = format!(
        "__clif_cabi_frame_keep_skip16_arg7_loadqword0at8_stack0_arg8_loadsdword0_stack8{longs}\
            _arg7_loadqword7_calltarget_leave"
    );
    assert_eq!(stub.name(), name);
}
