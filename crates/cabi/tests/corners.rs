//! Corners of types, signatures and targets that are easy to get wrong: the places of a few, and that all of them end.

#![allow(
    clippy::unwrap_used,
    reason = "a test that meets an unexpected error stops there"
)]

use cabi::{
    DataModel, Error, FnAbi, FnSig, Kind, Member, Policy, RecordBuilder, Target, Type, X86_64_SYSV,
};

/// Elements that are not there may be of any size: asking about them ends, and no offset overflows.
#[test]
fn huge_elements_of_no_array() -> Result<(), Error> {
    let model = &DataModel::LP64;
    let huge = |name: &str, last: Type| {
        RecordBuilder::structure(name)
            .member(Member::named("c", Type::U8).at(0))
            .member(Member::named("last", last).at(1 << 60))
            .build_at(1 << 60, 1)
    };
    let bytes = Type::array(&Type::U8, 1 << 59)?;
    let mut elem = RecordBuilder::structure("bytes")
        .field("b", bytes)
        .build(model)?;
    for name in ["inner", "middle", "outer"] {
        let none = Type::array(&elem, 0)?;
        let s = RecordBuilder::structure("s")
            .field("n", Type::I32)
            .field("none", none.clone());
        let sig = FnSig::new([s.build(model)?], Type::VOID);
        // gcc classifies an element of an array that starts inside an eightbyte, and this one is large.
        for (policy, place) in [(Policy::GCC, "stack 0..4 align 8"), (Policy::CLANG, "rdi")] {
            let abi = FnAbi::new(&sig.clone().policy(policy), &Target::X86_64_LINUX)?;
            assert_eq!(abi.args[0].place.to_string(), place);
        }
        elem = huge(name, none)?;
    }
    Ok(())
}

/// A pointer to a result takes its register also where the call never returns: the arguments are after it.
#[test]
fn noreturn_passes_the_pointer_to_its_result() -> Result<(), Error> {
    let big = RecordBuilder::structure("big")
        .field("a", Type::array(&Type::I64, 6)?)
        .build(&DataModel::LP64)?;
    let abi = FnAbi::new(
        &FnSig::new([Type::I32], big).noreturn(),
        &Target::X86_64_LINUX,
    )?;
    assert_eq!(
        (abi.ret.to_string(), abi.args[0].place.to_string()),
        ("sret rdi, returned in rax".into(), "rsi".into())
    );
    let abi = FnAbi::new(
        &FnSig::new([Type::I32], Type::I64).noreturn(),
        &Target::X86_64_LINUX,
    )?;
    assert_eq!(
        (abi.ret.to_string(), abi.args[0].place.to_string()),
        ("never".into(), "rdi".into())
    );
    Ok(())
}

/// Bit-fields of the widest integers, whose width no power of two of 16 bits bounds.
#[test]
fn leaves_of_the_widest_bit_field() -> Result<(), Error> {
    let wide = DataModel::LP64.bit_int(65535, false)?;
    let s = RecordBuilder::structure("s")
        .member(Member::bit_field("b", wide, 65535))
        .build(&DataModel::LP64)?;
    assert_eq!(
        cabi::leaves(&s).map(|leaf| leaf.width_bits).sum::<u64>(),
        65535
    );
    Ok(())
}

/// A model of the caller's own may have numbers that no C has.
#[test]
fn models_that_no_machine_has() {
    for odd in [0, 3, 255] {
        let mut model = DataModel::LP64;
        (model.pointer, model.long, model.max_align_8) = (odd, odd, odd);
        (model.max_align_16, model.big_bit_int_align) = (odd, odd);
        let wide = model.bit_int(100, true).unwrap();
        let types = [
            model.pointer(),
            model.long(),
            model.long_double(),
            model.slice(),
            model.adapt(&Type::I64),
            wide,
        ];
        for ty in types {
            assert!(ty.align().is_power_of_two(), "{ty}");
            let record = RecordBuilder::structure("s")
                .field("c", Type::U8)
                .field("x", ty.clone())
                .member(Member::bit_field("b", model.adapt(&Type::I64), 3));
            // A type whose size its alignment does not divide may be refused, and nothing may panic.
            let Ok(record) = record.build(&model) else {
                continue;
            };
            let sig = FnSig::new([ty, record.clone()], record);
            let _ = FnAbi::new(&sig, &Target::X86_64_LINUX);
        }
    }
}

/// A float that straddles two eightbytes, the second of which has less of it than a float of its class would.
#[test]
fn no_part_is_longer_than_its_value() -> Result<(), Error> {
    let policy = Policy::ZIG;
    for (pad, float, tail) in [
        (49, Type::BF16, 1),
        (49, Type::F32, 3),
        (33, Type::F32, 1),
        (57, Type::F64, 8),
    ] {
        let s = RecordBuilder::structure("s")
            .member(Member::unnamed_bit_field(Type::I64, pad))
            .field("m", float);
        let s = s.packed().build(&DataModel::LP64)?;
        for (sig, n) in [
            (FnSig::new([s.clone()], Type::VOID), 1),
            (FnSig::new([], s.clone()), 0),
        ] {
            let abi = FnAbi::new(&sig.policy(policy), &Target::X86_64_LINUX)?;
            let parts = match (&abi.ret.place, abi.args.first().map(|arg| &arg.place)) {
                (cabi::Place::Parts(parts), _) | (_, Some(cabi::Place::Parts(parts))) => parts,
                other => panic!("{other:?}"),
            };
            let ends = parts
                .iter()
                .map(|placed| placed.part.offset + placed.part.size);
            assert_eq!(ends.max().map(u64::from), Some(s.size()), "{n}: {abi:?}");
            let last = parts.last().map(|placed| placed.part.size);
            assert!(last == Some(tail) || tail == 8, "{last:?} of {s}");
        }
    }
    Ok(())
}

#[test]
fn the_members_of_a_va_list_are_where_its_type_has_them() {
    let target = Target::X86_64_LINUX;
    let (list, tag) = (X86_64_SYSV.frame.va_list, target.va_list().unwrap());
    let Kind::Array(array) = tag.kind() else {
        panic!("{tag}");
    };
    let fields = array.elem.as_record().unwrap().fields();
    let offsets = fields.iter().map(|field| field.offset());
    let all: Vec<u64> = offsets.chain([array.elem.size()]).collect();
    let ours: Vec<u64> = (0..all.len()).map(|n| list.offset(n)).collect();
    assert_eq!(ours, all);
    assert_eq!(all, [0, 4, 8, 16, 24]);
}
