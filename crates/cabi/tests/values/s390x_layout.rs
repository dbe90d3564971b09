//! Records of s390x with bit-fields of `__int128`, which is aligned to 8 bytes there, against gcc's and clang's sizes and alignments.
//!
//! Without a compiler nothing is compared, and the test says so; `CABI_REQUIRE_ORACLES=1` makes that a failure.

use std::fmt::Write as _;

use crate::support::compile;
use cabi::{DataModel, Member, RecordBuilder, RecordRules, Type};

const COMPILERS: [(&str, &[&str], RecordRules); 2] = [
    ("s390x-linux-gnu-gcc", &["-fsyntax-only"], RecordRules::Gcc),
    (
        "clang-19",
        &["--target=s390x-linux-gnu", "-fsyntax-only"],
        RecordRules::Clang,
    ),
];

/// Members beside the bit-field, as C declares them and as they are here.
fn beside(model: &DataModel, name: &str) -> [(String, Option<Member>); 6] {
    let named = |ty: &str, member| (format!("{ty} {name};"), Some(Member::named(name, member)));
    let wide = || model.adapt(&Type::I128);
    [
        (String::new(), None),
        named("char", Type::I8),
        (
            format!("unsigned char {name} : 8;"),
            Some(Member::bit_field(name, Type::U8, 8)),
        ),
        named("long long", Type::I64),
        (
            format!("__int128 {name} : 60;"),
            Some(Member::bit_field(name, wide(), 60)),
        ),
        named("__int128", wide()),
    ]
}

/// C's assertions of what `model` says of each record, and how many there are.
fn asserted(model: &DataModel) -> (String, usize) {
    let (mut c, mut n) = (String::new(), 0);
    for width in (1..=128).filter(|width| *width < 3 || width % 8 < 2 || *width > 120) {
        let bits = || Member::bit_field("m", model.adapt(&Type::I128), width);
        for (before, first) in beside(model, "c") {
            for (after, last) in &beside(model, "d") {
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

#[test]
fn bit_fields_of_sixteen_bytes() {
    for (command, options, rules) in COMPILERS {
        let model = DataModel::S390X.with_records(rules);
        let (c, n) = asserted(&model);
        assert!(n > 3000, "{n} records");
        let Some(found) = compile(command, options, &c) else {
            continue;
        };
        assert_eq!(found, Ok(String::new()), "{command}");
        // With alignments of x86-64 it must not.
        let (other, _) = asserted(&DataModel::LP64.with_records(rules));
        assert!(compile(command, options, &other).is_some_and(|found| found.is_err()));
    }
}
