//! The check refuses whatever the solver could do wrong: controls of both.
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use cabi::Target;

use super::*;

/// rsi, xmm1, rdi and rcx in this order, then two words with a gap before the second, and one empty word at the end.
fn solved() -> Solver {
    let machine = Machine::of(&Target::X86_64_LINUX).unwrap();
    let registers = &machine.counting.params;
    let reg = |class, i: usize| ClifPlace::Reg(registers.of(class)[i]);
    let float = |place| PlacedParam {
        param: Param::new(ValueType::F64),
        place,
    };
    let wanted = [
        PlacedParam::word(reg(RegClass::Int, 1)),
        float(reg(RegClass::Vector, 1)),
        PlacedParam::word(reg(RegClass::Int, 0)),
        PlacedParam::word(reg(RegClass::Int, 3)),
        PlacedParam::word(ClifPlace::Stack { offset: 16 }),
        PlacedParam::word(ClifPlace::Stack { offset: 0 }),
    ];
    let mut solver = Solver::new(machine);
    let results = machine.counting.results.of(RegClass::Int);
    solver.results(&[
        (Param::new(WORD), results[1]),
        (Param::new(WORD), results[0]),
    ]);
    let indexes = solver.params(&wanted, 32).unwrap();
    solver.expect.area_bytes = 32;
    assert_eq!(indexes[..], [3, 2, 0, 5, 10, 8]);
    solver
}

/// Removes parameter `i`, wanted or padding.
fn without(i: usize) -> Solver {
    let mut solver = solved();
    solver.signature.params.remove(i);
    solver.expect.params.remove(i);
    solver
}

#[test]
fn lost_padding_arguments_are_refused() {
    let right = solved();
    assert!(right.check().is_ok());
    let padding: Vec<usize> = (0..right.expect.params.len())
        .filter(|i| right.expect.params[*i].is_none())
        .collect();
    // xmm0, rdx, r8 and r9, and the words at 8 and 24.
    assert_eq!(padding, [1, 4, 6, 7, 9, 11]);
    for i in padding {
        // The last one only has the area cut short, which is rounded to 16 bytes all the same.
        assert_eq!(without(i).check().is_err(), i != 11, "{i}");
    }
}

#[test]
fn another_order_is_refused() {
    let right = solved();
    let mut n_refused = 0;
    for i in 0..right.expect.params.len() {
        for j in 0..i {
            let mut swapped = solved();
            swapped.signature.params.swap(i, j);
            swapped.expect.params.swap(i, j);
            let alike = [i, j].iter().all(|k| right.expect.params[*k].is_none());
            let same_class = right.signature.params[i] == right.signature.params[j];
            if !alike && same_class {
                assert!(swapped.check().is_err(), "{i} and {j}");
                n_refused += 1;
            }
        }
    }
    assert_eq!(n_refused, 36);
}

#[test]
fn results_in_another_order_are_refused() {
    let mut solver = solved();
    assert_eq!(solver.signature.returns.len(), 2);
    solver.expect.results.swap(0, 1);
    assert!(matches!(solver.check(), Err(PlanError::Mismatch { .. })));
}
