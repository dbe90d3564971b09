//! Facts of a data model that a type's layout depends on. A type that was laid out for one model is
//! refused where another is in force.
//!
//! A type does not keep the model itself, because a type that would be laid out alike is no error:
//! `struct { int n; }` is the same under all models.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::types::Type;
use crate::types::data_model::{BitFieldStyle, DataModel};
use crate::types::error::Error;

/// One bit for each answer to a question about a data model. A model has one answer to each
/// question. A type has the answers that its layout depends on. A type made of types of different
/// models has several answers to one question.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct ModelFacts(u32);

impl ModelFacts {
    /// No answer: every model lays the type out alike.
    pub(crate) const NONE: Self = Self(0);
    /// An answer that none of the models known here gives.
    pub(crate) const OTHER: Self = Self(1 << 23);
    /// Bytes of a pointer: 4, 8.
    pub(crate) const POINTER: Self = Self(0b11).and(Self::OTHER);
    /// The alignment of scalars of 8 bytes: 4, 8.
    pub(crate) const EIGHT: Self = Self(0b11 << 2).and(Self::OTHER);
    /// Bytes of the x87 format: 12, 16.
    pub(crate) const X87: Self = Self(0b11 << 4);
    /// The way bit-fields share bytes: System V, Microsoft.
    pub(crate) const BIT_FIELDS: Self = Self(0b11 << 6);
    /// Unnamed bit-fields raise the alignment: no, yes.
    pub(crate) const UNNAMED_BIT_FIELDS: Self = Self(0b11 << 8);
    /// The alignment of a `_BitInt` of more than 64 bits: 4, 8, 16.
    pub(crate) const BIG_BIT_INT: Self = Self(0b111 << 10).and(Self::OTHER);
    /// Bytes of a record without bytes: 0, 4.
    pub(crate) const EMPTY_RECORD: Self = Self(0b11 << 13).and(Self::OTHER);
    /// The greatest alignment of vectors: 16, 64.
    pub(crate) const WIDE_VECTORS: Self = Self(0b11 << 15).and(Self::OTHER);
    /// The alignment of other scalars of 16 bytes in records: 8, 16.
    pub(crate) const SIXTEEN: Self = Self(0b11 << 17).and(Self::OTHER);
    /// The answers to [`SIXTEEN`](Self::SIXTEEN) that the constants of [`Type`] do not have.
    pub(crate) const NOT_SIXTEEN: Self = Self(0b01 << 17).and(Self::OTHER);

    /// Every answer, which no model covers: for a record whose size is no multiple of its
    /// alignment.
    pub(crate) const NO_MODEL: Self = Self((1 << Self::BITS) - 1);

    /// Microsoft's rules, under which records that are empty alone have bytes.
    pub(crate) const MSVC: Self = Self::EMPTY_RECORD;

    /// Bits of the answers.
    pub(crate) const BITS: u32 = 24;

