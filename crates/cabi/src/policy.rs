//! Where compilers disagree and each is consistent with itself: one named bit per corner, and the profiles of the compilers.
//!
//! A bit says what the behaviour is, never which version of a compiler shows it. `docs/policy.md` has the whole table.

use core::fmt;
use core::ops::{BitOr, BitOrAssign};

/// A set of choices. A signature that states none has those of its target's own compiler ([`Policy::of`]).
///
/// # Example
/// ```
/// use cabi::{Policy, Target};
/// assert_eq!(Policy::of(&Target::X86_64_LINUX), Policy::GCC);
/// assert!(Policy::CLANG.has(Policy::FLEXIBLE_ARRAY_IN_MEMORY));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy(u64);

macro_rules! bits {
    ($($(#[$doc:meta])* $name:ident = $bit:literal;)*) => {
        impl Policy {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            /// Every bit with its name.
            pub const NAMES: &'static [(Self, &'static str)] = &[$((Self::$name, stringify!($name)),)*];
        }
    };
}

bits! {
    /// A record with a flexible array member is passed in memory (clang), on Win64 by reference; gcc ignores the member. If the record has no bytes, it
    /// has a slot in memory nevertheless; gcc only aligns what is next on the stack.
    FLEXIBLE_ARRAY_IN_MEMORY = 0;
    /// Unnamed bit-fields of non-zero width are `Integer` (gcc); clang through version 23 ignores them as padding.
    UNNAMED_BIT_FIELDS_COUNT = 1;
    /// A member of record or array type at an offset its type's alignment forbids sends the value to memory (clang); gcc looks
    /// at the scalars only.
    MEMBERS_MUST_BE_ALIGNED = 2;
    /// A vector result wider than the vector level is split over up to four vector registers (clang, Zig); gcc returns it in memory.
    WIDE_VECTOR_RESULTS_SPLIT = 3;
    /// A vector of two 16-bit floats is `Sse` (gcc); clang classifies by size only: `Integer`.
    HALF_PAIRS_IN_SSE = 4;
    /// A result that is a vector of one `double` returns in xmm0 (clang); gcc uses memory as it does for the argument.
    DOUBLE_VECTOR_RESULT_IN_SSE = 5;
    /// A record with an `_Atomic` member, or an `_Atomic` record or complex number, is passed in memory (clang). An `_Atomic` scalar is passed in the
    /// registers of the plain one, but clang does not count these ([`RECORDS_GO_BY_COUNT`](Self::RECORDS_GO_BY_COUNT)).
    ATOMIC_MEMBERS_IN_MEMORY = 6;
    /// An `__int128` that finds one integer register free leaves it unused by later arguments too (LLVM 18 and 19).
    INT128_USES_UP_INTEGER_REGISTERS = 7;
    /// Vectors of one 8-byte integer are `Integer` (clang on Darwin, FreeBSD and PlayStation); elsewhere `Sse`.
    INTEGER_VECTORS_IN_GPR = 8;
    /// `char`, `short` and their unsigned kin are extended to 32 bits in results too (Darwin).
    NARROW_RESULTS_EXTENDED = 9;
    /// `X87Up` that lost its `X87` is `Sse` instead of sending the value to memory (revisions before 0.98; Darwin).
    LONE_X87UP_KEPT = 10;
    /// Vectors of `__int128` wider than 16 bytes are passed in memory (gcc, and clang on Linux).
    WIDE_INT128_VECTORS_IN_MEMORY = 11;
    /// A structure of more than 16 bytes with an empty member is passed in memory, also when the other member is a vector (clang).
    EMPTY_MEMBERS_BAR_WIDE_VECTORS = 12;
    /// On Win64, bare vectors of 8, 4 and 2 bytes of more than one lane are passed by reference and returned in xmm0 (clang); gcc passes them as
    /// integers.
    WIN64_SMALL_VECTORS_BY_REFERENCE = 13;
    /// On Win64, `__float128` is passed in the first free of eight vector registers (clang); gcc passes it by reference and returns it through memory.
    WIN64_FLOAT128_IN_SSE = 14;
    /// Vectors wider than 16 bytes that are named arguments of a variadic function are passed in memory like unnamed ones (clang).
    WIDE_VECTORS_OF_VARIADICS_IN_MEMORY = 15;
    /// An array of more than 16 bytes and more than one element adds no class to the union it is a member of (clang): a wide vector beside it stays in
    /// its register.
    WIDE_ARRAYS_IN_UNIONS_HAVE_NO_CLASS = 16;
    /// On Win64, `_Float16` is passed in a vector register (clang); gcc passes it as an integer.
    WIN64_HALF_IN_SSE = 17;
    /// An array of records is classified by its first element alone, whose eightbytes' classes are repeated (gcc): later elements may be
    /// unaligned, or have other classes in their eightbytes. It means nothing beside [`ARRAYS_ARE_INTEGER`](Self::ARRAYS_ARE_INTEGER).
    ARRAYS_GO_BY_FIRST_ELEMENT = 18;
    /// An array of no elements that starts inside an eightbyte gives that eightbyte its element's class (gcc).
    ZERO_LENGTH_ARRAYS_COUNT = 19;
    /// Unnamed bit-fields of a union are `Integer`, those of width 0 too (gcc).
    UNNAMED_BIT_FIELDS_OF_UNIONS_COUNT = 20;
    /// On Win64, an empty record is returned through a hidden pointer (clang); gcc returns nothing.
    WIN64_EMPTY_RESULTS_IN_MEMORY = 21;
    /// A vector of one `float`, `__float128` or 16-bit float is passed in memory (gcc), as one of one `double` is everywhere; clang classifies by size.
    ONE_FLOAT_VECTORS_IN_MEMORY = 22;
    /// A bit-field that could be an ordinary integer as well must be aligned like one (gcc); to
    /// clang no bit-field is unaligned.
    WHOLE_BIT_FIELDS_MUST_BE_ALIGNED = 23;
    /// A union of more than 16 bytes whose first 16 are a vector's is passed in one vector register, if padding and arrays are all that follows and
    /// the vector level has such a register (clang).
    UNIONS_GO_BY_FIRST_EIGHTBYTES = 24;
    /// The first of two `Sse` eightbytes is passed in an integer register if it is half of a `__float128` whose other half is not `SseUp`, or
    /// a lone `__bf16` or two 16-bit floats before a second eightbyte that LLVM's type for it lets start at byte 2 or 4 (clang).
    ODD_PAIRS_START_IN_GPR = 25;
    /// An array member is `Integer`, whatever its elements, also one of no elements; of more than 16 bytes it sends its record to memory (Zig).
    ARRAYS_ARE_INTEGER = 26;
    /// A `_Float16` member sends its record to memory (Zig).
    HALF_MEMBERS_IN_MEMORY = 27;
    /// Unaligned members have classes like others (Zig); psABI rule 1 sends their record to memory.
    UNALIGNED_MEMBERS_IN_REGISTERS = 28;
    /// A `_Complex _Float16` that does not start its eightbyte makes the next one `Sse` too, if the record or array it is in has a next one (gcc).
    COMPLEX_HALVES_REACH_ON = 29;
    /// A vector of one `__int128` in a record has a class in its first eightbyte alone (gcc). Its upper half is lost, unless another member of a union
    /// has it: such a record is refused.
    INT128_VECTOR_MEMBERS_LOSE_HALF = 30;
    /// On Win64, a vector of one lane is passed as that lane alone would be, one `__int128` in two registers or slots, 16-bit floats by reference
    /// (clang); gcc passes integers as integers and floats by reference, and returns these in rax.
    WIN64_ONE_LANE_VECTORS_AS_LANES = 31;
    /// On Win64, a named floating-point argument of a variadic function is in the integer register of its position too, as an unnamed one is with
    /// every compiler (clang).
    WIN64_NAMED_FLOATS_IN_BOTH = 32;
    /// In Win64 functions of System V machines (`ms_abi`), `long double` is returned in st0 (clang).
    WIN64_X87_RESULT_IN_ST0 = 33;
    /// Vectors of `__int128` are taken apart into integers (clang on other systems than Linux and NetBSD): a value with one that is not passed in memory
    /// is refused.
    INT128_VECTORS_IN_GPR = 34;
    /// Where clang counts other registers than it uses, a value goes by that count: each of its parts has the next register or a slot of its own, or all of
    /// it is on the stack although registers are free (clang). An unnamed argument is refused then. Otherwise the registers in use decide.
    RECORDS_GO_BY_COUNT = 35;
}

