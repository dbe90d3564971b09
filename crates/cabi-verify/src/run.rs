//! Execution of compiled code.

use cabi::{Convention, Target};

#[allow(unsafe_code)]
pub(crate) mod boundary;
#[allow(unsafe_code)]
pub mod child;
#[allow(unsafe_code)]
pub mod guard;
#[allow(unsafe_code)]
pub(crate) mod loaded;
pub mod one_call;

/// The target whose code this process loads and calls.
#[cfg(target_arch = "x86_64")]
pub const HERE: Target = Target::X86_64_LINUX;
/// The target whose code this process loads and calls.
#[cfg(target_arch = "aarch64")]
pub const HERE: Target = Target::AARCH64_LINUX;

/// C's convention there.
#[cfg(target_arch = "x86_64")]
const C: &Convention = &cabi::X86_64_SYSV;
/// C's convention there.
#[cfg(target_arch = "aarch64")]
const C: &Convention = &cabi::aarch64::AAPCS64;

/// Bytes of each buffer that compiled code reads and writes.
pub const BUFFER: usize = 1 << 18;

/// Values that both sides of a call have written down.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Written {
    /// The arguments, as the callee saw them.
    pub(crate) seen: Vec<u8>,
    /// The result, as the caller got it.
    pub(crate) got: Vec<u8>,
    /// Narrow integers as the callee widened them.
    pub(crate) wide: Vec<u8>,
}

impl Written {
    /// As many of `len` bytes of what was seen, from `at`, as there are.
    pub(crate) fn seen(&self, at: usize, len: usize) -> &[u8] {
        let from = self.seen.get(at..).unwrap_or_default();
        from.get(..len).unwrap_or(from)
    }

    /// Argument `i` as the callee widened it, if it did.
    pub(crate) fn widened(&self, i: usize) -> Option<i64> {
        let (words, _) = self.wide.as_chunks();
        words.get(i).copied().map(i64::from_le_bytes)
    }
}
