//! Explanations say why on every convention, in its own words.

use crate::{LINUX, LP64, with};
use cabi::{DataModel, Error, FnSig, RecordBuilder, Step, Target, Type, explain};

/// The explanation of `void f(struct s)` on `target`, with `n` members of type `ty`.
fn explained(target: &str, ty: &Type, n: usize) -> Result<String, Error> {
    let target = Target::named(target)?;
    let record = with(RecordBuilder::structure("s"), &vec![ty.clone(); n]);
    let record = record.build(target.data_model())?;
    let sig = FnSig::new([record], Type::VOID);
    Ok(explain(&sig, &[], &target)?.to_string())
}

/// A target, a member, so many of it with which the reason holds and with which it does not, and the reason.
const REASONS: &str = "
    aarch64-unknown-linux-gnu | double | 4 | 5 | (HFA)
    aarch64-unknown-linux-gnu | long | 2 | 3 | (C.12)
    aarch64-unknown-linux-gnu | double | 5 | 4 | (B.4)
    aarch64-unknown-linux-gnu | vector | 2 | 5 | (HVA)
    aarch64-apple-darwin | float | 3 | 6 | (HFA)
    riscv64gc-unknown-linux-gnu | double | 2 | 3 | a float among them
    riscv64gc-unknown-linux-gnu | long | 3 | 2 | wide: in memory
    s390x-unknown-linux-gnu | double | 1 | 2 | one float
    x86_64-pc-windows-gnu | char | 3 | 4 | not of 1, 2, 4 or 8 bytes";

#[test]
fn reasons_are_named_where_they_hold_and_only_there() {
    for row in REASONS.trim().lines() {
        let row: Vec<&str> = row.split('|').map(str::trim).collect();
        let ty = match row[1] {
            "vector" => Type::vector(&Type::F32, 2),
            text => Type::parse(text, &DataModel::LP64),
        };
        for (n, holds) in [(row[2], true), (row[3], false)] {
            let text = explained(row[0], ty.as_ref().unwrap(), n.parse().unwrap()).unwrap();
            assert_eq!(text.contains(row[4]), holds, "{row:?}: {text}");
        }
    }
}

#[test]
fn system_v_has_its_words_for_itself() {
    let none = |name| {
        let target = Target::named(name)?;
        let empty = RecordBuilder::structure("e").build(target.data_model())?;
        Ok::<_, Error>(explain(&FnSig::new([], empty), &[], &target)?.ret.classes)
    };
    assert_eq!(none("x86_64-unknown-linux-gnu").unwrap(), "NoClass");
    assert_eq!(none("aarch64-unknown-linux-gnu").unwrap(), "Ignore");
}

/// Each value has a reason on each convention, and each merge its rule.
#[test]
fn nothing_is_without_a_reason() {
    let triples = [
        "x86_64-unknown-linux-gnu",
        "x86_64-pc-windows-gnu",
        "aarch64-unknown-linux-gnu",
        "aarch64-apple-darwin",
        "riscv64gc-unknown-linux-gnu",
        "s390x-unknown-linux-gnu",
    ];
    for triple in triples {
        let target = Target::named(triple).unwrap();
        let model = target.data_model();
        let pair = RecordBuilder::structure("p")
            .field("a", Type::I64)
            .field("b", Type::I8);
        let pair = pair.build(model).unwrap();
        let types = [Type::I8, Type::F64, Type::PTR, pair, model.long_double()];
        for ty in types {
            let why = explain(&FnSig::new([ty.clone()], ty.clone()), &[], &target).unwrap();
            for one in why.args.iter().chain([&why.ret]) {
                let is_reason = |step: &Step| !matches!(step, Step::Rule { .. });
                assert!(one.steps.iter().any(is_reason), "{triple}, {ty}: {why}");
            }
        }
    }
}

#[test]
fn system_v_names_what_decides() {
    let why = |text| {
        let ty = Type::parse(text, &LP64).unwrap();
        explain(&FnSig::new([ty.clone()], ty), &[], &LINUX).unwrap()
    };
    let complex = why("long double _Complex").to_string();
    let words = "ComplexX87: as an argument in memory, as a result in st0 and st1";
    assert!(complex.contains(words), "{complex}");
    let mixed = why("struct { char c; float f; }");
    let text = mixed.to_string();
    for words in [
        "x86-64 System V on x86_64-unknown-linux-gnu, psABI 3.2.3",
        "char, bytes 0..1: eightbyte 0, rule 4(b): NoClass + Integer = Integer",
        "float, bytes 4..8: eightbyte 0, rule 4(d): Integer + Sse = Integer",
    ] {
        assert!(text.contains(words), "{text}");
    }
    let part = &mixed.args[0].place.parts[0];
    assert_eq!((part.register, part.offset, part.size), (Some("rdi"), 0, 8));
    assert_eq!(part.members, ["c", "f"]);
    assert!(why("char").args[0].place.parts[0].members.is_empty());
}
