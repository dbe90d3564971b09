//! What a step has a number of, in the name of a stub.

use std::fmt;

/// What a step has a number or a move of.
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
