//! What the conventions of AArch64, RISC-V and s390x refuse because compilers do not agree, or none was asked; and what has a place beside it. Where both
//! compilers have values is compared by the suite `conventions`.

use cabi::{BoolVector, DataModel, FnAbi, FnSig, Member, Policy, RecordBuilder, Target, Type};

use crate::{structure, with};

/// A target, a type in C, and its place or why it has none.
const TYPES: &str = "
    a64 | struct { int : 8; } | !a record without named bits
    a64 | struct { float x; struct { int n[0]; } e; } | !its members without bytes or names count
    a64 | union { struct { int : 8; } e; float x; } | !its members without bytes or names count
    a64 | struct { float x; struct {} e; float y; } | v0 v1
    a64 | struct { float x; int n[0]; } | x0
    a64 | struct { _Float16 a, b; } | v0 v1
    a64 | __bf16 | !compared with no compiler yet
    a64 | struct { __bf16 a, b; } | !compared with no compiler yet
    rv32 | struct { _Float16 a; double x; } | !compared with no compiler yet
    rv32 | struct { __bf16 a; double x; } | !compared with no compiler yet
    rv32 soft | struct { _Float16 a; double x; } | a0, pointer to a copy aligned 8
    rv32 | struct { short _Complex z; } | !clang passes its complex integer
    rv32 | struct { long long _Complex z; } | !clang passes its complex integer
    rv32 | struct { short _Complex z; char c; } | a0 a1
    rv32 | struct { long long _Complex z; char c; } | a0, pointer to a copy aligned 8
    rv32 | struct { int _Complex z; } | a0 a1
    rv64 | struct s { long n : 32; float x; } | !struct s: clang takes its bit-field for a whole object of the bit-field's type
    rv64 | struct s { float x; long n : 32; } | !struct s: clang takes its bit-field for a whole object of the bit-field's type
    rv64 | struct { long n : 33; float x; } | a0 fa0
    rv64 | struct { float x; long n : 33; } | fa0 a0
    rv64 | struct { float x; int n : 32; } | fa0 a0
    rv64 | struct { union { short n; } u[0]; short n; float x; } | !without bytes or without names
    rv64 | struct { struct {} e[3]; float x, y; } | !without bytes or without names
    rv64 | struct { float x; struct {} e[3]; char c; } | !without bytes or without names
    rv64 | struct { struct {} e[3], f; float x; } | !without bytes or without names
    rv64 | struct { float x; union {} u[1]; char c; } | !without bytes or without names
    rv64 | struct { union {} u; float x, y; } | !without bytes or without names
    rv64 | struct { union { struct {} e; } u; float x, y; } | !without bytes or without names
    rv64 | struct { struct { int : 5; } p; float x, y; } | !without bytes or without names
    rv64 | struct { union { int : 5; } p; struct {} e; float x; } | !without bytes or without names
    rv64 | struct { union { int : 5; } p; int n; void *q; } | a0 a1
    rv64 | struct { struct {} e; float x, y; } | fa0 fa1
    rv64 | struct { struct {} e; union { float x; } u; float y; } | a0";

fn target(name: &str) -> Target {
    let name = match name {
        "a64" => "aarch64-unknown-linux-gnu",
        "rv64" => "riscv64gc-unknown-linux-gnu",
        "rv64 soft" => "riscv64imac-unknown-linux-gnu",
        "rv32" => "riscv32gc-unknown-linux-gnu",
        "rv32 soft" => "riscv32imac-unknown-linux-gnu",
        "s390x" => "s390x-unknown-linux-gnu",
        name => name,
    };
    Target::named(name).unwrap()
}

/// The place of an argument, or why it has none.
fn place(name: &str, ty: &Type, policy: Option<Policy>) -> Result<String, String> {
    let sig = FnSig::new([ty.clone()], Type::VOID);
    let sig = policy.into_iter().fold(sig, FnSig::policy);
    let abi = FnAbi::new(&sig, &target(name)).map_err(|e| e.to_string())?;
    Ok(abi.args[0].place.to_string())
}

/// The place of `ty` is `expected`, or it is refused for a reason that has what is after the `!`.
fn check(name: &str, ty: &Type, expected: &str) {
    match (place(name, ty, None), expected.strip_prefix('!')) {
        (Err(error), Some(why)) => assert!(error.contains(why), "{name}, {ty}: {error}"),
        (found, _) => assert_eq!(found.as_deref(), Ok(expected), "{name}: {ty}"),
    }
}

fn parsed(name: &str, text: &str) -> Type {
    Type::parse(text, target(name).data_model()).unwrap()
}

#[test]
fn types_in_c() {
    for row in TYPES.trim().lines() {
        let row: Vec<&str> = row.split('|').map(str::trim).collect();
        check(row[0], &parsed(row[0], row[1]), row[2]);
    }
}

