//! Plans as text, for what they say beside the signature. That the signatures are right is shown by the calls of the
//! tests of `clif-cabi` and `tests/`, which are emitted from these plans.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error"
)]

mod aligned;
mod variadic;
mod wide;
mod win64;

use cabi::convention::{Rule, Rules};
use cabi::{
    Convention, DataModel, FnSig, RecordBuilder, Target, Type, VectorLevel, X86_64_SYSV, x86_64,
};
use clif_cabi_plan::{
    CallPlan, Content, EntryPlan, IncomingArea, PassMode, PlanError, ResultPlan, Step, Stub,
    VaStart,
};

const LINUX: Target = Target::X86_64_LINUX;

/// `struct { long words[n]; }`
fn words(n: u64) -> Type {
    record_of(&Type::I64, n)
}

/// A structure of an array of `n` elements.
fn record_of(element: &Type, n: u64) -> Type {
    let array = Type::array(element, n).unwrap();
    let record = RecordBuilder::structure("words").field("words", array);
    record.build(LINUX.data_model()).unwrap()
}

/// The steps of a stub, as its name has them.
fn steps(stub: Option<Stub>) -> String {
    stub.map_or_else(String::new, |stub| stub.name().replace("__clif_cabi_", ""))
}

#[test]
fn a_word_on_the_stack_is_after_all_integer_registers() {
    let plan = CallPlan::new(&FnSig::new([Type::I32, Type::F80], Type::VOID), &LINUX).unwrap();
    let text = "(i32, i64, i64, i64, i64, i64, i64, i64) system_v";
    assert_eq!(plan.signature.to_string(), text);
    assert_eq!(contents(&plan), "0.0 _ _ _ _ _ 1.0 1.1");
    let kept = [
        x86_64::RSI,
        x86_64::RDX,
        x86_64::RCX,
        x86_64::R8,
        x86_64::R9,
    ];
    let found: Vec<_> = plan.padding.iter().map(|own| own.keeps).collect();
    assert_eq!(found, kept.map(Some));
}

/// `(parameters, CLIF parameters of a call, what is in them)`
#[test]
fn words_of_records_are_in_vectors_where_a_pair_is_aligned() {
    let vectors = "f64, f64, f64, f64, f64, f64, f64, f64";
    let check = |params: Vec<Type>, signature: &str, slots: &str| {
        let plan = CallPlan::new(&FnSig::new(params, Type::VOID), &LINUX).unwrap();
        let found = plan.signature.to_string();
        assert_eq!(found, format!("({signature}) system_v"));
        assert_eq!(contents(&plan), slots, "{signature}");
    };
    let own = format!("i32, {vectors}, f64x2, f64");
    let slots = "0.0 _ _ _ _ _ _ _ _ vector 1.0 vector 1.2";
    check(vec![Type::I32, words(3)], &own, slots);
    let own = format!("{vectors}, f64x2, f64x2");
    check(
        vec![Type::F64, words(4)],
        &own,
        "0.0 _ _ _ _ _ _ _ vector 1.0 vector 1.2",
    );
    // The second one starts at 24: no vector would be one that a callee reads.
    let own = format!("{vectors}, f64x2, f64, f64, f64, f64, f64");
    let slots = "_ _ _ _ _ _ _ _ vector 0.0 vector 0.2 vector 1.0 vector 1.1 vector 1.2 vector 1.3";
    check(vec![words(3), words(4)], &own, slots);
    // No record starts at a multiple of 16.
    let longs = |n, last| [vec![Type::I64; n], vec![words(last)]].concat();
    let eight = "i64, i64, i64, i64, i64, i64, i64, i64";
    check(
        longs(7, 3),
        &format!("{eight}, i64, i64"),
        "0.0 1.0 2.0 3.0 4.0 5.0 6.0 7.0 7.1 7.2",
    );
    // 16 bytes are read word by word.
    check(longs(6, 2), eight, "0.0 1.0 2.0 3.0 4.0 5.0 6.0 6.1");
    // What is stored in less than words is loaded at once.
    let slots = "_ _ _ _ _ _ _ _ wide 0.0 vector 0.2";
    let own = format!("{vectors}, f64x2, f64");
    check(vec![record_of(&Type::I8, 17)], &own, slots);
    // Its last byte is an integer where others are.
    let own = format!("i64, i64, i64, i64, i64, i64, {vectors}, f64x2, i64, i64, i64, i64");
    let slots = "_ _ _ _ _ _ _ _ _ _ _ _ _ _ wide 0.0 vector 0.2 _ 1.0 1.1";
    check(vec![record_of(&Type::I8, 17), Type::F80], &own, slots);
}

