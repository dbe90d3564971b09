//! Unwinding through JIT code. Exceptions of C++ and panics of Rust pass through compiled functions
//! and stubs, and enter handlers of `try_call`. The unwinder finds the caller at each instruction
//! of a stub. Each test has a control in which a table is missing or wrong. A control that ends the
//! process runs in a child.

pub(crate) mod kinds;
#[cfg(target_arch = "x86_64")] // the machine that has LoweredFrame
mod lowered;
mod many;
mod nested;
mod panics;
mod step;
mod unknown;
mod valgrind;
#[cfg(not(target_arch = "riscv64"))] // whose `preserve_all` Cranelift compiles with vectors alone
mod vectors;
