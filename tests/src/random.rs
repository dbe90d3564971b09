//! Random types, signatures, policies: every kind of type in every nesting, sizes around the limits of the conventions.

use cabi::{BoolVector, DataModel, FnSig, Member, Policy, RecordBuilder, Type, VectorLevel};
use cabi_header::Emitter;
use proptest::collection::vec;
use proptest::prelude::*;

/// A scalar of any kind.
pub fn scalar() -> BoxedStrategy<Type> {
    let plain = prop::sample::select(vec![
        Type::BOOL,
        Type::I8,
        Type::U8,
        Type::I16,
        Type::U16,
        Type::I32,
        Type::U32,
        Type::I64,
        Type::U64,
        Type::I128,
        Type::U128,
        Type::F16,
        Type::BF16,
        Type::F32,
        Type::F64,
        Type::F80,
        Type::F128,
        Type::DEC32,
        Type::DEC64,
        Type::DEC128,
        Type::PTR,
        Type::FN_PTR,
    ]);
    let bit_int = (2_u16..200, any::<bool>())
        .prop_map(|(bits, signed)| DataModel::LP64.bit_int(bits, signed).unwrap_or(Type::I64));
    prop_oneof![12 => plain, 1 => bit_int].boxed()
}

/// A type that can be a member or a parameter, nested up to `depth` levels.
pub fn object(depth: u32) -> BoxedStrategy<Type> {
    let leaf = prop_oneof![
        10 => scalar(),
        1 => scalar().prop_map(|ty| Type::complex(&ty).unwrap_or(ty)),
        1 => vector(),
        1 => scalar().prop_map(|ty| Type::enumeration(&ty).unwrap_or(ty)),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let array = (object(depth - 1), 0_u64..9)
        .prop_map(|(elem, len)| Type::array(&elem, len).unwrap_or(elem));
    prop_oneof![5 => leaf, 2 => array, 4 => record(depth)].boxed()
}

fn vector() -> BoxedStrategy<Type> {
    let lanes = prop::sample::select(vec![1_u16, 2, 4, 8, 16, 32]);
    let bools = (1_u16..130, any::<bool>()).prop_map(|(lanes, zig)| {
        let flavour = if zig {
            BoolVector::Zig
        } else {
            BoolVector::Clang
        };
        Type::bool_vector(lanes, flavour).unwrap_or(Type::I64)
    });
    let plain = (scalar(), lanes).prop_map(|(lane, n)| Type::vector(&lane, n).unwrap_or(lane));
    prop_oneof![4 => plain, 1 => bools].boxed()
}

/// A structure or union.
pub fn record(depth: u32) -> BoxedStrategy<Type> {
    let member = prop_oneof![
        8 => (object(depth.saturating_sub(1)), 0_u32..12, 0_u8..12).prop_map(|(ty, align, packed)| {
            let member = Member::named("m", ty);
            let member = if align < 6 { member.aligned(1 << align) } else { member };
            if packed == 0 { member.packed() } else { member }
        }),
        2 => (scalar(), 0_u16..65, any::<bool>()).prop_map(|(ty, width, named)| match (named, width) {
            (true, 1..) => Member::bit_field("b", ty, width),
            _ => Member::unnamed_bit_field(ty, width),
        }),
    ];
    let attributes = (0_u8..10, 0_u32..40, 0_u32..12, any::<u8>());
    (vec(member, 0..6), attributes)
        .prop_map(|(members, (packed, pack, align, kind))| {
            let new = if kind < 60 {
                RecordBuilder::union("u")
            } else {
                RecordBuilder::structure("s")
            };
            // A member that cannot be is left out.
            let build = |members: &[Member], transparent: bool| {
                let mut record = new.clone();
                for member in members {
                    record = record.member(member.clone());
                }
                if packed == 0 {
                    record = record.packed();
                }
                if pack < 5 {
                    record = record.pack(1 << pack);
                }
                if align < 6 {
                    record = record.aligned(1 << align);
                }
                if transparent {
                    record = record.transparent();
                }
                record.build(&DataModel::LP64)
            };
            let mut good: Vec<Member> = Vec::new();
            for member in members {
                good.push(member);
                if build(&good, false).is_err() {
                    good.pop();
                }
            }
            let ty = build(&good, false).unwrap_or(Type::I32);
            if kind % 3 == 0 && can_be_transparent(&ty) {
                build(&good, true).unwrap_or(ty)
            } else {
                ty
            }
        })
        .boxed()
}

/// Compilers ignore the attribute where a member is not as large as the first.
fn can_be_transparent(ty: &Type) -> bool {
    ty.as_record().is_some_and(|record| {
        let mut fields = record.fields().iter();
        fields.all(|field| field.ty().size() == ty.size() && field.bit_field().is_none())
    })
}

/// Any choice of policy bits, or a profile.
pub fn policy() -> BoxedStrategy<Policy> {
    let all = Policy::NAMES
        .iter()
        .fold(Policy::NONE, |all, (bit, _)| all | *bit);
    let profiles = prop::sample::select(vec![
        Policy::default(),
        Policy::GCC,
        Policy::CLANG,
        Policy::ZIG,
        all,
    ]);
    let bits = vec(any::<bool>(), Policy::NAMES.len()).prop_map(|set| {
        let chosen = Policy::NAMES.iter().zip(set).filter(|(_, set)| *set);
        chosen.fold(Policy::NONE, |policy, ((bit, _), _)| policy | *bit)
    });
    prop_oneof![3 => profiles, 1 => bits].boxed()
}

/// A type as C passes it: arrays decay.
pub fn passed(depth: u32) -> BoxedStrategy<Type> {
    object(depth)
        .prop_map(|ty| DataModel::LP64.decay(&ty))
        .boxed()
}

/// What travels for an argument of type `ty`: of a transparent union its first member.
#[must_use]
pub fn passed_as(ty: &Type) -> &Type {
    match ty.as_record() {
        Some(record) if record.is_transparent() => record
            .fields()
            .first()
            .map_or(ty, |field| passed_as(field.ty())),
        _ => ty,
    }
}

/// A signature with up to twelve parameters, often many of one kind so that registers run out.
pub fn signature() -> BoxedStrategy<FnSig> {
    let fill = prop_oneof![Just(Type::I64), Just(Type::F64), Just(Type::I8)];
    let fills = vec(fill, 0..9);
    let result = prop_oneof![1 => Just(Type::VOID), 6 => passed(2)];
    let level = prop::sample::select(vec![
        VectorLevel::Baseline,
        VectorLevel::Baseline,
        VectorLevel::Avx,
        VectorLevel::Avx512,
    ]);
    (
        fills,
        vec(passed(2), 0..5),
        result,
        policy(),
        level,
        any::<bool>(),
    )
        .prop_map(|(fills, objects, result, policy, level, first)| {
            let (a, b) = if first {
                (fills, objects)
            } else {
                (objects, fills)
            };
            FnSig::new(a.into_iter().chain(b), result)
                .policy(policy)
                .features(level)
        })
        .boxed()
}

/// A signature as C, with the definitions it needs and the policy bits it is under: what a failure prints.
#[must_use]
pub fn c_text(sig: &FnSig) -> String {
    let mut emitter = Emitter::new(&DataModel::LP64);
    let params: Vec<Type> = sig.params().iter().map(|param| param.ty.clone()).collect();
    match emitter.prototype("f", &params, sig.result(), false) {
        Ok(prototype) => format!("{}{prototype};", emitter.definitions()),
        Err(error) => format!("{error}: {sig:?}"),
    }
}
