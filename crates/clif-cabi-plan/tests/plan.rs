//! Plans as text, for what they say beside the signature; targets that are refused. That the signatures are right is shown by the calls of the
//! tests of `clif-cabi` and `tests/`, which are emitted from these plans.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error"
)]

use std::path::Path;

use cabi::{FnSig, RecordBuilder, Target, Type};
use clif_cabi_plan::{
    Arrival, CallPlan, EntryPlan, Machine, Passing, PlanError, ResultPlan, Slot, Stub,
};

const LINUX: Target = Target::X86_64_LINUX;

/// `struct { long words[n]; }`
fn words(n: u64) -> Type {
    let array = Type::array(&Type::I64, n).unwrap();
    let record = RecordBuilder::structure("words").field("words", array);
    record.build(LINUX.data_model()).unwrap()
}

#[test]
fn a_word_on_the_stack_is_after_all_integer_registers() {
    let plan = CallPlan::new(&FnSig::new([Type::I32, words(3)], Type::VOID), &LINUX).unwrap();
    let text = "(i32, i64, i64, i64, i64, i64, i64, i64, i64) system_v";
    assert_eq!(plan.signature.to_string(), text);
    let part = |arg, part| Slot::Part { arg, part };
    let slots = [
        &[part(0, 0)][..],
        &[Slot::Padding; 5],
        &[part(1, 0), part(1, 1), part(1, 2)],
    ];
    assert_eq!(plan.slots, slots.concat());
}

#[test]
fn a_large_object_is_copied_by_cranelift() {
    let sig = FnSig::new([words(9)], words(9));
    let call = CallPlan::new(&sig, &LINUX).unwrap();
    assert_eq!(
        call.signature.to_string(),
        "(i64 sret, i64 sarg(72)) system_v"
    );
    assert_eq!(call.slots, [Slot::Sret, Slot::Block { arg: 0 }]);
    assert!(matches!(&call.args[0], Passing::Block(tail) if tail.is_empty()));
    let entry = EntryPlan::new(&sig, &LINUX).unwrap();
    assert_eq!(entry.area, Some(1));
    let (offset, parts) = (0, None);
    assert_eq!(entry.args[..], [Arrival::Area { offset, parts }]);
}

#[test]
fn stubs_are_named() {
    let printf = FnSig::new([Type::PTR], Type::F80).variadic();
    let plan = CallPlan::new(&printf.at_call([Type::F64]).unwrap(), &LINUX).unwrap();
    let (n_sse, area) = (1, 0);
    let direct = Stub::VariadicDirect { n_sse, callee: 3 };
    assert_eq!(plan.direct_stub(3), Some(direct));
    let indirect = Stub::VariadicIndirect { n_sse, area };
    assert_eq!(plan.indirect_stub(), Some(indirect));
    assert_eq!(plan.indirect.unwrap().padding, 5);
    let ResultPlan::Stub { pop, push, .. } = plan.result else {
        panic!("{:?}", plan.result);
    };
    assert_eq!((pop, push), (Stub::PopX87, Stub::PushX87));

    let plain = CallPlan::new(&FnSig::new([Type::PTR], Type::I32), &LINUX).unwrap();
    assert_eq!(plain.direct_stub(3), None);
}

#[test]
fn other_targets_are_refused() {
    let refused = |name: &str| match Machine::of(&target(name)) {
        Err(PlanError::Target { target, why }) => format!("{target}: {why}"),
        other => panic!("{other:?}"),
    };
    let windows = "x86_64-pc-windows-gnu: only x86-64 System V is lowered yet";
    assert_eq!(refused("x86_64-pc-windows-gnu"), windows);
    let arm = "aarch64-unknown-linux-gnu: calls on AArch64 are not lowered yet";
    assert_eq!(refused("aarch64-unknown-linux-gnu"), arm);
    assert!(Machine::of(&target("x86_64-apple-darwin")).is_ok());
}

fn target(name: &str) -> Target {
    Target::new(&name.parse().unwrap()).unwrap()
}

/// Outside `machine/`, where they are data, no file knows a register or decides by a calling convention.
#[test]
fn only_machines_name_registers_and_conventions() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut searched = 0;
    for folder in [&src, &src.join("plan")] {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            // The words themselves.
            if path.is_dir() || path.ends_with("signature.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            searched += 1;
            for word in ["Reg::R", "Reg::X", "Reg::S", "CallConv::", "SYSV"] {
                assert!(!text.contains(word), "{}: {word}", path.display());
            }
        }
    }
    assert!(searched >= 6, "{searched} files");
    // It would be found.
    let machine = src.join("machine/x86_64/counting.rs");
    let text = std::fs::read_to_string(machine).unwrap();
    assert!(text.contains("Reg::R") && text.contains("CallConv::"));
}
