//! Tests of types, signatures and targets that are no rows of a table: models of a caller's own,
//! limits, members by name.

use crate::notation::ty;
use crate::{LINUX, LP64, with};
use cabi::convention::Role;
use cabi::{
    Error, FnAbi, FnSig, Language, Member, Place, Policy, RecordBuilder, Target, Type, X86_64_SYSV,
    explain,
};

#[test]
fn leaves_of_the_widest_bit_field() {
    let s = ty("struct s(b: unsigned-bitint(65535) :65535)", &LP64).unwrap();
    assert!(cabi::leaves(&s).map(|leaf| leaf.width_bits).eq([65535]));
}

#[test]
fn arrays_are_classified_in_no_role() {
    let printf = FnSig::new([Type::PTR], Type::I32).variadic();
    let array = Type::array(&Type::I32, 2).unwrap();
    for role in [Role::Named, Role::Unnamed, Role::Result] {
        let error = FnAbi::classify(&printf, &array, role, &LINUX).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("int[2]: C cannot pass or return an array")
        );
    }
    let error = FnSig::new([Type::I32], Type::I32).at_call([Type::I32]);
    let why = "signature: only a variadic function takes unnamed arguments";
    assert_eq!(error.unwrap_err().to_string(), why);
}

#[test]
fn depth_and_members_are_limited() {
    let limits = "the type nests deeper than 128 levels or has more than 65536 members";
    type Deeper = fn(&Type) -> Result<Type, Error>;
    let deeper: [Deeper; 3] = [
        |ty| with(RecordBuilder::structure("s"), std::slice::from_ref(ty)).build(&LP64),
        |ty| Type::array(ty, 1),
        // A union of itself twice doubles its members each time, not its size.
        |ty| with(RecordBuilder::union("u"), &[ty.clone(), ty.clone()]).build(&LP64),
    ];
    for deeper in deeper {
        let mut ty = Type::I32;
        let error = loop {
            match deeper(&ty) {
                Ok(next) => ty = next,
                Err(error) => break error.to_string(),
            }
        };
        assert_eq!(error.split_once(": ").map(|(_, why)| why), Some(limits));
    }
    let of_members = |n| with(RecordBuilder::structure("s"), &vec![Type::I8; n]).build(&LP64);
    assert_eq!(of_members(65_536).map(|ty| ty.size()), Ok(65_536));
    let error = of_members(65_537).unwrap_err();
    assert_eq!(error.to_string(), format!("struct s: {limits}"));
}

/// Tests texts that nest without an end, and texts with more words than a type has.
#[test]
fn declarations_are_limited() {
    let refused = |text: &str| FnSig::parse(text, &LP64).unwrap_err().to_string();
    let deep = format!("int f{}", "(int g".repeat(10_000));
    assert!(refused(&deep).ends_with("the text nests deeper than 64 levels"));
    let words = ["unsigned ", "signed "]
        .map(|word| word.repeat(255))
        .concat();
    let many = format!("{words}f(void)");
    assert!(refused(&many).ends_with("these words together are not a type of C"));
}

/// Tests models of the caller's own, which may have numbers that no C has.
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
            // A type whose size its alignment does not divide may be refused, and nothing may
            // panic.
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

/// Tests that members are found by their names, among any number of them, and in anonymous records.
#[test]
fn members_by_name() {
    let members: Vec<String> = (0..40).rev().map(|i| format!("f{i}: int")).collect();
    let members = members.join(", ");
    let text =
        format!("struct s(anonymous struct {{ short deep; char y; }}, {members}, long, double)");
    let s = ty(&text, &LP64).unwrap();
    let at = |name| s.as_record().unwrap().field(name).map(|(_, at)| at / 8);
    let found = ["f39", "f7", "f0", "deep", "y", "", "f40", "g"].map(at);
    let expected = [4, 132, 160, 0, 2, 168].map(Some);
    assert_eq!(found[..6], expected);
    assert_eq!(found[6..], [None; 2]);
}

#[test]
fn types_without_members_name_none() {
    let why = explain(&FnSig::new([Type::I8], Type::VOID), &[], &LINUX).unwrap();
    assert!(why.args[0].place.parts[0].members.is_empty());
}

