//! Whatever a user builds within the limits on types is classified, and explained, in time and text that grow with its members only.

use std::time::{Duration, Instant};

use crate::notation::ty;
use crate::{LINUX, LP64, structure, with};
use cabi::{FnAbi, FnSig, Policy, RecordBuilder, Step, Target, Type, explain, leaves};

/// What is too slow takes longer than anybody waits; what is not takes seconds, also on a machine with other things to do.
const LIMIT: Duration = Duration::from_secs(240);

/// What conventions make of an array of no elements that are as large as an address space, of padding and of empty records without end.
#[test]
fn endless_elements_on_other_machines() {
    let start = Instant::now();
    for known in cabi::conventions() {
        let target = Target::named(known.target).unwrap();
        let model = target.data_model();
        let of = |text: &str| ty(text, model).unwrap();
        let absent = of("array(array(signed char, 1099511627776), 0)");
        let huge = of("array(struct p(signed char :3), 536870912)");
        // A record of C++ has a byte, and nothing in it.
        let nothing = of("array(struct n(c++), 1099511627776)");
        let inner = structure(std::slice::from_ref(&nothing));
        let nested = array(&array(&nothing, 1 << 9), 2);
        let elements = array(&inner, 1 << 10);
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

/// `ty` in `n` types around it.
fn nested(n: usize, ty: Type, around: impl Fn(&Type) -> Type) -> Type {
    (0..n).fold(ty, |ty, _| around(&ty))
}

fn array(ty: &Type, len: u64) -> Type {
    Type::array(ty, len).unwrap()
}

fn union(ty: &Type) -> Type {
    many(RecordBuilder::union("w"), 1, ty)
}

/// Each level has twice the members, or more, were arrays of no elements walked more than once.
#[test]
fn nested_arrays_of_no_elements() {
    for member in [Type::I8, Type::F32, Type::F16] {
        is_quick("arrays of no elements", || {
            let one = structure(std::slice::from_ref(&member));
            let ty = nested(60, one, |ty| structure(&[member.clone(), array(ty, 0)]));
            // Inside an eightbyte, where they count.
            structure(&[Type::I8, array(&ty, 0)])
        });
    }
    is_quick("arrays of arrays of no elements", || {
        nested(120, Type::I8, |ty| array(ty, 0));
        let none_of_eight = |ty: &Type| structure(&[array(&array(ty, 8), 0), Type::I8]);
        nested(40, structure(&[Type::I8]), none_of_eight)
    });
}

#[test]
fn members_of_a_union() {
    let pair = structure(&[Type::F32, Type::F32]);
    for ty in [
        Type::I32,
        Type::F16,
        array(&Type::I8, 3),
        array(&Type::F32, 0),
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
        let flat = many(RecordBuilder::union("u"), 60_000, &Type::I32);
        nested(100, flat, |ty| structure(std::slice::from_ref(ty)))
    });
    is_quick("a deep union of vectors", || {
        let vector = Type::vector(&Type::F32, 4).unwrap();
        let flat = many(RecordBuilder::union("u"), 15_000, &vector);
        nested(60, flat, |ty| structure(&[union(ty)]))
    });
}

/// As many elements as an address space has: one of them stands for all.
#[test]
fn endless_padding() {
    is_quick("padding", || {
        let nothing = ty("struct p(signed char :3)", &LP64).unwrap();
        let huge = structure(&[array(&nothing, 1 << 59)]);
        assert_eq!(leaves(&huge).take(3).count(), 3);
        // Not as a value: it is larger than any stack. Of this size it is only a result.
        let sig = FnSig::new([], huge);
        FnAbi::new(&sig, &LINUX).unwrap();
        Type::I32
    });
    is_quick("records", || {
        let pair = structure(&[Type::I32, Type::I8]);
        let huge = structure(&[array(&pair, 1 << 40)]);
        assert_eq!(cabi::members(&huge, "", 512).len(), 16);
        explain(&FnSig::new([], huge), &[], &LINUX).unwrap();
        Type::I32
    });
    is_quick("arrays of one element", || {
        let one = nested(120, Type::I8, |ty| array(ty, 1));
        structure(&[array(&one, 64)])
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
