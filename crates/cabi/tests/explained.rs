//! Explanations say why on every convention, in its own words.

use cabi::{Error, FnSig, RecordBuilder, Target, Type, explain};

/// The explanation of `void f(struct s)` on `target`, with `n` members of type `ty`.
fn explained(target: &str, ty: &Type, n: usize) -> Result<String, Error> {
    let target = Target::named(target)?;
    let record = (0..n).fold(RecordBuilder::structure("s"), |record, i| {
        record.field(&format!("m{i}"), ty.clone())
    });
    let record = record.build(target.data_model())?;
    let sig = FnSig::new([record], Type::VOID);
    Ok(explain(&sig, &[], &target)?.to_string())
}

#[test]
fn reasons_are_named_where_they_hold_and_only_there() {
    let vector = Type::vector(&Type::F32, 2).unwrap();
    // With so many members the reason holds, and with so many it does not.
    let cases = [
        ("aarch64-unknown-linux-gnu", Type::F64, 4, 5, "(HFA)"),
        ("aarch64-unknown-linux-gnu", Type::F64, 5, 4, "(B.4)"),
        ("aarch64-unknown-linux-gnu", vector.clone(), 2, 5, "(HVA)"),
        ("aarch64-apple-darwin", Type::F32, 3, 6, "(HFA)"),
        (
            "riscv64gc-unknown-linux-gnu",
            Type::F64,
            2,
            3,
            "a float among them",
        ),
        (
            "riscv64gc-unknown-linux-gnu",
            Type::I64,
            3,
            2,
            "wide: in memory",
        ),
        ("s390x-unknown-linux-gnu", Type::F64, 1, 2, "one float"),
        (
            "x86_64-pc-windows-gnu",
            Type::I8,
            3,
            4,
            "not of 1, 2, 4 or 8 bytes",
        ),
    ];
    for (target, ty, holds, fails, why) in cases {
        let text = explained(target, &ty, holds).unwrap();
        assert!(text.contains(why), "{why}: {text}");
        let text = explained(target, &ty, fails).unwrap();
        assert!(!text.contains(why), "{why}: {text}");
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
