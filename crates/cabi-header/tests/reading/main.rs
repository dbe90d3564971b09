//! Reading C and C++, and writing C.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod constants;
mod cxx;
mod declarators;
mod headers;
mod parser_fuzz;
mod support;
mod tables;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod targets;
mod to_c;
