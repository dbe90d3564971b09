//! Whatever a user builds within the limits on types is classified, and explained, in time and text that grow with its members only.

use std::time::{Duration, Instant};

use crate::{LINUX, LP64, structure, with};
use cabi::{
    FnAbi, FnSig, Language, Member, Policy, RecordBuilder, Step, Target, Type, explain, leaves,
};

/// What is too slow takes longer than anybody waits; what is not takes seconds, also on a machine with other things to do.
const LIMIT: Duration = Duration::from_secs(240);

/// What conventions make of an array of no elements that are as large as an address space, of padding and of empty records without end.
#[test]
fn endless_elements_on_other_machines() {
    let start = Instant::now();
    let absent = Type::array(&Type::array(&Type::I8, 1 << 40).unwrap(), 0).unwrap();
    let padding = RecordBuilder::structure("p").member(Member::unnamed_bit_field(Type::I8, 3));
    for known in cabi::conventions() {
        let target = Target::named(known.target).unwrap();
        let model = target.data_model();
        let padding = padding.clone().build(model).unwrap();
        let huge = Type::array(&padding, 1 << 29).unwrap();
        // A record of C++ has a byte, and nothing in it.
        let nothing = RecordBuilder::structure("n").language(Language::Cxx);
        let nothing = Type::array(&nothing.build(model).unwrap(), 1 << 40).unwrap();
        let inner = structure(std::slice::from_ref(&nothing));
        let nested = Type::array(&Type::array(&nothing, 1 << 9).unwrap(), 2).unwrap();
        let elements = Type::array(&inner, 1 << 10).unwrap();
        for fields in [
            vec![absent.clone(), Type::F32],
            vec![Type::I32, absent.clone()],
            vec![huge],
            vec![nothing.clone()],
            vec![nothing.clone(), Type::F32],
            vec![Type::F32, nothing.clone()],
            vec![nested, Type::F32],
            vec![elements.clone(), Type::F32],
            vec![elements, Type::complex(&Type::I16).unwrap()],
        ] {
            let record = with(RecordBuilder::structure("s"), &fields);
            let Ok(ty) = record.build(model) else {
                continue;
            };
            let sig = FnSig::new([ty.clone()], ty).convention(known.convention);
            // A place or a refusal: what counts is that there is one soon.
            for sig in [
                sig.clone().policy(Policy::GCC),
                sig.clone().policy(Policy::CLANG),
                sig,
            ] {
                let _ = FnAbi::new(&sig, &target);
            }
        }
    }
    let took = start.elapsed();
    assert!(took < LIMIT, "{took:?}");
}

/// Classifies and explains `ty` under each profile.
fn is_quick(what: &str, build: impl FnOnce() -> Type) {
    let start = Instant::now();
    let ty = build();
    for policy in [Policy::GCC, Policy::CLANG, Policy::ZIG] {
        let sig = FnSig::new([ty.clone()], ty.clone()).policy(policy);
        FnAbi::new(&sig, &LINUX).unwrap();
        let why = explain(&sig, &[], &LINUX).unwrap();
        let text = why.to_string();
        assert!(text.len() < 100_000, "{what}: {} bytes", text.len());
    }
    let took = start.elapsed();
    assert!(took < LIMIT, "{what}: {took:?}");
}

fn many(record: RecordBuilder, n: usize, ty: &Type) -> Type {
    let all = (0..n).fold(record, |record, i| {
        record.field(&format!("m{i}"), ty.clone())
    });
    all.build(&LP64).unwrap()
}

/// Each level has twice the members, or more, were arrays of no elements walked more than once.
#[test]
fn nested_arrays_of_no_elements() {
    for member in [Type::I8, Type::F32, Type::F16] {
        is_quick("arrays of no elements", || {
            let mut ty = structure(std::slice::from_ref(&member));
            for _ in 0..60 {
                ty = structure(&[member.clone(), Type::array(&ty, 0).unwrap()]);
            }
            // Inside an eightbyte, where they count.
            structure(&[Type::I8, Type::array(&ty, 0).unwrap()])
        });
    }
    is_quick("arrays of arrays of no elements", || {
        (0..120).fold(Type::I8, |ty, _| Type::array(&ty, 0).unwrap());
        let mut ty = structure(&[Type::I8]);
        for _ in 0..40 {
            let eight = Type::array(&ty, 8).unwrap();
            ty = structure(&[Type::array(&eight, 0).unwrap(), Type::I8]);
        }
        ty
    });
}

