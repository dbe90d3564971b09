//! The machinery of proof: compilers as judges of what this workspace says about C.
//!
//! - [`corpus`]: the `.abi` format, its reader and the rewriting of expected lines; [`ctext`]: declarations as text.
//! - [`case`]: a block read through libclang, with one case per prototype.
//! - [`judge`]: gcc and clang, what each can compile, and the C halves they build.
//! - [`graffiti`]: values whose bytes say where they came from; [`half`]: the C text that makes and takes them.
//! - [`layout`]: sizes, alignments, offsets and bit-fields as compilers have them.
//! - [`generate`]: random signatures, and the smallest that still fails.
//! - [`report`]: what ran, what did not and why; known failures.
//!
//! The command and the tests stand on this crate; what only tests need (the register-dump probe, guard pages) is in the package `tests`.

#![forbid(unsafe_code)]

pub mod case;
pub mod corpus;
pub mod ctext;
pub mod generate;
pub mod graffiti;
pub mod half;
pub mod judge;
pub mod layout;
pub mod report;
