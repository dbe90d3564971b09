//! Plans of calls and entries with vectors of 32 and 64 bytes in registers: which words there are beside the C parameters, and the steps of each stub.
//! That these are right is shown by the calls of `tests/`.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error"
)]

use cabi::convention::{Rule, Rules};
use cabi::{Convention, FnSig, Policy, Target, Type, VectorLevel, X86_64_SYSV, x86_64};
use clif_cabi_plan::{
    Arrival, CallPlan, EntryPlan, Passing, ResultPlan, Slot, Step, VectorMove, VectorWidth,
};

const LINUX: Target = Target::X86_64_LINUX;

fn vector(n: u16) -> Type {
    Type::vector(&Type::F32, n).unwrap()
}

const fn at(width: VectorWidth, register: u8, offset: u32) -> VectorMove {
    VectorMove {
        width,
        register,
        offset,
    }
}

const fn ymm(register: u8) -> VectorMove {
    at(VectorWidth::Ymm, register, 0)
}

#[test]
fn arguments_are_loaded_before_the_jump() {
    let args = [vector(8), Type::F64, vector(8), Type::F80];
    let sig = FnSig::new(args, Type::F64).features(VectorLevel::Avx);
    let plan = CallPlan::new(&sig, &LINUX).unwrap();
    // xmm0 is kept free by padding; xmm2 is the last one, so nothing would be in it.
    let signature = "(f64, f64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64) -> f64 system_v";
    assert_eq!(plan.signature.to_string(), signature);
    let (last, words) = (plan.slots.last(), plan.slots.len());
    assert_eq!(last, Some(&Slot::Address { arg: 2 }));
    assert_eq!(plan.slots[words - 2], Slot::Address { arg: 0 });
    assert!(matches!(&plan.args[0], Passing::Object(parts) if parts.len() == 2));
    let loads = [
        Step::Address(16),
        Step::Load(ymm(0)),
        Step::Address(24),
        Step::Load(ymm(2)),
    ];
    let direct = plan.direct_stub(7).unwrap();
    assert_eq!(direct.steps(), [&loads[..], &[Step::Jump(7)]].concat());
    let indirect = plan.indirect_stub().unwrap();
    let jump = [Step::JumpAfter(32)];
    assert_eq!(indirect.steps(), [&loads[..], &jump].concat());
}

#[test]
fn results_are_stored_by_the_stub_that_made_the_call() {
    let sig = FnSig::new([Type::F80], vector(16)).features(VectorLevel::Avx512);
    let call = CallPlan::new(&sig, &LINUX).unwrap();
    // The address of the result is passed after the area, and returned.
    let signature = "(i64, i64, i64, i64, i64, i64, i64, i64, i64) -> i64 system_v";
    assert_eq!(call.signature.to_string(), signature);
    assert_eq!(call.slots.last(), Some(&Slot::Result));
    let zmm = at(VectorWidth::Zmm, 0, 0);
    let steps = [
        Step::Frame,
        Step::Copy(16),
        Step::CallAfter(24),
        Step::AddressInFrame(16),
        Step::Store(zmm),
        Step::ZeroUpper,
        Step::ReturnAddress,
        Step::Leave,
    ];
    assert_eq!(call.indirect_stub().unwrap().steps(), steps);

    let entry = EntryPlan::new(&sig, &LINUX).unwrap();
    assert_eq!(entry.entry_stub(9), None);
    let ResultPlan::Vectors { push, bytes, .. } = &entry.result else {
        panic!("{:?}", entry.result);
    };
    assert_eq!(push.steps(), [Step::LoadResult(zmm), Step::Return]);
    assert_eq!((*bytes, entry.signature.returns.len()), (64, 0));
}

