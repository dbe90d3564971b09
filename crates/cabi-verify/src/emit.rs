//! Cases as source text: the caller side, which makes the call with given bytes, and the callee
//! side, which writes down its arguments.

pub(crate) mod c;
pub(crate) mod c_program;
pub(crate) mod cranelift;
pub(crate) mod zig;
