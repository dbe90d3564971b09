//! What is asked about a block, and that reference compilers' answers are read back.

use super::*;
use crate::build::Installed;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::build::{ProgramTarget, Reference};
use crate::case::tests::subject;

const RECORD: &str =
    "struct s { char a; struct { int b : 3, c : 9; }; struct { short d; } e[2]; };";

#[test]
fn every_member_is_asked_about() {
    let Some(subject) = subject(RECORD) else {
        return;
    };
    let asked: Vec<String> = facts(&[&subject])
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

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn references_answer_every_fact() {
    let Some(subject) = subject(RECORD) else {
        return;
    };
    let ours: Vec<Option<Answer>> = facts(&[&subject])
        .into_iter()
        .map(|fact| Some(fact.ours))
        .collect();
    for reference in Installed::find().references {
        assert_eq!(
            ask(&reference, None, &[&subject]).unwrap(),
            ours,
            "{reference}"
        );
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn programs_of_other_targets_answer_every_fact() {
    let mut of_targets = Vec::new();
    for triple in ProgramTarget::names() {
        let Some(subject) = subject(&format!(
            "target: {triple}\nstruct s {{ char a; int b : 3, c : 9; }};"
        )) else {
            return;
        };
        let Ok((target, compilers)) = ProgramTarget::named(triple) else {
            continue;
        };
        let ours: Vec<Option<Answer>> = facts(&[&subject])
            .into_iter()
            .map(|fact| Some(fact.ours))
            .collect();
        for reference in compilers.iter().flat_map(|one| Reference::of_command(one)) {
            let theirs = ask(&reference, Some(&target), &[&subject]).unwrap();
            assert_eq!(theirs, ours, "{reference}");
            of_targets.push(theirs);
        }
    }
    // Microsoft's compiler begins an `int` for the bit-fields where gcc goes on in the bytes after `a`.
    of_targets.dedup();
    assert_ne!(of_targets.len(), 1);
}

#[test]
fn a_wrong_number_is_a_failed_assertion() {
    let target = "i686-unknown-linux-gnu";
    let flags = ["--target=i686-unknown-linux-gnu", "-ferror-limit=0"];
    let text = format!("target: {target}\nstruct s {{ char a; double b; }};");
    let Some(subject) = subject(&text) else {
        return;
    };
    let bench = Installed::find();
    let Some(clang) = bench
        .references
        .iter()
        .find(|reference| reference.name() == "clang")
    else {
        return;
    };
    assert_eq!(
        assertions(clang, &flags, &[&subject], 0).unwrap(),
        Vec::<String>::new()
    );
    let failed = assertions(clang, &flags, &[&subject], 1).unwrap();
    assert_eq!(failed.len(), 4);
    assert!(failed[0].ends_with("one: sizeof(struct s)"), "{failed:?}");
}