/// Types with attributes, and those that C alone has no words for.
#[test]
fn vectors_and_attributes() {
    let vector = |lane: &Type, lanes| Type::vector(lane, lanes).unwrap();
    let record = |types: &[Type]| {
        let record = with(RecordBuilder::structure("s"), types);
        record.build(&DataModel::AARCH64).unwrap()
    };
    let twice = |ty: &Type| record(&[ty.clone(), ty.clone()]);
    let small = vector(&Type::F16, 2);
    for ty in [&small, &vector(&Type::F32, 1)] {
        let why = "!gcc and clang do not agree on the place of a vector of less than 8 bytes";
        check("a64", ty, why);
    }
    check("a64", &twice(&small), "x0");
    check("a64", &twice(&vector(&Type::I8, 8)), "v0 v1");
    let bit_int = |bits| DataModel::AARCH64.bit_int(bits, true).unwrap();
    let wide = vector(&Type::F32, 8);
    let bools = Type::bool_vector(8, BoolVector::Clang).unwrap();
    let odd = [
        bit_int(129),
        bools,
        vector(&Type::I128, 1),
        vector(&Type::I8, 3),
    ];
    for (ty, why) in odd
        .map(|ty| (ty, "!compared with no compiler yet"))
        .into_iter()
        .chain([(wide, "!is aligned to 16 there")])
    {
        check("a64", &ty, why);
        check("a64", &twice(&ty), why);
    }
    let hva = record(&[vector(&Type::F32, 2), Type::array(&Type::I32, 0).unwrap()]);
    check("a64", &hva, "!its members without bytes or names count");
    let wide = RecordBuilder::structure("wide").packed();
    let wide = wide.member(Member::bit_field("n", Type::I128, 40));
    let wide = wide.build(&DataModel::AARCH64).unwrap();
    check("a64", &wide, "!the alignment of its bit-field of 16 bytes");
    // On 32 bits it is four words, and its address is passed; AArch64 has a register for it.
    let words = record(&[vector(&Type::I32, 4)]);
    check("rv64", &words, "!struct s");
    check("s390x", &words, "!struct s");
    let narrow = record(&[bit_int(7), Type::F64]);
    check("rv32", &narrow, "!compared with no compiler yet");
    check("rv32 soft", &narrow, "a0, pointer to a copy aligned 8");
    for (of, align) in [("struct s { int n; }", 16), ("struct s { __int128 n; }", 8)] {
        let ty = parsed("rv64", of).with_align(align).unwrap();
        let why = "!struct s: gcc aligns it on the stack as its typedef says, clang as the record (RISC-V)";
        check("rv64", &ty, why);
        assert!(FnAbi::new(&FnSig::new([], ty), &target("rv64")).is_ok());
    }
    // Pointers of 4 bytes: no model here is theirs.
    assert!(Target::named("aarch64-unknown-linux-gnu_ilp32").is_err());
}

/// What gcc and clang place in different ways where something is `_Atomic`.
#[test]
fn atomics() {
    let float = Type::F32.atomic().unwrap();
    let member = structure(std::slice::from_ref(&float));
    let whole = structure(&[Type::F32]).atomic().unwrap();
    for name in ["a64", "rv64", "rv32", "s390x"] {
        for ty in [&member, &whole] {
            let why = "!gcc and clang do not agree on what is `_Atomic` in it";
            check(name, ty, why);
        }
        assert!(place(name, &float, None).is_ok());
    }
    check("rv64 soft", &member, "a0");
}

/// What is placed as LLVM IR has it, scalar by scalar: it has no unions, whose members would have a place each.
#[test]
fn unions_in_llvm_ir() {
    let known = cabi::conventions().iter();
    let of_ir = known.filter(|known| known.name.contains("fastcc") || known.name == "xcore-values");
    let mut n = 0;
    for known in of_ir {
        for text in [
            "union { float x; int n; }",
            "struct { union { float x; int n; } u; }",
        ] {
            let sig = FnSig::new([parsed(known.target, text)], Type::VOID);
            let error = FnAbi::new(&sig.convention(known.convention), &target(known.target));
            let error = error.unwrap_err().to_string();
            assert!(error.contains("LLVM IR has no unions"), "{error}");
        }
        n += 1;
    }
    assert_eq!(n, 8);
}

/// A target, a type, and its places for gcc and for clang.
const STATED: &str = "
    s390x | struct { int n; char rest[]; } | r2 | r2, pointer to a copy aligned 8
    s390x | atomic member | f0 | r2
    s390x | atomic record | r2 | r2, pointer to a copy aligned 8
    rv64 | struct { float x; int n[0]; float y; } | a0 | fa0 fa1
    rv64 | struct { float x; int : 0; float y; } | fa0 fa1 | a0
    rv64 | struct { struct { int : 5; } p; float x, y; } | a0 a1 | fa0 fa1
    rv64 | atomic member | fa0 | a0
    a64 | atomic member | v0 | x0";

/// What is refused where no policy is stated has the place of the compiler whose policy is.
#[test]
fn stated_policies() {
    for row in STATED.trim().lines() {
        let row: Vec<&str> = row.split('|').map(str::trim).collect();
        let ty = match row[1] {
            "atomic member" => structure(&[Type::F64.atomic().unwrap()]),
            "atomic record" => structure(&[Type::I32]).atomic().unwrap(),
            text => parsed(row[0], text),
        };
        assert!(place(row[0], &ty, None).is_err(), "{row:?}");
        let stated = [Policy::GCC, Policy::CLANG].map(|policy| place(row[0], &ty, Some(policy)));
        assert_eq!(stated, [row[2], row[3]].map(|place| Ok(place.to_owned())));
    }
}
