//! A type that was laid out for another data model is an error wherever a signature has it, and one that is laid out alike is none.

use crate::{LINUX, with};
use cabi::{
    DataModel, Error, FnAbi, FnSig, Language, Member, RecordBuilder, Target, Type, X86_64_SYSV,
    explain,
};

const ILP32: DataModel = DataModel::ILP32;

fn target(triple: &str) -> Target {
    Target::named(triple).unwrap()
}

/// The error that a signature with `ty` gives on `target`, as argument, after the `...`, as a member, as an element and as result.
fn refused(ty: &Type, target: &Target) -> Option<String> {
    let inside = RecordBuilder::structure("around").field("m", ty.clone());
    let inside = inside.build(target.data_model()).unwrap();
    let variadic = FnSig::new([Type::I32], Type::VOID).variadic();
    let sigs = [
        FnSig::new([ty.clone()], Type::VOID),
        FnSig::new([Type::I32], ty.clone()),
        FnSig::new([], ty.clone()).noreturn(),
        variadic.at_call([target.data_model().promote(ty)]).unwrap(),
        FnSig::new([inside.clone()], Type::VOID),
        FnSig::new([], inside),
    ];
    let errors = sigs.map(|sig| {
        let sig = sig.convention(&X86_64_SYSV);
        let error = FnAbi::new(&sig, target).err();
        assert_eq!(error, explain(&sig, &[], target).err());
        let is_model = |error: &Error| matches!(error, Error::DataModel { .. });
        assert!(error.as_ref().is_none_or(is_model), "{error:?}");
        error
    });
    let refused = errors.iter().filter(|error| error.is_some()).count();
    assert!([0, errors.len()].contains(&refused), "{ty}: {errors:?}");
    assert_eq!(target.data_model().check(ty).is_err(), refused > 0);
    errors[0].as_ref().map(ToString::to_string)
}

#[test]
fn scalars_of_another_model() {
    assert_eq!(
        refused(&ILP32.long_double(), &LINUX).unwrap(),
        "long double: laid out for ILP32 or XCORE or CSKY, not for the data model LP64 (x86_64-unknown-linux-gnu)"
    );
    assert_eq!(
        refused(&ILP32.pointer(), &LINUX).unwrap(),
        "void *: laid out for ILP32 or X32 or RISCV32 or XCORE or CSKY, not for the data model LP64 (x86_64-unknown-linux-gnu)"
    );
    assert_eq!(
        refused(&Type::F64, &target("i686-unknown-linux-gnu")).unwrap(),
        "double: laid out for LP64 or LLP64 or LLP64_GNU or X32 or AARCH64 or APPLE_ARM64 or RISCV64 or RISCV32 or S390X, not for the data model ILP32 (i686-unknown-linux-gnu)"
    );
    for ty in [
        ILP32.fn_pointer(),
        ILP32.slice(),
        ILP32.adapt(&Type::I64),
        ILP32.adapt(&Type::F64),
        ILP32.adapt(&Type::I64).with_align(8).unwrap(),
        ILP32.adapt(&Type::I64).atomic().unwrap(),
        Type::complex(&ILP32.long_double()).unwrap(),
        Type::enumeration(&ILP32.adapt(&Type::U64)).unwrap(),
        ILP32.bit_int(33, true).unwrap(),
        ILP32.bit_int(100, true).unwrap(),
        DataModel::AARCH64.bit_int(100, true).unwrap(),
        DataModel::X32.pointer(),
    ] {
        assert!(refused(&ty, &LINUX).is_some(), "{ty}");
    }
}

#[test]
fn records_of_another_model() {
    let of = |text, model| Type::parse(text, model).unwrap();
    let aligned = RecordBuilder::structure("s").pack(2);
    let aligned = aligned.member(Member::named("x", Type::I32).aligned(16));
    for ty in [
        of("struct { long long x; }", &ILP32),
        of("struct { long long x[2]; }", &ILP32),
        of("struct { char c; long long x; }", &ILP32),
        of("struct { int x : 3; }", &DataModel::LLP64),
        of("struct { int : 3; }", &DataModel::AARCH64),
        of("struct {}", &DataModel::LLP64),
        aligned.build(&DataModel::LLP64_GNU).unwrap(),
    ] {
        assert!(refused(&ty, &LINUX).is_some(), "{ty:?}");
    }
    let windows = Target::X86_64_WINDOWS_GNU;
    let bits = of("struct s { int x : 3; }", &DataModel::LP64);
    assert_eq!(
        refused(&bits, &windows).unwrap(),
        "struct s: laid out for LP64 or ILP32 or X32 or AARCH64 or APPLE_ARM64 or RISCV64 or RISCV32 or S390X or XCORE or CSKY, not for the data model LLP64_GNU (x86_64-pc-windows-gnu)"
    );
    // Pointers of both widths: no model has them.
    let both = with(RecordBuilder::structure("s"), &[ILP32.pointer(), Type::PTR]);
    assert_eq!(
        refused(&both.build(&DataModel::LP64).unwrap(), &LINUX).unwrap(),
        "struct s: laid out for several data models at once, not for the data model LP64 (x86_64-unknown-linux-gnu)"
    );
}

/// An array that decays is named by what it is declared with.
#[test]
fn arrays_that_decay() {
    let pointers = Type::array(&ILP32.pointer(), 3).unwrap();
    let sig = FnSig::new([pointers], Type::VOID);
    let error = FnAbi::new(&sig, &LINUX).unwrap_err();
    assert!(
        error.to_string().starts_with("void *[3]: laid out for"),
        "{error}"
    );
}

#[test]
fn what_is_laid_out_alike() {
    let cxx = RecordBuilder::structure("s").language(Language::Cxx);
    for triple in "i686-unknown-linux-gnu x86_64-unknown-linux-gnux32 x86_64-pc-windows-msvc x86_64-pc-windows-gnu aarch64-unknown-linux-gnu \
                   riscv64gc-unknown-linux-gnu x86_64-linux-android"
        .split(' ')
    {
        let target = target(triple);
        let model = target.data_model();
        let texts = "int|float|unsigned char|void *|long long|long double|struct { int x : 3; }|struct {}";
        let own = texts.split('|').map(|text| Type::parse(text, model));
        let small = [ILP32, DataModel::LLP64].map(|other| Type::parse("struct { int a; float b; }", &other));
        let others = [
            Ok(ILP32.long()),
            Ok(model.adapt(&Type::F80)),
            Type::vector(&Type::F64, 2),
            Type::vector(&ILP32.adapt(&Type::F64), 2),
            cxx.clone().build(&ILP32),
            model.bit_int(40, true),
            model.bit_int(70, true),
        ];
        for ty in own.chain(small).chain(others) {
            let ty = ty.unwrap();
            assert_eq!(refused(&ty, &target), None, "{triple}: {ty:?}");
        }
    }
    // A layout of the caller's own depends on no rule.
    let given = RecordBuilder::structure("s").member(Member::bit_field("x", Type::I32, 3).at(0));
    let given = given.build_at(4, 4).unwrap();
    assert_eq!(refused(&given, &Target::X86_64_WINDOWS_GNU), None);
}
