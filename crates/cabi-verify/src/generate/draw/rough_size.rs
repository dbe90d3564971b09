//! About how large a drawn type is: enough to fill records up to a size, no layout.

use cabi::{DataModel, Type};

use crate::generate::{CRecord, CType, Form};

pub(super) fn type_bits(ty: &CType) -> u32 {
    match ty {
        CType::Name(name) => {
            let size = Type::parse(name, &DataModel::LP64).map_or(8, |ty| ty.size());
            u32::try_from(8 * size).unwrap_or(u32::MAX)
        }
        CType::Function => 64,
        CType::Enum(_) | CType::PackedEnum(_) => 32,
        CType::BitInt { bits, .. } => u32::from(*bits).next_power_of_two().max(8),
        CType::Vector { bytes, .. } => bytes * 8,
        CType::ExtVector {
            lane: "_Bool",
            lanes,
        } => lanes.next_power_of_two().max(8),
        CType::ExtVector { lane, lanes } => {
            type_bits(&CType::Name(lane)) * lanes.next_power_of_two()
        }
        CType::Array(elem, len) => type_bits(elem) * len,
        CType::Atomic(inner) | CType::Aligned(inner, _) => type_bits(inner),
        CType::Record(record) => record_bits(record),
    }
}

fn record_bits(record: &CRecord) -> u32 {
    let members = record
        .members
        .iter()
        .map(|member| member_bits(&member.form));
    if record.is_union {
        members.max().unwrap_or(0)
    } else {
        members.sum()
    }
}

pub(super) fn member_bits(form: &Form) -> u32 {
    match form {
        Form::Plain { ty, lengths } => type_bits(ty) * lengths.iter().product::<u32>(),
        Form::Flexible(_) => 0,
        Form::Bits { width, .. } => u32::from(*width),
        Form::Anonymous(record) => record_bits(record),
    }
}
