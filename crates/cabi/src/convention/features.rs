//! Assumptions of a signature about the machine, which need not be the host.

/// The widest vectors that are passed in one register: a property of the signature, never of the
/// host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum VectorLevel {
    /// 16 bytes: SSE2, x86-64's baseline.
    #[default]
    Baseline,
    /// 32 bytes.
    Avx,
    /// 64 bytes.
    Avx512,
}

impl VectorLevel {
    /// Returns the bytes of the widest vector register.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Baseline => 16,
            Self::Avx => 32,
            Self::Avx512 => 64,
        }
    }
}

/// The floating-point numbers that are passed in registers of their own: what targets call the
/// float ABI.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum FloatLevel {
    /// None: a soft-float ABI.
    Soft,
    /// `float`.
    Single,
    /// `float` and `double`.
    #[default]
    Double,
}

/// Assumptions of a signature about the machine, by which [`Rules::choose`](super::Rules::choose)
/// chooses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub struct Features {
    /// The widest vectors that are passed in one register.
    pub vectors: VectorLevel,
    /// The floating-point numbers that are passed in registers of their own.
    pub floats: FloatLevel,
}

impl From<VectorLevel> for Features {
    fn from(vectors: VectorLevel) -> Self {
        Self {
            vectors,
            ..Self::default()
        }
    }
}

impl From<FloatLevel> for Features {
    fn from(floats: FloatLevel) -> Self {
        Self {
            floats,
            ..Self::default()
        }
    }
}
