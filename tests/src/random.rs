//! Random types, signatures and policies as proptest takes them: those of `cabi_verify::generate`, and what C has no words for. They are made of
//! bytes, so that a failure is minimized by leaving bytes out.

use cabi::{BoolVector, DataModel, FnSig, Policy, RecordBuilder, RecordKind, Type, VectorLevel};
use cabi_header::Emitter;
use cabi_verify::generate::{CType, Declarations, Dialect, Random, Signature, signature_from};
use proptest::collection::vec;
use proptest::prelude::*;

/// The types of the values of `signature` under `model`: the result first, if there is one. What `cabi` refuses is left out.
pub(crate) fn types_of(signature: &Signature, model: &DataModel) -> Vec<Type> {
    let mut declarations = Declarations::new("", model);
    let all = signature.ret.iter().chain(&signature.params);
    let all = all.chain(signature.unnamed.iter().flatten());
    let mut typed = |ty: &CType| {
        let declared = declarations.function("f", &Signature::returning(ty));
        Some(declared.typed.ok()?.ret)
    };
    all.filter_map(&mut typed).collect()
}

/// Sometimes another type than `ty`: one that no C text says.
fn beyond_c(ty: Type, random: &mut Random) -> Type {
    let other = match ty.as_record() {
        _ if random.chance(1) => {
            let lanes = u16::try_from(1 + random.below(129)).unwrap_or(1);
            Type::bool_vector(lanes, BoolVector::Zig).ok()
        }
        Some(record) if record.kind() == RecordKind::Union && random.chance(40) => transparent(&ty),
        _ => None,
    };
    other.unwrap_or(ty)
}

/// A union of the same members that is passed as its first. Compilers ignore the attribute where a member is not as large as the first.
fn transparent(union: &Type) -> Option<Type> {
    let record = union.as_record()?;
    let mut builder = RecordBuilder::union("u").transparent();
    for field in record.fields() {
        if field.ty().size() != union.size() || field.bit_field().is_some() {
            return None;
        }
        builder = builder.field("m", field.ty().clone());
    }
    // Without the attributes of `union` it may be larger than its members.
    let built = builder.build(&DataModel::LP64).ok();
    built.filter(|built| built.size() == union.size())
}

/// The types of one signature, its result first.
pub fn objects() -> BoxedStrategy<Vec<Type>> {
    let bytes = vec(any::<u8>(), 0..400);
    let types = bytes.prop_map(|bytes| {
        let mut random = Random::of_bytes(&bytes);
        let signature = signature_from(&mut random, Dialect::EVERYTHING);
        let types = types_of(&signature, &DataModel::LP64).into_iter();
        types.map(|ty| beyond_c(ty, &mut random)).collect()
    });
    types.boxed()
}

/// Types as C passes them.
pub fn passed() -> BoxedStrategy<Vec<Type>> {
    let decay = |ty: &Type| DataModel::LP64.decay(ty);
    objects()
        .prop_map(move |types| types.iter().map(decay).collect())
        .boxed()
}

/// A signature under any policy at any vector level.
pub fn signature() -> BoxedStrategy<FnSig> {
    signature_at(&[VectorLevel::Avx, VectorLevel::Avx512])
}

/// A signature whose calls this machine can run. What it has not is printed.
pub fn signature_run_here() -> BoxedStrategy<FnSig> {
    let mut levels = Vec::new();
    for (level, has) in [
        (VectorLevel::Avx, std::arch::is_x86_feature_detected!("avx")),
        (
            VectorLevel::Avx512,
            std::arch::is_x86_feature_detected!("avx512f"),
        ),
    ] {
        match has {
            true => levels.push(level),
            false => eprintln!("not run: {level:?}, which this machine has not"),
        }
    }
    signature_at(&levels)
}

/// A signature at the baseline or one of `levels`.
fn signature_at(levels: &[VectorLevel]) -> BoxedStrategy<FnSig> {
    let levels = [&[VectorLevel::Baseline; 2], levels].concat();
    let values = (
        passed(),
        policy(),
        prop::sample::select(levels),
        any::<u8>(),
    );
    let signature = values.prop_map(|(mut types, policy, level, void)| {
        let result = match types.is_empty() || void < 40 {
            true => Type::VOID,
            false => types.remove(0),
        };
        FnSig::new(types, result).policy(policy).features(level)
    });
    signature.boxed()
}

/// Any choice of policy bits, or a profile. gcc's and Zig's rule for arrays exclude each other: with both, an array that straddles eightbytes would
/// have a class in the first alone.
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
    let possible = |policy: Policy| match policy.has(Policy::ARRAYS_ARE_INTEGER) {
        true => policy.without(Policy::ARRAYS_GO_BY_FIRST_ELEMENT),
        false => policy,
    };
    let policies = prop_oneof![3 => profiles, 1 => bits];
    policies.prop_map(possible).boxed()
}

/// What is passed for an argument of type `ty`: of a transparent union its first member.
pub fn passed_as(ty: &Type) -> &Type {
    match ty.as_record() {
        Some(record) if record.is_transparent() => record
            .fields()
            .first()
            .map_or(ty, |field| passed_as(field.ty())),
        _ => ty,
    }
}

/// A signature as C, with the definitions it needs and the policy bits it is under: what a failure prints.
pub fn c_text(sig: &FnSig) -> String {
    let mut emitter = Emitter::new(&DataModel::LP64);
    let params: Vec<Type> = sig.params().iter().map(|param| param.ty.clone()).collect();
    match emitter.prototype("f", &params, sig.result(), false) {
        Ok(prototype) => format!("{}{prototype};", emitter.definitions()),
        Err(error) => format!("{error}: {sig:?}"),
    }
}
