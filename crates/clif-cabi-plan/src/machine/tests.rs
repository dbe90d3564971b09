//! s390x's slots and copies, which no output of compilers shows, and the flags of all machines.

use cabi::{FnSig, RecordBuilder, Target, Type};

use super::convention::NOT_PASSED;
use super::processor::FRAME_POINTERS;
use super::{ARCHITECTURES, Machine};
use crate::check::check;
use crate::parts::ClifPart;
use crate::plan::VaArgPlan;
use crate::signature::{ClifParam, ClifPlace, Signature, ValueType};
use crate::slot::{Slot, Slots, What};
use crate::solve::Solver;

/// Cranelift has a value at the end of its slot. One that a convention has at the start is refused.
#[test]
fn starts_of_slots_are_refused() {
    let machine = Machine::of(&Target::named("s390x-unknown-linux-gnu").unwrap()).unwrap();
    let checked = |offset| {
        let (what, place) = (What::Part { arg: 0, part: 0 }, ClifPlace::Stack { offset });
        let part = ClifPart::new(0, 4, ValueType::F32);
        let mut slots: Slots = [Slot::new(what, part, place)].into_iter().collect();
        let mut solver = Solver::params(machine, false);
        solver.solve(&mut slots, |_| true, 168).unwrap();
        let mut sig = Signature::new(machine.convention.call_conv);
        sig.params = solver.declared;
        check(machine, &sig, (&slots, &[]), None, 168).map_err(|error| error.to_string())
    };
    assert_eq!(checked(164), Ok(()));
    let why = "CLIF parameter 4: the convention has it in stack 160, Cranelift in stack 164; please report it, unless the convention is your own";
    assert_eq!(checked(160), Err(why.to_owned()));
}

/// A copy of the caller's is as aligned as its stack.
#[test]
fn copies() {
    let target = Target::named("s390x-unknown-linux-gnu").unwrap();
    let sig = FnSig::new([Type::PTR], Type::VOID).variadic();
    let wide = RecordBuilder::structure("wide").field("n", Type::array(&Type::I64, 2).unwrap());
    for (align, in_place) in [(8, true), (16, false)] {
        let ty = wide
            .clone()
            .aligned(align)
            .build(target.data_model())
            .unwrap();
        let plan = VaArgPlan::new(&sig, &ty, &target).unwrap();
        assert_eq!((plan.by_reference, plan.in_place), (true, in_place));
    }
}

/// Functions that find the argument area by the frame pointer need its flag, and no others do.
#[test]
fn frame_pointers_are_required_where_they_are_used() {
    for architecture in ARCHITECTURES {
        let own = &architecture.processor;
        let is_used = own.area_from_frame.is_some();
        assert_eq!(own.flags.contains(&FRAME_POINTERS), is_used, "{own:?}");
    }
}

/// Cranelift passes vectors of any size differently from C there, or not at all.
#[test]
fn vectors_are_refused_on_riscv64_and_s390x() {
    for target in ["riscv64gc-unknown-linux-gnu", "s390x-unknown-linux-gnu"] {
        let machine = Machine::of(&Target::named(target).unwrap()).unwrap();
        for (ty, _) in NOT_PASSED {
            let mut sig = Signature::new(machine.convention.call_conv);
            sig.params.push(ClifParam::new(ty));
            assert!(machine.places(&sig).is_err(), "{ty} on {target}");
        }
    }
}
