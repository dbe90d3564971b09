//! What only tests need: the corpus on disk, the register-dump probe, calls in both directions, guard pages, children that may crash.

#[cfg(all(target_arch = "x86_64", unix))]
pub mod child;
pub mod corpus;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod guard;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod halves;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod interop;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod jit;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod mutants;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod probe;
pub mod random;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod roundtrip;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod shims;