#[test]
fn a_split_result_is_in_four_registers() {
    let sig = FnSig::new([], vector(16)).policy(Policy::CLANG);
    let call = CallPlan::new(&sig, &LINUX).unwrap();
    let xmm = |n: u8| at(VectorWidth::Xmm, n, 16 * u32::from(n));
    let direct = call.direct_stub(9).unwrap();
    let stores = [0, 1, 2, 3].map(|n| Step::Store(xmm(n)));
    let head = [Step::Frame, Step::Call(9), Step::AddressInFrame(0)];
    // No register has been used beyond its first 16 bytes.
    let tail = [Step::ReturnAddress, Step::Leave];
    assert_eq!(direct.steps(), [&head[..], &stores, &tail].concat());
    assert_eq!(call.result.parts().len(), 4);
}

#[test]
fn an_entry_stores_what_its_body_cannot_declare() {
    let args = [vector(8), Type::F64, Type::F80, vector(8)];
    let sig = FnSig::new(args, Type::VOID).features(VectorLevel::Avx);
    let plan = EntryPlan::new(&sig, &LINUX).unwrap();
    let signature = "(f64, f64, i64, i64, i64, i64, i64, i64, i64, i64) system_v";
    assert_eq!(plan.signature.to_string(), signature);
    assert_eq!((plan.area, plan.saved), (Some(8), Some(9)));
    let saved = |arrival: &Arrival, wanted| matches!(arrival, Arrival::Saved { offset, .. } if *offset == wanted);
    assert!(saved(&plan.args[0], 0) && saved(&plan.args[3], 64));
    let steps = [
        Step::Frame,
        Step::Align(64),
        Step::Skip(128),
        Step::AddressOfSkipped,
        Step::Store(ymm(0)),
        Step::Store(at(VectorWidth::Ymm, 2, 64)),
        Step::ZeroUpper,
        Step::PushAddress,
        Step::PushArea(0),
        Step::Call(9),
        Step::Leave,
    ];
    assert_eq!(plan.entry_stub(9).unwrap().steps(), steps);
}

/// `args` and `results` in these registers.
const fn convention(args: &'static [Rule], results: &'static [Rule]) -> Convention {
    Convention {
        name: "own",
        rules: Rules {
            args,
            results,
            ..X86_64_SYSV.rules
        },
        ..X86_64_SYSV
    }
}

static FIFTH: Convention = convention(
    &[Rule::AssignToReg(&[x86_64::XMM5])],
    &[Rule::AssignToReg(&[x86_64::XMM7])],
);
static NINTH: Convention = convention(
    &[Rule::AssignToReg(&[x86_64::XMM8])],
    &[Rule::AssignToReg(&[x86_64::XMM8])],
);

#[test]
fn registers_of_a_users_convention() {
    let level = VectorLevel::Avx;
    let sig = |own, arg, ret| FnSig::new([arg], ret).convention(own).features(level);
    let plan = CallPlan::new(&sig(&FIFTH, vector(8), vector(8)), &LINUX).unwrap();
    let stub = plan.direct_stub(1).unwrap();
    for step in [Step::Load(ymm(5)), Step::Store(ymm(7))] {
        assert!(stub.steps().contains(&step), "{stub:?}");
    }
    for (sig, message) in [
        (
            sig(&NINTH, vector(8), Type::VOID),
            "argument 0, float vector[8]: a wide vector has other parts beside it, or is in no register of parameters \
             (x86_64-unknown-linux-gnu)",
        ),
        (
            sig(&NINTH, Type::F64, vector(8)),
            "result, float vector[8]: a vector result that CLIF cannot say has other parts beside it, or is in no register of parameters \
             (x86_64-unknown-linux-gnu)",
        ),
    ] {
        let [call, entry] = [
            CallPlan::new(&sig, &LINUX).map(|_| ()),
            EntryPlan::new(&sig, &LINUX).map(|_| ()),
        ];
        assert_eq!(call.unwrap_err().to_string(), message);
        assert_eq!(entry.unwrap_err().to_string(), message);
    }
}
