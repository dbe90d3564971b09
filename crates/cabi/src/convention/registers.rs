//! Machine registers that values are passed in, as data: each machine has a file of constants such
//! as [`x86_64::RDI`](crate::x86_64::RDI). The [`State`] of a signature has those that it has used
//! up, and its [`Features`] those that it assumes.

use core::fmt;

/// A bank of registers, which is counted on its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[repr(u8)]
pub enum Bank {
    /// General purpose registers.
    Int = 0,
    /// Floating-point and vector registers.
    Vector = 1,
    /// The x87 register stack.
    X87 = 2,
}

/// Properties of a register.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Register {
    /// Its number in the bank, as machine code has it; below 32. Compared first: names are longer
    /// to compare.
    pub index: u8,
    /// The bank it belongs to.
    pub bank: Bank,
    /// Its name in assembly text.
    pub name: &'static str,
    /// Greatest number of its bits.
    pub bits: u16,
}

/// A register. `Display` writes it as assemblers do.
///
/// # Example
/// ```
/// use cabi::{Bank, Reg, Register, x86_64};
///
/// assert_eq!(x86_64::RDI.to_string(), "rdi");
/// assert_eq!((x86_64::RDI.bank(), x86_64::RDI.index()), (Bank::Int, 7));
///
/// // Of a machine that has no file here:
/// const G2: Reg = Reg(&Register { name: "g2", bank: Bank::Int, index: 2, bits: 64 });
/// assert_eq!(G2.to_string(), "g2");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reg(pub &'static Register);

impl Reg {
    /// Returns its name in assembly text.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// Returns the bank it belongs to.
    #[must_use]
    pub const fn bank(self) -> Bank {
        self.0.bank
    }

    /// Returns its number in its bank, as machine code has it.
    #[must_use]
    pub const fn index(self) -> u8 {
        self.0.index
    }

    /// Returns how many bits it has at most.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0.bits
    }
}

impl fmt::Display for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Reg {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Number of registers of each bank that are used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RegCounts {
    /// Number in [`Bank::Int`].
    pub int: u8,
    /// Number in [`Bank::Vector`].
    pub vector: u8,
    /// Number in [`Bank::X87`].
    pub x87: u8,
}

/// A set of registers of one machine, as a bit per register.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct RegSet {
    banks: [u32; 3],
}

impl RegSet {
    /// Every register.
    pub(crate) const ALL: Self = Self {
        banks: [u32::MAX; 3],
    };

    /// Returns whether `reg` is in the set. A register whose index is out of bounds is in every
    /// set: it is never free.
    #[inline]
    pub(crate) fn contains(&self, reg: Reg) -> bool {
        let index = u32::from(reg.0.index);
        self.banks[reg.0.bank as usize] & 1_u32.wrapping_shl(index) != 0 || index >= u32::BITS
    }

    #[inline]
    pub(crate) fn insert(&mut self, reg: Reg) {
        let bit = 1_u32.checked_shl(u32::from(reg.0.index)).unwrap_or(0);
        self.banks[reg.0.bank as usize] |= bit;
    }

    pub(crate) fn insert_all(&mut self, other: &Self) {
        for (own, other) in self.banks.iter_mut().zip(other.banks) {
            *own |= other;
        }
    }

    /// Returns how many registers of each bank it has.
    #[inline]
    pub(crate) fn counts(&self) -> RegCounts {
        let [int, vector, x87] = self.banks;
        RegCounts {
            int: n_set(int),
            vector: n_set(vector),
            x87: n_set(x87),
        }
    }
}

/// Counts bit by bit: few are set, and the baseline of x86-64 has no instruction that counts bits.
#[inline]
fn n_set(mut left: u32) -> u8 {
    let mut n = 0;
    while left != 0 {
        left &= left - 1;
        n += 1;
    }
    n
}

/// Registers and bytes used up so far. `Copy`: trying a group and going back is an assignment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    /// Registers in use.
    used: RegSet,
    /// Bytes of the argument area in use.
    stack: u64,
    /// Greatest alignment of a value in the area, in bytes.
    align: u32,
}

/// The most a signature's arguments may take of the stack, in bytes.
pub(crate) const MAX_AREA: u64 = 1 << 31;

impl State {
    /// Returns a state in which only `shadow_space` bytes are used, of an area aligned to `align`
    /// bytes.
    pub(crate) fn new(shadow_space: u32, align: u32) -> Self {
        Self {
            used: RegSet::default(),
            stack: u64::from(shadow_space),
            align,
        }
    }

    /// Returns the state that a result is placed in: all registers as they are, and an area of its
    /// own, which lies after the arguments.
    pub(crate) fn for_result(self) -> Self {
        Self {
            stack: 0,
            align: 1,
            ..self
        }
    }

    /// Returns whether `reg` is free.
    #[must_use]
    #[inline]
    pub fn is_free(&self, reg: Reg) -> bool {
        !self.used.contains(reg)
    }

    /// Uses `reg` up.
    #[inline]
    pub fn take(&mut self, reg: Reg) {
        self.used.insert(reg);
    }

    /// Takes the next `bytes` bytes of the area at a multiple of `align`, rounded up to a multiple
    /// of `size`; returns their offset. A `size` or `align` of 0 counts as 1. `None` if the area
    /// grows out of bounds, or if `align` is no power of two.
    pub fn take_stack(&mut self, bytes: u64, size: u32, align: u32) -> Option<u64> {
        let align = align.max(1);
        if !align.is_power_of_two() {
            return None;
        }
        let offset = self.stack.checked_next_multiple_of(u64::from(align))?;
        let bytes = bytes.checked_next_multiple_of(u64::from(size.max(1)))?;
        self.stack = offset.checked_add(bytes).filter(|end| *end <= MAX_AREA)?;
        self.align = self.align.max(align);
        Some(offset)
    }

    /// Takes every register, so that rules find a place on the stack alone.
    pub(crate) fn take_all(&mut self) {
        self.used = RegSet::ALL;
    }

    /// Adds to this state the registers and bytes that a function took without placing a value,
    /// from `before` to `after`.
    pub(crate) fn add(&mut self, before: &Self, after: &Self) {
        self.used.insert_all(&after.used);
        // At most twice `MAX_AREA`; what is placed next is refused then.
        self.stack += after.stack.saturating_sub(before.stack);
        self.align = self.align.max(after.align);
    }

    /// Returns how many registers of each bank are used.
    #[must_use]
    pub fn used(&self) -> RegCounts {
        self.used.counts()
    }

    /// Returns the bytes and the alignment of the argument area so far.
    pub(crate) fn area(&self) -> (u64, u32) {
        (self.stack, self.align)
    }
}

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
