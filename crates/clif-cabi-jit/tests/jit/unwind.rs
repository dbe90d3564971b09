//! Unwinding through JIT code. Exceptions of C++ and panics of Rust pass through compiled functions
//! and stubs, and enter handlers of `try_call`. The unwinder finds the caller at each instruction
//! of a stub. Each test has a control in which a table is missing or wrong. A control that ends the
//! process runs in a child.

pub(crate) mod kinds;
#[cfg(all(target_arch = "x86_64", unix))] // the machine that has LoweredFrame
mod lowered;
#[cfg(unix)] // Windows finds these callers without tables too, word by word
mod many;
mod nested;
#[cfg(unix)] // `windows::handlers` has panics
mod panics;
#[cfg(unix)]
mod step;
#[cfg(unix)]
mod unknown;
#[cfg(unix)]
mod valgrind;
#[cfg(all(unix, not(target_arch = "riscv64")))] // without tables, or with vectors alone
mod vectors;
