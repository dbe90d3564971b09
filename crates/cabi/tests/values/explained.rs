//! Explanations as data: every value has a reason on each convention. Their words are rows of `tests/tables/explained.txt`.

use crate::{LINUX, LP64};
use cabi::{Error, FnSig, RecordBuilder, Step, Target, Type, explain};

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
fn parts_name_their_members() {
    let part = |text| {
        let sig = FnSig::new([Type::parse(text, &LP64).unwrap()], Type::VOID);
        explain(&sig, &[], &LINUX).unwrap().args[0].place.parts[0].clone()
    };
    let mixed = part("struct { char c; float f; }");
    assert_eq!(
        (mixed.register, mixed.offset, mixed.size),
        (Some("rdi"), 0, 8)
    );
    assert_eq!(mixed.members, ["c", "f"]);
    assert!(part("char").members.is_empty());
}
