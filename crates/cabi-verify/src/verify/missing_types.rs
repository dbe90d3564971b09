//! Types that need a part of C that a compiler does not have. They are left out by name, and the
//! rest of their header is verified.
//!
//! A header that has a `_BitInt` somewhere is refused as a whole by a compiler without it. The
//! compiler therefore reads it with a stand-in for the missing type (`#define _BitInt(n) int`). No
//! type that contains a missing one is compared or called.

use cabi::{BoolVector, Kind, LongDouble, Scalar, Type};

use crate::build::{Capability, Reference};
use crate::case::Subject;
use crate::corpus::capability::TRAITS;

/// Returns directives to put before a header that `reference` refuses without them; none if it
/// lacks nothing.
pub(super) fn stand_ins(reference: &Reference) -> String {
    let lacked = TRAITS
        .iter()
        .filter(|row| reference.has(row.capability).is_err());
    lacked.map(|row| row.stand_in).collect()
}

/// Types that a compiler lacks.
pub(super) struct MissingTypes<'a> {
    reference: &'a Reference,
    /// `true` if it ignores `ext_vector_type`, and the header has that attribute. The vectors that
    /// are meant are then unknown.
    ignores_vectors: bool,
    /// The format of `long double`, which every compiler has.
    long_double: LongDouble,
}

impl<'a> MissingTypes<'a> {
    /// Finds the types that `reference` lacks. `warnings` are its warnings about the header of
    /// `subject`.
    pub(super) fn new(reference: &'a Reference, subject: &Subject, warnings: &str) -> Self {
        Self {
            reference,
            ignores_vectors: warnings.contains("'ext_vector_type' attribute")
                && reference.has(Capability::ExtVector).is_err(),
            long_double: subject.target.data_model().long_double,
        }
    }

    /// Returns the reason why the compiler has no value of `ty`, if there is one.
    pub(super) fn why(&self, ty: &Type) -> Option<String> {
        let of_scalar = |scalar: &Scalar| match (scalar, self.long_double) {
            (Scalar::F128, LongDouble::F128) => None,
            _ => capability(scalar),
        };
        let missing = match ty.kind() {
            Kind::Scalar(scalar) | Kind::Enum(scalar) => of_scalar(scalar),
            Kind::Complex(Scalar::F128) if self.long_double != LongDouble::F128 => {
                Some(Capability::ComplexFloat128)
            }
            Kind::Complex(scalar) => of_scalar(scalar),
            Kind::Vector(vector)
                if vector.bools == Some(BoolVector::Clang) || self.ignores_vectors =>
            {
                Some(Capability::ExtVector)
            }
            Kind::Vector(vector) => of_scalar(&vector.lane),
            Kind::Array(array) => return self.why(&array.elem),
            Kind::Record(record) => {
                return record
                    .fields()
                    .iter()
                    .find_map(|field| self.why(field.ty()));
            }
            _ => None,
        };
        let missing = missing?;
        let why = self.reference.has(missing).err()?;
        Some(format!("no {missing}: {why}"))
    }
}

fn capability(scalar: &Scalar) -> Option<Capability> {
    Some(match scalar {
        Scalar::Int { bits: 128, .. } => Capability::Int128,
        Scalar::BitInt { .. } => Capability::BitInt,
        Scalar::F16 => Capability::Float16,
        Scalar::BF16 => Capability::Bf16,
        Scalar::F128 => Capability::Float128,
        Scalar::Dec32 | Scalar::Dec64 | Scalar::Dec128 => Capability::Decimal,
        _ => return None,
    })
}
