//! The instruction cache, which does not see by itself on every machine what is written to memory.

use std::fmt::Display;

use crate::cranelift::icache;
use crate::error::{Error, Result};

/// Drops what the instruction cache has of these bytes: before they become executable.
///
/// # Safety
/// The bytes are mapped.
pub(super) unsafe fn clear(start: *const u8, bytes: usize) -> Result<()> {
    #[cfg(test)]
    tests::note_cleared(start, bytes);
    // SAFETY: the caller's.
    unsafe { icache::clear_cache(start.cast(), bytes) }.map_err(|error| failed(&error))
}

/// Makes all processors of this process fetch anew what was cleared.
pub(super) fn flush_pipelines() -> Result<()> {
    #[cfg(test)]
    tests::note_flushed();
    icache::pipeline_flush_mt().map_err(|error| failed(&error))
}

fn failed(error: &impl Display) -> Error {
    Error::Memory {
        action: "clear the instruction cache",
        source: region::Error::SystemCall(std::io::Error::other(error.to_string())),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;

    thread_local! {
        /// Start and bytes of what this thread has cleared since it was last asked, and whether pipelines were flushed after it.
        static CLEARED: RefCell<Vec<(usize, usize, bool)>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn note_cleared(start: *const u8, bytes: usize) {
        CLEARED.with_borrow_mut(|cleared| cleared.push((start.addr(), bytes, false)));
    }

    pub(super) fn note_flushed() {
        CLEARED.with_borrow_mut(|cleared| cleared.iter_mut().for_each(|range| range.2 = true));
    }

    /// What was cleared since this was last asked.
    pub(crate) fn cleared() -> Vec<(usize, usize, bool)> {
        CLEARED.take()
    }
}
