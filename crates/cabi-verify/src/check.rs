//! What a call did, or how a type is laid out, compared with what `cabi` says.

#[cfg(has_calls)]
#[allow(unsafe_code)]
pub mod calls;
pub mod layout;
#[cfg(all(has_calls, target_arch = "x86_64"))]
#[allow(unsafe_code)]
pub mod registers;
