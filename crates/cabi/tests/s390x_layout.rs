//! Records of s390x with bit-fields of `__int128`, which is aligned to 8 bytes there, against gcc's and clang's sizes and alignments.
//!
//! Without a compiler nothing is compared, and the test says so; `CABI_REQUIRE_ORACLES=1` makes that a failure.

#![allow(
    clippy::unwrap_used,
    reason = "a test that meets an unexpected error stops there"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use cabi::{DataModel, Member, RecordBuilder, RecordRules, Type};

const COMPILERS: [(&[&str], RecordRules); 2] = [
    (&["s390x-linux-gnu-gcc"], RecordRules::Gcc),
    (
        &["clang-19", "--target=s390x-linux-gnu"],
        RecordRules::Clang,
    ),
];

/// Members beside the bit-field, as C declares them and as they are here.
fn beside(model: &DataModel) -> [(&'static str, Option<Member>); 6] {
    [
        ("", None),
        ("char c;", Some(Member::named("c", Type::I8))),
        (
            "unsigned char c : 8;",
            Some(Member::bit_field("c", Type::U8, 8)),
        ),
        ("long long c;", Some(Member::named("c", Type::I64))),
        (
            "__int128 c : 60;",
            Some(Member::bit_field("c", model.adapt(&Type::I128), 60)),
        ),
        (
            "__int128 c;",
            Some(Member::named("c", model.adapt(&Type::I128))),
        ),
    ]
}

/// C's assertions of what `model` says of each record, and how many there are.
fn asserted(model: &DataModel) -> (String, usize) {
    let (mut c, mut n) = (String::new(), 0);
    for width in (1..=128).filter(|width| *width < 3 || width % 8 < 2 || *width > 120) {
        let bits = || Member::bit_field("m", model.adapt(&Type::I128), width);
        for (before, first) in beside(model) {
            for (after, last) in beside(model) {
                let records = [
                    ("struct", "", RecordBuilder::structure("s")),
                    ("union", "", RecordBuilder::union("s")),
                    (
                        "struct",
                        "__attribute__((packed))",
                        RecordBuilder::structure("s").packed(),
                    ),
                ];
                for (kind, attribute, record) in records {
                    let members = first
                        .clone()
                        .into_iter()
                        .chain([bits()])
                        .chain(last.clone());
                    let built = members.fold(record, RecordBuilder::member).build(model);
                    let ty = built.unwrap();
                    let after = after.replace('c', "d").replace("dhar d", "char d");
                    let after = after.replace("unsigned dhar", "unsigned char");
                    let _ = writeln!(
                        c,
                        "{kind} {attribute} s{n} {{ {before} __int128 m : {width}; {after} }};\n\
                         _Static_assert(sizeof({kind} s{n}) == {} && _Alignof({kind} s{n}) == {}, \"s{n}\");",
                        ty.size(),
                        ty.align(),
                    );
                    n += 1;
                }
            }
        }
    }
    (c, n)
}

/// Whether the compiler agrees with `c`, and else what it says first; `None` without one.
fn agrees(command: &[&str], c: &str) -> Option<Result<(), String>> {
    let mut compiler = Command::new(command[0]);
    compiler.args(&command[1..]);
    compiler.args(["-fsyntax-only", "-w", "-xc", "-"]);
    compiler.stdin(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = compiler.spawn() else {
        let required = std::env::var_os("CABI_REQUIRE_ORACLES").is_some_and(|value| value == "1");
        assert!(!required, "there is no {command:?}");
        // Straight to the stream: libtest hides what the print macros write when a test passes.
        let line = format!("not run: there is no {command:?}\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
        return None;
    };
    child.stdin.take().unwrap().write_all(c.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let errors = said.lines().filter(|line| line.contains("error"));
    let first = errors.take(4).collect::<Vec<_>>().join("\n");
    Some(output.status.success().then_some(()).ok_or(first))
}

#[test]
fn bit_fields_of_sixteen_bytes() {
    for (command, rules) in COMPILERS {
        let model = DataModel::S390X.with_records(rules);
        let (c, n) = asserted(&model);
        assert!(n > 3000, "{n} records");
        let Some(found) = agrees(command, &c) else {
            continue;
        };
        assert_eq!(found, Ok(()), "{command:?}");
        // With alignments of x86-64 it must not.
        let (other, _) = asserted(&DataModel::LP64.with_records(rules));
        assert!(agrees(command, &other).is_some_and(|found| found.is_err()));
    }
}
