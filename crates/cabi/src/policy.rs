//! Corners in which compilers disagree and each is consistent with itself: one named bit per
//! corner, and the profiles of the compilers by version.
//!
//! A bit states a behaviour. The table below alone has the versions of the compilers with each bit.
//! `docs/policy.md` explains each, and a test compares the page with the table.

use core::fmt;
use core::ops::{BitOr, BitOrAssign};

use crate::types::data_model::RecordRules;

/// A set of choices. A signature that states none has those of its target's own compiler
/// ([`Policy::of`]).
///
/// # Example
/// ```
/// use cabi::{Policy, Target};
/// assert_eq!(Policy::of(&Target::X86_64_LINUX), Policy::GCC);
/// assert!(Policy::CLANG.has(Policy::FLEXIBLE_ARRAY_IN_MEMORY));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy(u64);

/// A compiler, whatever its version.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Family {
    /// No compiler: the psABI as it is written.
    Psabi,
    Gcc,
    Clang,
    Zig,
}

/// A bit, and the compilers that have it, each from a first through a last version.
type Row = (Policy, &'static [(Family, u16, u16)]);

macro_rules! bits {
    ($($(#[$doc:meta])* $name:ident = $bit:literal $(: $($family:ident $(from $first:literal)? $(to $last:literal)?),*)?;)*) => {
        impl Policy {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            /// Every bit with its name.
            pub const NAMES: &'static [(Self, &'static str)] = &[$((Self::$name, stringify!($name)),)*];
        }

        const TABLE: &[Row] =
            &[$((Policy::$name, &[$($((Family::$family, version!(0 $(, $first)?), version!(u16::MAX $(, $last)?)),)*)?]),)*];
    };
}

/// A version, or else the usual one.
macro_rules! version {
    ($usual:expr) => {
        $usual
    };
    ($usual:expr, $version:literal) => {
        $version
    };
}

bits! {
    /// A record with a flexible array member is passed in memory (clang), on Win64 by reference. If
    /// it has no bytes, it has a slot in memory nevertheless. Not set: the member is ignored, and a
    /// record of no bytes only aligns the next stack argument (gcc).
    FLEXIBLE_ARRAY_IN_MEMORY = 0: Clang, Zig;
    /// Unnamed bit-fields of non-zero width are `Integer` (gcc). Not set: they are padding (clang).
    UNNAMED_BIT_FIELDS_COUNT = 1: Gcc;
    /// A member of record or array type at an offset its type's alignment forbids sends the value
    /// to memory (clang). Not set: only scalars and vectors must be aligned (gcc).
    MEMBERS_MUST_BE_ALIGNED = 2: Clang;
    /// A vector result wider than the vector level is split over up to four registers, three 8-byte
    /// lanes over three (clang, Zig). Not set: it is returned in memory (gcc).
    WIDE_VECTOR_RESULTS_SPLIT = 3: Clang, Zig;
    /// A vector of two 16-bit floats is `Sse` (gcc). Not set: it is `Integer`, by its size (clang).
    HALF_PAIRS_IN_SSE = 4: Gcc;
    /// A result that is a vector of one `double` is returned in xmm0 (clang). Not set: it is in
    /// memory, as an argument is (gcc).
    DOUBLE_VECTOR_RESULT_IN_SSE = 5: Clang, Zig;
    /// A record with an `_Atomic` member, or an `_Atomic` record or complex number, is passed in
    /// memory (clang). An `_Atomic` one of up to 16 bytes is aligned to its size there. Not set: it
    /// is aligned as the plain one, on RISC-V only if it is a complex number (gcc). An `_Atomic`
    /// scalar is passed in the registers of the plain one, but clang does not count these
    /// ([`RECORDS_GO_BY_COUNT`](Self::RECORDS_GO_BY_COUNT)).
    ATOMIC_MEMBERS_IN_MEMORY = 6: Clang, Zig;
    /// An `__int128` that finds one integer register free leaves it unused by later arguments too
    /// (clang through version 19).
    INT128_USES_UP_INTEGER_REGISTERS = 7: Clang to 19;
    /// Vectors of one 8-byte integer are `Integer` (clang on Darwin, FreeBSD and PlayStation). Not
    /// set: they are `Sse`.
    INTEGER_VECTORS_IN_GPR = 8;
    /// `char`, `short` and their unsigned kin are extended to 32 bits in results too (Darwin).
    NARROW_RESULTS_EXTENDED = 9;
    /// `X87Up` that lost its `X87` is `Sse` instead of sending the value to memory (revisions
    /// before 0.98; Darwin).
    LONE_X87UP_KEPT = 10;
    /// Vectors of `__int128` wider than 16 bytes are passed in memory (gcc, and clang on Linux).
    WIDE_INT128_VECTORS_IN_MEMORY = 11: Gcc, Clang, Zig;
    /// A structure of more than 16 bytes with an empty member is passed in memory, also when the
    /// other member is a vector (clang).
    EMPTY_MEMBERS_BAR_WIDE_VECTORS = 12: Clang, Zig;
    /// On Win64, bare vectors of 8, 4 and 2 bytes of more than one lane are passed by reference and
    /// returned in xmm0 (clang). Not set: they are passed as integers (gcc).
    WIN64_SMALL_VECTORS_BY_REFERENCE = 13: Clang, Zig;
    /// On Win64, `__float128` is passed in the first free of eight vector registers (clang through
    /// version 22). Not set: it is passed by reference and returned through memory (gcc).
    WIN64_FLOAT128_IN_SSE = 14: Clang to 22, Zig;
    /// Vectors wider than 16 bytes that are named arguments of a variadic function are passed in
    /// memory like unnamed ones (clang).
    WIDE_VECTORS_OF_VARIADICS_IN_MEMORY = 15: Clang, Zig;
    /// An array of more than 16 bytes and more than one element adds no class to the union it is a
    /// member of (clang). A wide vector beside it stays in its register.
    WIDE_ARRAYS_IN_UNIONS_HAVE_NO_CLASS = 16: Clang;
    /// On Win64, `_Float16` is passed in a vector register (clang, and gcc from version 16 on). Not
    /// set: it is passed as an integer (older gcc).
    WIN64_HALF_IN_SSE = 17: Clang, Zig, Gcc from 16;
    /// An array of records is classified by its first element alone, whose eightbytes' classes are
    /// repeated (gcc). Later elements may be unaligned, or have other classes in their eightbytes.
    /// The bit has no effect beside [`ARRAYS_ARE_INTEGER`](Self::ARRAYS_ARE_INTEGER).
    ARRAYS_GO_BY_FIRST_ELEMENT = 18: Gcc;
    /// An array of no elements that starts inside an eightbyte gives that eightbyte its element's
    /// class (gcc).
    ZERO_LENGTH_ARRAYS_COUNT = 19: Gcc;
    /// Unnamed bit-fields of a union are `Integer`, those of width 0 too (gcc).
    UNNAMED_BIT_FIELDS_OF_UNIONS_COUNT = 20: Gcc;
    /// On Win64, an empty result has a hidden pointer (clang). Not set: nothing is returned (gcc).
    WIN64_EMPTY_RESULTS_IN_MEMORY = 21: Clang, Zig;
    /// A vector of one `float`, `__float128` or 16-bit float is passed in memory (gcc), as one of
    /// one `double` is everywhere. Not set: it is classified by its size (clang).
    ONE_FLOAT_VECTORS_IN_MEMORY = 22: Gcc;
    /// A bit-field that could be an ordinary integer as well must be aligned like one (gcc). Not
    /// set: no bit-field is unaligned (clang).
    WHOLE_BIT_FIELDS_MUST_BE_ALIGNED = 23: Gcc;
    /// A union of more than 16 bytes whose first 16 are a vector's is passed in one vector register
    /// (clang). Only padding and arrays may follow, and the vector level must have such a register.
    UNIONS_GO_BY_FIRST_EIGHTBYTES = 24: Clang, Zig;
    /// The first of two `Sse` eightbytes, half of a `__float128` whose other half is not `SseUp`,
    /// is passed in an integer register (clang). The same holds for a lone `__bf16` or two 16-bit
    /// floats, if LLVM's type of the second eightbyte could start at byte 2 or 4.
    ODD_PAIRS_START_IN_GPR = 25: Clang, Zig;
    /// An array member is `Integer`, whatever its elements are, also one of no elements (Zig). One
    /// of more than 16 bytes sends its record to memory.
    ARRAYS_ARE_INTEGER = 26: Zig;
    /// A `_Float16` member sends its record to memory (Zig).
    HALF_MEMBERS_IN_MEMORY = 27: Zig;
    /// Unaligned members have classes too (Zig). Not set: rule 1 sends their record to memory.
    UNALIGNED_MEMBERS_IN_REGISTERS = 28: Zig;
    /// A `_Complex _Float16` that does not start its eightbyte makes the next eightbyte of its
    /// record or array `Sse` too, if there is one (gcc).
    COMPLEX_HALVES_REACH_ON = 29: Gcc;
    /// A vector of one `__int128` in a record has a class in its first eightbyte alone (gcc). Its
    /// upper half is lost, unless another member of a union has it: such a record is refused.
    INT128_VECTOR_MEMBERS_LOSE_HALF = 30: Gcc;
    /// On Win64, a vector of one lane is passed as that lane alone would be (clang). One `__int128`
    /// is in two registers or slots, and 16-bit floats are passed by reference. Not set: integers
    /// are passed as integers, floats by reference and returned in rax (gcc).
    WIN64_ONE_LANE_VECTORS_AS_LANES = 31: Clang, Zig;
    /// On Win64, a named floating-point argument of a variadic function is in the integer register
    /// of its position too (clang). With every compiler, an unnamed one is in both.
    WIN64_NAMED_FLOATS_IN_BOTH = 32: Clang, Zig;
    /// In Win64 functions of System V machines (`ms_abi`), `long double` is returned in st0
    /// (clang). In System V functions on Windows (`sysv_abi`), clang returns it through memory:
    /// such a result is refused.
    WIN64_X87_RESULT_IN_ST0 = 33: Clang, Zig;
    /// Vectors of `__int128` are taken apart into integers (clang on other systems than Linux and
    /// NetBSD). A value with one that is not passed in memory is refused.
    INT128_VECTORS_IN_GPR = 34;
    /// A value for which clang counts other registers than it uses goes by that count (clang). Each
    /// part has the next register or a slot of its own, or the whole value is on the stack although
    /// registers are free. An unnamed argument is refused then. Not set: the registers in use
    /// decide. A transparent union that is a narrow integer is extended as the integer is. A
    /// transparent union on the stack has its own size, and its own alignment unless its first
    /// member has no registers. Not set: those of its first member (gcc).
    RECORDS_GO_BY_COUNT = 35: Clang;
    /// An `__int128`, and a record with an integer over both eightbytes, stay one integer in
    /// clang's front end (clang 22). If the front end counts registers that are not free, the value
    /// is whole on the stack. It is refused if the integer is a bit-field. Bit-fields, named or
    /// not, that go on into the second eightbyte without a byte boundary become one integer too. If
    /// the first eightbyte alone is an integer, clang counts one of two registers, and the record
    /// is refused.
    INT128_STAYS_WHOLE = 36: Clang from 22;
    /// On Win64, `__float128` is passed by reference beside
    /// [`WIN64_FLOAT128_IN_SSE`](Self::WIN64_FLOAT128_IN_SSE), which is about results then (clang
    /// 21 and 22).
    WIN64_FLOAT128_ARGUMENTS_BY_REFERENCE = 37: Clang from 21 to 22;
    /// On AArch64 Linux, `__bf16` members make a homogeneous aggregate as other floats do (clang).
    /// Not set: they are bytes (gcc 12). Apple's are floats either way.
    BF16_MEMBERS_ARE_FLOATS = 38: Clang, Zig;
    /// On AArch64, a homogeneous aggregate that starts with `__bf16` and finds too few vector
    /// registers is split (clang through version 20). It has the registers that are left, and a
    /// slot for each other member. Not set: it is on the stack as a whole, as others are.
    BF16_AGGREGATES_SPLIT = 39: Clang to 20, Zig;
    /// On RISC-V, a record of no bytes that is aligned to more than a register aligns the next
    /// stack argument (gcc). Not set: it is ignored (clang).
    EMPTY_RECORDS_ALIGN_STACK = 40: Gcc;
    /// On AArch64, a static chain is in x15 (clang after version 20), which is refused. Not set: it
    /// is in x18.
    STATIC_CHAIN_IN_X15 = 41: Clang from 21;
    /// On RISC-V, a union without bytes, or an array of elements without bytes, keeps its record
    /// out of floating-point registers (gcc through version 15). Later versions ignore it.
    EMPTY_ARRAYS_STOP_FLATTENING = 42: Gcc to 15;
    /// On Win64, `__bf16` is in a vector register (clang). Not set: in an integer register (gcc).
    WIN64_BF16_IN_SSE = 43: Clang, Zig;
    /// On Win64, a `_BitInt` of 65 to 128 bits is returned in xmm0, as an `__int128` is (gcc). Not
    /// set: it is returned through memory (clang).
    WIN64_BITINT_RESULTS_IN_SSE = 44: Gcc;
    /// On Apple's arm64, a transparent union of less than 4 bytes has 4 on the stack (clang 19).
    /// Not set: it has as many as its first member.
    TRANSPARENT_UNIONS_HAVE_4_BYTES = 45: Clang to 19;
    /// A `_BitInt` member whose bytes are in two eightbytes need not be aligned (gcc). In an array,
    /// the first element decides. Not set: an unaligned one sends its record to memory (rule 1).
    BIT_INTS_IN_TWO_EIGHTBYTES_NEED_NO_ALIGNMENT = 46: Gcc;
}

/// A compiler and the version of it that was measured, with its choices: `gcc-12`, `clang-19`.
///
/// # Example
/// ```
/// use cabi::{Policy, Profile};
///
/// let [old, new] = ["clang-19", "clang-20"].map(|name| Profile::named(name).unwrap());
/// assert_eq!(Profile::named("clang"), Some(old));
/// assert!(old.policy().has(Policy::INT128_USES_UP_INTEGER_REGISTERS));
/// assert!(!new.policy().has(Policy::INT128_USES_UP_INTEGER_REGISTERS));
/// assert_eq!(Profile::named("clang-3"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Profile {
    family: Family,
    /// The major version; of Zig the second number of `0.15`.
    version: u16,
}

