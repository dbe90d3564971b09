//! Data models: how wide C's types are and how records are laid out, independent of how values are
//! passed. `ms_abi` on Linux is LP64 layout with Win64 passing; a 32-bit program on a 64-bit
//! machine is ILP32.

/// The way adjacent bit-fields share bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum BitFieldStyle {
    /// System V: a bit-field starts at the next free bit unless it would straddle more of its
    /// type's alignment units than the type has.
    SysV,
    /// Microsoft: bit-fields share a container only with neighbours whose type has the same size.
    Ms,
}

/// Compiler whose rules place the members of a record. The rules agree about records as most
/// programs declare them. They differ about bit-fields whose type a typedef gave another alignment,
/// `aligned` on bit-fields, Microsoft's style with any attribute, and `#pragma pack` with
/// `aligned`.
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

/// Format of `long double`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum LongDouble {
    /// The x87 extended format.
    F80,
    /// `double`'s format.
    F64,
    /// IEEE binary128.
    F128,
}

/// The language a record was declared in. Languages count the bytes of an empty record differently.
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
    /// `true` if plain `char` is signed.
    pub char_signed: bool,
    /// Size of `wchar_t`.
    pub wchar: u8,
    /// Format of `long double`.
    pub long_double: LongDouble,
    /// The way bit-fields share bytes.
    pub bit_fields: BitFieldStyle,
    /// Compiler whose rules place members where compilers differ.
    pub records: RecordRules,
    /// The greatest alignment of a scalar of 8 bytes (4 on i386).
    pub max_align_8: u8,
    /// The greatest alignment of a scalar of 16 bytes (8 on s390x, 4 for i386's `long double`).
    pub max_align_16: u8,
    /// `true` if unnamed bit-fields raise the alignment of their record (AArch64).
    pub unnamed_bit_fields_align: bool,
    /// The alignment of a `_BitInt` wider than 64 bits by gcc's rules and Microsoft's (16 on
    /// AArch64 and RISC-V).
    pub big_bit_int_align: u8,
    /// The alignment of a `_BitInt` wider than 64 bits by clang's rules (8 on RISC-V).
    pub clang_big_bit_int_align: u8,
    /// The greatest alignment of a vector (16 on AArch64); else it is its size.
    pub max_vector_align: u8,
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
        clang_big_bit_int_align: 8,
        max_vector_align: 64,
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
        clang_big_bit_int_align: 4,
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
        clang_big_bit_int_align: 16,
        max_vector_align: 16,
        ..Self::LP64
    };
    /// AArch64 on Windows.
    pub const LLP64_ARM64: Self = Self {
        big_bit_int_align: 16,
        clang_big_bit_int_align: 16,
        max_vector_align: 16,
        ..Self::LLP64
    };
    /// AArch64 on Apple's systems.
    pub const APPLE_ARM64: Self = Self {
        long_double: LongDouble::F64,
        records: RecordRules::Clang,
        big_bit_int_align: 16,
        clang_big_bit_int_align: 16,
        max_vector_align: 16,
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
        records: RecordRules::Clang,
        unnamed_bit_fields_align: true,
        ..Self::ILP32
    };
    /// C-SKY.
    pub const CSKY: Self = Self {
        long_double: LongDouble::F64,
        unnamed_bit_fields_align: true,
        ..Self::ILP32
    };

    /// Returns the alignment of a `_BitInt` wider than 64 bits by the rules that place members.
    pub(crate) const fn bit_int_align(&self) -> u8 {
        match self.records {
            RecordRules::Clang => self.clang_big_bit_int_align,
            _ => self.big_bit_int_align,
        }
    }

    /// Returns this model with the members of records placed by `rules`.
    #[must_use]
    pub const fn with_records(mut self, rules: RecordRules) -> Self {
        self.records = rules;
        self
    }
}
