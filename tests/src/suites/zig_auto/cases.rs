//! The signatures: each kind of value at each boundary, and random ones.

use cabi::{BoolVector, DataModel, Error, Kind, RecordBuilder, Scalar, Type};
use cabi_verify::case::Case;

use crate::suite::Result;
use crate::suites::zig::cases::{self as of_c, case};

/// Kinds of values with names.
fn kinds() -> Result<Vec<(&'static str, Type)>, Error> {
    let mut kinds = scalars()?;
    kinds.extend(records()?);
    kinds.extend(of_zig()?);
    Ok(kinds)
}

fn scalars() -> Result<Vec<(&'static str, Type)>, Error> {
    Ok(vec![
        ("bool", Type::BOOL),
        ("i8", Type::I8),
        ("u16", Type::U16),
        ("i32", Type::I32),
        ("i64", Type::I64),
        ("pointer", Type::PTR),
        ("slice", DataModel::LP64.slice()),
        ("i128", Type::I128),
        ("f16", Type::F16),
        ("f32", Type::F32),
        ("f64", Type::F64),
        ("f80", Type::F80),
        ("f128", Type::F128),
        ("v4f32", Type::vector(&Type::F32, 4)?),
        ("v2i64", Type::vector(&Type::I64, 2)?),
        ("v8f32", Type::vector(&Type::F32, 8)?),
        ("v64u8", Type::vector(&Type::U8, 64)?),
        ("bools8", Type::bool_vector(8, BoolVector::Zig)?),
        ("bools64", Type::bool_vector(64, BoolVector::Zig)?),
        ("bools128", Type::bool_vector(128, BoolVector::Zig)?),
    ])
}

/// Returns a structure of `members`, aligned to `align` where that is more than 0.
fn record(tag: &str, members: &[Type], align: u32) -> Result<Type, Error> {
    let all = members.iter().enumerate();
    let record = all.fold(RecordBuilder::structure(tag), |record, (i, ty)| {
        record.field(&format!("m{i}"), ty.clone())
    });
    let record = match align {
        0 => record,
        _ => record.aligned(align),
    };
    record.build(&DataModel::LP64)
}

fn bytes(n: u64) -> Result<Type, Error> {
    Type::array(&Type::U8, n)
}

fn records() -> Result<Vec<(&'static str, Type)>, Error> {
    let record = |members: &[Type], align| record("s", members, align);
    let union = RecordBuilder::union("u")
        .field("x", Type::F64)
        .field("c", bytes(3)?);
    Ok(vec![
        ("nothing", record(&[], 0)?),
        ("bytes3", record(&[bytes(3)?], 0)?),
        ("float", record(&[Type::F32], 0)?),
        ("floats", record(&[Type::F32, Type::F32], 0)?),
        ("bytes5", record(&[bytes(5)?], 0)?),
        ("bytes7", record(&[bytes(7)?], 0)?),
        ("double", record(&[Type::F64], 0)?),
        ("words", record(&[Type::PTR, Type::U64], 0)?),
        ("bytes9", record(&[bytes(9)?], 0)?),
        ("wide", record(&[Type::F80], 0)?),
        ("large", record(&[Type::F64, Type::I32, bytes(20)?], 0)?),
        ("aligned32", record(&[Type::I64], 32)?),
        ("aligned64", record(&[Type::I8], 64)?),
        ("union", union.build(&DataModel::LP64)?),
    ])
}

/// Returns types that C lacks, as records of the same size and alignment.
fn of_zig() -> Result<Vec<(&'static str, Type)>, Error> {
    let zig = |text: &str, members: &[Type], align| record(&format!("zig {text}"), members, align);
    Ok(vec![
        ("u256", zig("u256", &[Type::U128, Type::U128], 16)?),
        ("optional", zig("?u32", &[Type::U32, Type::BOOL], 4)?),
        ("optional-word", zig("?u64", &[Type::U64, Type::BOOL], 8)?),
        ("error", zig("anyerror!u16", &[Type::U16, Type::U16], 2)?),
        (
            "tuple",
            zig("struct { u32, u16 }", &[Type::U32, Type::U16], 4)?,
        ),
        ("array5", zig("[5]u8", &[bytes(5)?], 1)?),
        ("array20", zig("[20]u8", &[bytes(20)?], 1)?),
    ])
}

/// Returns each kind after each number of registers of each bank taken, with arguments after it;
/// and as a result.
pub(super) fn at_boundaries() -> Result<Vec<Case>> {
    let slice = DataModel::LP64.slice();
    let mut cases = Vec::new();
    let mut add = |name: String, before: Vec<Type>, then: &[Type], ret: &Type| {
        cases.push(case(name, [&before, then].concat(), ret.clone()));
    };
    for (name, ty) in kinds()? {
        let (own, slice) = (ty.clone(), slice.clone());
        let then = [own, Type::I16, slice, Type::F64, ty.clone(), Type::I8];
        for n in 0..=9 {
            let before = vec![Type::I64; n];
            add(format!("{name}-after-{n}"), before, &then, &Type::I32);
        }
        for n in 0..=3 {
            let before = vec![Type::I32; n];
            add(format!("{name}-returned-{n}"), before, &[], &ty);
        }
    }
    let floats = [
        ("f64", Type::F64),
        ("f80", Type::F80),
        ("v4f32", Type::vector(&Type::F32, 4)?),
    ];
    let then = [Type::I8, Type::F80, Type::F32, Type::U16, Type::F64];
    for (name, ty) in floats {
        for n in 6..=9 {
            add(format!("{n}-{name}"), vec![ty.clone(); n], &then, &ty);
        }
    }
    Ok(cases)
}

/// Draws random signatures, with slices in the place of some pointers.
pub(super) fn random(seed: u64, count: u64) -> Vec<Case> {
    let cases = of_c::random(seed, 0, count).into_iter();
    let cases = cases.flat_map(|subject| subject.cases);
    let cases = cases.filter(|case| !case.prototype.variadic && !case.prototype.noreturn);
    let slice = DataModel::LP64.slice();
    let mut cases: Vec<Case> = cases.collect();
    for case in &mut cases {
        let prototype = &mut case.prototype;
        prototype.convention = None;
        let types = prototype
            .params
            .iter_mut()
            .map(|(_, ty)| ty)
            .chain([&mut prototype.ret]);
        for ty in types.filter(|ty| *ty.kind() == Kind::Scalar(Scalar::Ptr)) {
            *ty = slice.clone();
        }
    }
    cases
}

/// Returns cases of `i128` where Win64 passes it: in each position, and as a result.
pub(super) fn of_win64() -> Vec<Case> {
    let types = [Type::I128, Type::F64, Type::I32, Type::U128];
    let of = |n: usize| {
        let params = [&vec![Type::I64; n], &types[..]].concat();
        let floats = vec![Type::F64; n];
        [
            case(format!("win-i128-after-{n}"), params, Type::I64),
            case(format!("win-i128-returned-{n}"), floats, Type::U128),
        ]
    };
    (0..=5).flat_map(of).collect()
}