    /// Returns the answers among `bits`.
    pub(crate) const fn of_bits(bits: u32) -> Self {
        Self(bits & Self::NO_MODEL.0)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    pub(crate) const fn of(model: &DataModel) -> Self {
        /// Returns the bit of `answer` among those of a question that begin at bit `at`.
        const fn bit(at: u8, answer: u8, answers: [u8; 3]) -> u32 {
            let [a, b, c] = answers;
            match answer {
                _ if answer == a => 1 << at,
                _ if answer == b => 2 << at,
                _ if answer == c => 4 << at,
                _ => ModelFacts::OTHER.0,
            }
        }
        const NONE: u8 = u8::MAX - 1;
        // i386 aligns other scalars of 16 bytes to 16, and `long double` to 4.
        let (x87, sixteen) = match model.max_align_16 {
            4 => (12, 16),
            align => (16, align),
        };
        let is_ms = matches!(model.bit_fields, BitFieldStyle::Ms);
        Self(
            bit(0, model.pointer, [4, 8, NONE])
                | bit(2, model.max_align_8, [4, 8, NONE])
                | bit(4, x87, [12, 16, NONE])
                | bit(6, is_ms as u8, [0, 1, NONE])
                | bit(8, model.unnamed_bit_fields_align as u8, [0, 1, NONE])
                | bit(10, model.bit_int_align(), [4, 8, 16])
                | bit(13, model.empty_record, [0, 4, NONE])
                | bit(15, model.max_vector_align, [16, 64, NONE])
                | bit(17, sixteen, [8, 16, NONE]),
        )
    }

    /// Returns the answers of `self` and of `other`.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the answers to `questions`.
    pub(crate) const fn only(self, questions: Self) -> Self {
        Self(self.0 & questions.0)
    }

    /// Checks whether a model with the answers `self` gives all of `these`: it lays out a type that
    /// depends on them as it is.
    #[inline]
    pub(crate) const fn cover(self, these: Self) -> bool {
        these.0 & !self.0 == 0
    }

    /// Returns the greatest alignment of a vector: 16, or 64 without such an answer.
    pub(crate) const fn vector_align(self) -> u32 {
        match self.0 >> 15 & 0b11 {
            0b01 => 16,
            _ => 64,
        }
    }

    /// Returns the alignment of a `_BitInt` of more than 64 bits: 16, or 8 without such an answer.
    pub(crate) const fn bit_int_align(self) -> u32 {
        match self.0 >> 10 & 0b111 {
            0b100 => 16,
            _ => 8,
        }
    }

    /// Returns the names of the models that have all of these answers.
    fn models(self) -> String {
        let models = [
            ("LP64", DataModel::LP64),
            ("LLP64", DataModel::LLP64),
            ("LLP64_GNU", DataModel::LLP64_GNU),
            ("LLP64_ARM64", DataModel::LLP64_ARM64),
            ("ILP32", DataModel::ILP32),
            ("X32", DataModel::X32),
            ("AARCH64", DataModel::AARCH64),
            ("APPLE_ARM64", DataModel::APPLE_ARM64),
            ("RISCV64", DataModel::RISCV64),
            ("RISCV32", DataModel::RISCV32),
            ("S390X", DataModel::S390X),
            ("XCORE", DataModel::XCORE),
            ("CSKY", DataModel::CSKY),
        ];
        let fit = models
            .iter()
            .filter(|(_, model)| Self::of(model).cover(self));
        let names: Vec<&str> = fit.map(|(name, _)| *name).collect();
        match names[..] {
            [] if self.only(Self::OTHER) == Self::OTHER => {
                "a data model without a name".to_string()
            }
            [] => "several data models at once".to_string(),
            _ => names.join(" or "),
        }
    }
}

impl DataModel {
    /// Returns whether `ty` is laid out as this model lays it out. Scalars count too: the constants
    /// of [`Type`] are those of 64-bit models.
    ///
    /// # Errors
    /// [`Error::DataModel`] if it was laid out for a model that lays it out differently.
    ///
    /// # Example
    /// ```
    /// use cabi::{DataModel, Type};
    /// assert!(DataModel::ILP32.check(&DataModel::ILP32.pointer()).is_ok());
    /// let refused = DataModel::ILP32.check(&Type::PTR).unwrap_err();
    /// assert_eq!(
    ///     refused.to_string(),
    ///     "void *: laid out for LP64 or LLP64 or LLP64_GNU or LLP64_ARM64 or AARCH64 or \
    ///         APPLE_ARM64 or RISCV64 or S390X, not for the data model ILP32"
    /// );
    /// ```
    pub fn check(&self, ty: &Type) -> Result<(), Error> {
        let facts = ModelFacts::of(self);
        if facts.cover(ty.facts()) {
            Ok(())
        } else {
            Err(of_another_model(ty, facts, None))
        }
    }
}

/// Returns the error for `ty`, which was not laid out for the model of `target`, with the answers
/// `expected`.
#[cold]
pub(crate) fn of_another_model(ty: &Type, expected: ModelFacts, target: Option<&str>) -> Error {
    if ty.facts() == ModelFacts::NO_MODEL {
        return Error::Unsupported {
            ty: ty.to_string(),
            why: "its size is not a multiple of its alignment, and no convention passes such a value: round the size up",
            target: target.map_or_else(|| expected.models(), ToString::to_string),
        };
    }
    let facts = ty.facts();
    let mut laid_out = facts.models();
    let rest = ModelFacts(facts.0 & !ModelFacts::BIT_FIELDS.0);
    if expected.cover(rest) {
        laid_out += match expected.0
            & ModelFacts::of(&DataModel::LLP64)
                .only(ModelFacts::BIT_FIELDS)
                .0
        {
            0 => " (by Microsoft's rules for records, as with `ms_struct`)",
            _ => " (not by Microsoft's rules for records, as with `gcc_struct`)",
        };
    }
    Error::DataModel {
        ty: ty.to_string(),
        laid_out,
        wanted: expected.models(),
        target: target.map(ToString::to_string),
    }
}
