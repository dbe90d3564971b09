//! What a call did, or how a type is laid out, compared with what `cabi` says.

#[cfg(all(target_arch = "x86_64", unix))]
#[allow(unsafe_code)]
pub mod calls;
pub mod layout;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod program_calls;
#[cfg(all(target_arch = "x86_64", unix))]
#[allow(unsafe_code)]
pub mod registers;
