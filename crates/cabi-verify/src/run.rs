//! Compiled code at work.

#[allow(unsafe_code)]
mod boundary;
#[allow(unsafe_code)]
pub mod child;
#[allow(unsafe_code)]
pub mod guard;
#[allow(unsafe_code)]
pub mod loaded;
pub mod program;
pub mod zig;

/// Bytes of each buffer that compiled code reads and writes.
pub const BUFFER: usize = 1 << 18;
