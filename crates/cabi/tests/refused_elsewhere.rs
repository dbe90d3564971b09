//! What the conventions of AArch64, RISC-V and s390x refuse because compilers do not agree, or none was asked.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets an unexpected error stops there"
)]

use cabi::convention::Extension;
use cabi::{DataModel, FnAbi, FnSig, Member, Place, Policy, RecordBuilder, Target, Type};

/// What gcc and clang place in different ways where something is `_Atomic`, and what the vector facility of s390x would place elsewhere.
#[test]
fn values_of_other_machines() {
    let of = |name: &str, ty: &dyn Fn(&DataModel) -> Type| {
        let target = Target::named(name).unwrap();
        let sig = FnSig::new([ty(target.data_model())], Type::VOID);
        FnAbi::new(&sig, &target).map(|abi| abi.args[0].place.to_string())
    };
    let record = |model: &DataModel, ty: &Type| {
        let record = RecordBuilder::structure("s").field("x", ty.clone());
        record.build(model).unwrap()
    };
    let member = |model: &DataModel| record(model, &Type::F32.atomic().unwrap());
    let whole = |model: &DataModel| record(model, &Type::F32).atomic().unwrap();
    let vector = |model: &DataModel| record(model, &Type::vector(&Type::I32, 4).unwrap());
    let scalar = |_: &DataModel| Type::F32.atomic().unwrap();
    for name in [
        "aarch64-unknown-linux-gnu",
        "riscv64gc-unknown-linux-gnu",
        "riscv32gc-unknown-linux-gnu",
        "s390x-unknown-linux-gnu",
    ] {
        for ty in [&member as &dyn Fn(&DataModel) -> Type, &whole] {
            let error = of(name, ty).unwrap_err().to_string();
            let why = "gcc and clang do not agree on what is `_Atomic` in it";
            assert!(error.contains(why), "{name}: {error}");
        }
        // On 32 bits it is four words, and its address is passed; AArch64 has a register for it.
        if name.starts_with("riscv64") || name.starts_with("s390x") {
            let error = of(name, &vector).unwrap_err().to_string();
            assert!(error.contains("struct s"), "{name}: {error}");
        }
        assert!(of(name, &scalar).is_ok(), "{name}");
    }
    assert_eq!(of("riscv64imac-unknown-linux-gnu", &member).unwrap(), "a0");
    // Pointers of 4 bytes: no model here is theirs.
    assert!(Target::named("aarch64-unknown-linux-gnu_ilp32").is_err());
}

/// What has no place on AArch64, as compilers place it in different ways, or have none; and what is beside it.
#[test]
fn vectors_and_float16_of_aarch64() {
    let of = |ty: &Type| {
        let target = Target::named("aarch64-unknown-linux-gnu").unwrap();
        FnAbi::new(&FnSig::new([ty.clone()], Type::VOID), &target)
            .map(|abi| abi.args[0].place.to_string())
            .map_err(|e| e.to_string())
    };
    let record = |ty: &Type| {
        let record = RecordBuilder::structure("s").field("x", ty.clone());
        record
            .field("y", ty.clone())
            .build(&DataModel::AARCH64)
            .unwrap()
    };
    let vector = |lane: &Type, lanes| Type::vector(lane, lanes).unwrap();
    let small = vector(&Type::F16, 2);
    let why = "gcc and clang do not agree on the place of a vector of less than 8 bytes";
    assert!(of(&small).unwrap_err().contains(why));
    assert_eq!(of(&record(&small)), Ok("x0".to_owned()));
    assert_eq!(of(&record(&vector(&Type::I8, 8))), Ok("v0 v1".to_owned()));
    assert_eq!(of(&record(&Type::F16)), Ok("v0 v1".to_owned()));
    let large = vector(&Type::F32, 8);
    for ty in [record(&large), large] {
        let error = of(&ty).unwrap_err();
        assert!(error.contains("is aligned to 16 there"), "{error}");
    }
    let wide = DataModel::AARCH64.bit_int(129, true).unwrap();
    let bools = Type::bool_vector(8, cabi::BoolVector::Clang).unwrap();
    for ty in [
        wide,
        bools,
        Type::BF16,
        vector(&Type::I128, 1),
        vector(&Type::I8, 3),
    ] {
        for ty in [record(&ty), ty] {
            let error = of(&ty).unwrap_err();
            assert!(error.contains("compared with no compiler yet"), "{error}");
        }
    }
}