#[test]
fn words_beyond_64_of_a_call_are_blocks() {
    let plan = |n| CallPlan::new(&FnSig::new(vec![words(4); n], Type::VOID), &LINUX).unwrap();
    let n_blocks = |plan: &CallPlan, args| {
        let blocks = plan.args.iter().skip(args);
        blocks.filter(|arg| arg.mode == PassMode::Area).count()
    };
    assert_eq!(n_blocks(&plan(16), 0), 0);
    let plan = plan(1000);
    assert_eq!((n_blocks(&plan, 0), n_blocks(&plan, 16)), (984, 984));
    // Such a block can still be given in parts.
    let first = plan.args.get(16).unwrap();
    assert_eq!((first.locs.len(), first.parts.len()), (1, 4));
    // Values of one parameter are as many as there are.
    let longs = vec![Type::I64; 1000];
    let longs = CallPlan::new(&FnSig::new(longs, Type::VOID), &LINUX).unwrap();
    assert_eq!(n_blocks(&longs, 0), 0);
}

const fn convention(name: &'static str, args: &'static [Rule]) -> Convention {
    Convention {
        name,
        rules: Rules {
            args,
            ..X86_64_SYSV.rules
        },
        ..X86_64_SYSV
    }
}

/// What goes into each CLIF parameter of a call: `argument.part`, `_` for padding, `sret`, `object`.
fn contents(plan: &CallPlan) -> String {
    let mut params = vec!["_".to_string(); plan.signature.params.len()];
    for loc in &plan.args.locs {
        params[loc.param.unwrap() as usize] = match loc.content {
            Content::Sret => "sret".to_string(),
            Content::Part { arg, part } => format!("{arg}.{part}"),
            Content::Words { arg, part, at_once } => {
                let kind = if at_once { "wide" } else { "vector" };
                format!("{kind} {arg}.{part}")
            }
            Content::Object { arg } => format!("object {arg}"),
            Content::Tail { arg } => format!("tail {arg}"),
            Content::StubResult => "result".to_string(),
            other => panic!("{other:?} of a call"),
        };
    }
    params.join(" ")
}

/// A register that Cranelift never gives to a parameter.
#[test]
fn what_cranelift_cannot_place_is_refused() {
    static R10: Convention = convention("r10", &[Rule::AssignToReg(&[x86_64::R10])]);
    static R11: Convention = convention("r11", &[Rule::AssignToReg(&[x86_64::R11])]);
    // A word in r10 is a static chain, which a stub moves; anything else there is not.
    for (ty, convention) in [(Type::I64, &R11), (Type::I32, &R10)] {
        let sig = FnSig::new([ty], Type::VOID).convention(convention);
        let errors = [
            CallPlan::new(&sig, &LINUX).unwrap_err(),
            EntryPlan::new(&sig, &LINUX).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, PlanError::Mismatch { .. }), "{error}");
        }
    }
}

#[test]
fn a_static_chain_is_moved_by_a_stub() {
    // In the next free register of parameters, in a vector register, nowhere.
    let ints = |n| FnSig::new(vec![Type::I64; n], Type::VOID).static_chain(&DataModel::LP64);
    let call = "(i64, i64, i64, i64, i64, i64, i64) system_v";
    for (sig, entry, expected) in [
        (ints(0), "i64", "chainint0_jump9"),
        (ints(2), "i64, i64, i64", "chainint2_jump9"),
        (
            ints(6),
            "i64, i64, i64, i64, i64, i64, f64",
            "chainvector0_jump9",
        ),
    ] {
        let plan = CallPlan::new(&sig, &LINUX).unwrap();
        assert_eq!(plan.signature.to_string(), call);
        assert_eq!(steps(plan.indirect_stub()), "chain0_jumpafter8");
        // Not on a way through a PLT, which may change r10.
        assert_eq!(plan.direct_stub(9), None);
        let plan = EntryPlan::new(&sig, &LINUX).unwrap();
        assert_eq!(plan.signature.to_string(), format!("({entry}) system_v"));
        assert_eq!(steps(plan.entry_stub(9)), expected);
    }
    let plain = EntryPlan::new(&FnSig::new([], Type::VOID), &LINUX).unwrap();
    assert_eq!(plain.entry_stub(9), None);
}

