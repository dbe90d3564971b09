//! What is read of C and C++, and what is written as C.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod compilers;
mod constants;
mod cxx;
mod errors;
mod headers;
mod packs;
mod parser_fuzz;
mod read;
mod records;
#[path = "../support/mod.rs"]
mod support;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod targets;
mod to_c;
