//! x86-64: its registers, and the conventions of C there.

pub mod registers;
pub(crate) mod sysv;
pub(crate) mod win64;
