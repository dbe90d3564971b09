//! What only tests need: the corpus on disk, deliberate mistakes, calls from Cranelift to itself, what holds for
//! every signature, the bodies of the fuzz targets.

#[cfg(all(target_arch = "x86_64", unix))]
pub mod conformance;
pub mod corpus;
pub mod fuzzing;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod mutants;
pub mod random;
pub mod replayed;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod roundtrip;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod shims;
pub mod sound;

/// The examples of pages that belong to no package are compiled, and run, with the doctests of this one.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/add-a-convention.md")]
    struct AddAConvention;
}
