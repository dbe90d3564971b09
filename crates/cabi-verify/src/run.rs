//! Compiled code at work.

use cabi::{Convention, Target};

#[allow(unsafe_code)]
mod boundary;
#[allow(unsafe_code)]
pub mod child;
#[allow(unsafe_code)]
pub mod guard;
#[allow(unsafe_code)]
pub mod loaded;
pub mod one_call;
pub mod program;

/// The target whose code this process loads and calls.
#[cfg(target_arch = "x86_64")]
pub const HERE: Target = Target::X86_64_LINUX;
/// The target whose code this process loads and calls.
#[cfg(target_arch = "aarch64")]
pub const HERE: Target = Target::AARCH64_LINUX;

/// What C has there.
#[cfg(target_arch = "x86_64")]
const C: &Convention = &cabi::X86_64_SYSV;
/// What C has there.
#[cfg(target_arch = "aarch64")]
const C: &Convention = &cabi::aarch64::AAPCS64;

/// Bytes of each buffer that compiled code reads and writes.
pub const BUFFER: usize = 1 << 18;
