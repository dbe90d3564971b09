//! Checks of calls and of layouts against `cabi`.

#[cfg(has_calls)]
#[allow(unsafe_code)]
pub mod calls;
pub mod layout;