/// Tests members of one name. In C++ a member hides that of a base class, also a member of an
/// anonymous union. In C they are an error, whatever tag the record of one has (`-fms-extensions`).
#[test]
fn a_member_hides_that_of_a_base_class() {
    let with_name = |record: RecordBuilder, names: [&str; 2]| {
        let [a, b] = names;
        record.field(a, Type::I32).field(b, Type::I16)
    };
    let base = with_name(RecordBuilder::structure("base"), ["x", "y"]);
    let base = base.build(&LP64).unwrap();
    let union = with_name(RecordBuilder::union(""), ["y", "z"]);
    let union = union.build(&LP64).unwrap();
    let derived = |language| {
        let record = RecordBuilder::structure("derived").language(language);
        let record = record.member(Member::anonymous(base.clone()));
        let record = record.member(Member::anonymous(union.clone()));
        record.field("x", Type::I8).build(&LP64)
    };
    let class = derived(Language::Cxx).unwrap();
    let class = class.as_record().unwrap();
    let place = |name| class.field(name).map(|(field, at)| (field.ty().size(), at));
    let places = ["x", "y", "z"].map(place);
    assert_eq!(places, [Some((1, 96)), Some((4, 64)), Some((2, 64))]);
    let error = derived(Language::C).unwrap_err().to_string();
    assert_eq!(
        error,
        "struct derived, field x: another member has the same name"
    );
}

/// Tests `sysv_abi` on Windows: gcc 12 returns x87 values in x87 registers, clang 19 through
/// memory.
#[test]
fn results_in_st0_on_windows_are_refused_for_clang() {
    let windows = Target::X86_64_WINDOWS_GNU;
    let long_double = ty("long double", windows.data_model()).unwrap();
    for result in [long_double.clone(), Type::complex(&long_double).unwrap()] {
        let sig = FnSig::new([result.clone()], result).convention(&X86_64_SYSV);
        let of = |policy| FnAbi::new(&sig.clone().policy(policy), &windows);
        assert!(of(Policy::GCC).is_ok());
        let error = of(Policy::CLANG).unwrap_err().to_string();
        assert!(error.contains("clang for Windows"), "{error}");
        let linux = FnAbi::new(&sig.clone().policy(Policy::CLANG), &LINUX);
        assert!(linux.is_ok_and(|abi| matches!(abi.ret.place, Place::Parts(_))));
    }
}

/// Tests that members in any order, each at the offset that C gives it, are passed as C's. A
/// language's own convention may differ.
#[test]
fn given_members_in_any_order() {
    let scalars = [Type::I8, Type::I32, Type::I64, Type::F32, Type::F64];
    let conventions = cabi::conventions().iter();
    for known in conventions.filter(|known| !known.name.contains("lang")) {
        let target = Target::named(known.target).unwrap();
        let model = target.data_model();
        let scalars = scalars.each_ref().map(|ty| model.adapt(ty));
        let int = model.adapt(&Type::I32);
        // Two to four members, each of which may be a bit-field of 20 bits.
        let n = scalars.len() + 1;
        let lists = (2..5).flat_map(|len| (0..n.pow(len)).map(move |list| (len, list)));
        for (len, list) in lists {
            let kinds = (0..len).map(|i| list / n.pow(i) % n);
            let members = kinds.zip(["a", "b", "c", "d"]);
            let members = members.map(|(kind, name)| match scalars.get(kind) {
                Some(ty) => Member::named(name, ty.clone()),
                None => Member::bit_field(name, int.clone(), 20),
            });
            let members: Vec<Member> = members.collect();
            let record = || RecordBuilder::structure("s");
            let c = members.iter().cloned();
            let c = c
                .fold(record(), RecordBuilder::member)
                .build(model)
                .unwrap();
            let fields = c.as_record().unwrap().fields().iter();
            let placed = members.iter().cloned().zip(fields);
            let placed = placed.map(|(member, field)| member.at_bit(field.offset_bits()));
            let reversed = placed.rev().fold(record(), RecordBuilder::member);
            let reversed = reversed.build_at(c.size(), c.align()).unwrap();
            let places = [c, reversed].map(|ty| {
                let sig = FnSig::new([ty.clone(), ty.clone()], ty);
                let sig = sig.convention(known.convention).policy(Policy::GCC);
                let abi = FnAbi::new(&sig, &target).map_err(|error| error.to_string());
                abi.map(|abi| (abi.args, abi.ret))
            });
            assert_eq!(places[0], places[1], "{}: {members:?}", known.name);
        }
    }
}
