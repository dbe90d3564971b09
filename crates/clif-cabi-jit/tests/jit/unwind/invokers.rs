//! Invokers that are stubs, with the functions of [`kinds`](super::kinds): exceptions pass through them, and a mistake in a step is noticed. That they make the calls that
//! compiled invokers make, of every function that the suites have, and touch no other byte, is the suites' to see.

use clif_cabi_jit::clif_cabi::{MoveWidth, RegisterMove};

use super::cxx::compilers;
use super::kinds::{assert_result, build, catch, kinds};
use crate::common::*;

/// The stub that the invoker of `sig` is, if it is one.
pub(crate) fn stub_of(sig: &FnSig) -> Option<Stub> {
    let engine = engine();
    let lower = Lowering::new(engine.isa()).unwrap();
    lower.call_plan(sig).unwrap().invoker(lower.target())
}

/// Mistakes in the steps of such stubs.
const MISTAKES: &str = "another argument, another word, another register, half, nothing kept, no result kept, no address, none passed, no call";

/// `step`, or what is there instead by this mistake.
fn mistaken(mistake: &str, step: Step) -> Step {
    let moved = |own: RegisterMove| match (mistake, own.width) {
        ("another register", _) => RegisterMove {
            register: own.register ^ 1,
            ..own
        },
        ("half", MoveWidth::V64) => RegisterMove {
            width: MoveWidth::V32,
            ..own
        },
        ("half", MoveWidth::U64) => RegisterMove {
            width: MoveWidth::U32,
            ..own
        },
        _ => own,
    };
    match (mistake, step) {
        (_, Step::Load(own)) => Step::Load(moved(own)),
        (_, Step::Store(own)) => Step::Store(moved(own)),
        ("another argument", Step::ArgAddress(n)) => Step::ArgAddress(n ^ 1),
        ("another word", Step::StackWord(n)) => Step::StackWord(n ^ 8),
        // Nothing, in place of the step.
        ("nothing kept", Step::KeepInvocation)
        | ("no result kept", Step::KeepRet)
        | ("no address", Step::RetAddress)
        | ("none passed", Step::PassRet)
        | ("no call", Step::CallTarget) => Step::Skip(16),
        _ => step,
    }
}

/// Each mistake is noticed: something else arrives or is returned, or the process ends.
#[test]
fn mistakes_in_stubs_are_noticed() {
    let Some(compiler) = compilers().pop() else {
        return;
    };
    if let Some(mistake) = told() {
        let mut engine = engine();
        engine.add_library(&build("unwind_mistakes", &compiler));
        return kinds()
            .iter()
            .for_each(|kind| with_mistake(&mut engine, kind, &mistake));
    }
    for mistake in ["none"].into_iter().chain(MISTAKES.split(", ")) {
        let (child, text) = again("unwind::invokers::mistakes_in_stubs_are_noticed", mistake);
        let is_right = mistake == "none";
        assert!(
            text.contains("a wrong stub calls") != is_right,
            "{mistake}: {text}"
        );
        assert_eq!(child.status.success(), is_right, "{mistake}: {text}");
    }
}

/// Calls the function `name` by its invoker with this mistake, if it is a stub.
fn with_mistake(engine: &mut Engine, (name, sig): &(&str, FnSig), mistake: &str) {
    let Some(stub) = stub_of(sig) else {
        return;
    };
    let steps: Vec<Step> = stub
        .steps()
        .iter()
        .map(|step| mistaken(mistake, *step))
        .collect();
    let code = stub_code(engine.isa(), &Stub::new(&steps).unwrap()).unwrap();
    let id = engine.declare_local(&engine.make_signature()).unwrap();
    engine.define_bytes(id, &code.bytes, &[]).unwrap();
    engine.finalize().unwrap();
    if steps != stub.steps() {
        println!("a wrong stub calls {name}");
    }
    // SAFETY: what a wrong one does, its caller waits for.
    let shim = unsafe { *engine.code(id).unwrap().typed() };
    assert_result(engine, name, catch(engine, shim, name, 0).1, name);
}
