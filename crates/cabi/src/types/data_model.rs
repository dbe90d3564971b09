//! Data models: how wide C's types are and how records are laid out, independent of how values are passed. `ms_abi` on Linux is
//! LP64 layout with Win64 passing; a 32-bit program on a 64-bit machine is ILP32.

use crate::scalar::Scalar;
use crate::types::error::Error;
use crate::types::model_facts::ModelFacts;
use crate::types::{Kind, Type, questions};

/// How adjacent bit-fields share bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum BitFieldStyle {
    /// System V: a bit-field starts at the next free bit unless it would straddle more of its type's alignment units than the type has.
    SysV,
    /// Microsoft: bit-fields share a container only with neighbours whose type has the same size.
    Ms,
}

/// Whose rules place the members of a record. They agree about records as most programs declare them. They differ about bit-fields whose type
/// a typedef gave another alignment, `aligned` on bit-fields, Microsoft's style with any attribute, and `#pragma pack` with `aligned`.
///
/// # Example
/// ```
/// use cabi::{DataModel, Member, RecordBuilder, RecordRules, Type};
///
/// // typedef _Bool wide __attribute__((aligned(2))); struct flags { wide a : 1; wide b : 1; };
/// let wide = Type::BOOL.with_align(2)?;
/// let flags = RecordBuilder::structure("flags")
///     .member(Member::bit_field("a", wide.clone(), 1))
///     .member(Member::bit_field("b", wide, 1));
/// let bit_of_b = |rules| -> Result<u64, cabi::Error> {
///     let ty = flags.clone().build(&DataModel::LP64.with_records(rules))?;
///     Ok(ty.as_record().and_then(|record| record.field("b")).unwrap().1)
/// };
/// assert_eq!(bit_of_b(RecordRules::Gcc)?, 16);
/// assert_eq!(bit_of_b(RecordRules::Clang)?, 1);
/// # Ok::<(), cabi::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RecordRules {
    /// gcc's `stor-layout.cc`.
    Gcc,
    /// clang's `RecordLayoutBuilder` for everything but Microsoft's own targets.
    Clang,
    /// Microsoft's compilers, and clang for their targets.
    Msvc,
}

/// What `long double` is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum LongDouble {
    /// The x87 extended format.
    F80,
    /// The same as `double`.
    F64,
    /// IEEE binary128.
    F128,
}

/// Which language a record was declared in: they count the bytes of an empty record differently.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Language {
    /// C: an empty record has size 0.
    C,
    /// C++: every object has at least one byte.
    Cxx,
}

/// Widths and layout rules of C on a target. All sizes and alignments in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct DataModel {
    /// Size of `long`.
    pub long: u8,
    /// Size of a pointer.
    pub pointer: u8,
    /// Whether plain `char` is signed.
    pub char_signed: bool,
    /// Size of `wchar_t`.
    pub wchar: u8,
    /// What `long double` is.
    pub long_double: LongDouble,
    /// How bit-fields share bytes.
    pub bit_fields: BitFieldStyle,
    /// Whose rules place members where compilers differ.
    pub records: RecordRules,
    /// The greatest alignment of a scalar of 8 bytes (4 on i386).
    pub max_align_8: u8,
    /// The greatest alignment of a scalar of 16 bytes (8 on s390x, 4 for i386's `long double`).
    pub max_align_16: u8,
    /// Whether unnamed bit-fields raise the alignment of their record (AArch64).
    pub unnamed_bit_fields_align: bool,
    /// The alignment of a `_BitInt` wider than 64 bits (16 on AArch64).
    pub big_bit_int_align: u8,
    /// Size of a record without bytes in C: 0, and 4 with Microsoft's compilers.
    pub empty_record: u8,
}

impl DataModel {
    /// x86-64 System V, and what most 64-bit Unix systems share.
    pub const LP64: Self = Self {
        long: 8,
        pointer: 8,
        char_signed: true,
        wchar: 4,
        long_double: LongDouble::F80,
        bit_fields: BitFieldStyle::SysV,
        records: RecordRules::Gcc,
        max_align_8: 8,
        max_align_16: 16,
        unnamed_bit_fields_align: false,
        big_bit_int_align: 8,
        empty_record: 0,
    };
    /// 64-bit Windows as Microsoft's compilers have it.
    pub const LLP64: Self = Self {
        long: 4,
        wchar: 2,
        long_double: LongDouble::F64,
        bit_fields: BitFieldStyle::Ms,
        records: RecordRules::Msvc,
        empty_record: 4,
        ..Self::LP64
    };
    /// 64-bit Windows as mingw has it: `long double` stays the x87 format.
    pub const LLP64_GNU: Self = Self {
        long_double: LongDouble::F80,
        records: RecordRules::Gcc,
        empty_record: 0,
        ..Self::LLP64
    };
    /// i386 System V.
    pub const ILP32: Self = Self {
        long: 4,
        pointer: 4,
        max_align_8: 4,
        max_align_16: 4,
        big_bit_int_align: 4,
        ..Self::LP64
    };
    /// x32: x86-64 code with pointers of 4 bytes.
    pub const X32: Self = Self {
        long: 4,
        pointer: 4,
        ..Self::LP64
    };
    /// AArch64 Linux.
    pub const AARCH64: Self = Self {
        char_signed: false,
        long_double: LongDouble::F128,
        unnamed_bit_fields_align: true,
        big_bit_int_align: 16,
        ..Self::LP64
    };
    /// RISC-V 64.
    pub const RISCV64: Self = Self {
        char_signed: false,
        long_double: LongDouble::F128,
        big_bit_int_align: 16,
        ..Self::LP64
    };

