use alloc::vec::Vec;

use super::*;
use crate::data_model::DataModel;
use crate::explain::{Log, Tracer};
use crate::fn_abi::FnAbi;
use crate::policy::Policy;
use crate::record_builder::{Member, RecordBuilder};
use crate::sig::FnSig;
use crate::target::Target;
use crate::types::Type;

fn plain(record: RecordBuilder) -> Option<Plain> {
    record.build(&DataModel::LP64).expect("a record").as_plain()
}

fn structure(types: &[Type]) -> RecordBuilder {
    let record = RecordBuilder::structure("s");
    types
        .iter()
        .fold(record, |record, ty| record.field("m", ty.clone()))
}

#[test]
fn bytes_of_integers_and_floats() {
    let found = plain(structure(&[Type::F32, Type::I8, Type::PTR])).expect("plain");
    assert_eq!(found.eightbyte(0), (0b1_0000, 0b1111));
    assert_eq!(found.eightbyte(1), (0xff, 0));
    assert_eq!(found.eightbyte(2), (0, 0));
    assert_eq!(found.eightbyte(8), (0, 0));
    assert!(!found.float_arrays);
}

#[test]
fn members_of_a_union_share_bytes() {
    let found = plain(
        RecordBuilder::union("u")
            .field("x", Type::F64)
            .field("n", Type::I16),
    );
    assert_eq!(found.expect("plain").eightbyte(0), (0b11, 0xff));
}

#[test]
fn nested_records_and_arrays() -> Result<(), crate::Error> {
    let pair = structure(&[Type::I32, Type::F32]).build(&DataModel::LP64)?;
    let floats = Type::array(&Type::F32, 2)?;
    let found = plain(structure(&[pair, floats])).expect("plain");
    assert_eq!(found.eightbyte(0), (0x0f, 0xf0));
    assert_eq!(found.eightbyte(1), (0, 0xff));
    assert!(found.float_arrays);
    Ok(())
}

#[test]
fn whatever_some_compiler_looks_at_is_not_plain() -> Result<(), crate::Error> {
    let of = |ty: Type| structure(&[ty]);
    let pair = structure(&[Type::I32, Type::I32]).build(&DataModel::LP64)?;
    let special = [
        of(Type::F16),
        of(Type::I128),
        of(Type::F80),
        of(Type::vector(&Type::F32, 2)?),
        of(Type::I32.atomic()?),
        of(Type::array(&pair, 2)?),
        of(Type::array(&Type::I32, 0)?),
        of(Type::array(&Type::I64, 9)?),
        structure(&[Type::I8, Type::I32]).packed(),
        structure(&[Type::I8, pair.with_align(1)?]),
        structure(&[Type::I32, Type::flexible_array(&Type::I32)?]),
        RecordBuilder::structure("s").member(Member::bit_field("b", Type::I32, 32)),
        RecordBuilder::union("u").field("a", Type::array(&Type::I64, 3)?),
        structure(&[]),
    ];
    for (i, record) in special.into_iter().enumerate() {
        assert_eq!(plain(record), None, "record {i}");
    }
    let atomic = structure(&[Type::I32]).build(&DataModel::LP64)?.atomic()?;
    assert_eq!(atomic.as_plain(), None);
    Ok(())
}

/// An explained walk looks at each leaf. Records of up to three of these members must have the same places without it, whatever bit is set.
#[test]
fn classes_are_those_of_the_leaves() -> Result<(), crate::Error> {
    let pair = structure(&[Type::F32, Type::I8]).build(&DataModel::LP64)?;
    let both = RecordBuilder::union("u")
        .field("x", Type::F32)
        .field("n", Type::I64);
    let members = [
        Type::I16,
        Type::PTR,
        Type::F32,
        Type::F64,
        Type::complex(&Type::F32)?,
        Type::array(&Type::F32, 3)?,
        Type::array(&Type::I8, 5)?,
        Type::array(&pair, 1)?,
        both.build(&DataModel::LP64)?,
    ];
    let mut records: Vec<Vec<Type>> = members.iter().map(|ty| [ty.clone()].into()).collect();
    let mut from = 0;
    while from < records.len() {
        let record = records[from].clone();
        from += 1;
        if record.len() < 3 {
            records.extend(
                members
                    .iter()
                    .map(|ty| [&record[..], core::slice::from_ref(ty)].concat()),
            );
        }
    }
    let mut n_plain = 0;
    for types in &records {
        let ty = structure(types).build(&DataModel::LP64)?;
        n_plain += usize::from(ty.as_plain().is_some());
        let sig = FnSig::new([ty.clone(), Type::F64, ty.clone()], ty);
        let bits = Policy::NAMES.iter().map(|(bit, _)| *bit);
        for policy in bits.chain([Policy::NONE, Policy::GCC, Policy::CLANG, Policy::ZIG]) {
            let sig = sig.clone().policy(policy);
            let walked = FnAbi::traced(
                &sig,
                &Target::X86_64_LINUX,
                &mut Tracer::on(&mut Log::default()),
            );
            assert_eq!(FnAbi::new(&sig, &Target::X86_64_LINUX), walked, "{types:?}");
        }
    }
    assert_eq!((records.len(), n_plain), (9 + 81 + 729, 819));
    Ok(())
}
