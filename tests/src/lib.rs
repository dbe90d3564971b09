//! What only tests need: the corpus on disk, the register-dump probe, deliberate mistakes, calls from Cranelift to itself.

pub mod corpus;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod mutants;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod probe;
pub mod random;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod roundtrip;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod shims;
