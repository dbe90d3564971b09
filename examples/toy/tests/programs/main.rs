//! The command on programs: what they print when they are run and built, what gdb sees of them, and
//! what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod common;
mod refused;
mod run;
