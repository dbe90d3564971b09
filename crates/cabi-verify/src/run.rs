//! Execution of compiled code.

use cabi::Target;

pub mod one_call;

/// The target of this machine.
#[cfg(target_arch = "x86_64")]
pub const HERE: Target = Target::X86_64_LINUX;
/// The target of this machine.
#[cfg(target_arch = "aarch64")]
pub const HERE: Target = Target::AARCH64_LINUX;