/// A record that RISC-V's hardware floating-point convention would take apart is refused at any size where a member is of a type that no compiler was asked about;
/// and so is one of a complex integer, which clang takes apart too.
#[test]
fn records_that_are_flattened() {
    let of = |target: &str, members: &[Type]| {
        let target = Target::named(target).unwrap();
        let record = members
            .iter()
            .fold(RecordBuilder::structure("s"), |record, ty| {
                record.field("m", ty.clone())
            });
        let ty = record.build(target.data_model()).unwrap();
        FnAbi::new(&FnSig::new([ty], Type::VOID), &target)
            .map(|abi| abi.args[0].place.to_string())
            .map_err(|e| e.to_string())
    };
    const HARD: &str = "riscv32gc-unknown-linux-gnu";
    const SOFT: &str = "riscv32imac-unknown-linux-gnu";
    let narrow = DataModel::LP64.bit_int(7, true).unwrap();
    let by_address = Ok("a0, pointer to a copy aligned 8".to_owned());
    for member in [Type::F16, Type::BF16, narrow] {
        let members = [member, Type::F64];
        let error = of(HARD, &members).unwrap_err();
        assert!(
            error.contains("is compared with no compiler yet"),
            "{error}"
        );
        assert_eq!(of(SOFT, &members), by_address);
    }
    let complex = [Type::I16, Type::I64].map(|ty| Type::complex(&ty).unwrap());
    for complex in complex {
        let error = of(HARD, std::slice::from_ref(&complex)).unwrap_err();
        assert!(
            error.contains("clang passes its complex integer"),
            "{error}"
        );
        let beside = [complex, Type::I8];
        assert!(of(HARD, &beside).is_ok(), "{beside:?}");
    }
    let words = Type::complex(&Type::I32).unwrap();
    assert_eq!(of(HARD, &[words]), Ok("a0 a1".to_owned()));
}

/// Records of which gcc and clang align one on the stack, count an array of no unions, or read a bit-field, each in its own way.
#[test]
fn records_that_riscv_compilers_see_differently() {
    let target = Target::named("riscv64gc-unknown-linux-gnu").unwrap();
    let record = |members: &[Type]| {
        let record = RecordBuilder::structure("s");
        let all = members
            .iter()
            .fold(record, |record, ty| record.field("m", ty.clone()));
        all.build(&DataModel::RISCV64).unwrap()
    };
    let found = |ty: Type, is_result: bool| {
        let sig = match is_result {
            true => FnSig::new([], ty),
            false => FnSig::new([ty], Type::VOID),
        };
        FnAbi::new(&sig, &target)
            .map(drop)
            .map_err(|e| e.to_string())
    };
    let why =
        "struct s: gcc aligns it on the stack as its typedef says, clang as the record (RISC-V)";
    for (of, align) in [(Type::I32, 16), (Type::I128, 8)] {
        let ty = record(&[of]).with_align(align).unwrap();
        assert_eq!(found(ty.clone(), false), Err(why.to_owned()));
        assert_eq!(found(ty, true), Ok(()));
    }
    let union = RecordBuilder::union("u")
        .field("n", Type::I16)
        .build(&DataModel::RISCV64)
        .unwrap();
    let none = Type::array(&union, 0).unwrap();
    let error = found(record(&[none, Type::I16, Type::F32]), false).unwrap_err();
    assert!(error.contains("its members without bytes"), "{error}");
    let bits = |width, ty| Member::bit_field("n", ty, width);
    let float = || Member::named("x", Type::F32);
    for (members, place) in [
        ([bits(32, Type::I64), float()], None),
        ([bits(33, Type::I64), float()], Some("a0 fa0")),
        ([float(), bits(32, Type::I64)], None),
        ([float(), bits(33, Type::I64)], Some("fa0 a0")),
        ([float(), bits(32, Type::I32)], Some("fa0 a0")),
    ] {
        let record = RecordBuilder::structure("s");
        let record = members.into_iter().fold(record, RecordBuilder::member);
        let ty = record.build(&DataModel::LP64).unwrap();
        let abi = FnAbi::new(&FnSig::new([ty], Type::VOID), &target);
        let found = abi.map(|abi| abi.args[0].place.to_string());
        let why = "struct s: clang takes its bit-field for a whole object of the bit-field's type, for which the record has no room (RISC-V)";
        assert_eq!(
            found.map_err(|e| e.to_string()),
            place.map(str::to_owned).ok_or(why.to_owned())
        );
    }
}

