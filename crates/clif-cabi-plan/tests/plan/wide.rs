//! Plans of calls and entries with vectors of 32 and 64 bytes in registers: which words there are beside the C parameters, and the steps of each stub.

use cabi::convention::{Rule, Rules};
use cabi::{Convention, FnSig, Policy, Type, VectorLevel, X86_64_SYSV, x86_64};
use clif_cabi_plan::{CallPlan, EntryPlan, IncomingArea, PassMode, ResultPlan};

use super::{LINUX, contents, steps};

fn vector(n: u16) -> Type {
    Type::vector(&Type::F32, n).unwrap()
}

#[test]
fn arguments_are_loaded_before_the_jump() {
    let args = [vector(8), Type::F64, vector(8), Type::F80];
    let sig = FnSig::new(args, Type::F64).features(VectorLevel::Avx);
    let plan = CallPlan::new(&sig, &LINUX).unwrap();
    // xmm0 is kept free by padding; xmm2 is the last one, so nothing would be in it.
    let signature = "(f64, f64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64) -> f64 system_v";
    assert_eq!(plan.signature.to_string(), signature);
    assert!(contents(&plan).ends_with(" object 0 object 2"));
    let first = plan.args.get(0).unwrap();
    assert_eq!(
        (first.mode, first.parts.len()),
        (PassMode::Stub { offset: 0 }, 2)
    );
    let loads = "address16_loadymm0_address24_loadymm2";
    assert_eq!(steps(plan.direct_stub(7)), format!("{loads}_jump7"));
    assert_eq!(steps(plan.indirect_stub()), format!("{loads}_jumpafter32"));
}

#[test]
fn results_are_stored_by_the_stub_that_made_the_call() {
    let sig = FnSig::new([Type::F80], vector(16)).features(VectorLevel::Avx512);
    let call = CallPlan::new(&sig, &LINUX).unwrap();
    // The address of the result is passed after the area, and returned.
    let signature = "(i64, i64, i64, i64, i64, i64, i64, i64, i64) -> i64 system_v";
    assert_eq!(call.signature.to_string(), signature);
    assert!(contents(&call).ends_with(" result"));
    let stub = "frame_copy16_callafter24_addressinframe16_storezmm0_zeroupper_returnaddress_leave";
    assert_eq!(steps(call.indirect_stub()), stub);

    let entry = EntryPlan::new(&sig, &LINUX).unwrap();
    assert_eq!(entry.entry_stub(9), None);
    let ResultPlan::Vectors { push, bytes, .. } = &entry.result else {
        panic!("{:?}", entry.result);
    };
    assert_eq!(steps(Some(push.clone())), "resultzmm0_ret");
    assert_eq!((*bytes, entry.signature.returns.len()), (64, 0));
}

#[test]
fn a_split_result_is_in_four_registers() {
    let sig = FnSig::new([], vector(16)).policy(Policy::CLANG);
    let call = CallPlan::new(&sig, &LINUX).unwrap();
    let stores = "storexmm0_storexmm1at16_storexmm2at32_storexmm3at48";
    // No register has been used beyond its first 16 bytes.
    let direct = format!("frame_call9_addressinframe0_{stores}_returnaddress_leave");
    assert_eq!(steps(call.direct_stub(9)), direct);
    assert_eq!(call.result.parts().len(), 4);
}

#[test]
fn an_entry_stores_what_its_body_cannot_declare() {
    let args = [vector(8), Type::F64, Type::F80, vector(8)];
    let sig = FnSig::new(args, Type::VOID).features(VectorLevel::Avx);
    let plan = EntryPlan::new(&sig, &LINUX).unwrap();
    let signature = "(f64, f64, i64, i64, i64, i64, i64, i64, i64, i64) system_v";
    assert_eq!(plan.signature.to_string(), signature);
    assert_eq!(
        (plan.area, plan.saved),
        (Some(IncomingArea::Param(8)), Some(9))
    );
    let mode = |arg| plan.args.get(arg).unwrap().mode;
    let at = |offset| PassMode::Stub { offset };
    assert_eq!([mode(0), mode(3)], [at(0), at(64)]);
    let stores = "frame_align64_skip128_addressofskipped_storeymm0_storeymm2at64_zeroupper";
    let stub = format!("{stores}_pushaddress_pusharea0_call9_leave");
    assert_eq!(steps(plan.entry_stub(9)), stub);
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
    let stub = steps(plan.direct_stub(1));
    for step in ["loadymm5", "storeymm7"] {
        assert!(stub.split('_').any(|own| own == step), "{stub}");
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
