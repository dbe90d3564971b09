use cabi::aarch64::{AAPCS64, APPLE_ARM64, WINDOWS_ARM64};
use cabi::riscv::LP64D;
use cabi::s390x::S390X;

use std::collections::BTreeSet;

use cabi::{FnSig, Target, Type};

use super::*;
use crate::case::tests::subject;
use crate::generate::{Absent, states_for_machine};

/// Reads the case of a block with this text; `None` without libclang.
fn case(text: &str) -> Option<Case> {
    subject(text).map(|mut subject| subject.cases.remove(0))
}

/// Returns the transitions that `text` shows.
fn transitions(text: &str, policy: Policy) -> Option<Vec<String>> {
    let case = case(text)?;
    let all = 0..case.argument_types().len();
    let shown = all.filter_map(|i| Transition::of_argument(&case, i, policy));
    Some(shown.map(|transition| transition.to_string()).collect())
}

/// The number of states follows from the tables of registers. System V and Apple's arm64 lack
/// states with arguments on the stack before registers are used up.
#[test]
fn every_state_is_found() {
    let n_states = [
        &cabi::X86_64_SYSV,
        &cabi::X86_64_WIN64,
        &AAPCS64,
        &APPLE_ARM64,
        &WINDOWS_ARM64,
        &LP64D,
        &S390X,
    ]
    .map(|convention| Measure::of(convention).unwrap().states().len());
    let of_aapcs64 = 9 * 9 + 17;
    let of_apple = 9 * 16 + 8 * 8 + 8 * 8;
    assert_eq!(
        n_states,
        [
            7 * 9 * 8,
            4 + 8,
            of_aapcs64,
            of_apple,
            of_aapcs64,
            9 * 9 + 9,
            6 * 5
        ]
    );
    assert_eq!(SYSV.states().len() * SYSV.shapes().count(), 13104);
}

/// The signatures of a machine leave each state before the last four arguments.
#[test]
fn every_state_has_a_signature() {
    let absent = Absent {
        names: &[],
        unnamed: &[],
        vectors: true,
        bit_int: true,
        align: 16,
        fill: 1,
    };
    for (target, convention) in [
        (Target::X86_64_LINUX, &cabi::X86_64_SYSV),
        (Target::named("aarch64-apple-darwin").unwrap(), &APPLE_ARM64),
        (
            Target::named("aarch64-pc-windows-msvc").unwrap(),
            &WINDOWS_ARM64,
        ),
        (Target::named("s390x-unknown-linux-gnu").unwrap(), &S390X),
    ] {
        let measure = Measure::of(convention).unwrap();
        let mut states: BTreeSet<AssignedState> = BTreeSet::new();
        for signature in states_for_machine(&absent, measure) {
            let declared = signature.declared("p", target.data_model());
            let case = declared.case.unwrap();
            let mut params: Vec<Type> = case.argument_types();
            params.truncate(params.len() - 4);
            let sig = FnSig::new(params, case.prototype.ret.clone()).convention(convention);
            states.extend(AssignedState::after(&FnAbi::new(&sig, &target).unwrap()));
        }
        assert_eq!(states, measure.states().collect());
    }
}

#[test]
fn the_state_is_what_the_arguments_before_leave() {
    let Some(lines) = transitions(
        "struct big { long a[3]; };\nstruct big f(long, double, struct big, _Complex float);",
        Policy::GCC,
    ) else {
        return;
    };
    assert_eq!(
        lines,
        [
            "I/8 with 5 integer, 8 vector registers left, slot 0",
            "S/8 with 4 integer, 8 vector registers left, slot 0",
            "X/8 with 4 integer, 7 vector registers left, slot 0",
            "S/8 with 4 integer, 7 vector registers left, slot 3",
        ]
    );
}

#[test]
fn a_register_that_is_used_up_is_not_left() {
    let text = "void f(long, long, long, long, long, __int128, double);";
    let last = |policy| transitions(text, policy).map(|lines| lines.last().cloned().unwrap());
    let (Some(gcc), Some(clang)) = (last(Policy::GCC), last(Policy::CLANG)) else {
        return;
    };
    assert_eq!(gcc, "S/8 with 1 integer, 8 vector registers left, slot 2");
    assert_eq!(clang, "S/8 with 0 integer, 8 vector registers left, slot 2");
}
