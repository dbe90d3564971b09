//! Corners of types, signatures and targets that are easy to get wrong: the places of a few, and that all of them end.

use crate::{LINUX, LP64, structure};
use cabi::convention::Role;
use cabi::{
    DataModel, Error, FnAbi, FnSig, Member, Policy, RecordBuilder, Target, Type, X86_64_SYSV,
};

/// Elements that are not there may be of any size: asking about them ends, and no offset overflows.
#[test]
fn huge_elements_of_no_array() -> Result<(), Error> {
    let huge = |name: &str, last: Type| {
        RecordBuilder::structure(name)
            .member(Member::named("c", Type::U8).at(0))
            .member(Member::named("last", last).at(1 << 60))
            .build_at(1 << 60, 1)
    };
    let bytes = Type::array(&Type::U8, 1 << 59)?;
    let mut elem = structure(&[bytes]);
    for name in ["inner", "middle", "outer"] {
        let none = Type::array(&elem, 0)?;
        let sig = FnSig::new([structure(&[Type::I32, none.clone()])], Type::VOID);
        // gcc classifies an element of an array that starts inside an eightbyte, and this one is large.
        for (policy, place) in [(Policy::GCC, "stack 0..4 align 8"), (Policy::CLANG, "rdi")] {
            let abi = FnAbi::new(&sig.clone().policy(policy), &LINUX)?;
            assert_eq!(abi.args[0].place.to_string(), place);
        }
        elem = huge(name, none)?;
    }
    Ok(())
}

/// A pointer to a result takes its register also where the call never returns: the arguments are after it.
#[test]
fn noreturn_passes_the_pointer_to_its_result() -> Result<(), Error> {
    let big = structure(&[Type::array(&Type::I64, 6)?]);
    for (result, ret, arg) in [
        (big, "sret rdi, returned in rax", "rsi"),
        (Type::I64, "never", "rdi"),
    ] {
        let abi = FnAbi::new(&FnSig::new([Type::I32], result).noreturn(), &LINUX)?;
        assert_eq!(
            (&*abi.ret.to_string(), &*abi.args[0].place.to_string()),
            (ret, arg)
        );
    }
    Ok(())
}

/// Bit-fields of the widest integers, whose width no power of two of 16 bits bounds.
#[test]
fn leaves_of_the_widest_bit_field() {
    let wide = LP64.bit_int(65535, false).unwrap();
    let s = RecordBuilder::structure("s").member(Member::bit_field("b", wide, 65535));
    let s = s.build(&LP64).unwrap();
    assert!(cabi::leaves(&s).map(|leaf| leaf.width_bits).eq([65535]));
    assert!(FnAbi::new(&FnSig::new([s], Type::VOID), &LINUX).is_ok());
}

/// A model of the caller's own may have numbers that no C has.
#[test]
fn models_that_no_machine_has() {
    for odd in [0, 3, 255] {
        let mut model = LP64;
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
            let _ = FnAbi::new(&sig, &LINUX);
        }
    }
}

#[test]
fn the_members_of_a_va_list_are_where_its_type_has_them() {
    let (list, ty) = (X86_64_SYSV.frame.va_list, LINUX.va_list().unwrap());
    let bytes = cabi::leaves(&ty).map(|leaf| leaf.offset_bits / 8);
    let all: Vec<u64> = bytes.chain([ty.size()]).collect();
    let ours: Vec<u64> = (0..all.len()).map(|n| list.offset(n)).collect();
    assert_eq!((&ours, all.len()), (&all, 5));
}

fn message(built: Result<Type, Error>) -> Result<(), String> {
    built.map(|_| ()).map_err(|error| error.to_string())
}

/// C and C++ refuse two members of one name, also where anonymous records have them; unnamed bit-fields have none.
#[test]
fn two_members_of_one_name() {
    let s = || RecordBuilder::structure("s").field("x", Type::I32);
    let far = || (0..40).fold(s(), |s, i| s.field(&format!("f{i}"), Type::I8));
    let inner = |name| {
        let union = RecordBuilder::union("").field(name, Type::I8);
        Member::anonymous(union.build(&LP64).unwrap())
    };
    let unnamed = || Member::unnamed_bit_field(Type::I32, 3);
    for (record, twice) in [
        (s().field("x", Type::I8), Some("x")),
        (s().member(inner("x")), Some("x")),
        (s().member(inner("y")).member(inner("y")), Some("y")),
        (far().field("f7", Type::I8), Some("f7")),
        (s().member(inner("y")), None),
        (s().member(unnamed()).member(unnamed()), None),
        (far(), None),
    ] {
        let refused = |name| {
            Err(format!(
                "struct s, field {name}: another member has its name"
            ))
        };
        assert_eq!(message(record.build(&LP64)), twice.map_or(Ok(()), refused));
    }
}

