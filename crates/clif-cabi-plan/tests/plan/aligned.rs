//! Arguments that are aligned to more than 16 bytes. On AArch64 no argument area is: gcc and clang, Apple's too, pass such a record by reference,
//! because its padding makes it no homogeneous aggregate of at most four floats; a typedef's alignment counts for nothing.

use cabi::convention::{Rule, Rules};
use cabi::{Convention, FnAbi, FnSig, Place, RecordBuilder, Target, Type, aarch64};
use clif_cabi_plan::{CallPlan, EntryPlan};

/// Nine numbers of one class, so that a value after them is on the stack.
fn after_nine(number: &Type, ty: &Type) -> FnSig {
    let numbers = std::iter::repeat_n(number.clone(), 9);
    FnSig::new(numbers.chain([ty.clone()]), Type::VOID)
}

#[test]
fn no_area_on_aarch64_is() {
    for name in ["aarch64-unknown-linux-gnu", "aarch64-apple-darwin"] {
        let target = Target::named(name).unwrap();
        let record = |field: Type, align| {
            let record = RecordBuilder::structure("s")
                .field("f", field)
                .aligned(align);
            record.build(target.data_model()).unwrap()
        };
        let doubles = Type::array(&Type::F64, 4).unwrap();
        let by_reference = [
            record(Type::I8, 32),
            record(Type::F32, 32),
            record(doubles, 64),
        ];
        for (number, ty) in [Type::I64, Type::F64]
            .iter()
            .flat_map(|number| by_reference.iter().map(move |ty| (number, ty)))
        {
            let sig = after_nine(number, ty);
            let abi = FnAbi::new(&sig, &target).unwrap();
            let place = &abi.args.last().unwrap().place;
            let is_copy = matches!(place, Place::Indirect { align, .. } if *align == ty.align());
            assert!(is_copy && abi.area_align <= 16, "{sig}: {place:?}");
            CallPlan::new(&sig, &target).unwrap();
            EntryPlan::new(&sig, &target).unwrap();
        }
    }
}

/// Only a user's own convention has such an area there, which no stub makes.
#[test]
fn an_area_of_ones_own_is_refused() {
    static ALIGNED: Convention = Convention {
        name: "aligned",
        rules: Rules {
            args: &[Rule::AssignToStack { size: 8, align: 32 }],
            ..aarch64::AAPCS64.rules
        },
        ..aarch64::AAPCS64
    };
    let target = Target::named("aarch64-unknown-linux-gnu").unwrap();
    let sig = FnSig::new([Type::I64], Type::VOID).convention(&ALIGNED);
    assert_eq!(FnAbi::new(&sig, &target).unwrap().area_align, 32);
    let error = CallPlan::new(&sig, &target).unwrap_err().to_string();
    let why = "the convention aligned: what only a stub can pass (a static chain, wide vectors, arguments aligned to more than 16 bytes) is not lowered";
    assert!(error.starts_with(why), "{error}");
}