impl Profile {
    /// The psABI as it is written, and no compiler's way.
    pub const PSABI: Self = Self::new(Family::Psabi, 0);
    /// gcc, the version that `gcc` means.
    pub const GCC: Self = Self::new(Family::Gcc, 12);
    /// clang, the version that `clang` means.
    pub const CLANG: Self = Self::new(Family::Clang, 19);
    /// Zig's C calling convention, the version that `zig` means.
    pub const ZIG: Self = Self::new(Family::Zig, 15);

    /// Profiles that were measured. A compiler's name without a version means its first one.
    pub const MEASURED: &'static [Self] = &[
        Self::PSABI,
        Self::GCC,
        Self::new(Family::Gcc, 16),
        Self::CLANG,
        Self::new(Family::Clang, 20),
        Self::new(Family::Clang, 21),
        Self::new(Family::Clang, 22),
        Self::new(Family::Clang, 23),
        Self::ZIG,
    ];

    const fn new(family: Family, version: u16) -> Self {
        Self { family, version }
    }

    /// Returns the profile of the compiler `name`, with or without a version: `psabi`, `gcc`,
    /// `gcc-12`, `clang-20`, `zig-0.15`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let is_it = |profile: &&Self| {
            let (family, before) = profile.family.names();
            let version = name.strip_prefix(before).map(str::parse);
            name == family || version == Some(Ok(profile.version))
        };
        Self::MEASURED.iter().find(is_it).copied()
    }

    /// Returns the profile for `version` of `compiler` (`gcc` or `clang`): that of the last
    /// measured version up to it, or else of the first one.
    ///
    /// # Example
    /// ```
    /// use cabi::Profile;
    ///
    /// let profile = Profile::of_version("gcc", 15).unwrap();
    /// assert_eq!(profile.to_string(), "gcc-12");
    /// ```
    #[must_use]
    pub fn of_version(compiler: &str, version: u16) -> Option<Self> {
        let own = Self::MEASURED.iter().copied();
        let mut own = own.filter(|profile| profile.family.names().0 == compiler);
        let first = own.next()?;
        let later = own.take_while(|profile| profile.version <= version);
        Some(later.last().unwrap_or(first))
    }

    /// Returns the compiler's choices on Linux. [`on`](Self::on) has those for another system.
    #[must_use]
    pub const fn policy(self) -> Policy {
        Policy::of_version(self.family, self.version)
    }

    /// Returns whether it is clang's.
    pub(crate) fn is_clang(self) -> bool {
        self.family == Family::Clang
    }

    /// Returns the rules of the compiler's layout of records; none for the psABI.
    #[must_use]
    pub fn records(self) -> Option<RecordRules> {
        match self.family {
            Family::Psabi => None,
            Family::Gcc => Some(RecordRules::Gcc),
            Family::Clang | Family::Zig => Some(RecordRules::Clang),
        }
    }
}

