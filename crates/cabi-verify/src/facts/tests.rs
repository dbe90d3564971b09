//! Callers and callees of one compiler that disagree, each beside one that agrees.

use super::*;
use crate::verdict::{Difference, MovedBytes, Verdict};

/// Checks whether the two lines, and the state that both sides have by default, disagree.
fn disagree(value: Option<Value>, callee: &str, caller: &str) -> bool {
    let facts = Facts::of_sides([callee, caller]).unwrap();
    facts.disagree(value, true)
}

#[test]
fn a_callers_values_are_where_its_callee_has_them() {
    let argument = Some(Value::Argument(0));
    let rows = [
        ("a place of both", "8:rdi", "8:rdi|xmm1", false),
        ("another place", "8:rdi", "8:rsi|xmm1", true),
        ("the end elsewhere", "4:xmm0 4:sp+4", "4:xmm0 4:sp+8", true),
        ("runs cut otherwise", "4:rdi 4:rdi+4", "8:rdi", false),
        ("padding", "4:rdi 4:-", "4:rdi 4:-", false),
        // clang-ms-flexible-array-va-arg
        ("a copy, read as a value", "4:rdx", "4:[rdx]|[rdi]+20", true),
        // clang-odd-pair-va-arg
        (
            "bytes that the callee lacks",
            "4:xmm0 4:?",
            "4:xmm0 4:rsi",
            true,
        ),
        // clang-lone-float, gcc-float16-after-shorts
        (
            "bytes that both lose",
            "4:xmm0 4:? 8:rdi",
            "4:xmm0 4:? 8:rdi",
            true,
        ),
        ("bits that nobody gives", "1:rsi relies", "1:rsi", true),
        ("bits that nobody needs", "1:rsi", "1:rsi", false),
        (
            "bits that the caller gives",
            "1:rsi relies",
            "1:rsi signed:32",
            false,
        ),
        (
            "bits given elsewhere",
            "1:rsi relies",
            "1:rsi|rax zeroed:32@rax",
            true,
        ),
        (
            "bits given there too",
            "1:rsi relies",
            "1:rsi|rax zeroed:64@rsi",
            false,
        ),
    ];
    for (what, callee, caller, expected) in rows {
        assert_eq!(disagree(argument, callee, caller), expected, "{what}");
        assert!(
            !disagree(Some(Value::Argument(1)), callee, caller),
            "{what}"
        );
        assert!(!disagree(Some(Value::Result), callee, caller), "{what}");
        assert!(!disagree(None, callee, caller), "{what}");
    }
}

#[test]
fn a_result_is_read_where_it_is_returned() {
    let result = Some(Value::Result);
    assert!(!disagree(result, "result 8:rax|xmm0", "result 8:rax"));
    assert!(disagree(result, "result 8:rax", "result 8:xmm0"));
    assert!(disagree(result, "result 16:[rdi]", "result 16:?"));
    // A callee alone disagrees with nobody.
    let alone = Facts::of_stored("result 8:rax / none\n").unwrap();
    assert!(!alone.disagree(result, true));
}

#[test]
fn a_caller_gives_the_state_that_its_callee_needs() {
    let rows = [
        ("state needs:32", "state aligned:16", true),
        ("state needs:32", "state aligned:64", false),
        ("state lost:rbx", "state aligned:16", false),
        ("state carried:r11", "state aligned:16", true),
        ("state carried:r11", "state aligned:16 carried:r11", false),
        ("state lost:rbx", "state aligned:16 carried:r11", false),
    ];
    for (callee, caller, expected) in rows {
        assert_eq!(
            disagree(None, callee, caller),
            expected,
            "{callee}; {caller}"
        );
        assert!(!disagree(Some(Value::Argument(0)), callee, caller));
    }
}

#[test]
fn a_note_of_several_words_is_kept() {
    let text = "state ends:callee:ends_the_process:_SIGSEGV /\n";
    let facts = Facts::of_stored(text).unwrap();
    assert_eq!(
        facts.callee.state("ends"),
        Some("callee:ends the process: SIGSEGV")
    );
    assert_eq!(facts.to_stored(), text);
}

#[test]
fn an_argument_after_a_disputed_one_may_follow_from_it() {
    let text = "8:rsi / 8:rdi\n8:rdx / 8:rsi|rdx\n8:rcx\nresult 8:rax\n";
    let facts = Facts::of_stored(text).unwrap();
    let verdict = |values: &[Value]| {
        let difference = |value: &Value| Difference {
            value: Some(*value),
            moved: vec![MovedBytes {
                bytes: (0, 8),
                found: Vec::new(),
                expected: "rsi".to_owned(),
            }],
            ..Difference::from("elsewhere")
        };
        let differences: Vec<Difference> = values.iter().map(difference).collect();
        facts.verdict(Direction::Call, &differences, |_| true)
    };
    let [disputed, left_over, moved] = [0, 1, 2].map(Value::Argument);
    let is_disputed = |verdict| matches!(verdict, Verdict::SelfInconsistent(_));
    assert!(is_disputed(verdict(&[disputed])));
    assert!(is_disputed(verdict(&[disputed, left_over])));
    for values in [
        &[left_over][..],
        &[disputed, moved],
        &[disputed, left_over, Value::Result],
    ] {
        assert!(matches!(verdict(values), Verdict::Differs(_)), "{values:?}");
    }
}
