//! What only tests need: the corpus on disk, and the register-dump probe.

pub mod corpus;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod probe;