    /// RISC-V 32.
    pub const RISCV32: Self = Self {
        long: 4,
        pointer: 4,
        big_bit_int_align: 8,
        ..Self::RISCV64
    };
    /// s390x Linux.
    pub const S390X: Self = Self {
        char_signed: false,
        long_double: LongDouble::F128,
        max_align_16: 8,
        ..Self::LP64
    };
    /// XCore.
    pub const XCORE: Self = Self {
        char_signed: false,
        wchar: 1,
        long_double: LongDouble::F64,
        unnamed_bit_fields_align: true,
        ..Self::ILP32
    };
    /// C-SKY.
    pub const CSKY: Self = Self {
        long_double: LongDouble::F64,
        unnamed_bit_fields_align: true,
        ..Self::ILP32
    };

    /// This model with the members of records placed by `rules`.
    #[must_use]
    pub const fn with_records(mut self, rules: RecordRules) -> Self {
        self.records = rules;
        self
    }

    /// Plain `char`.
    #[must_use]
    pub const fn char(&self) -> Type {
        if self.char_signed { Type::I8 } else { Type::U8 }
    }

    /// `long`.
    #[must_use]
    pub fn long(&self) -> Type {
        if self.long == 8 {
            self.adapt(&Type::I64)
        } else {
            Type::I32
        }
    }

    /// `unsigned long`.
    #[must_use]
    pub fn unsigned_long(&self) -> Type {
        if self.long == 8 {
            self.adapt(&Type::U64)
        } else {
            Type::U32
        }
    }

    /// `size_t`.
    #[must_use]
    pub fn size_type(&self) -> Type {
        if self.pointer == 8 {
            self.adapt(&Type::U64)
        } else {
            Type::U32
        }
    }

    /// `long double`.
    #[must_use]
    pub fn long_double(&self) -> Type {
        match self.long_double {
            LongDouble::F64 => self.adapt(&Type::F64),
            LongDouble::F128 => self.adapt(&Type::F128),
            LongDouble::F80 => self.adapt(&Type::F80),
        }
    }

    /// A pointer to an object.
    #[must_use]
    pub fn pointer(&self) -> Type {
        self.adapt(&Type::PTR)
    }

    /// A pointer to a function.
    #[must_use]
    pub fn fn_pointer(&self) -> Type {
        self.adapt(&Type::FN_PTR)
    }

    /// A slice: a pointer and a length, for languages that have them.
    #[must_use]
    pub fn slice(&self) -> Type {
        Type::new(
            Kind::Slice,
            u64::from(self.pointer) * 2,
            align_of(self.pointer),
            ModelFacts::of(self).only(ModelFacts::POINTER),
        )
    }

    /// `_BitInt(bits)`.
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
        let (size, align) = if bits <= 64 {
            let size = bytes.next_power_of_two();
            (
                size,
                if size == 8 {
                    align_of(self.max_align_8)
                } else {
                    size
                },
            )
        } else {
            let align = align_of(self.big_bit_int_align);
            (bytes.next_multiple_of(align), align)
        };
        let size = u64::from(size);
        let facts = ModelFacts::of(self).only(questions(scalar, size));
        Ok(Type::new(Kind::Scalar(scalar), size, align, facts))
    }

    /// The scalar `ty` as this model aligns and sizes it: pointers, and scalars of 8 and more bytes, differ between models. Other types are
    /// returned as they are.
    #[must_use]
    pub fn adapt(&self, ty: &Type) -> Type {
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
            (_, 16) => align_of(self.max_align_16),
            (_, 8) => align_of(self.max_align_8),
            (_, size) => align_of(u8::try_from(size).unwrap_or(1)),
        };
        let facts = ModelFacts::of(self).only(questions(scalar, size));
        Type::new(ty.kind().clone(), size, align, facts)
    }

    /// The type a parameter declared as `ty` has: arrays and functions become pointers (C 6.7.6.3), and so does a `va_list` that is an array.
    #[must_use]
    pub fn decay(&self, ty: &Type) -> Type {
        match ty.kind() {
            Kind::Array(_) => self.pointer(),
            Kind::Function => self.fn_pointer(),
            _ => ty.clone(),
        }
    }
}

/// A model may be of the caller's making: what is no alignment becomes the next that is one.
fn align_of(bytes: u8) -> u32 {
    u32::from(bytes).next_power_of_two()
}
