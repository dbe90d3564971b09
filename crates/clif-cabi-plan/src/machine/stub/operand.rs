//! Operands of steps, as the name of a stub spells them.

use std::fmt;

/// The operand of a step: a number, or a move of a vector.
pub(super) trait Operand: Sized {
    fn write(self, to: &mut dyn fmt::Write) -> fmt::Result;
    fn read(text: &str) -> Option<Self>;
}

impl Operand for u8 {
    fn write(self, to: &mut dyn fmt::Write) -> fmt::Result {
        write!(to, "{self}")
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Operand for u32 {
    fn write(self, to: &mut dyn fmt::Write) -> fmt::Result {
        write!(to, "{self}")
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}
