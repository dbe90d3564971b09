//! Machine registers that values are passed in, as data: each machine has a file of constants such
//! as [`x86_64::RDI`](crate::x86_64::RDI).

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