/// Not in the vector register of a wide argument, which the stub stores after it has moved the chain.
#[test]
fn a_static_chain_is_in_no_register_of_an_argument() {
    let wide = Type::vector(&Type::F64, 4).unwrap();
    let params = [vec![Type::I64; 6], vec![wide]].concat();
    let sig = FnSig::new(params, Type::VOID).static_chain(&DataModel::LP64);
    let (_, _, steps) = opened(&sig.features(VectorLevel::Avx));
    assert!(steps.starts_with("chainvector1_frame_"), "{steps}");
}

/// CLIF parameters, the index of that with the address of the argument area, and the steps of the stub that C enters.
fn opened(sig: &FnSig) -> (String, Option<IncomingArea>, String) {
    let plan = EntryPlan::new(sig, &LINUX).unwrap();
    (
        plan.signature.to_string(),
        plan.area,
        steps(plan.entry_stub(9)),
    )
}

#[test]
fn a_static_chain_without_a_free_register_is_a_word_that_the_stub_pushes() {
    let all = || vec![Type::I64; 6].into_iter().chain(vec![Type::F64; 8]);
    let params = "i64, i64, i64, i64, i64, i64, f64, f64, f64, f64, f64, f64, f64, f64";
    let sig = FnSig::new(all(), Type::VOID).static_chain(&DataModel::LP64);
    let text = format!("({params}, i64) system_v");
    let pushed = "frame_skip8_pushchain_call9_leave".to_owned();
    assert_eq!(opened(&sig), (text, None, pushed));

    // C's argument area stays where it is: the function is told its address.
    let sig = FnSig::new(all().chain([words(3)]), Type::VOID).static_chain(&DataModel::LP64);
    let with_area = "frame_pushchain_pusharea0_call9_leave".to_owned();
    let text = format!("({params}, i64, i64) system_v");
    assert_eq!(
        opened(&sig),
        (text, Some(IncomingArea::Param(14)), with_area.clone())
    );

    // All registers are saved for `va_arg`, and unnamed arguments may be in the area.
    let sig = FnSig::new([Type::I32], Type::VOID)
        .static_chain(&DataModel::LP64)
        .variadic();
    let (_, area, found) = opened(&sig);
    assert_eq!((area, found), (Some(IncomingArea::Param(14)), with_area));
    // The chain's own register is none of them.
    let variadic = EntryPlan::new(&sig, &LINUX).unwrap().variadic.unwrap();
    let VaStart::Registers { counts, .. } = variadic.start else {
        panic!("{:?}", variadic.start)
    };
    assert_eq!((counts[0].count, variadic.saved.len()), (8, 13));
}

#[test]
fn callers_that_align_the_stack_less_enter_through_a_stub() {
    let low = |params: Vec<Type>| FnSig::new(params, Type::VOID).incoming_stack_align(8);
    let (text, _, found) = opened(&low(vec![Type::I64]));
    assert_eq!(text, "(i64) system_v");
    assert_eq!(found, "frame_align16_call9_leave");

    let (text, area, found) = opened(&low(vec![words(3)]).static_chain(&DataModel::LP64));
    assert_eq!(text, "(i64, i64, i64, i64, i64, i64, i64) system_v");
    assert_eq!(area, Some(IncomingArea::Param(6)));
    assert_eq!(found, "chainint0_frame_align16_skip8_pusharea0_call9_leave");

    // A call aligns the stack to more than that anyway.
    let call = CallPlan::new(&low(vec![Type::I64]), &LINUX).unwrap();
    assert_eq!(call.direct_stub(9), None);
    let usual = FnSig::new([], Type::VOID);
    assert_eq!(EntryPlan::new(&usual, &LINUX).unwrap().entry_stub(9), None);
}

