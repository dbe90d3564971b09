//! Drawn types that C can express under a data model, as `tests/tests/round_trip.rs` sends them
//! through C.

use cabi::{DataModel, Type};
use cabi_verify::generate::{CRecord, CSignature, CType, Dialect, Form, signature};

/// Types that can be expressed for one data model.
#[derive(Clone, Copy, Debug)]
pub struct DialectTypes {
    /// The data model.
    pub model: DataModel,
    /// Features of C there.
    pub dialect: Dialect,
    /// Starts of names that are not known there.
    pub unknown: &'static [&'static str],
    /// Bytes of the largest atomic record.
    pub largest_atomic: u64,
    /// Bits of the widest `_BitInt`.
    pub widest: u16,
    /// `packed`, `aligned` and pragmas.
    pub attributes: bool,
}

/// Everything that libclang reads.
pub const ALL: DialectTypes = DialectTypes {
    model: DataModel::LP64,
    dialect: Dialect::EVERYTHING,
    unknown: &[],
    largest_atomic: 16,
    widest: 300,
    attributes: true,
};

impl DialectTypes {
    fn name(&self, name: &str) -> bool {
        let name = name.strip_prefix("_Complex ").unwrap_or(name);
        let name = name.strip_prefix("unsigned ").unwrap_or(name);
        !self.unknown.contains(&name)
    }

    /// Checks whether all of `ty` can be expressed. An enumeration with a value that no `int` has
    /// is of another type elsewhere than on LP64.
    pub fn admits(&self, ty: &CType) -> bool {
        match ty {
            CType::Name(name) => self.name(name),
            CType::Function => true,
            CType::Enum(value) => self.model.long().size() == 8 || *value == "-1",
            CType::BitInt { bits, .. } => *bits <= self.widest,
            CType::Vector { lane, .. } | CType::ExtVector { lane, .. } => self.name(lane),
            CType::Atomic(inner) => {
                let size = typed(inner, &self.model).map(|ty| ty.size());
                let is_small = size.is_some_and(|size| size <= self.largest_atomic);
                (is_small || !matches!(**inner, CType::Record(_))) && self.admits(inner)
            }
            CType::Aligned(inner, _) => self.attributes && self.admits(inner),
            CType::Record(record) => self.admits_record(record),
            _ => false,
        }
    }

    /// Checks whether all of a record can be expressed. Two kinds are left out under Microsoft's
    /// rules. A record of nothing but empty arrays has 4 bytes for clang, also where it is aligned
    /// to more. A union has a byte for a bit-field of no bits for mingw's compiler.
    fn admits_record(&self, record: &CRecord) -> bool {
        let is_microsoft = self.model.empty_record != 0;
        let plain = !record.packed && record.aligned.is_none() && record.pack.is_none();
        (plain || self.attributes)
            && record.members.iter().all(|member| {
                let plain = !member.packed && member.aligned.is_none();
                (plain || self.attributes)
                    && match &member.form {
                        Form::Plain { lengths, .. } if is_microsoft && lengths.contains(&0) => {
                            false
                        }
                        Form::Bits { width: 0, .. } if is_microsoft && record.is_union => false,
                        Form::Plain { ty, .. } | Form::Flexible(ty) | Form::Bits { ty, .. } => {
                            self.admits(ty)
                        }
                        Form::Anonymous(record) => self.admits_record(record),
                        _ => false,
                    }
            })
    }

    /// Returns types that can be expressed, drawn one after the other.
    pub fn drawn(self) -> impl Iterator<Item = Type> {
        let types = (0..).flat_map(move |i| {
            let drawn = signature(1, i, self.dialect);
            drawn.ret.into_iter().chain(drawn.params)
        });
        let types = types.filter(move |ty| !matches!(ty, CType::Name(_)) && self.admits(ty));
        types.filter_map(move |ty| typed(&ty, &self.model))
    }
}

/// Builds `ty` under `model`, as `cabi` does; none if it is refused.
pub fn typed(ty: &CType, model: &DataModel) -> Option<Type> {
    let case = CSignature::returning(ty).declared("", model).case;
    case.ok().map(|case| case.prototype.ret)
}
