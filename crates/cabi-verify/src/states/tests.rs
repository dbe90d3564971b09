use super::*;
use crate::case::tests::subject;

/// The case of a block with this text; `None` without libclang.
fn case(text: &str) -> Option<Case> {
    subject(text).map(|mut subject| subject.cases.remove(0))
}

/// The transitions that `text` shows.
fn seen(text: &str, policy: Policy) -> Option<Vec<String>> {
    let mut coverage = Coverage::default();
    coverage.note(&case(text)?, policy);
    let seen = SYSV.transitions();
    let seen = seen.filter(|transition| coverage.has(*transition));
    assert_eq!(coverage.covered(), seen.clone().count());
    Some(seen.map(|transition| transition.to_string()).collect())
}

#[test]
fn numbers_are_unique_and_in_order() {
    for convention in [
        &cabi::X86_64_SYSV,
        &cabi::aarch64::AAPCS64,
        &cabi::aarch64::APPLE_ARM64,
    ] {
        let measure = Measure::of(convention).unwrap();
        let states = measure.states().map(|state| measure.state_number(state));
        assert!(states.eq(0..measure.states().count()));
        let all = measure.transitions();
        let numbers = all.map(|transition| measure.number(transition).unwrap());
        assert!(numbers.eq(0..measure.n_transitions()));
    }
    assert_eq!(SYSV.n_transitions(), 13104);
}

#[test]
fn the_state_is_what_the_arguments_before_leave() {
    let Some(lines) = seen(
        "struct big { long a[3]; };\nstruct big f(long, double, struct big, _Complex float);",
        Policy::GCC,
    ) else {
        return;
    };
    assert_eq!(
        lines,
        [
            "I with 5 integer, 8 vector registers left, slot 0",
            "S with 4 integer, 8 vector registers left, slot 0",
            "M8 with 4 integer, 7 vector registers left, slot 0",
            "S with 4 integer, 7 vector registers left, slot 3",
        ]
    );
}

#[test]
fn a_register_that_is_used_up_is_not_left() {
    let text = "void f(long, long, long, long, long, __int128, double);";
    let last = |policy| seen(text, policy).map(|lines| lines.last().cloned().unwrap());
    let (Some(gcc), Some(clang)) = (last(Policy::GCC), last(Policy::CLANG)) else {
        return;
    };
    assert_eq!(gcc, "S with 1 integer, 8 vector registers left, slot 2");
    assert_eq!(clang, "S with 0 integer, 8 vector registers left, slot 2");
}

#[test]
fn what_is_refused_is_not_noted() {
    // A vector of 128 bools has no place under clang's policy.
    let text = "typedef _Bool b128 __attribute__((ext_vector_type(128)));\nvoid f(long, b128);";
    let Some(lines) = seen("void f(long, long);", Policy::CLANG) else {
        return;
    };
    assert_eq!(lines.len(), 2);
    assert_eq!(seen(text, Policy::CLANG), Some(Vec::new()));
}

#[test]
fn what_is_outside_is_counted() {
    let text = "struct pad { int : 5; };\nvoid f(struct pad, int);";
    let Some(case) = case(text) else {
        return;
    };
    let mut coverage = Coverage::default();
    coverage.note(&case, Policy::GCC);
    let line = "transitions 1/13104, 1 arguments outside of the measure";
    assert_eq!(coverage.to_string(), line);
    coverage = Coverage::default();
    coverage.note(&case, Policy::CLANG);
    assert_eq!(coverage.to_string(), "transitions 2/13104");
}

#[test]
fn coverage_is_written_read_and_joined() {
    let mut all = Coverage::default();
    let (mut even, mut odd) = (Coverage::default(), Coverage::default());
    for (i, transition) in SYSV.transitions().enumerate() {
        all.mark(transition);
        if i % 2 == 0 { &mut even } else { &mut odd }.mark(transition);
    }
    assert_eq!(all.covered(), all.total());
    for coverage in [&all, &even, &odd, &Coverage::default()] {
        assert_eq!(
            Coverage::decode(&coverage.encode()).as_ref(),
            Some(coverage)
        );
    }
    even.merge(&odd);
    assert_eq!(even, all);
    let long = format!("0:{}", "f".repeat(13104_usize.div_ceil(64) * 16));
    for wrong in ["", "0", ":", "x:00", "0:0g", "0:+1", "0:é", &long] {
        assert_eq!(Coverage::decode(wrong), None, "{wrong}");
    }
}
