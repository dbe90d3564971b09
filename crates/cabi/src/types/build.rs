//! Types that are made of others, and those that C does not have.

use alloc::string::ToString;
use alloc::sync::Arc;

use super::{ASKS_ALIGN, ATOMIC, Array, Kind, MAX_ALIGN, MAX_DEPTH, Type};
use crate::scalar::{BoolVector, Scalar, Vector};
use crate::types::data_model::DataModel;
use crate::types::error::Error;
use crate::types::model_facts::ModelFacts;

impl Type {
    /// Returns an enumeration made of the integer type `underlying`.
    ///
    /// # Errors
    /// [`Error::InvalidType`] if `underlying` is not an integer.
    pub fn enumeration(underlying: &Self) -> Result<Self, Error> {
        match underlying.kind {
            Kind::Scalar(int @ (Scalar::Int { .. } | Scalar::Bool)) => Ok(Self {
                kind: Kind::Enum(int),
                ..underlying.clone()
            }),
            _ => Err(Error::invalid_type(
                underlying,
                "an enumeration needs an integer type",
            )),
        }
    }

    /// Returns `_Complex part`, where `part` is a floating-point or an integer type.
    ///
    /// # Errors
    /// [`Error::InvalidType`] if `part` is neither.
    pub fn complex(part: &Self) -> Result<Self, Error> {
        match part.kind {
            Kind::Scalar(of) if of.is_float() || matches!(of, Scalar::Int { .. }) => {
                let kind = Kind::Complex(of);
                Ok(Self::new(kind, part.size * 2, part.align, part.facts()))
            }
            _ => Err(Error::invalid_type(
                part,
                "the parts of a complex number must be floats or integers",
            )),
        }
    }

    /// Returns a vector of `lanes` times `lane`, 1 to 64 bytes, aligned to its size. If `lanes`
    /// is no power of two it has the size and alignment of the next that is (`ext_vector_type`).
    ///
    /// # Errors
    /// [`Error::InvalidType`] for lanes that are neither integers nor floats, or a size that
    /// vectors of no C compiler have.
    pub fn vector(lane: &Self, lanes: u16) -> Result<Self, Error> {
        use Scalar::{BF16, F16, F32, F64, F128, Int};
        let Kind::Scalar(scalar @ (Int { .. } | F16 | BF16 | F32 | F64 | F128)) = lane.kind else {
            let why = "the lanes of a vector must be integers or floats";
            return Err(Error::invalid_type(lane, why));
        };
        let size = lane.size * u64::from(lanes).next_power_of_two();
        match u32::try_from(size) {
            Ok(align) if lanes > 0 && align <= 64 => {
                let vector = Vector {
                    lane: scalar,
                    lanes,
                    bools: None,
                };
                // Aligned to its size, whatever its lanes are.
                Ok(DataModel::LP64.adapt(&Self::new(
                    Kind::Vector(vector),
                    size,
                    align,
                    ModelFacts::NONE,
                )))
            }
            _ => Err(Error::invalid_type(lane, "a vector has 1 to 64 bytes")),
        }
    }

    /// Returns a vector of `lanes` bools, one bit each, in the bytes of the next power of two.
    ///
    /// # Errors
    /// [`Error::InvalidType`] unless there are 1 to 512 lanes.
    pub fn bool_vector(lanes: u16, flavour: BoolVector) -> Result<Self, Error> {
        if !(1..=512).contains(&lanes) {
            return Err(Error::invalid_type(
                &Self::BOOL,
                "a vector of bools has 1 to 512 lanes",
            ));
        }
        let align = u32::from(lanes).div_ceil(8).next_power_of_two();
        let vector = Vector {
            lane: Scalar::Bool,
            lanes,
            bools: Some(flavour),
        };
        let kind = Kind::Vector(vector);
        let plain = Self::new(kind, u64::from(align), align, ModelFacts::NONE);
        Ok(DataModel::LP64.adapt(&plain))
    }

