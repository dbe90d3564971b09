//! Callers and callees of one compiler that disagree, each beside one that agrees.

use super::*;
use crate::verdict::{Difference, Moved, Verdict};

/// Checks whether the two lines, and the state that both sides have by default, disagree.
fn disagree(value: Option<Value>, callee: &str, caller: &str) -> bool {
    let text = format!("callee {callee}\ncaller {caller}\n");
    Facts::parse(&text).unwrap().disagree(value, true)
}

#[test]
fn a_callers_values_are_where_its_callee_has_them() {
    let argument = Some(Value::Argument(0));
    let rows = [
        ("a place of both", "0 8:rdi", "0 8:rdi|xmm1", false),
        ("another place", "0 8:rdi", "0 8:rsi|xmm1", true),
        (
            "the end elsewhere",
            "0 4:xmm0 4:sp+4",
            "0 4:xmm0 4:sp+8",
            true,
        ),
        ("runs cut otherwise", "0 4:rdi 4:rdi+4", "0 8:rdi", false),
        ("padding", "0 4:rdi 4:-", "0 4:rdi 4:-", false),
        // clang-ms-flexible-array-va-arg
        (
            "a copy, read as a value",
            "0 4:rdx",
            "0 4:[rdx]|[rdi]+20",
            true,
        ),
        // clang-odd-pair-va-arg
        (
            "bytes that the callee lacks",
            "0 4:xmm0 4:?",
            "0 4:xmm0 4:rsi",
            true,
        ),
        // clang-lone-float, gcc-float16-after-shorts
        (
            "bytes that both lose",
            "0 4:xmm0 4:? 8:rdi",
            "0 4:xmm0 4:? 8:rdi",
            true,
        ),
        ("bits that nobody gives", "0 1:rsi relies", "0 1:rsi", true),
        ("bits that nobody needs", "0 1:rsi", "0 1:rsi", false),
        (
            "bits that the caller gives",
            "0 1:rsi relies",
            "0 1:rsi signed:32",
            false,
        ),
        (
            "bits given elsewhere",
            "0 1:rsi relies",
            "0 1:rsi|rax zeroed:32@rax",
            true,
        ),
        (
            "bits given there too",
            "0 1:rsi relies",
            "0 1:rsi|rax zeroed:64@rsi",
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
    let alone = Facts::parse("callee result 8:rax\n").unwrap();
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
    let text = "callee state ends:callee:ends_the_process:_SIGSEGV\n";
    let facts = Facts::parse(text).unwrap();
    assert_eq!(
        facts.callee.state("ends"),
        Some("callee:ends the process: SIGSEGV")
    );
    assert_eq!(facts.to_string(), text);
    assert_eq!(Facts::of_stored(&facts.to_stored()), Ok(facts));
}

#[test]
fn an_argument_after_a_disputed_one_may_follow_from_it() {
    let callee = "callee 0 8:rsi\ncallee 1 8:rdx\ncallee 2 8:rcx\ncallee result 8:rax\n";
    let caller = "caller 0 8:rdi\ncaller 1 8:rsi|rdx\ncaller 2 8:rcx\ncaller result 8:rax\n";
    let facts = Facts::parse(&format!("{callee}{caller}")).unwrap();
    let verdict = |values: &[Value]| {
        let difference = |value: &Value| Difference {
            value: Some(*value),
            moved: vec![Moved {
                bytes: (0, 8),
                found: Vec::new(),
                expected: "rsi".to_owned(),
            }],
            ..Difference::from("elsewhere")
        };
        let all: Vec<Difference> = values.iter().map(difference).collect();
        facts.verdict(Direction::Call, &all, |_| true)
    };
    let [disputed, left_over, moved] = [0, 1, 2].map(Value::Argument);
    let is_disputed = |verdict| matches!(verdict, Verdict::SelfInconsistent(_));
    assert!(is_disputed(verdict(&[disputed])));
    assert!(is_disputed(verdict(&[disputed, left_over])));
    for all in [
        &[left_over][..],
        &[disputed, moved],
        &[disputed, left_over, Value::Result],
    ] {
        assert!(matches!(verdict(all), Verdict::Differs(_)), "{all:?}");
    }
}
