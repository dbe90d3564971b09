//! Arrays of which each compiler has its own view: no byte of one is lost. Where values are, compilers decide: the
//! blocks of `tests/corpus`, which have what is refused too.

use crate::{LINUX, LP64, with};
use cabi::{FnAbi, FnSig, Place, Policy, RecordBuilder, Type};

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
        let elem = with(RecordBuilder::structure("s").packed(), members);
        let elem = elem.build(&LP64).unwrap();
        for len in 1..=5 {
            let arrays = [(&Type::I8, before), (&elem, len)];
            let arrays = arrays.map(|(elem, len)| Type::array(elem, len).unwrap());
            let ty = with(RecordBuilder::structure("s").packed(), &arrays);
            let ty = ty.build(&LP64).unwrap();
            for policy in [
                Policy::GCC,
                both,
                both | Policy::UNALIGNED_MEMBERS_IN_REGISTERS,
            ] {
                let sig = FnSig::new([ty.clone()], Type::VOID).policy(policy);
                let abi = FnAbi::new(&sig, &LINUX).unwrap();
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
