//! Whether standard output was open for writing when this process started.
//!
//! Rust opens `/dev/null` in the place of a closed standard output before `main`, and takes a descriptor that is not open for writing for one: what is
//! written there is lost without an error. So the descriptor is looked at before that, by a function that the system calls when it has loaded the
//! program.
#![allow(unsafe_code, reason = "the name of a section, in front of `main`")]

#[cfg(unix)]
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

#[cfg(unix)]
static WAS_OPEN: AtomicBool = AtomicBool::new(true);

// SAFETY: the section holds addresses of functions that are called without arguments that matter here, by C's convention, and return nothing. `look`
// calls `fcntl` and sets a static, neither of which needs Rust's runtime.
#[cfg(unix)]
#[used]
#[cfg_attr(
    target_vendor = "apple",
    unsafe(link_section = "__DATA,__mod_init_func")
)]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
static LOOK: extern "C" fn() = look;

#[cfg(unix)]
extern "C" fn look() {
    use rustix::fs::{OFlags, fcntl_getfl};
    let flags = fcntl_getfl(rustix::stdio::stdout());
    let is_open = flags.is_ok_and(|flags| flags.intersects(OFlags::WRONLY | OFlags::RDWR));
    WAS_OPEN.store(is_open, Relaxed);
}

#[cfg(unix)]
pub(super) fn was_open() -> bool {
    WAS_OPEN.load(Relaxed)
}

#[cfg(not(unix))]
pub(super) fn was_open() -> bool {
    true
}
