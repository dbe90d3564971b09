//! The machinery of proof: compilers as judges of what this workspace says about C.
//!
//! - [`corpus`]: the `.abi` format, its reader and the rewriting of expected lines.
//! - [`judge`]: gcc and clang, what each can compile, and the C halves they build.
//!
//! The command and the tests stand on this crate; what only tests need (the register-dump probe, guard pages) is in the package `tests`.

#![forbid(unsafe_code)]

pub mod corpus;
pub mod judge;
