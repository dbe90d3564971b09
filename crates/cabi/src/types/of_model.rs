//! The types of C whose size or alignment a data model chooses.

use crate::scalar::Scalar;
use crate::types::data_model::{DataModel, LongDouble};
use crate::types::error::Error;
use crate::types::model_facts::ModelFacts;
use crate::types::{Kind, Type, questions};

impl DataModel {
    /// Returns plain `char`.
    #[must_use]
    pub const fn char(&self) -> Type {
        if self.char_signed { Type::I8 } else { Type::U8 }
    }

    /// Returns `long`.
    #[must_use]
    pub fn long(&self) -> Type {
        self.integer(self.long, &Type::I64, Type::I32)
    }

    /// Returns `unsigned long`.
    #[must_use]
    pub fn unsigned_long(&self) -> Type {
        self.integer(self.long, &Type::U64, Type::U32)
    }

    /// Returns `size_t`.
    #[must_use]
    pub fn size_type(&self) -> Type {
        self.integer(self.pointer, &Type::U64, Type::U32)
    }

    fn integer(&self, bytes: u8, wide: &Type, narrow: Type) -> Type {
        match bytes {
            8 => self.adapt(wide),
            _ => narrow,
        }
    }

    /// Returns `long double`.
    #[must_use]
    pub fn long_double(&self) -> Type {
        match self.long_double {
            LongDouble::F64 => self.adapt(&Type::F64),
            LongDouble::F128 => self.adapt(&Type::F128),
            LongDouble::F80 => self.adapt(&Type::F80),
        }
    }

    /// Returns a pointer to an object.
    #[must_use]
    pub fn pointer(&self) -> Type {
        self.adapt(&Type::PTR)
    }

    /// Returns a pointer to a function.
    #[must_use]
    pub fn fn_pointer(&self) -> Type {
        self.adapt(&Type::FN_PTR)
    }

    /// Returns a slice: a pointer and a length, for languages that have them.
    #[must_use]
    pub fn slice(&self) -> Type {
        Type::new(
            Kind::Slice,
            u64::from(self.pointer) * 2,
            align_of(self.pointer),
            ModelFacts::of(self).only(ModelFacts::POINTER),
        )
    }

    /// Returns `_BitInt(bits)`.
    ///
    /// # Errors
    /// [`Error::InvalidType`] for fewer bits than C allows: 1, or 2 if signed.
    pub fn bit_int(&self, bits: u16, signed: bool) -> Result<Type, Error> {
        let scalar = Scalar::BitInt { bits, signed };
        if bits < 1 + u16::from(signed) {
            let ty = Type::new(Kind::Scalar(scalar), 1, 1, ModelFacts::NONE);
            return Err(Error::invalid_type(
                &ty,
                "a `_BitInt` has 1 to 65535 bits, and a signed one at least 2",
            ));
        }
        let bytes = u32::from(bits).div_ceil(8);
        let (size, align) = match bytes.next_power_of_two() {
            small @ (1 | 2 | 4) => (small, small),
            8 => (8, align_of(self.max_align_8)),
            _ => {
                let align = align_of(self.bit_int_align());
                (bytes.next_multiple_of(align), align)
            }
        };
        let size = u64::from(size);
        let facts = ModelFacts::of(self).only(questions(scalar, size));
        Ok(Type::new(Kind::Scalar(scalar), size, align, facts))
    }

    /// Returns the scalar or vector `ty` as this model aligns and sizes it. Pointers, scalars of 8
    /// and more bytes, and vectors of more than 16 differ between models. Other types are returned
    /// as they are.
    ///
    /// # Example
    /// ```
    /// use cabi::{DataModel, RecordBuilder, Type};
    ///
    /// let (model, v8f) = (DataModel::AARCH64, Type::vector(&Type::F32, 8)?);
    /// let s = RecordBuilder::structure("s")
    ///     .field("c", Type::I8)
    ///     .field("v", model.adapt(&v8f))
    ///     .build(&model)?;
    /// assert_eq!((s.size(), s.align()), (48, 16));
    /// # Ok::<(), cabi::Error>(())
    /// ```
    #[must_use]
    pub fn adapt(&self, ty: &Type) -> Type {
        if let (Kind::Vector(_), size @ 17..) = (ty.kind(), ty.size()) {
            let align = align_of(self.max_vector_align).min(u32::try_from(size).unwrap_or(1));
            let facts = ModelFacts::of(self).only(ModelFacts::WIDE_VECTORS);
            return Type::new(ty.kind().clone(), size, align, facts);
        }
        let Some(scalar) = ty.as_scalar() else {
            return ty.clone();
        };
        let size = match scalar {
            Scalar::Ptr | Scalar::FnPtr => u64::from(self.pointer),
            Scalar::F80 if self.max_align_16 == 4 => 12,
            Scalar::F80 => 16,
            _ => ty.size(),
        };
        let align = match (scalar, size) {
            (Scalar::BitInt { .. }, _) => return ty.clone(),
            (Scalar::F80, _) => align_of(self.max_align_16),
            // i386 aligns `__float128` to 16 although its `long double` needs 4 only.
            (_, 16) if self.max_align_16 == 4 => 16,
            // No machine aligns `_Decimal64` to less than its size.
            (Scalar::Dec64, _) => 8,
            (_, 16) => align_of(self.max_align_16),
            (_, 8) => align_of(self.max_align_8),
            (_, size) => align_of(u8::try_from(size).unwrap_or(1)),
        };
        let facts = ModelFacts::of(self).only(questions(scalar, size));
        Type::new(ty.kind().clone(), size, align, facts)
    }

    /// Returns the type a parameter declared as `ty` has: arrays and functions become pointers (C
    /// 6.7.6.3), and so does a `va_list` that is an array.
    #[must_use]
    pub fn decay(&self, ty: &Type) -> Type {
        match ty.kind() {
            Kind::Array(_) => self.pointer(),
            Kind::Function => self.fn_pointer(),
            _ => ty.clone(),
        }
    }
}

/// Returns `bytes`, or the next power of two: a model of the caller's own may have any number.
fn align_of(bytes: u8) -> u32 {
    u32::from(bytes).next_power_of_two()
}
