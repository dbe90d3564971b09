//! Parts that only tests need: the suites, the corpus on disk, deliberate mistakes, the invariants
//! of every signature, the bodies of the fuzz targets.
//!
//! - [`suites`]: the runs of `cargo test -p cabi-tests --test suites -- probe` and its like.
//! - [`mutants`]: the deliberate mistakes that suites must notice.
//! - [`fuzzing`], [`invariants`]: random signatures, and what is checked of each.
//! - [`isa`]: the flags of the guides.
//! - [`dialect_types`]: drawn types that C has words for.
//! - [`measured_signatures`]: the signatures for measurements of performance.
//! - [`shims`], [`hand`]: their calls, lowered and written by hand.
//! - [`measure`]: instructions and time of these calls, of libffi's, of closures, and of their
//!   preparation.

// Some items are for suites of x86-64 Linux alone.
#![cfg_attr(
    not(all(target_arch = "x86_64", target_os = "linux")),
    allow(dead_code)
)]

pub mod corpus;
#[cfg(unix)]
mod cross_compilers;
pub mod dialect_types;
pub mod fuzzing;
mod golden_text;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod hand;
pub mod invariants;
pub mod isa;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub mod measure;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod measured_signatures;
pub mod mutants;
mod positions;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod shims;
#[cfg(unix)]
mod signatures;
mod suite;
pub mod suites;
mod totals;

/// The examples of pages that belong to no package are compiled, and run, with the doctests of this
/// one.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/add-a-convention.md")]
    struct AddAConvention;
    #[doc = include_str!("../../docs/x86-64-sysv.md")]
    struct X8664SysV;
}
