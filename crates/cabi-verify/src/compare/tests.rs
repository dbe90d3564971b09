//! Facts that are right, and each kind of difference in words.

use super::*;
use cabi::{DataModel, FnSig, RecordBuilder, Target};

/// Returns the differences between facts about `void f(struct p { long a; double b; }, char)` and
/// the ABI.
fn differs(facts: &str) -> Vec<String> {
    let record = RecordBuilder::structure("p");
    let record = record.field("a", Type::I64).field("b", Type::F64);
    let types = [record.build(&DataModel::LP64).unwrap(), Type::I8];
    let abi = FnAbi::new(
        &FnSig::new(types.clone(), Type::VOID),
        &Target::X86_64_LINUX,
    )
    .unwrap();
    let facts = Facts::of_stored(facts).unwrap();
    let all = Direction::ALL.map(|direction| compare("gcc", &facts, &types, &abi, direction));
    all.into_iter().flatten().map(|one| one.why).collect()
}

#[test]
fn bytes_that_were_not_looked_at_differ() {
    let state = "state / aligned:16\n";
    let first = differs(&format!("8:rdi / 8:rdi 8:xmm0\n1:rsi + signed:32\n{state}"));
    assert_eq!(first, ["argument 0 (struct p): 8 bytes were observed"]);
    let second = differs(&format!("8:rdi 8:xmm0\n/ 1:rsi signed:32\n{state}"));
    assert_eq!(second, ["argument 1 (signed char): 0 bytes were observed"]);
}

#[test]
fn differences_are_in_words() {
    let text = "8:rdi 8:xmm0 / 8:rdi|xmm2 8:xmm0\n1:rsi / 1:rsi signed:32\nstate / aligned:16\n";
    assert!(differs(text).is_empty());
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        differs(&text.replace(from, to)).join("; ")
    };
    let rows = [
        (
            "8:rdi 8",
            "8:rsi 8",
            "argument 0 (struct p): gcc reads bytes 0 to 7 from rsi; expected rdi",
        ),
        (
            "8:rdi 8",
            "6:rdi 2:? 8",
            "argument 0 (struct p): gcc reads bytes 6 to 7 from no observed place; expected rdi+6",
        ),
        (
            "8:rdi|xmm2",
            "8:xmm2",
            "argument 0 (struct p): gcc passes bytes 0 to 7 in xmm2; expected rdi",
        ),
        (
            "1:rsi /",
            "1:[rsi] /",
            "argument 1 (signed char): gcc reads byte 0 from [rsi]; expected rsi",
        ),
        (
            "signed:32",
            "signed:16",
            "argument 1 (signed char): gcc does not extend the value in rsi to 32 bits",
        ),
        (
            "aligned:16",
            "aligned:8",
            "gcc aligns the argument area to 8 bytes, expected 16",
        ),
        (
            "aligned:16",
            "aligned:16 x87:1",
            "1 registers of the x87 stack are in use at the call, expected 0",
        ),
        (
            "aligned:16",
            "aligned:16 calls:48",
            "gcc: 48 calls were made in 24 rounds",
        ),
        (
            "state /",
            "state lost:rbx /",
            "gcc: the callee does not preserve rbx",
        ),
        (
            "state /",
            "state popped:16 /",
            "the callee pops 16 bytes, not 0",
        ),
    ];
    for (from, to, expected) in rows {
        assert_eq!(changed(from, to), expected);
    }
}
