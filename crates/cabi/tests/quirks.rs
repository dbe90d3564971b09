//! Arrays of which each compiler has its own view: none is walked without need, and no byte of one is lost. Where values are, compilers decide: the
//! blocks of `tests/corpus`, which have what is refused too.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use cabi::{DataModel, FnAbi, FnSig, Place, Policy, RecordBuilder, Target, Type, X86_64_WIN64};

const LP64: DataModel = DataModel::LP64;

fn structure() -> RecordBuilder {
    RecordBuilder::structure("s")
}

/// An array that is not walked element by element: a record of 2^40 of them has its place at once.
#[test]
fn huge_arrays_are_not_walked() {
    let linux = Target::X86_64_LINUX;
    let huge = structure()
        .field("a", Type::array(&Type::I8, 1 << 40).unwrap())
        .build(&LP64)
        .unwrap();
    for policy in [Policy::GCC, Policy::CLANG] {
        let sig = FnSig::new([huge.clone()], huge.clone()).policy(policy);
        let abi = FnAbi::new(&sig.convention(&X86_64_WIN64), &linux).unwrap();
        assert_eq!(abi.ret.to_string(), "sret rcx, returned in rax");
    }
}

/// No byte of an array of records is lost that lies in two eightbytes, also where bits are set that no compiler has together.
#[test]
fn arrays_across_eightbytes() {
    let both = Policy::ARRAYS_GO_BY_FIRST_ELEMENT | Policy::ARRAYS_ARE_INTEGER;
    let elements = [
        vec![Type::I8; 3],
        vec![Type::F32],
        vec![Type::F32, Type::I8],
        vec![Type::I32, Type::F32, Type::I8],
    ];
    let mut n = 0;
    for (members, before) in elements.iter().flat_map(|e| (0..5).map(move |n| (e, n))) {
        let elem = members.iter().enumerate();
        let elem = elem.fold(structure(), |elem, (i, ty)| {
            elem.field(&format!("m{i}"), ty.clone())
        });
        let elem = elem.packed().build(&LP64).unwrap();
        for len in 1..=5 {
            let ty = structure()
                .field("before", Type::array(&Type::I8, before).unwrap())
                .field("a", Type::array(&elem, len).unwrap())
                .packed()
                .build(&LP64)
                .unwrap();
            for policy in [
                Policy::GCC,
                both,
                both | Policy::UNALIGNED_MEMBERS_IN_REGISTERS,
            ] {
                let sig = FnSig::new([ty.clone()], Type::VOID).policy(policy);
                let abi = FnAbi::new(&sig, &Target::X86_64_LINUX).unwrap();
                let Place::Parts(parts) = &abi.args[0].place else {
                    continue;
                };
                n += 1;
                let held = |byte: u64| {
                    let part = parts.iter().map(|placed| placed.part);
                    let mut bytes =
                        part.map(|part| u64::from(part.offset)..u64::from(part.offset + part.size));
                    bytes.any(|bytes| bytes.contains(&byte))
                };
                assert!(
                    (0..ty.size()).all(held),
                    "{members:?} {before} {len} {policy:?}"
                );
            }
        }
    }
    assert!(n > 50, "{n}");
}
