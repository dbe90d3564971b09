//! The host: its machine, its system, and how memory becomes executable there. All other modules
//! are the same everywhere.
//!
//! A host has three files: a machine (`x86_64`, `aarch64`, `riscv64`, `s390x`), a system (`unix`,
//! `windows`), and a way to make memory executable (`mprotect`, `map_jit`, `virtual_alloc`). A
//! machine without an engine has the file `none`, which refuses every request.

pub(crate) mod icache;
mod pages;

#[cfg_attr(target_arch = "x86_64", path = "host/x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "host/aarch64.rs")]
#[cfg_attr(target_arch = "riscv64", path = "host/riscv64.rs")]
#[cfg_attr(target_arch = "s390x", path = "host/s390x.rs")]
#[cfg_attr(
    not(any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64",
        target_arch = "s390x"
    )),
    path = "host/none.rs"
)]
pub(crate) mod machine;

#[cfg_attr(unix, path = "host/unix.rs")]
#[cfg_attr(windows, path = "host/windows.rs")]
pub(crate) mod system;

#[cfg_attr(
    all(target_os = "macos", target_arch = "aarch64"),
    path = "host/map_jit.rs"
)]
#[cfg_attr(windows, path = "host/virtual_alloc.rs")]
#[cfg_attr(
    not(any(windows, all(target_os = "macos", target_arch = "aarch64"))),
    path = "host/mprotect.rs"
)]
mod protection;

pub(crate) use pages::Pages;
pub(crate) use protection::write_code;

use crate::error::{Result, unsupported_host};

/// Refuses hosts that no engine runs on.
pub(crate) fn check() -> Result<()> {
    // `build.rs` says which have one.
    if cfg!(has_engine) {
        return Ok(());
    }
    Err(unsupported_host(
        "the JIT needs x86-64 with Unix or Windows, AArch64 with Linux, FreeBSD or macOS, or RISC-V 64 and s390x with Linux",
    ))
}
