//! System V's `va_list` (psABI 3.5.7, Variable Argument Lists).

use cabi::X86_64_SYSV;

/// A member of a `va_list` of System V, in their order there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum VaListField {
    /// 4 bytes: where in the register save area the next integer register is.
    GpOffset,
    /// 4 bytes: where in it the next vector register is.
    FpOffset,
    /// 8 bytes: the address of the next argument in the argument area.
    Overflow,
    /// 8 bytes: the address of the register save area.
    SaveArea,
}

impl VaListField {
    /// Bytes of a `va_list`.
    pub const BYTES: u32 = Self::at(Self::SaveArea as usize + 1) as u32;

    /// Bytes from the start of the `va_list`.
    #[must_use]
    pub const fn offset(self) -> u8 {
        Self::at(self as usize)
    }

    /// Where member `n` of System V's `va_list` is, by its convention.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "four members of at most eight bytes"
    )]
    const fn at(n: usize) -> u8 {
        X86_64_SYSV.frame.va_list.offset(n) as u8
    }
}