/// What is a field to gcc alone, or ends the flattening of a record for gcc alone: unions and arrays without bytes, records of unnamed bit-fields.
#[test]
fn members_that_one_riscv_compiler_counts() {
    let model = &DataModel::RISCV64;
    let target = Target::named("riscv64gc-unknown-linux-gnu").unwrap();
    let place = |members: [&Type; 3]| {
        let record = RecordBuilder::structure("s");
        let all = { members.into_iter() }.fold(record, |record, ty| record.field("m", ty.clone()));
        let sig = FnSig::new([all.build(model).unwrap()], Type::VOID);
        let abi = FnAbi::new(&sig, &target).map_err(|e| e.to_string())?;
        Ok::<_, String>(abi.args[0].place.to_string())
    };
    let empty = RecordBuilder::structure("e").build(model).unwrap();
    let union = RecordBuilder::union("u").build(model).unwrap();
    let bits = || Member::unnamed_bit_field(Type::I32, 5);
    let padding = [RecordBuilder::structure("p"), RecordBuilder::union("p")];
    let padding = padding.map(|record| record.member(bits()).build(model).unwrap());
    let within = RecordBuilder::union("w").field("e", empty.clone());
    let within = within.build(model).unwrap();
    let refused = [
        Type::array(&empty, 3).unwrap(),
        Type::array(&union, 1).unwrap(),
        union,
        within,
    ];
    for member in refused.iter().chain(&padding) {
        for members in [
            [member, &Type::F32, &Type::F32],
            [&Type::F32, member, &Type::I8],
            [member, &empty, &Type::F32],
        ] {
            let error = place(members).unwrap_err();
            assert!(error.contains("without bytes or without names"), "{error}");
        }
        assert!(place([member, &Type::I32, &Type::PTR]).is_ok());
    }
    let two_floats = place([&empty, &Type::F32, &Type::F32]);
    assert_eq!(two_floats, Ok("fa0 fa1".to_owned()));
    let float = RecordBuilder::union("f").field("x", Type::F32);
    let float = float.build(model).unwrap();
    assert_eq!(place([&empty, &float, &Type::F32]), Ok("a0".to_owned()));
}

/// What is placed as LLVM IR has it, scalar by scalar: it has no unions, whose members would have a place each.
#[test]
fn unions_in_llvm_ir() {
    let known = cabi::conventions().iter();
    let of_ir = known.filter(|known| known.name.contains("fastcc") || known.name == "xcore-values");
    let mut n = 0;
    for known in of_ir {
        let target = Target::named(known.target).unwrap();
        let build = |record: RecordBuilder| record.build(target.data_model()).unwrap();
        let union = RecordBuilder::union("u").field("x", Type::F32);
        let union = build(union.field("n", Type::I32));
        let around = build(RecordBuilder::structure("s").field("u", union.clone()));
        for ty in [union, around] {
            let sig = FnSig::new([ty], Type::VOID).convention(known.convention);
            let error = FnAbi::new(&sig, &target).unwrap_err().to_string();
            assert!(error.contains("LLVM IR has no unions"), "{error}");
        }
        n += 1;
    }
    assert_eq!(n, 8);
}

