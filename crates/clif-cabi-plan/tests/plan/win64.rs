//! Plans of Win64's functions on Linux.

use cabi::{FnSig, Policy, Type, X86_64_WIN64};
use clif_cabi_plan::{
    Arrival, CallPlan, EntryPlan, PartPlace, Passing, VaArgPlan, VaPlace, VaStart,
};

use super::{LINUX, contents, steps, words};

fn win64(sig: FnSig) -> FnSig {
    sig.convention(&X86_64_WIN64)
}

/// Win64 on Linux: positions, words after the shadow space, copies by reference.
#[test]
fn win64_on_linux() {
    let args = [
        Type::F64,
        words(3),
        Type::I8,
        Type::F32,
        words(2),
        Type::F64,
    ];
    let sig = win64(FnSig::new(args, words(2)));
    let call = CallPlan::new(&sig, &LINUX).unwrap();
    let text = "(i64 sret, f64, i64, i32, f32, i64, f64) windows_fastcall";
    assert_eq!(call.signature.to_string(), text);
    assert_eq!(contents(&call), "sret 0.0 1.0 2.0 3.0 4.0 5.0");
    let reference = |size| Passing::Reference { size, align: 16 };
    assert_eq!(
        [&call.args[1], &call.args[4]],
        [&reference(24), &reference(16)]
    );
    assert!(call.indirect.is_none());

    let entry = EntryPlan::new(&sig, &LINUX).unwrap();
    // The caller has extended the char, the callee does not rely on it.
    assert_eq!(entry.signature.to_string(), text.replace("i32", "i8"));
    let copy = |param| Arrival::Reference {
        param: Some(param),
        offset: 0,
    };
    assert_eq!(
        [&entry.args[1], &entry.args[4]],
        [
            &copy(2),
            &Arrival::Reference {
                param: Some(5),
                offset: 8
            }
        ]
    );

    // Records on the stack: found by the address of the area, which is after the shadow space.
    let ints = vec![Type::I32; 4];
    let on_stack = win64(FnSig::new(
        ints.into_iter().chain([words(1), words(2)]),
        Type::VOID,
    ));
    let entry = EntryPlan::new(&on_stack, &LINUX).unwrap();
    let text = "(i32, i32, i32, i32, i64 sarg(16)) windows_fastcall";
    assert_eq!(entry.signature.to_string(), text);
    assert!(matches!(entry.args[4], Arrival::Area { offset: 0, .. }));
    assert_eq!(
        entry.args[5],
        Arrival::Reference {
            param: None,
            offset: 8
        }
    );
}

/// The second double of a variadic call is in xmm1 and rdx, the one on the stack in its slot; the callee saves its registers.
#[test]
fn win64_variadic_on_linux() {
    let printf = win64(FnSig::new([Type::PTR], Type::I32).variadic());
    let call = printf
        .clone()
        .at_call([Type::F64, Type::I32, words(2), Type::F64])
        .unwrap();
    let call = CallPlan::new(&call, &LINUX).unwrap();
    let text = "(i64, f64, i32, i64, f64) -> i32 windows_fastcall";
    assert_eq!(call.signature.to_string(), text);
    assert_eq!(steps(call.direct_stub(7)), "both2_jump7");
    assert_eq!(steps(call.indirect_stub()), "both2_jumpafter40");
    // The third position has no argument, so the address is in r8: the fifth integer register of System V's.
    let short = printf.clone().at_call([Type::F64]).unwrap();
    let short = CallPlan::new(&short, &LINUX).unwrap();
    assert_eq!(steps(short.indirect_stub()), "both2_jumpint4");

    let entry = EntryPlan::new(&printf, &LINUX).unwrap();
    assert_eq!(
        entry.signature.to_string(),
        "(i64, i64, i64, i64, i64 sarg(0)) -> i32 windows_fastcall"
    );
    let variadic = entry.variadic.as_ref().unwrap();
    assert_eq!(variadic.start, VaStart::Pointer { first: -24 });
    let saved: Vec<_> = variadic
        .saved
        .iter()
        .map(|saved| (saved.param, saved.offset))
        .collect();
    assert_eq!(saved, [(1, -24), (2, -16), (3, -8)]);
    let place = |ty| VaArgPlan::new(&printf, &ty, &LINUX).unwrap().place;
    assert_eq!(
        place(Type::F64),
        VaPlace::Pointed {
            by_reference: false
        }
    );
    assert_eq!(place(words(2)), VaPlace::Pointed { by_reference: true });
}

/// The chain is in the next position that is free in both classes; its stub counts registers as System V does.
#[test]
fn win64_with_a_static_chain() {
    let first = |args: &[Type]| {
        let sig = FnSig::new(args.iter().cloned(), Type::VOID).static_chain();
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
    let saved = |arrival: &Arrival| matches!(arrival, Arrival::Saved { offset: 0, .. });
    assert!(saved(&entry.args[1]));
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
    let Arrival::Parts { places, .. } = &entry.args[3] else {
        panic!("{:?}", entry.args[3]);
    };
    assert_eq!(places[..], [PartPlace::Param(3), PartPlace::Area(0)]);
}