    /// Returns an array of `len` elements. Arrays of arrays are C's multi-dimensional arrays,
    /// innermost dimension first built.
    ///
    /// # Errors
    /// [`Error::InvalidType`] for elements that no array can have, [`Error::TooLarge`] when the
    /// size overflows, [`Error::TooComplex`] when types nest too deep.
    pub fn array(elem: &Self, len: u64) -> Result<Self, Error> {
        let size = elem
            .size
            .checked_mul(len)
            .ok_or_else(|| Error::too_large(elem))?;
        if size > super::MAX_SIZE {
            return Err(Error::too_large(elem));
        }
        Self::array_of(elem, Some(len), size)
    }

    /// Returns a flexible array member, `elem x[]`: allowed as the last member of a structure.
    ///
    /// # Errors
    /// As [`Type::array`].
    pub fn flexible_array(elem: &Self) -> Result<Self, Error> {
        Self::array_of(elem, None, 0)
    }

    fn array_of(elem: &Self, len: Option<u64>, size: u64) -> Result<Self, Error> {
        if !elem.is_object() {
            return Err(Error::invalid_type(
                elem,
                "an array needs elements of a complete type",
            ));
        }
        if !elem.size.is_multiple_of(u64::from(elem.align)) {
            return Err(Error::invalid_type(
                elem,
                "the size of an array's elements must be a multiple of their alignment",
            ));
        }
        let (depth, nodes) = elem.complexity();
        if depth >= MAX_DEPTH {
            return Err(Error::too_complex(elem));
        }
        let array = Array {
            elem: elem.clone(),
            len,
            depth: depth + 1,
            nodes,
            of_records: elem.holds_records(),
            canonical_align: elem.canonical_align(),
        };
        let kind = Kind::Array(Arc::new(array));
        Ok(Self::new(kind, size, elem.align, elem.facts()))
    }

    /// Returns the type that `typedef ... __attribute__((aligned(align)))` makes: same object,
    /// other alignment, lower or higher.
    ///
    /// # Errors
    /// [`Error::InvalidAlign`] if `align` is not a power of two up to [`MAX_ALIGN`].
    pub fn with_align(&self, align: u32) -> Result<Self, Error> {
        check_align(align)?;
        Ok(Self {
            align,
            marks: self.marks | ASKS_ALIGN,
            ..self.clone()
        })
    }

    /// Returns the type without what a typedef asks for ([`Type::with_align`]). Its compiler aligns
    /// it to `align` bytes by itself.
    ///
    /// # Errors
    /// [`Error::InvalidAlign`] if `align` is not a power of two up to [`MAX_ALIGN`].
    pub fn without_typedef(&self, align: u32) -> Result<Self, Error> {
        let mut plain = self.with_align(align)?;
        plain.marks &= !ASKS_ALIGN;
        Ok(plain)
    }

    /// Returns `_Atomic` of this type.
    ///
    /// # Errors
    /// [`Error::InvalidAtomic`] for arrays, functions, `void`, and records of less than 16 bytes
    /// whose size is not a power of two (clang alone pads those).
    pub fn atomic(&self) -> Result<Self, Error> {
        let is_natural = self.size.is_power_of_two() && self.size <= 16;
        match self.kind {
            Kind::Scalar(_) | Kind::Enum(_) | Kind::Complex(_) => {}
            Kind::Record(_) if is_natural || self.size > 16 => {}
            _ => {
                let ty = self.to_string();
                return Err(Error::InvalidAtomic { ty });
            }
        }
        // An atomic object of 1 to 16 bytes is aligned to its size, also where the plain type is
        // not (`long long` on i386).
        let align = match u32::try_from(self.size) {
            Ok(size) if is_natural => size,
            _ => self.align,
        };
        Ok(Self {
            marks: self.marks | ATOMIC,
            align: align.max(self.align),
            ..self.clone()
        })
    }
}

/// Returns whether C allows `align` as an alignment.
pub(crate) const fn is_align(align: u32) -> bool {
    align.is_power_of_two() && align <= MAX_ALIGN
}

pub(crate) fn check_align(align: u32) -> Result<u32, Error> {
    if is_align(align) {
        Ok(align)
    } else {
        Err(Error::InvalidAlign { align })
    }
}
