//! Random types, signatures and policies as proptest takes them: those of `cabi_verify::generate`, and what C has no words for. They are made of
//! bytes, so that a failure is minimized by leaving bytes out.

use cabi::{BoolVector, DataModel, FnSig, Policy, RecordBuilder, RecordKind, Type, VectorLevel};
use cabi_header::Emitter;
use cabi_verify::build::Capability;
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

/// Signatures at the baseline or one of `levels`, half of them at the baseline, under any policy.
pub fn signatures(levels: &[VectorLevel]) -> impl Strategy<Value = FnSig> + use<> {
    let levels = [&vec![VectorLevel::Baseline; levels.len().max(1)], levels].concat();
    let made = move |bytes: Vec<u8>| signature_of(&mut Random::of_bytes(&bytes), &levels);
    vec(any::<u8>(), 0..400).prop_map(made)
}

/// A signature of types as C passes them.
fn signature_of(random: &mut Random, levels: &[VectorLevel]) -> FnSig {
    // First, while there are bytes.
    let (policy, is_void) = (policy(random), random.chance(15));
    let level = random.one_or(levels, VectorLevel::Baseline);
    let drawn = types_of(
        &signature_from(random, Dialect::EVERYTHING),
        &DataModel::LP64,
    );
    let passed = drawn
        .into_iter()
        .map(|ty| DataModel::LP64.decay(&beyond_c(ty, random)));
    let mut types: Vec<Type> = passed.collect();
    let result = match types.is_empty() || is_void {
        true => Type::VOID,
        false => types.remove(0),
    };
    FnSig::new(types, result).policy(policy).features(level)
}

/// The vector levels beyond the baseline.
pub const WIDE: [VectorLevel; 2] = [VectorLevel::Avx, VectorLevel::Avx512];

/// Those that this machine has. What it has not is printed.
pub fn levels_here() -> Vec<VectorLevel> {
    let is_here = |level: &VectorLevel| {
        let is_here = Capability::of_level(*level).is_none_or(Capability::runs_here);
        if !is_here {
            eprintln!("not run: {level:?}, which this machine has not");
        }
        is_here
    };
    WIDE.into_iter().filter(is_here).collect()
}

/// A profile, or in one of four cases any choice of policy bits. gcc's and Zig's rule for arrays exclude each other: with both, an array that straddles
/// eightbytes would have a class in the first alone.
fn policy(random: &mut Random) -> Policy {
    let with = |set: u64| {
        let bits = Policy::NAMES.iter().zip(0..);
        let chosen = bits.filter(|(_, at)| set >> (at % 64) & 1 == 1);
        chosen.fold(Policy::NONE, |policy, ((bit, _), _)| policy | *bit)
    };
    let all = with(u64::MAX);
    // gcc's twice.
    let profiles = [Policy::GCC, Policy::GCC, Policy::CLANG, Policy::ZIG, all];
    let policy = match random.chance(25) {
        true => with(random.any()),
        false => random.one_or(&profiles, all),
    };
    match policy.has(Policy::ARRAYS_ARE_INTEGER) {
        true => policy.without(Policy::ARRAYS_GO_BY_FIRST_ELEMENT),
        false => policy,
    }
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