/// What is refused where no policy is stated has the place of the compiler whose policy is.
#[test]
fn stated_policies() {
    let places = |name: &str, ty: &dyn Fn(&DataModel) -> Type| {
        let target = Target::named(name).unwrap();
        let sig = FnSig::new([ty(target.data_model())], Type::VOID);
        assert!(FnAbi::new(&sig, &target).is_err(), "{name}");
        [Policy::GCC, Policy::CLANG].map(|policy| {
            let abi = FnAbi::new(&sig.clone().policy(policy), &target).unwrap();
            abi.args[0].place.to_string()
        })
    };
    const RISCV: &str = "riscv64gc-unknown-linux-gnu";
    const S390X: &str = "s390x-unknown-linux-gnu";
    let record = |model: &DataModel, members: &[Type]| {
        let record = RecordBuilder::structure("s");
        let all = { members.iter() }.fold(record, |record, ty| record.field("m", ty.clone()));
        all.build(model).unwrap()
    };
    let flexible = |model: &DataModel| {
        record(
            model,
            &[Type::I32, Type::flexible_array(&Type::I8).unwrap()],
        )
    };
    let by_address = "r2, pointer to a copy aligned 8";
    assert_eq!(places(S390X, &flexible), ["r2", by_address]);
    let none = |model: &DataModel| {
        record(
            model,
            &[Type::F32, Type::array(&Type::I32, 0).unwrap(), Type::F32],
        )
    };
    assert_eq!(places(RISCV, &none), ["a0", "fa0 fa1"]);
    let closed = |model: &DataModel| {
        let record = RecordBuilder::structure("s").field("x", Type::F32);
        let record = record.member(Member::unnamed_bit_field(Type::I32, 0));
        record.field("y", Type::F32).build(model).unwrap()
    };
    assert_eq!(places(RISCV, &closed), ["fa0 fa1", "a0"]);
    let padding = |model: &DataModel| {
        let bits = RecordBuilder::structure("p").member(Member::unnamed_bit_field(Type::I32, 5));
        record(model, &[bits.build(model).unwrap(), Type::F32, Type::F32])
    };
    assert_eq!(places(RISCV, &padding), ["a0 a1", "fa0 fa1"]);
    let atomic = |model: &DataModel| record(model, &[Type::F64.atomic().unwrap()]);
    assert_eq!(places(RISCV, &atomic), ["fa0", "a0"]);
    assert_eq!(places(S390X, &atomic), ["f0", "r2"]);
    assert_eq!(places("aarch64-unknown-linux-gnu", &atomic), ["v0", "x0"]);
    let whole = |model: &DataModel| record(model, &[Type::I32]).atomic().unwrap();
    assert_eq!(places(S390X, &whole), ["r2", by_address]);
}

/// clang extends no `_Atomic` integer, gcc does.
#[test]
fn atomic_integers() {
    for name in [
        "riscv64gc-unknown-linux-gnu",
        "riscv32gc-unknown-linux-gnu",
        "s390x-unknown-linux-gnu",
    ] {
        let target = Target::named(name).unwrap();
        for ty in [Type::I8, Type::U16, Type::BOOL] {
            let extension = |ty: &Type, policy| {
                let sig = FnSig::new([ty.clone()], Type::VOID).policy(policy);
                let abi = FnAbi::new(&sig, &target).unwrap();
                match &abi.args[0].place {
                    Place::Parts(parts) => parts[0].part.extension,
                    other => panic!("{other}"),
                }
            };
            let atomic = ty.atomic().unwrap();
            assert_ne!(extension(&atomic, Policy::GCC), Extension::None, "{name}");
            assert_eq!(extension(&atomic, Policy::CLANG), Extension::None, "{name}");
            assert_ne!(extension(&ty, Policy::CLANG), Extension::None, "{name}");
        }
    }
}
