//! The types of a [`CType`](super::CType) as `cabi` builds them.

use cabi::{BitFieldStyle, BoolVector, DataModel, Error, Member, RecordBuilder, RecordRules, Type};

use super::CRecord;

/// The type that keywords spell.
pub(super) fn of_name(name: &str, model: &DataModel) -> Result<Type, Error> {
    if let Some(part) = name.strip_prefix("_Complex ") {
        return Type::complex(&of_name(part, model)?);
    }
    let ty = match name {
        "_Bool" => Type::BOOL,
        "char" => model.char(),
        "signed char" => Type::I8,
        "unsigned char" => Type::U8,
        "short" => Type::I16,
        "unsigned short" => Type::U16,
        "int" => Type::I32,
        "unsigned" => Type::U32,
        "long" => model.long(),
        "unsigned long" => model.unsigned_long(),
        "long long" => Type::I64,
        "__int128" => Type::I128,
        "unsigned __int128" => Type::U128,
        "_Float16" => Type::F16,
        "__bf16" => Type::BF16,
        "float" => Type::F32,
        "double" => Type::F64,
        "long double" => model.long_double(),
        "__float128" => Type::F128,
        "_Decimal32" => Type::DEC32,
        "_Decimal64" => Type::DEC64,
        "_Decimal128" => Type::DEC128,
        "void *" => model.pointer(),
        other => {
            return Err(Error::InvalidType {
                ty: other.to_owned(),
                why: "the generator has no such name",
            });
        }
    };
    Ok(model.adapt(&ty))
}

/// An enumeration whose one constant is `value`: the first of `unsigned`, `int` and the same of `long` that holds it; for MSVC each is `int`.
pub(super) fn of_enum(value: &str, model: &DataModel) -> Result<Type, Error> {
    let (negative, wide) = (value.starts_with('-'), value.contains("0x1"));
    let name = match (negative, wide) {
        _ if model.records == RecordRules::Msvc => "int",
        (false, false) => "unsigned",
        (true, false) => "int",
        (false, true) => "unsigned long",
        (true, true) => "long",
    };
    Type::enumeration(&of_name(name, model)?)
}

/// `lane` with `vector_size(bytes)`.
pub(super) fn of_vector(lane: &str, bytes: u32, model: &DataModel) -> Result<Type, Error> {
    let lane = of_name(lane, model)?;
    let lanes = u64::from(bytes) / lane.size().max(1);
    Type::vector(&lane, u16::try_from(lanes).unwrap_or(u16::MAX))
}

/// `lane` with `ext_vector_type(lanes)`.
pub(super) fn of_ext_vector(lane: &str, lanes: u32, model: &DataModel) -> Result<Type, Error> {
    let lanes = u16::try_from(lanes).unwrap_or(u16::MAX);
    match lane {
        "_Bool" => Type::bool_vector(lanes, BoolVector::Clang),
        _ => Type::vector(&of_name(lane, model)?, lanes),
    }
}

/// `ty name[a][b]..`.
pub(super) fn of_array(ty: Type, lengths: &[u32]) -> Result<Type, Error> {
    let mut lengths = lengths.iter().rev();
    lengths.try_fold(ty, |ty, len| Type::array(&ty, u64::from(*len)))
}

/// `record` under the name `tag` with `members`, where `#pragma pack` says `pack`.
pub(super) fn of_record(
    record: &CRecord,
    tag: &str,
    members: Vec<Member>,
    pack: Option<u32>,
    model: &DataModel,
) -> Result<Type, Error> {
    let mut builder = match record.is_union {
        true => RecordBuilder::union(tag),
        false => RecordBuilder::structure(tag),
    };
    for member in members {
        builder = builder.member(member);
    }
    if record.packed {
        builder = builder.packed();
    }
    builder = pack.into_iter().fold(builder, RecordBuilder::pack);
    let mut model = *model;
    if record.ms_struct {
        model.bit_fields = BitFieldStyle::Ms;
    }
    let aligned = record.aligned.into_iter();
    aligned.fold(builder, RecordBuilder::aligned).build(&model)
}
