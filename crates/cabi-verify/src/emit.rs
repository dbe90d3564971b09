//! Cases as source text: the caller side, which makes the call with given bytes, and the callee
//! side, which writes down its arguments.

pub(crate) mod c;
#[cfg(has_calls)]
pub(crate) mod c_program;
#[cfg(has_calls)]
pub(crate) mod cranelift;
#[cfg(has_calls)]
pub(crate) mod zig;
