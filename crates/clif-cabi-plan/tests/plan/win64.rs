//! Plans of Win64's functions on Linux.

use cabi::{DataModel, FnSig, Policy, Type, X86_64_WIN64};
use clif_cabi_plan::{CallPlan, EntryPlan, PassMode};

use super::{LINUX, steps};

/// The chain is in the next position that is free in both classes; its stub counts registers as System V does.
#[test]
fn win64_with_a_static_chain() {
    let first = |args: &[Type]| {
        let sig = FnSig::new(args.iter().cloned(), Type::VOID).static_chain(&DataModel::LP64);
        let plan = EntryPlan::new(&sig.convention(&X86_64_WIN64), &LINUX);
        plan.map(|plan| {
            let steps = steps(plan.entry_stub(9));
            let first = steps.split('_').next().unwrap_or_default();
            (plan.signature.to_string(), first.to_owned())
        })
    };
    let is = |list: &str, first: &str| Ok((format!("({list}) windows_fastcall"), first.to_owned()));
    assert_eq!(first(&[]), is("i64", "chainint3"));
    assert_eq!(
        first(&[Type::F64, Type::I64]),
        is("f64, i64, i64", "chainint4")
    );
    // The chain is the word after the function's own shadow space; another word keeps the stack aligned.
    let pushed = first(&[Type::I64; 4]);
    assert_eq!(pushed, is("i64, i64, i64, i64, i64", "frame"));
}

/// 16 bytes in a vector register: a call counts as System V does, in which they are a parameter; a function would preserve too few registers, so a
/// stub stores them.
#[test]
fn win64_with_16_bytes_in_a_register() {
    let sig = FnSig::new([Type::I64, Type::F128, Type::I64], Type::VOID).convention(&X86_64_WIN64);
    let sig = sig.policy(Policy::CLANG);
    let call = CallPlan::new(&sig, &LINUX).unwrap();
    assert_eq!(call.abi.args[1].place.to_string(), "xmm1");
    let text = "(i64, i64, i64, f64, f128, i64, i64, i64, i64, i64, i64, i64) system_v";
    assert_eq!(call.signature.to_string(), text);
    let entry = EntryPlan::new(&sig, &LINUX).unwrap();
    let text = "(i64, i64, i64, i64, i64) windows_fastcall";
    assert_eq!(entry.signature.to_string(), text);
    let second = entry.args.get(1).unwrap();
    assert_eq!(second.mode, PassMode::Stub { offset: 0 });
    let stub =
        "frame_align64_skip64_addressofskipped_storexmm1_skip8_pushaddress_skip32_call9_leave";
    assert_eq!(steps(entry.entry_stub(9)), stub);

    let result = FnSig::new([], Type::F128).convention(&X86_64_WIN64);
    let result = CallPlan::new(&result.policy(Policy::CLANG), &LINUX).unwrap();
    let text = "() -> i8x16 windows_fastcall";
    assert_eq!(result.signature.to_string(), text);
}

/// A value in the last register and on the stack, beside the address of the area that a variadic function has.
#[test]
fn win64_with_a_split_value() {
    let vector = Type::vector(&Type::I128, 1).unwrap();
    let args = [Type::F64, Type::F64, Type::F64, vector];
    let sig = FnSig::new(args, Type::VOID).convention(&X86_64_WIN64);
    let entry = EntryPlan::new(&sig.policy(Policy::CLANG).variadic(), &LINUX).unwrap();
    let text = "(f64, f64, f64, i64, i64 sarg(8)) windows_fastcall";
    assert_eq!(entry.signature.to_string(), text);
    let [first, second] = entry.args.get(3).unwrap().locs else {
        panic!("{:?}", entry.args);
    };
    assert_eq!((first.param, second.param), (Some(3), None));
    assert_eq!(entry.in_area(second.place), Some(0));
}