impl Policy {
    /// No bit set.
    pub const NONE: Self = Self(0);

    /// The psABI as it is written, and no compiler's way: every bit off. `docs/psabi-table.md` shows how far each compiler strays from it.
    ///
    /// # Example
    /// ```
    /// use cabi::Policy;
    /// assert_eq!(Policy::from_name("psabi"), Some(Policy::PSABI));
    /// ```
    pub const PSABI: Self = Self::NONE;

    /// gcc on Linux.
    pub const GCC: Self = Self(
        Self::UNNAMED_BIT_FIELDS_COUNT.0
            | Self::HALF_PAIRS_IN_SSE.0
            | Self::WIDE_INT128_VECTORS_IN_MEMORY.0
            | Self::ARRAYS_GO_BY_FIRST_ELEMENT.0
            | Self::ZERO_LENGTH_ARRAYS_COUNT.0
            | Self::UNNAMED_BIT_FIELDS_OF_UNIONS_COUNT.0
            | Self::ONE_FLOAT_VECTORS_IN_MEMORY.0
            | Self::WHOLE_BIT_FIELDS_MUST_BE_ALIGNED.0
            | Self::COMPLEX_HALVES_REACH_ON.0
            | Self::INT128_VECTOR_MEMBERS_LOSE_HALF.0,
    );

