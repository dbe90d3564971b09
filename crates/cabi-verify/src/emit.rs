//! A case as source text: the caller side, which makes the call with given bytes, and the callee side, which writes down what it is given.

pub mod c;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod c_program;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod cranelift;
#[cfg(all(target_arch = "x86_64", unix))]
pub(crate) mod zig;
