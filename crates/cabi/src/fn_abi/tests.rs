//! Where nothing is explained, work is saved: scalars have no eightbytes, rule 5(c) is asked before the walk, and a part is in a register of the first rule for its
//! type without that rule being run. An explanation takes none of these ways, and must find the same parts in the same places.

use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::FnAbi;
use crate::convention::trace::{Log, Tracer};
use crate::convention::{Convention, VectorLevel};
use crate::policy::Policy;
use crate::record_builder::{Member, RecordBuilder};
use crate::sig::FnSig;
use crate::target::Target;
use crate::types::Type;
use crate::types::data_model::DataModel;
use crate::types::error::Error;
use crate::{X86_64_LANG, X86_64_SYSV, X86_64_WIN64};

const COUNT: usize = 2_000;

fn scalar() -> impl Strategy<Value = Type> {
    use Type as T;
    let bit_int = |bits| DataModel::LP64.bit_int(bits, true).unwrap_or(T::I8);
    let mut all = vec![T::BOOL, T::I8, T::U16, T::I32, T::I64, T::PTR, T::I128];
    all.extend([
        T::F16,
        T::BF16,
        T::F32,
        T::F64,
        T::F80,
        T::F128,
        T::DEC32,
        T::DEC128,
    ]);
    all.extend([bit_int(5), bit_int(70), bit_int(128), bit_int(190)]);
    let vector = |lane, lanes| Type::vector(lane, lanes).unwrap_or(T::I8);
    all.extend([vector(&T::F32, 2), vector(&T::I128, 1), vector(&T::F64, 4)]);
    all.extend(T::complex(&T::F32));
    all.extend(T::complex(&T::F80));
    all.extend(T::I32.atomic());
    // A member at an offset its type's alignment forbids, whose leaf is aligned.
    let aligned = record(vec![(T::I32, 3)], 6);
    all.push(record(vec![(T::I32, 3), (aligned, 3)], 1));
    prop::sample::select(all)
}

fn record(members: Vec<(Type, u8)>, form: u8) -> Type {
    let record = match form % 4 {
        0 => RecordBuilder::union("u"),
        _ => RecordBuilder::structure("s"),
    };
    let record = match form {
        1 => record.packed(),
        2 => record.aligned(16),
        6 => record.aligned(8),
        _ => record,
    };
    let members = members.into_iter();
    let record = members.fold(record, |record, (ty, kind)| {
        record.member(match kind {
            0 => Member::bit_field("b", Type::I32, 7),
            1 => Member::unnamed_bit_field(Type::I16, 9),
            2 => Member::named("p", ty).packed(),
            _ => Member::named("m", ty),
        })
    });
    record.build(&DataModel::LP64).unwrap_or(Type::I64)
}

fn any_type() -> impl Strategy<Value = Type> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        let array = (inner.clone(), 0..6_u64);
        prop_oneof![
            1 => array.prop_map(|(elem, n)| Type::array(&elem, n).unwrap_or(Type::I8)),
            3 => (vec((inner, 0..12_u8), 1..5), 0..16_u8)
                .prop_map(|(members, form)| record(members, form)),
        ]
    })
}

/// What is found for a signature, and what is found for another one while it is explained.
type Found = (Result<FnAbi, Error>, Result<FnAbi, Error>);

/// Places of random signatures under `policy` and, explained, under `other`.
fn compared(convention: &'static Convention, policy: Policy, other: Policy) -> Vec<Found> {
    use VectorLevel::{Avx, Avx512, Baseline};
    let target = &Target::X86_64_LINUX;
    let level = prop::sample::select(vec![Baseline, Avx, Avx512]);
    let values = (vec(any_type(), 0..9), any_type(), level);
    let mut runner = TestRunner::deterministic();
    let one = |_| {
        let tree = values.new_tree(&mut runner).ok()?;
        let (params, result, level) = tree.current();
        let decay = |ty: &Type| DataModel::LP64.decay(ty);
        let sig = FnSig::new(params.iter().map(decay), decay(&result));
        let sig = sig.features(level).convention(convention);
        let log = RefCell::new(Log::default());
        let told = FnAbi::traced(&sig.clone().policy(other), target, Tracer::on(&log));
        Some((FnAbi::new(&sig.policy(policy), target), told))
    };
    (0..COUNT).filter_map(one).collect()
}

#[test]
fn explanations_find_the_same() {
    let every = Policy::NAMES
        .iter()
        .fold(Policy::NONE, |all, (bit, _)| all | *bit);
    let sysv = [
        Policy::PSABI,
        Policy::GCC,
        Policy::CLANG,
        Policy::ZIG,
        every,
    ];
    let others = [&X86_64_WIN64, &X86_64_LANG];
    let sysv = sysv.map(|policy| (&X86_64_SYSV, policy));
    let others = others.map(|convention| (convention, Policy::GCC));
    for (convention, policy) in sysv.into_iter().chain(others) {
        let found = compared(convention, policy, policy);
        assert_eq!(found.len(), COUNT);
        let placed = found.iter().filter(|(abi, _)| abi.is_ok()).count();
        assert!(placed > COUNT / 2, "{convention:?}: {placed} are placed");
        for (abi, told) in found {
            assert_eq!(abi, told, "{convention:?}, {policy:?}");
        }
    }
    // What gcc does is not what clang does.
    let found = compared(&X86_64_SYSV, Policy::GCC, Policy::CLANG);
    assert!(found.iter().any(|(abi, told)| abi != told));
}