    /// clang on Linux, as versions 18 and 19 behave.
    pub const CLANG: Self = Self(
        Self::FLEXIBLE_ARRAY_IN_MEMORY.0
            | Self::MEMBERS_MUST_BE_ALIGNED.0
            | Self::WIDE_VECTOR_RESULTS_SPLIT.0
            | Self::DOUBLE_VECTOR_RESULT_IN_SSE.0
            | Self::ATOMIC_MEMBERS_IN_MEMORY.0
            | Self::INT128_USES_UP_INTEGER_REGISTERS.0
            | Self::WIDE_INT128_VECTORS_IN_MEMORY.0
            | Self::EMPTY_MEMBERS_BAR_WIDE_VECTORS.0
            | Self::WIDE_VECTORS_OF_VARIADICS_IN_MEMORY.0
            | Self::WIDE_ARRAYS_IN_UNIONS_HAVE_NO_CLASS.0
            | Self::WIN64_SMALL_VECTORS_BY_REFERENCE.0
            | Self::WIN64_FLOAT128_IN_SSE.0
            | Self::WIN64_HALF_IN_SSE.0
            | Self::WIN64_EMPTY_RESULTS_IN_MEMORY.0
            | Self::UNIONS_GO_BY_FIRST_EIGHTBYTES.0
            | Self::ODD_PAIRS_START_IN_GPR.0
            | Self::WIN64_ONE_LANE_VECTORS_AS_LANES.0
            | Self::WIN64_NAMED_FLOATS_IN_BOTH.0
            | Self::WIN64_X87_RESULT_IN_ST0.0
            | Self::RECORDS_GO_BY_COUNT.0,
    );

    /// Zig's C calling convention as both back ends of version 0.15 have it: clang's but for Zig's own classifier of records, and an `__int128` leaves
    /// a register it could not use to later arguments (LLVM 20).
    pub const ZIG: Self = Self(
        Self::CLANG.0
            & !Self::INT128_USES_UP_INTEGER_REGISTERS.0
            & !Self::RECORDS_GO_BY_COUNT.0
            & !Self::WIDE_ARRAYS_IN_UNIONS_HAVE_NO_CLASS.0
            & !Self::MEMBERS_MUST_BE_ALIGNED.0
            | Self::ARRAYS_ARE_INTEGER.0
            | Self::HALF_MEMBERS_IN_MEMORY.0
            | Self::UNALIGNED_MEMBERS_IN_REGISTERS.0,
    );

    /// Whether all of `bits` are set.
    #[must_use]
    pub const fn has(self, bits: Self) -> bool {
        self.0 & bits.0 == bits.0
    }

    /// These choices without `bits`.
    #[must_use]
    pub const fn without(self, bits: Self) -> Self {
        Self(self.0 & !bits.0)
    }

    /// The profile or single bit called `name`: `psabi`, `gcc`, `clang`, `zig`, or a bit's name in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let profiles = [
            ("psabi", Self::PSABI),
            ("gcc", Self::GCC),
            ("clang", Self::CLANG),
            ("zig", Self::ZIG),
        ];
        if let Some((_, policy)) = profiles.iter().find(|(n, _)| *n == name) {
            return Some(*policy);
        }
        Self::NAMES
            .iter()
            .find(|(_, n)| n.eq_ignore_ascii_case(name))
            .map(|(bit, _)| *bit)
    }

    /// The names of the bits that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .iter()
            .filter(move |(bit, _)| self.has(*bit))
            .map(|(_, name)| *name)
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
