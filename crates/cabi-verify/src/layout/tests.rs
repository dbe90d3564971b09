//! Questions about a block.

use super::*;
use crate::case::tests::subject;

const RECORD: &str =
    "struct s { char a; struct { int b : 3, c : 9; }; struct { short d; } e[2]; };";

#[test]
fn every_member_is_asked_about() {
    let Some(subject) = subject(RECORD) else {
        return;
    };
    let questions: Vec<String> = facts(&subject)
        .iter()
        .map(|fact| format!("{} = {}", fact.what, fact.ours.word()))
        .collect();
    let expected = [
        "sizeof(struct s) = 12",
        "alignment of struct s = 4",
        "offsetof(struct s, a) = 0",
        "bits of struct s, b = 32+3",
        "bits of struct s, c = 35+9",
        "offsetof(struct s, e) = 8",
        "offsetof(struct s, e[0]) = 8",
        "offsetof(struct s, e[0].d) = 8",
        "offsetof(struct s, e[1]) = 10",
        "offsetof(struct s, e[1].d) = 10",
        "the sign of struct s, a = s",
        "the sign of struct s, b = s",
        "the sign of struct s, c = s",
        "the bytes of struct s with e[0].d = 1 = 64+1",
        "the sign of struct s, e[0].d = s",
        "the bytes of struct s with e[1].d = 1 = 80+1",
        "the sign of struct s, e[1].d = s",
    ];
    assert_eq!(questions, expected);
}

/// Declarations of the types of [`ASKED`], flags, and the number of facts with an answer. A member
/// that is no number leaves those of places, and members of other names those of size and
/// alignment. A type that is not declared has no answer.
const DECLARED: [(&str, &[&str], usize); 6] = [
    (ASKED, &[], 10),
    (ASKED, &["-Wextra", "-Wc++-compat", "-Werror"], 10),
    (ASKED, &["-Wconversion", "-Wsign-conversion", "-Werror"], 10),
    (
        "enum e { A }; struct s { struct { int n; } a; unsigned b : 3; enum e c; };",
        &[],
        5,
    ),
    ("struct s { unsigned d[3]; };", &[], 2),
    ("struct s;", &[], 0),
];
const ASKED: &str = "enum e { A }; struct s { unsigned a; unsigned b : 3; enum e c; };";

#[test]
fn refused_headers_have_fewer_questions() {
    let Some(mut subject) = subject(ASKED) else {
        return;
    };
    subject.header.enums.clear();
    for reference in crate::build::InstalledCompilers::find().references {
        for (declared, flags, expected) in DECLARED {
            let replies = ask_data(&reference, flags, declared, &subject).unwrap();
            let answers = replies.iter();
            let is_same = |(fact, reply): &&(Fact, Reply)| *reply == Reply::Is(fact.ours.clone());
            let found = answers.filter(is_same).count();
            assert_eq!(found, expected, "{reference}: {declared} {replies:?}");
        }
    }
}

#[test]
fn lost_bits_are_bits_of_the_bit_field() {
    let of = |what: &str| Fact {
        what: what.to_owned(),
        ours: Answer::Bits(vec![0, 0xf8, 0x0f]),
    };
    for (what, theirs, is_lost) in [
        ("bits of struct s, b", &[0, 0xf8, 0][..], true),
        ("bits of struct s, b", &[0; 3], true),
        ("bits of struct s, b", &[0, 0xf8, 0x0f], false),
        ("bits of struct s, b", &[0, 0xf8], false),
        ("bits of struct s, b", &[0, 0xfc, 0x0f], false),
        ("the bytes of struct s with b = 1", &[0; 3], false),
    ] {
        let found = of(what).is_lost(&Answer::Bits(theirs.to_vec()));
        assert_eq!(found, is_lost, "{what} {theirs:?}");
    }
    assert!(!of("bits of struct s, b").is_lost(&Answer::Bytes(0)));
}

#[test]
fn subjects_of_one_file_have_names_of_their_own() {
    let texts = [RECORD, "struct s { char c; long s; };", "struct s;"];
    let [Some(one), Some(other), Some(mut refused)] = texts.map(subject) else {
        return;
    };
    refused.header.records.clone_from(&other.header.records);
    for reference in crate::build::InstalledCompilers::find().references {
        let together = ask_together(&reference, &[], &[&one, &other]).unwrap();
        for (subject, answers) in [&one, &other].into_iter().zip(together) {
            let answers = answers.unwrap();
            assert_eq!(answers.len(), facts(subject).len());
            assert!(answers.iter().all(|(fact, theirs)| fact.ours == *theirs));
        }
        let together = ask_together(&reference, &[], &[&refused, &one]).unwrap();
        assert!(together[0].is_err() && together[1].is_ok());
    }
}
