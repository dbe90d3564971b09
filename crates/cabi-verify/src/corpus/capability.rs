//! Parts of C that not every reference compiler can compile. Each has a name in the corpus, the
//! tokens that need it, and a file that shows whether a compiler has it.

use std::collections::HashSet;
use std::fmt;

use cabi::VectorLevel;

use super::Block;
use crate::processor;

/// The reference compilers this crate knows by name, as `compilers:` of a corpus block may restrict
/// them.
pub const KNOWN_REFERENCES: [&str; 2] = ["gcc", "clang"];

/// A capability's name in the corpus, the tokens of C that need it, and the file that shows a
/// compiler has it.
pub(crate) struct Trait {
    pub(crate) capability: Capability,
    pub(crate) name: &'static str,
    tokens: &'static [&'static str],
    flags: &'static [&'static str],
    pub(crate) source: &'static str,
    /// Directives that let a compiler without the capability read a header that uses it somewhere;
    /// empty if there are none.
    pub(crate) stand_in: &'static str,
}

macro_rules! capabilities {
    ($($(#[$doc:meta])* $capability:ident $name:literal, $tokens:expr, $flags:expr, $source:literal $(stand in $stand_in:literal)?;)*) => {
        /// A part of C that not every compiler has.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Capability { $($(#[$doc])* $capability),* }

        pub(crate) const TRAITS: &[Trait] = &[$(Trait {
            capability: Capability::$capability,
            name: $name,
            tokens: &$tokens,
            flags: &$flags,
            source: $source,
            stand_in: concat!($($stand_in)?),
        }),*];
    };
}

capabilities! {
    /// `__int128`.
    Int128 "int128", ["__int128"], [], "__int128 f(__int128 x) { return x; }"
        stand in "#define __int128 long\n";
    /// `_BitInt(N)`.
    BitInt "bitint", ["_BitInt"], [], "_BitInt(65) f(_BitInt(65) x) { return x; }"
        stand in "#define _BitInt(n) int\n";
    /// `_Float16`.
    Float16 "float16", ["_Float16"], [], "_Float16 f(_Float16 x) { return x; }"
        stand in "#define _Float16 float\n";
    /// `__bf16`.
    Bf16 "bf16", ["__bf16"], [], "__bf16 f(__bf16 x) { return x; }"
        stand in "#define __bf16 float\n";
    /// `__float128`.
    Float128 "float128", ["__float128"], [], "__float128 f(__float128 x) { return x; }"
        stand in "#define __float128 long double\n#define _Float128 long double\n";
    /// `_Complex` of `__float128`, through `mode(TC)`.
    ComplexFloat128 "complex-float128", ["TC"], [], "typedef _Complex float c __attribute__((mode(TC))); c f(c x) { return x; }";
    /// `_Decimal32`, `_Decimal64`, `_Decimal128`.
    Decimal "decimal", ["_Decimal32", "_Decimal64", "_Decimal128"], [], "_Decimal64 f(_Decimal64 x) { return x; }"
        stand in "#define _Decimal32 float\n#define _Decimal64 double\n#define _Decimal128 long double\n";
    /// `ext_vector_type`, also of `_Bool`.
    ExtVector "ext-vector", ["ext_vector_type"], [], "typedef _Bool v __attribute__((ext_vector_type(8))); v f(v x) { return x; }";
    /// `enum e : char`.
    EnumBase "enum-base", [], [], "enum e : char { a }; enum e f(enum e x) { return x; }";
    /// AVX, in the compiler and in this machine.
    Avx "avx", [], ["-mavx"], "typedef float v __attribute__((vector_size(32))); v f(v x) { return x; }";
    /// AVX-512F, in the compiler and in this machine.
    Avx512f "avx512f", [], ["-mavx512f"],
        "#if defined __clang__ && __clang_major__ > 17 && __clang_major__ < 22 && !defined __EVEX512__\n\
         #error AVX-512 without registers of 512 bits: add -mevex512\n\
         #endif\n\
         typedef float v __attribute__((vector_size(64))); v f(v x) { return x; }";
}

impl Capability {
    /// Finds the capability called `name` in the corpus.
    pub fn named(name: &str) -> Option<Self> {
        let row = TRAITS.iter().find(|row| row.name == name)?;
        Some(row.capability)
    }

    /// Returns its name in the corpus.
    pub fn name(self) -> &'static str {
        let row = TRAITS.iter().find(|row| row.capability == self);
        row.map_or("", |row| row.name)
    }

    /// Returns the capability that vectors of `level` need; none at the baseline.
    pub fn of_level(level: VectorLevel) -> Option<Self> {
        match level {
            VectorLevel::Baseline => None,
            VectorLevel::Avx => Some(Self::Avx),
            VectorLevel::Avx512 => Some(Self::Avx512f),
        }
    }

    /// Checks whether this machine can run code that needs the capability.
    pub fn runs_here(self) -> bool {
        match self {
            Self::Avx | Self::Avx512f => processor::has(self.name()),
            _ => true,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Trait {
    /// Returns the flags its file is compiled with. An attribute that a compiler does not know is
    /// only a warning to it; here it must be an error.
    pub(crate) fn probe_flags(&self) -> Vec<&'static str> {
        let mut flags = vec!["-Werror=attributes"];
        flags.extend(self.flags);
        flags
    }
}

pub(crate) fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Returns the capabilities that a reference compiler must have for `block`. The block's
/// `references`, the tokens of its C text and its vector level determine them.
pub fn needs(block: &Block) -> Vec<Capability> {
    let texts = [
        block.code.as_str(),
        block.unnamed.as_deref().unwrap_or_default(),
    ];
    let words = texts
        .into_iter()
        .flat_map(|text| text.split(|c| !is_of_word(c)));
    let words: HashSet<&str> = words.collect();
    let is_needed = |row: &&Trait| {
        let mut names = block.references.iter().chain(&block.features);
        names.any(|name| name == row.name) || row.tokens.iter().any(|token| words.contains(token))
    };
    let rows = TRAITS.iter().filter(is_needed);
    rows.map(|row| row.capability).collect()
}

/// Returns the compiler's flags for a signature's vector levels.
pub fn feature_flags(features: &[String]) -> Vec<&'static str> {
    let is_asked = |row: &&Trait| features.iter().any(|feature| feature == row.name);
    let flags = TRAITS.iter().filter(is_asked).flat_map(|row| row.flags);
    flags.copied().collect()
}
