//! What compilers pass as no rule says, which is refused by name, and what comes near it and is not. Where the values are, compilers decide: the blocks
//! of `tests/corpus` with the same types.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use cabi::{
    BoolVector, DataModel, FnAbi, FnSig, Place, Policy, RecordBuilder, Target, Type, X86_64_WIN64,
};

const LP64: DataModel = DataModel::LP64;

fn refused(sig: &FnSig, target: &Target, message: &str) {
    assert_eq!(FnAbi::new(sig, target).unwrap_err().to_string(), message);
}

fn structure() -> RecordBuilder {
    RecordBuilder::structure("s")
}

/// What clang or gcc passes otherwise than any rule says, by type and convention.
#[test]
fn quirks_of_compilers() {
    let linux = Target::X86_64_LINUX;
    let one = |ty: Type| FnSig::new([ty], Type::VOID);
    let vector = |lane: &Type, lanes| Type::vector(lane, lanes).unwrap();
    let record = |ty: Type| structure().field("x", ty).build(&LP64).unwrap();
    let nothing = Type::flexible_array(&Type::F80).unwrap();
    let nothing = structure()
        .field("e", structure().build(&LP64).unwrap())
        .field("rest", nothing)
        .build(&LP64)
        .unwrap();
    let unnamed = |ty: Type| one(Type::I32).variadic().at_call([ty]).unwrap();
    let room = "struct s: callers make room for an unnamed record of no bytes, or align what is next, and va_arg does not (x86-64 System V)";
    refused(&unnamed(nothing.clone()), &linux, room);
    refused(&unnamed(nothing).policy(Policy::CLANG), &linux, room);
    refused(
        &one(record(vector(&Type::I128, 1))),
        &linux,
        "struct s: gcc passes only the lower half of a vector of one __int128 that is a member (x86-64 System V)",
    );
    let win64 = |sig: FnSig| sig.convention(&X86_64_WIN64);
    let clang = |sig: FnSig| win64(sig).policy(Policy::CLANG);
    refused(
        &win64(one(Type::bool_vector(8, BoolVector::Clang).unwrap())),
        &linux,
        "_Bool vector[8]: no rule says how a vector of bools is passed (x64 Windows)",
    );
    refused(
        &clang(one(record(Type::F32).atomic().unwrap())),
        &linux,
        "_Atomic struct s: clang takes an `_Atomic` record or complex number apart as no rule says (x64 Windows)",
    );
    refused(
        &clang(one(vector(&Type::F32, 8))),
        &linux,
        "float vector[8]: clang takes a vector apart that no register holds, as no rule says (x64 Windows)",
    );
    refused(
        &clang(one(vector(&Type::I16, 3))),
        &linux,
        "short vector[3]: clang passes a small vector whose lanes are no power of two lane by lane, as no rule says (x64 Windows)",
    );
    refused(
        &clang(unnamed(vector(&Type::I32, 2))),
        &linux,
        "int vector[2]: clang's callers pass such a vector to variadic functions otherwise than its va_arg reads it (x64 Windows)",
    );
    refused(
        &clang(unnamed(Type::F128)),
        &linux,
        "__float128: clang's callers pass a __float128 to variadic functions where its callees do not look for it, and over other \
         arguments (x64 Windows)",
    );
}

/// Where a value that clang does not count takes the registers, later ones must come to the same as if it did, or be refused.
#[test]
fn registers_that_are_not_counted() {
    let linux = Target::X86_64_LINUX;
    let pair = structure()
        .field("x", Type::I64)
        .field("y", Type::I64)
        .build(&LP64)
        .unwrap();
    let atomic = Type::I64.atomic().unwrap();
    let places = |n: usize, policy: Policy| {
        let params = std::iter::once(atomic.clone())
            .chain(std::iter::repeat_n(Type::I64, n))
            .chain([pair.clone(), Type::I64]);
        let abi = FnAbi::new(&FnSig::new(params, Type::VOID).policy(policy), &linux)?;
        let last = abi.args.iter().rev().take(2).rev();
        Ok::<_, cabi::Error>(last.map(|arg| arg.place.to_string()).collect::<Vec<_>>())
    };
    for policy in [Policy::GCC, Policy::CLANG] {
        assert_eq!(places(3, policy).unwrap(), ["r8 r9", "stack 0..8 align 8"]);
        assert_eq!(
            places(5, policy).unwrap(),
            ["stack 0..16 align 8", "stack 16..24 align 8"]
        );
    }
    assert_eq!(
        places(4, Policy::GCC).unwrap(),
        ["stack 0..16 align 8", "r9"]
    );
    assert!(matches!(
        places(4, Policy::CLANG),
        Err(cabi::Error::NoKnownRule { .. })
    ));
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
