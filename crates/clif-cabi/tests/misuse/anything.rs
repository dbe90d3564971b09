//! Whatever lowering is given, in whatever order: results and errors, no panic, and no instruction after an error. What it accepts in one
//! block passes Cranelift's verifier. Nothing is compiled or run.

use std::cell::Cell;

use clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type};
use clif_cabi::cranelift_codegen::ir::{FuncRef, Value};
use clif_cabi::cranelift_codegen::verify_function;
use clif_cabi::cranelift_module::FuncId;
use clif_cabi::{Arg, Callee, Ret};
use proptest::prelude::*;
use proptest::sample::select;

use super::{Building, ISA, Use};

/// Signatures with every way to pass an argument and to return a result.
fn signatures() -> Vec<FnSig> {
    let empty = RecordBuilder::structure("empty").build(&DataModel::LP64);
    let empty = empty.unwrap();
    let bytes = |n| Type::parse(&format!("struct {{ char b[{n}]; }}"), &DataModel::LP64).unwrap();
    vec![
        FnSig::new([], Type::VOID),
        FnSig::new([Type::I64, Type::F64], Type::I32),
        FnSig::new([Type::PTR], Type::I32).variadic(),
        FnSig::new([bytes(12), bytes(40)], bytes(3)),
        FnSig::new([Type::I64; 9], bytes(40)),
        FnSig::new([Type::F80, Type::I128, empty], Type::F80),
        FnSig::new([bytes(100)], Type::I128).noreturn(),
        FnSig::new([Type::PTR, Type::F64], Type::F64).variadic(),
    ]
}

const SIGNATURES: usize = 8;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![9 => 0_u32..12, 1 => 90_u32..99].prop_map(Value::from_u32)
}

fn arg() -> impl Strategy<Value = Arg> {
    prop_oneof![
        4 => value().prop_map(Arg::value),
        4 => (value(), select(vec![0, 0, 8, -1, i32::MAX, i32::MIN]))
            .prop_map(|(base, offset)| Arg::memory_at(base, offset)),
        2 => proptest::collection::vec(value(), 0..3).prop_map(|values| Arg::parts(&values)),
    ]
}

fn args() -> impl Strategy<Value = Vec<Arg>> {
    proptest::collection::vec(arg(), 0..4)
}

fn ret() -> impl Strategy<Value = Ret> {
    prop_oneof![
        Just(Ret::Ignore),
        Just(Ret::Value),
        Just(Ret::Parts),
        value().prop_map(Ret::memory),
    ]
}

fn callee() -> impl Strategy<Value = Callee> {
    prop_oneof![
        (0_u32..3).prop_map(|id| FuncId::from_u32(id).into()),
        (0_u32..6).prop_map(|func| FuncRef::from_u32(func).into()),
        value().prop_map(Callee::from),
    ]
}

fn one_use() -> impl Strategy<Value = Use> {
    let sig = || 0..SIGNATURES;
    let values = || proptest::collection::vec(value(), 0..4);
    prop_oneof![
        2 => sig().prop_map(Use::Begin),
        1 => (sig(), 0_u32..4).prop_map(|(sig, block)| Use::Enter(sig, block)),
        1 => Just(Use::Block),
        1 => (0_u32..4).prop_map(Use::SwitchTo),
        1 => Just(Use::Trap),
        6 => (sig(), callee(), args(), ret()).prop_map(|(sig, to, args, ret)| Use::Call(sig, to, args, ret)),
        2 => (sig(), args(), ret()).prop_map(|(sig, args, ret)| Use::ValuesIn(sig, args, ret)),
        1 => (sig(), values(), ret()).prop_map(|(sig, values, ret)| Use::ValuesOut(sig, values, ret)),
        2 => (sig(), callee()).prop_map(|(sig, to)| Use::Callee(sig, to)),
        2 => values().prop_map(Use::Issue),
        2 => (0_usize..10).prop_map(Use::EntryValue),
        2 => (0_usize..10).prop_map(Use::EntryParts),
        2 => (0_usize..10).prop_map(Use::EntryAddress),
        2 => (0_usize..10, value()).prop_map(|(i, to)| Use::EntryStore(i, to)),
        2 => proptest::option::of(arg()).prop_map(Use::Return),
    ]
}

/// Uses that were accepted and refused.
fn counted(uses: &[Use]) -> Result<(usize, usize), TestCaseError> {
    let built = Building::new(&signatures()).build(uses);
    if built.is_one_block
        && let Err(errors) = verify_function(&built.func, ISA.flags())
    {
        prop_assert!(false, "{}\n{}", built.func, errors);
    }
    let accepted = built.done.iter().filter(|done| done.is_ok()).count();
    Ok((accepted, built.done.len() - accepted))
}

#[test]
fn anything() {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(4000)
    };
    let uses = proptest::collection::vec(one_use(), 1..30);
    // Most sequences begin a function, or nothing could be accepted.
    let uses = (0..SIGNATURES, any::<u8>(), uses).prop_map(|(sig, begun, mut uses)| {
        if begun > 20 {
            uses.insert(0, Use::Begin(sig));
        }
        uses
    });
    let counts = Cell::new((0, 0));
    let run = |uses: Vec<Use>| {
        let ((accepted, refused), so_far) = (counted(&uses)?, counts.get());
        counts.set((so_far.0 + accepted, so_far.1 + refused));
        Ok(())
    };
    proptest::test_runner::TestRunner::new(config)
        .run(&uses, run)
        .unwrap();
    // Neither all refused nor all accepted: both sides were looked at.
    let (accepted, refused) = counts.get();
    assert!(
        accepted > 5000 && refused > 5000,
        "{accepted} accepted, {refused} refused"
    );
}
