//! Unwinding through JIT code: exceptions of C++ and panics of Rust pass through compiled functions and stubs, and enter handlers of `try_call`; a
//! backtrace sees every frame. Each test has a control in which a table is missing or wrong; what then ends the process runs in a child.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]; panics are what it is about"
)]
#![cfg(all(has_engine, target_os = "linux"))]

mod backtrace;
#[path = "../common/mod.rs"]
mod common;
mod cxx;
mod kinds;
mod many;
mod panics;
mod step;
mod unknown;
