//! The types of a [`CType`] as `cabi` builds them.

use cabi::{BitFieldStyle, BoolVector, DataModel, Error, Member, RecordBuilder, RecordRules, Type};

use super::{CMember, CRecord, CType, Form};

/// Settings by which types are built.
pub(super) struct Types<'k> {
    /// C's spelling of records.
    pub(super) known: &'k [(CType, String)],
    pub(super) model: &'k DataModel,
}

impl Types<'_> {
    pub(super) fn build(&self, ty: &CType) -> Result<Type, Error> {
        match ty {
            CType::Name(name) => Type::parse(name, self.model),
            CType::Function => Ok(self.model.fn_pointer()),
            CType::BitInt { bits, signed } => self.model.bit_int(*bits, *signed),
            CType::Enum(value) => self.enumeration(value, false),
            CType::PackedEnum(value) => self.enumeration(value, true),
            CType::Array(elem, len) => Type::array(&self.build(elem)?, u64::from(*len)),
            CType::Vector { lane, bytes } => {
                let lane = Type::parse(lane, self.model)?;
                let lanes = u64::from(*bytes) / lane.size().max(1);
                let vector = Type::vector(&lane, u16::try_from(lanes).unwrap_or(u16::MAX))?;
                Ok(self.model.adapt(&vector))
            }
            CType::ExtVector { lane, lanes } => {
                let lanes = u16::try_from(*lanes).unwrap_or(u16::MAX);
                let vector = match *lane {
                    "_Bool" => Type::bool_vector(lanes, BoolVector::Clang),
                    lane => Type::vector(&Type::parse(lane, self.model)?, lanes),
                };
                Ok(self.model.adapt(&vector?))
            }
            CType::Atomic(inner) => self.build(inner)?.atomic(),
            CType::Aligned(inner, align) => self.build(inner)?.with_align(*align),
            CType::Record(record) => {
                let spelled = self.known.iter().find(|(known, _)| known == ty);
                let tag = spelled.and_then(|(_, text)| text.split_once(' '));
                self.record(record, tag.map_or("", |(_, tag)| tag), record.pack, "m")
            }
        }
    }

    /// Builds an enumeration whose one constant is `value`. Its type is the narrowest of `int` and
    /// `long` that holds the constant, unsigned unless that is negative. A packed one may also be a
    /// `char` or a `short`; for MSVC each is an `int`.
    fn enumeration(&self, value: &str, packed: bool) -> Result<Type, Error> {
        const NAMES: [(&str, u32); 4] = [("char", 8), ("short", 16), ("int", 32), ("long", 64)];
        let digits = value.trim_start_matches('-');
        let magnitude = match digits.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => digits.parse(),
        };
        let (magnitude, negative) = (magnitude.unwrap_or(0), value.starts_with('-'));
        let sign = if negative { "signed" } else { "unsigned" };
        let bits = u64::BITS - magnitude.saturating_sub(negative.into()).leading_zeros();
        let bits = bits + u32::from(negative);
        let mut fitting = NAMES[if packed { 0 } else { 2 }..].iter();
        let name = fitting.find(|(_, width)| *width >= bits);
        let name = name.map_or("long", |(name, _)| name);
        let name = match self.model.records == RecordRules::Msvc {
            true => "int".to_owned(),
            false => format!("{sign} {name}"),
        };
        Type::enumeration(&Type::parse(&name, self.model)?)
    }

    /// Builds `record` under the name `tag`, with members whose names start with `prefix`. `#pragma
    /// pack` around the outermost record holds for those inside.
    fn record(
        &self,
        record: &CRecord,
        tag: &str,
        pack: Option<u32>,
        prefix: &str,
    ) -> Result<Type, Error> {
        let mut builder = match record.is_union {
            true => RecordBuilder::union(tag),
            false => RecordBuilder::structure(tag),
        };
        for (i, member) in record.members.iter().enumerate() {
            builder = builder.member(self.member(member, pack, &format!("{prefix}{i}"))?);
        }
        if record.packed {
            builder = builder.packed();
        }
        if record.transparent {
            builder = builder.transparent();
        }
        builder = pack.into_iter().fold(builder, RecordBuilder::pack);
        let mut model = *self.model;
        if record.ms_struct {
            model.bit_fields = BitFieldStyle::Ms;
        }
        let aligned = record.aligned.into_iter();
        aligned.fold(builder, RecordBuilder::aligned).build(&model)
    }

    fn member(&self, member: &CMember, pack: Option<u32>, name: &str) -> Result<Member, Error> {
        let built = match &member.form {
            Form::Plain { ty, lengths } => {
                let array = |ty: Type, len: &u32| Type::array(&ty, u64::from(*len));
                Member::named(name, lengths.iter().rev().try_fold(self.build(ty)?, array)?)
            }
            Form::Flexible(ty) => Member::named(name, Type::flexible_array(&self.build(ty)?)?),
            Form::Bits { ty, width, named } => match named {
                true => Member::bit_field(name, self.build(ty)?, *width),
                false => Member::unnamed_bit_field(self.build(ty)?, *width),
            },
            Form::Anonymous(record) => {
                Member::anonymous(self.record(record, "", pack, &format!("{name}_"))?)
            }
        };
        let built = if member.packed { built.packed() } else { built };
        Ok(member.aligned.into_iter().fold(built, Member::aligned))
    }
}
