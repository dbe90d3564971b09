//! The JIT's tests, one program: what looks at the whole process, or ends it, runs in a child
//! ([`common::again`], [`common::alone`]).
#![cfg(has_engine)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]; panics are what some are about"
)]

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod aligned;
mod anything;
mod calls;
mod closures;
mod common;
#[cfg(target_os = "linux")]
mod debug;
mod errors;
mod examples;
#[cfg(target_os = "linux")]
mod guard_page;
mod interface;
mod lifetime;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod preserve_all;
#[cfg(any(target_os = "linux", all(windows, target_env = "gnu")))]
mod static_chain;
#[cfg(any(target_os = "linux", all(windows, target_env = "gnu")))]
mod unwind;
mod uses;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod wide;
#[cfg(windows)]
mod windows;