impl Family {
    /// Returns the compiler's name, and what the name of a version begins with.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Psabi => ("psabi", "psabi"),
            Self::Gcc => ("gcc", "gcc-"),
            Self::Clang => ("clang", "clang-"),
            Self::Zig => ("zig", "zig-0."),
        }
    }
}

/// As [`Profile::named`] takes it, with the version.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.family, self.family.names()) {
            (Family::Psabi, (name, _)) => f.write_str(name),
            (_, (_, before)) => write!(f, "{before}{}", self.version),
        }
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Policy {
    /// No bit set.
    pub const NONE: Self = Self(0);

    /// The psABI as it is written, and no compiler's way: every bit off.
    pub const PSABI: Self = Profile::PSABI.policy();

    /// gcc on Linux, the version of [`Profile::GCC`].
    pub const GCC: Self = Profile::GCC.policy();

    /// clang on Linux, the version of [`Profile::CLANG`].
    pub const CLANG: Self = Profile::CLANG.policy();

    /// Zig's C calling convention, as both back ends of the version of [`Profile::ZIG`] have it. It
    /// is clang's, except for Zig's own classifier of records. An `__int128` leaves a register that
    /// it could not use to later arguments (LLVM 20).
    pub const ZIG: Self = Profile::ZIG.policy();

    /// Returns the bits that `version` of a compiler has.
    const fn of_version(family: Family, version: u16) -> Self {
        let mut bits = 0;
        let mut rows = TABLE;
        while let [(bit, families), rest @ ..] = rows {
            let mut families = *families;
            while let [(own, first, last), tail @ ..] = families {
                if *own as u8 == family as u8 && *first <= version && version <= *last {
                    bits |= bit.0;
                }
                families = tail;
            }
            rows = rest;
        }
        Self(bits)
    }

    /// Returns whether all of `bits` are set.
    #[must_use]
    pub const fn has(self, bits: Self) -> bool {
        self.0 & bits.0 == bits.0
    }

    /// Returns these choices without `bits`.
    #[must_use]
    pub const fn without(self, bits: Self) -> Self {
        Self(self.0 & !bits.0)
    }

    /// Returns the choices of the profile, or the single bit, called `name`: as [`Profile::named`]
    /// takes it, or a bit's name in any case.
    ///
    /// # Example
    /// ```
    /// use cabi::Policy;
    ///
    /// assert_eq!(Policy::named("psabi"), Some(Policy::PSABI));
    /// assert_eq!(Policy::named("clang"), Policy::named("clang-19"));
    /// assert_eq!(Policy::named("half_pairs_in_sse"), Some(Policy::HALF_PAIRS_IN_SSE));
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let bit = || {
            let mut bits = Self::NAMES.iter();
            let (bit, _) = bits.find(|(_, own)| own.eq_ignore_ascii_case(name))?;
            Some(*bit)
        };
        Profile::named(name).map(Profile::policy).or_else(bit)
    }

    /// Returns the names of the bits that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .iter()
            .filter(move |(bit, _)| self.has(*bit))
            .map(|(_, name)| *name)
    }

    /// Returns the number of bits that differ in `other`.
    pub(crate) fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}

impl BitOr for Policy {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Policy {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Policy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}
