//! The instruction cache. On some machines it does not see by itself the bytes that are written to
//! memory.

use std::fmt::Display;

use crate::cranelift::icache;
use crate::error::{Error, Result};

/// Drops these bytes from the instruction cache, before they become executable.
///
/// # Safety
/// The bytes are mapped.
pub(super) unsafe fn clear(start: *const u8, bytes: usize) -> Result<()> {
    #[cfg(test)]
    tests::note_cleared(start, bytes);
    // SAFETY: the caller's.
    unsafe { icache::clear_cache(start.cast(), bytes) }.map_err(|error| failed(&error))
}

/// Makes all processors of this process fetch the cleared ranges anew.
pub(crate) fn flush_pipelines() -> Result<()> {
    #[cfg(test)]
    tests::note_flushed()?;
    #[cfg(all(target_arch = "riscv64", target_os = "linux"))]
    flush_harts()?;
    icache::pipeline_flush_mt().map_err(|error| failed(&error))
}

/// Clears the instruction caches of all harts that run this process. `clear_cache` clears only one.
#[cfg(all(target_arch = "riscv64", target_os = "linux"))]
fn flush_harts() -> Result<()> {
    unsafe extern "C" {
        fn __riscv_flush_icache(start: *const u8, end: *const u8, flags: usize) -> i32;
    }
    let null = core::ptr::null();
    // SAFETY: Linux clears whole caches, whatever the addresses are. No flag says "this hart".
    match unsafe { __riscv_flush_icache(null, null, 0) } {
        0 => Ok(()),
        _ => Err(failed(&std::io::Error::last_os_error())),
    }
}

fn failed(error: &impl Display) -> Error {
    Error::Memory {
        action: "clear the instruction cache",
        source: region::Error::SystemCall(std::io::Error::other(error.to_string())),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::{Cell, RefCell};

    thread_local! {
        /// Start and bytes of the ranges that this thread has cleared since the last [`cleared`].
        /// `true` if pipelines were flushed after it.
        static CLEARED: RefCell<Vec<(usize, usize, bool)>> = const { RefCell::new(Vec::new()) };
        /// `true` if the system refuses to flush pipelines.
        pub(crate) static IS_REFUSED: Cell<bool> = const { Cell::new(false) };
    }

    pub(super) fn note_cleared(start: *const u8, bytes: usize) {
        CLEARED.with_borrow_mut(|cleared| cleared.push((start.addr(), bytes, false)));
    }

    pub(super) fn note_flushed() -> super::Result<()> {
        if IS_REFUSED.get() {
            return Err(super::failed(&"refused"));
        }
        CLEARED.with_borrow_mut(|cleared| cleared.iter_mut().for_each(|range| range.2 = true));
        Ok(())
    }

    /// Returns the ranges cleared since the last call.
    pub(crate) fn cleared() -> Vec<(usize, usize, bool)> {
        CLEARED.take()
    }
}
