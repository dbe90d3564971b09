//! x86-64: its registers, and the conventions of its systems and languages.

pub(crate) mod lang;
pub(crate) mod preserve_all;
pub mod registers;
pub(crate) mod sysv;
pub(crate) mod win64;
pub mod zig;