/// Members are found by their names, among any number of them, and in anonymous records.
#[test]
fn members_by_name() {
    let inner = RecordBuilder::structure("").field("deep", Type::I16);
    let inner = inner.field("y", Type::I8).build(&LP64).unwrap();
    let s = RecordBuilder::structure("s").member(Member::anonymous(inner));
    let s = (0..40)
        .rev()
        .fold(s, |s, i| s.field(&format!("f{i}"), Type::I32));
    let s = s
        .field("", Type::I64)
        .field("", Type::F64)
        .build(&LP64)
        .unwrap();
    let at = |name| s.as_record().unwrap().field(name).map(|(_, at)| at / 8);
    let found = ["f39", "f7", "f0", "deep", "y", "", "f40", "g"].map(at);
    let expected = [4, 132, 160, 0, 2, 168].map(Some);
    assert_eq!(found[..6], expected);
    assert_eq!(found[6..], [None; 2]);
}

/// Layouts that are given and compared: each difference by its name.
#[test]
fn checked_layouts() {
    let build = |offset, bit, size, align| {
        let s = RecordBuilder::structure("s").field("a", Type::I8);
        let s = s.member(Member::named("b", Type::I32).at_bit(offset));
        let s = s.member(Member::bit_field("c", Type::I32, 3).at_bit(bit));
        message(s.build_checked(&LP64, size, align))
    };
    assert_eq!(build(32, 64, 12, 4), Ok(()));
    for ((offset, bit, size, align), why) in [
        (
            (8, 64, 12, 4),
            ", field b: offset 1 is given, and C makes it 4",
        ),
        (
            (33, 64, 12, 4),
            ", field b: offset in bits 33 is given, and C makes it 32",
        ),
        (
            (32, 67, 12, 4),
            ", field c: offset in bits 67 is given, and C makes it 64",
        ),
        ((32, 64, 9, 4), ": size 9 is given, and C makes it 12"),
        ((32, 64, 12, 8), ": alignment 8 is given, and C makes it 4"),
    ] {
        let done = build(offset, bit, size, align);
        assert_eq!(done, Err(format!("struct s{why}")));
    }
}

/// A record with members at given bytes.
fn given(tag: &str, all: &[(&str, &Type, u64)], size: u64, align: u32) -> Result<Type, Error> {
    let record = RecordBuilder::structure(tag);
    let add = |record: RecordBuilder, (name, ty, at): &(&str, &Type, u64)| {
        record.member(Member::named(name, (*ty).clone()).at(*at))
    };
    all.iter().fold(record, add).build_at(size, align)
}

/// gcc and clang put `d` in the padding of `struct A { private: long l; char c; }; struct B : A { char d; float e; };`, and pass a B in two registers.
#[test]
fn members_in_padding() {
    let a = Type::parse("struct A { long l; char c; }", &LP64).unwrap();
    let b = |d| {
        given(
            "B",
            &[("base", &a, 0), ("d", &Type::I8, d), ("e", &Type::F32, 12)],
            16,
            8,
        )
    };
    for (target, place) in [(LINUX, "rdi rsi"), (Target::AARCH64_LINUX, "x0 x1")] {
        let sig = FnSig::new([b(9).unwrap()], Type::VOID);
        let abi = FnAbi::new(&sig, &target).unwrap();
        assert_eq!(abi.args[0].place.to_string(), place);
    }
    let refused = "struct B, field d: it overlaps another member";
    assert_eq!(message(b(8)), Err(refused.into()));
    // An array ends as its last element does, and a `long double` is all its 16 bytes.
    let two = Type::array(&a, 2).unwrap();
    for (base, d, fits) in [
        (&two, 25, true),
        (&two, 24, false),
        (&two, 9, false),
        (&Type::F80, 16, true),
        (&Type::F80, 12, false),
    ] {
        let after = given("B", &[("base", base, 0), ("d", &Type::I8, d)], 32, 16);
        assert_eq!(after.is_ok(), fits, "{base}, {d}");
    }
}

/// A record whose size is no multiple of its alignment is a member, and no value.
#[test]
fn sizes_that_are_no_stride() {
    let inner = given(
        "Inner",
        &[("at", &Type::PTR, 0), ("flag", &Type::I8, 8)],
        9,
        8,
    )
    .unwrap();
    let why = "struct Inner: its size is no multiple of its alignment, and no convention says how such a value is passed: give the \
               record a size that is one (x86_64-unknown-linux-gnu)";
    for sig in [
        FnSig::new([inner.clone()], Type::VOID),
        FnSig::new([], inner.clone()),
        FnSig::new([inner.with_align(1).unwrap()], Type::VOID),
    ] {
        assert_eq!(FnAbi::new(&sig, &LINUX).unwrap_err().to_string(), why);
    }
    let printf = FnSig::new([Type::PTR], Type::I32).variadic();
    let classified = FnAbi::classify(&printf, &inner, Role::Unnamed, &LINUX);
    assert_eq!(classified.unwrap_err().to_string(), why);
    let array = "struct Inner: the size of an array's elements is no multiple of their alignment";
    assert_eq!(message(Type::array(&inner, 2)), Err(array.into()));
    // C's rules put the next member where it ends. What it holds still belongs to a model.
    let outer = RecordBuilder::structure("Outer").field("inner", inner);
    let outer = outer.field("next", Type::I8).build(&LP64).unwrap();
    let next = outer.as_record().unwrap().field("next").unwrap().1;
    assert_eq!((next, outer.size()), (72, 16));
    assert!(FnAbi::new(&FnSig::new([outer.clone()], Type::VOID), &LINUX).is_ok());
    assert!(DataModel::ILP32.check(&outer).is_err());
}
