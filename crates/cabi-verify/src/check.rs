//! What a call did, or how a type is laid out, compared with what `cabi` says.

#[cfg(has_calls)]
#[allow(unsafe_code)]
pub mod calls;
pub mod layout;
