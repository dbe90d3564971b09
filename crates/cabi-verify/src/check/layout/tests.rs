//! What is asked about a block.

use super::*;
use crate::case::tests::subject;

const RECORD: &str =
    "struct s { char a; struct { int b : 3, c : 9; }; struct { short d; } e[2]; };";

#[test]
fn every_member_is_asked_about() {
    let Some(subject) = subject(RECORD) else {
        return;
    };
    let asked: Vec<String> = facts(&subject)
        .iter()
        .map(|fact| format!("{} = {}", fact.what, fact.ours))
        .collect();
    let expected = [
        "sizeof(struct s) = 12",
        "alignment of struct s = 4",
        "offsetof(struct s, a) = 0",
        "bits of struct s, b = 00 00 00 00 07 00 00 00 00 00 00 00",
        "bits of struct s, c = 00 00 00 00 f8 0f 00 00 00 00 00 00",
        "offsetof(struct s, e) = 8",
        "offsetof(struct s, e[0]) = 8",
        "offsetof(struct s, e[0].d) = 8",
        "offsetof(struct s, e[1]) = 10",
        "offsetof(struct s, e[1].d) = 10",
    ];
    assert_eq!(asked, expected);
}