#[test]
fn members_of_a_union() {
    let small = Type::array(&Type::I8, 3).unwrap();
    let pair = structure(&[Type::F32, Type::F32]);
    for ty in [
        Type::I32,
        Type::F16,
        small,
        Type::array(&Type::F32, 0).unwrap(),
    ] {
        is_quick("a union", || many(RecordBuilder::union("u"), 15_000, &ty));
        is_quick("a structure", || {
            many(RecordBuilder::structure("s"), 15_000, &ty)
        });
    }
    is_quick("a union of structures", || {
        many(RecordBuilder::union("u"), 20_000, &pair)
    });
    // Members far down: none is looked at again on each level.
    is_quick("a deep union", || {
        let mut ty = many(RecordBuilder::union("u"), 60_000, &Type::I32);
        for _ in 0..100 {
            ty = structure(&[ty]);
        }
        ty
    });
    is_quick("a deep union of vectors", || {
        let vector = Type::vector(&Type::F32, 4).unwrap();
        let mut ty = many(RecordBuilder::union("u"), 15_000, &vector);
        for _ in 0..60 {
            ty = RecordBuilder::union("w")
                .field("", ty)
                .build(&LP64)
                .unwrap();
            ty = structure(&[ty]);
        }
        ty
    });
}

/// As many elements as an address space has: one of them stands for all.
#[test]
fn endless_padding() {
    is_quick("padding", || {
        let nothing = RecordBuilder::structure("p").member(Member::unnamed_bit_field(Type::I8, 3));
        let array = Type::array(&nothing.build(&LP64).unwrap(), 1 << 59).unwrap();
        let huge = structure(&[array]);
        assert_eq!(leaves(&huge).take(3).count(), 3);
        // Not as a value: it is larger than any stack. Of this size it is only a result.
        let sig = FnSig::new([], huge);
        FnAbi::new(&sig, &LINUX).unwrap();
        Type::I32
    });
    is_quick("records", || {
        let pair = structure(&[Type::I32, Type::I8]);
        let huge = structure(&[Type::array(&pair, 1 << 40).unwrap()]);
        assert_eq!(cabi::members(&huge, "", 512).len(), 16);
        explain(&FnSig::new([], huge), &[], &LINUX).unwrap();
        Type::I32
    });
    is_quick("arrays of one element", || {
        let one = (0..120).fold(Type::I8, |ty, _| Type::array(&ty, 1).unwrap());
        structure(&[Type::array(&one, 64).unwrap()])
    });
}

/// What is not listed is counted.
#[test]
fn explanations_count_what_they_leave_out() {
    let ty = many(RecordBuilder::union("u"), 1_000, &Type::I32);
    let why = explain(&FnSig::new([ty], Type::VOID), &[], &LINUX).unwrap();
    let steps = &why.args[0].steps;
    let count = |is: fn(&Step) -> bool| steps.iter().filter(|step| is(step)).count() as u64;
    let merges = count(|step| matches!(step, Step::Merge { .. }));
    let listed = merges + count(|step| matches!(step, Step::Policy { .. }));
    let more = steps.iter().find_map(|step| match step {
        Step::More { steps } => Some(*steps),
        _ => None,
    });
    assert!(
        listed >= 256 && merges > 0,
        "{listed} steps, {merges} merges"
    );
    // A merge each, and the same choices for each.
    assert_eq!(more, Some(1_000 * (listed / merges) - listed));
    let text = format!("and {} more steps of this kind", more.unwrap());
    assert!(why.to_string().contains(&text), "{why}");
}
