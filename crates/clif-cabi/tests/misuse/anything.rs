//! Any use of a lowering, in any order: results and errors, no panic, and no instruction after an
//! error. Code that it accepts in one block passes Cranelift's verifier. Nothing is compiled or
//! run.

use std::cell::Cell;

use clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type};
use clif_cabi::cranelift_codegen::verify_function;
use proptest::prelude::*;
use proptest::sample::select;

use super::{ISA, UseSequence};

/// Returns signatures with every way to pass an argument and to return a result.
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

fn value() -> impl Strategy<Value = String> {
    prop_oneof![9 => 0_u32..12, 1 => 90_u32..99].prop_map(|value| format!("v{value}"))
}

fn values(n: usize, between: &'static str) -> impl Strategy<Value = String> {
    proptest::collection::vec(value(), 0..n).prop_map(|values| values.join(between))
}

fn arg() -> impl Strategy<Value = String> {
    let offset = select(vec![0, 0, 8, -1, i32::MAX, i32::MIN]);
    prop_oneof![
        4 => value(),
        4 => (value(), offset).prop_map(|(base, offset)| format!("[{base}+{offset}]")),
        2 => values(3, " ").prop_map(|parts| format!("{{{parts}}}")),
    ]
}

/// Draws the form of a result.
fn ret() -> impl Strategy<Value = String> {
    let address = value().prop_map(|to| format!(" -> [{to}]"));
    let form = select(vec!["", " -> value", " -> parts"]).prop_map(String::from);
    prop_oneof![3 => form, 1 => address]
}

/// Draws arguments, and the form of the result.
fn args() -> impl Strategy<Value = String> {
    let args = proptest::collection::vec(arg(), 0..4);
    (args, ret()).prop_map(|(args, ret)| format!("({}){ret}", args.join(", ")))
}

fn callee() -> impl Strategy<Value = String> {
    prop_oneof![
        (0_u32..3).prop_map(|id| format!("f{id}")),
        (0_u32..6).prop_map(|func| format!("r{func}")),
        value(),
    ]
}

fn one_use() -> impl Strategy<Value = String> {
    let sig = || 0..SIGNATURES;
    let of_entry = select(vec!["value", "parts", "address"]);
    prop_oneof![
        2 => sig().prop_map(|sig| format!("begin {sig}")),
        1 => (sig(), 0_u32..4).prop_map(|(sig, block)| format!("enter {sig} {block}")),
        1 => Just("block".into()),
        1 => (0_u32..4).prop_map(|block| format!("switch {block}")),
        1 => Just("trap".into()),
        6 => (sig(), callee(), args()).prop_map(|(sig, to, args)| format!("call@{sig} {to}{args}")),
        2 => (sig(), args()).prop_map(|(sig, args)| format!("values_in@{sig} {args}")),
        1 => (sig(), values(4, ", "), ret()).prop_map(|(sig, values, ret)| format!("values_out@{sig} ({values}){ret}")),
        2 => (sig(), callee()).prop_map(|(sig, to)| format!("callee {sig} {to}")),
        2 => values(4, ", ").prop_map(|values| format!("issue ({values})")),
        6 => (of_entry, 0_usize..10).prop_map(|(verb, i)| format!("{verb} {i}")),
        2 => (0_usize..10, value()).prop_map(|(i, to)| format!("store {i} {to}")),
        1 => arg().prop_map(|arg| format!("return {arg}")),
        1 => Just("return".into()),
    ]
}

/// Uses that were accepted and refused.
fn counted(uses: &[String]) -> Result<(usize, usize), TestCaseError> {
    let built = UseSequence::new(&signatures()).build(uses);
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
            uses.insert(0, format!("begin {sig}"));
        }
        uses
    });
    let counts = Cell::new((0, 0));
    let run = |uses: Vec<String>| {
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
