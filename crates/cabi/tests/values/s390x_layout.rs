//! Records of s390x with bit-fields of `__int128`, which is aligned to 8 bytes there, against gcc's
//! and clang's sizes and alignments.
//!
//! Without a compiler nothing is compared, and the test says so; `CABI_REQUIRE_ORACLES=1` makes
//! that a failure.

use std::fmt::Write as _;

use crate::notation;
use crate::support::compile;
use cabi::{DataModel, RecordRules};

const COMPILERS: [(&str, &[&str], RecordRules); 2] = [
    ("s390x-linux-gnu-gcc", &["-fsyntax-only"], RecordRules::Gcc),
    (
        "clang-19",
        &["--target=s390x-linux-gnu", "-fsyntax-only"],
        RecordRules::Clang,
    ),
];

/// Members beside the bit-field, as `notation.rs` has their types.
const BESIDE: [&str; 6] = [
    "",
    "char",
    "unsigned char :8",
    "long long",
    "__int128 :60",
    "__int128",
];

/// Returns C assertions of the layout that `model` gives each record, and their number.
fn asserted(model: &DataModel) -> (String, usize) {
    let (mut c, mut n) = (String::new(), 0);
    for width in (1..=128).filter(|width| *width < 3 || width % 8 < 2 || *width > 120) {
        let bits = format!("__int128 :{width}");
        let beside = BESIDE.iter().flat_map(|c| BESIDE.map(|d| (*c, d)));
        for (before, after) in beside {
            let members = [("c", before), ("m", &bits), ("d", after)];
            let members = members.into_iter().filter(|(_, ty)| !ty.is_empty());
            for (kind, attribute) in [("struct", ""), ("union", ""), ("struct", "packed")] {
                let texts = members.clone().map(|(name, ty)| format!("{name}: {ty}, "));
                let text = format!("{kind} s({}{attribute})", texts.collect::<String>());
                let ty = notation::ty(&text, model).unwrap();
                let texts = members.clone().map(|(name, ty)| match ty.split_once(':') {
                    Some((ty, width)) => format!("{ty} {name} : {width}; "),
                    None => format!("{ty} {name}; "),
                });
                let _ = writeln!(
                    c,
                    "{kind} __attribute__(({attribute})) s{n} {{ {} }};\n\
                     _Static_assert(sizeof({kind} s{n}) == {} && _Alignof({kind} s{n}) == {}, \"s{n}\");",
                    texts.collect::<String>(),
                    ty.size(),
                    ty.align(),
                );
                n += 1;
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
        // Negative control: the assertions fail with alignments of x86-64.
        let (other, _) = asserted(&DataModel::LP64.with_records(rules));
        assert!(compile(command, options, &other).is_some_and(|found| found.is_err()));
    }
}