#[test]
fn an_over_aligned_area_is_copied_by_a_stub() {
    let aligned = |align, n| {
        let array = Type::array(&Type::I64, n).unwrap();
        let record = RecordBuilder::structure("aligned").field("words", array);
        record.aligned(align).build(LINUX.data_model()).unwrap()
    };
    let of = |params: &[Type], result| FnSig::new(params.iter().cloned(), result);
    // Nothing is copied where only the stack is to be aligned.
    let only_stack = of(&[], Type::VOID).incoming_stack_align(32);
    let with_x87 = of(&[aligned(64, 8), Type::F80], Type::F80);
    for (sig, direct) in [
        (
            of(&[aligned(32, 4)], Type::VOID),
            "frame_align32_copy32_call9_leave",
        ),
        (with_x87, "frame_align64_skip48_copy80_call9_leave"),
        (only_stack, "frame_align32_call9_leave"),
    ] {
        let plan = CallPlan::new(&sig, &LINUX).unwrap();
        assert_eq!(steps(plan.direct_stub(9)), direct);
        // C enters the function itself: callers have aligned the area.
        assert_eq!(EntryPlan::new(&sig, &LINUX).unwrap().entry_stub(9), None);
    }
    let chained = FnSig::new([Type::PTR, aligned(32, 4)], Type::VOID)
        .static_chain(&DataModel::LP64)
        .variadic();
    let call = CallPlan::new(&chained.at_call([Type::F64]).unwrap(), &LINUX).unwrap();
    let indirect = "chain32_al1_frame_align32_copy32_callafter40_leave";
    assert_eq!(steps(call.indirect_stub()), indirect);
    assert_eq!(call.direct_stub(9), None);
}

/// Records of more than 64 bytes are passed 16 bytes at a time, unless one of them starts elsewhere than at a multiple of 16.
#[test]
fn large_records_are_pairs_or_all_copied() {
    let pads = "f64, ".repeat(8);
    let pairs = format!("({pads}f64x2, f64x2, f64x2, f64x2, f64x2) system_v");
    let copied = "(i64 sarg(72), i64 sarg(80)) system_v";
    for (args, expected) in [
        (vec![words(10)], &*pairs),
        (vec![words(9), words(10)], copied),
    ] {
        let call = CallPlan::new(&FnSig::new(args, Type::VOID), &LINUX).unwrap();
        assert_eq!(call.signature.to_string(), expected);
    }
}

#[test]
fn a_large_object_is_copied_by_cranelift() {
    let sig = FnSig::new([words(17)], words(17));
    let call = CallPlan::new(&sig, &LINUX).unwrap();
    assert_eq!(
        call.signature.to_string(),
        "(i64 sret, i64 sarg(136)) system_v"
    );
    assert_eq!(contents(&call), "sret object 0");
    let entry = EntryPlan::new(&sig, &LINUX).unwrap();
    assert_eq!(entry.area, Some(IncomingArea::Param(1)));
    let large = entry.args.get(0).unwrap();
    assert_eq!((large.mode, large.parts), (PassMode::Area, &[][..]));
    let [loc] = large.locs else {
        panic!("{large:?}");
    };
    assert_eq!((entry.in_area(loc.place), loc.param), (Some(0), None));
}

#[test]
fn stubs_of_a_variadic_call_and_of_an_x87_result() {
    let printf = FnSig::new([Type::PTR], Type::F80).variadic();
    let plan = CallPlan::new(&printf.at_call([Type::F64]).unwrap(), &LINUX).unwrap();
    let direct = plan.direct_stub(3).unwrap();
    assert_eq!(direct.steps(), [Step::SetVectorCount(1), Step::Jump(3)]);
    let indirect = plan.indirect_stub().unwrap();
    // The format is in rdi, so the address of the function is in rsi.
    assert_eq!(
        indirect.steps(),
        [Step::SetVectorCount(1), Step::JumpInt(1)]
    );
    assert_eq!(plan.indirect.as_ref().unwrap().padding, 0);
    let ResultPlan::Stub { pop, push, .. } = &plan.result else {
        panic!("{:?}", plan.result);
    };
    assert_eq!(pop.steps(), [Step::Pop(1), Step::Return]);
    assert_eq!(push.steps(), [Step::Push(1), Step::Return]);

    let plain = CallPlan::new(&FnSig::new([Type::PTR], Type::I32), &LINUX).unwrap();
    assert_eq!(plain.direct_stub(3), None);
}
