//! Zig's conventions: their names, what they refuse, what the frame of `auto` says. Where values go is asked of Zig (`cargo test -p cabi-tests --test zig_auto`).

use cabi::{BoolVector, DataModel, Error, FnAbi, FnSig, Target, Type, VectorLevel, zig};

fn placed(sig: FnSig) -> Result<FnAbi, Error> {
    FnAbi::new(&sig.convention(&zig::AUTO), &Target::X86_64_LINUX)
}

#[test]
fn every_name_is_a_convention_or_refused_by_name() {
    let known = ["auto", "naked", "x86_64_sysv", "x86_64_win"];
    assert_eq!(zig::conventions().count(), 85);
    for name in zig::conventions() {
        match zig::convention(name) {
            Ok(_) => assert!(known.contains(&name), "{name}"),
            Err(why) => {
                assert!(!known.contains(&name));
                assert!(why.to_string().starts_with(&format!("{name}: ")), "{why}");
            }
        }
    }
    let aliases = ["c", "winapi", "kernel", "fastcall", ""];
    assert!(aliases.iter().all(|name| zig::convention(name).is_err()));
}

#[test]
fn naked_takes_and_returns_nothing() {
    let of = |params: Vec<Type>, ret| {
        let sig = FnSig::new(params, ret).convention(&zig::NAKED);
        FnAbi::new(&sig, &Target::X86_64_LINUX).map_err(|error| error.to_string())
    };
    assert_eq!(of(vec![], Type::VOID).unwrap().area_align, 8);
    let why = "a function of Zig's `naked` takes no arguments and returns nothing (zig-naked)";
    assert_eq!(of(vec![Type::I32], Type::VOID), Err(format!("int: {why}")));
    assert_eq!(of(vec![], Type::F64), Err(format!("double: {why}")));
}

#[test]
fn types_that_zig_has_not_are_refused() {
    let bits = DataModel::LP64.bit_int(40, false).unwrap();
    let small = Type::vector(&Type::F32, 2).unwrap();
    let wide = Type::vector(&Type::F32, 8).unwrap();
    for ty in [
        Type::BF16,
        Type::DEC64,
        Type::complex(&Type::F64).unwrap(),
        Type::bool_vector(8, BoolVector::Clang).unwrap(),
        bits,
        small,
        wide.clone(),
    ] {
        let why = placed(FnSig::new([ty], Type::VOID)).unwrap_err();
        assert!(matches!(why, Error::Unsupported { .. }), "{why}");
    }
    let avx = FnSig::new([wide], Type::VOID).features(VectorLevel::Avx);
    assert_eq!(placed(avx).unwrap().args[0].place.to_string(), "xmm0");
    let printf = FnSig::new([Type::PTR], Type::I32).variadic();
    assert!(placed(printf).is_err());
}

#[test]
fn the_stack_is_aligned_to_a_vector_register() {
    let params = vec![Type::I64; 9];
    for (level, align) in [
        (VectorLevel::Baseline, 16),
        (VectorLevel::Avx, 32),
        (VectorLevel::Avx512, 32),
    ] {
        let sig = FnSig::new(params.clone(), Type::VOID).features(level);
        let abi = placed(sig.clone()).unwrap();
        assert_eq!((abi.area_bytes, abi.area_align), (align.into(), align));
        let less = placed(sig.incoming_stack_align(align / 2));
        assert!(matches!(less, Err(Error::StackAlign { least, .. }) if least == align));
    }
}

#[test]
fn unnamed_arguments_are_promoted_as_zig_does() {
    let promoted = [Type::F16, Type::F32, Type::U8, Type::BF16].map(|ty| zig::promote(&ty));
    assert_eq!(promoted, [Type::F64, Type::F64, Type::I32, Type::BF16]);
}
