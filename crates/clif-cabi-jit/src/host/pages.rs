//! Pages of memory: reserved, made writable and sealed, each once. For no thread is a page writable
//! and executable at once.

use core::mem::ManuallyDrop;
use core::ops::Range;

use region::Protection;

use super::{icache, protection};
use crate::error::{Error, Result};

/// A reserved range of address space; unmapped on drop.
pub(crate) struct Pages(ManuallyDrop<protection::Reservation>);

// SAFETY: the allocation is plain memory owned by this value alone; no thread is special to it.
unsafe impl Send for Pages {}

impl Pages {
    /// Reserves `bytes`, rounded up to pages. Nothing is committed yet.
    pub(crate) fn reserve(bytes: usize) -> Result<Self> {
        let reserved = protection::reserve(bytes).map_err(failed("reserve memory"))?;
        Ok(Self(ManuallyDrop::new(reserved)))
    }

    /// Returns pages with `code`, which can be executed from their start, and after them `data`
    /// bytes of writable pages.
    pub(crate) fn with_code(code: &[u8], data: usize) -> Result<Self> {
        let bytes = code.len().next_multiple_of(region::page::size());
        let writable = protection::writable(bytes, data).map_err(failed("reserve memory"))?;
        let mut pages = Self(ManuallyDrop::new(writable));
        let at = pages.at(0);
        // SAFETY: fresh pages, complete when they are sealed, whose address has not been given out.
        unsafe {
            protection::write_code(|| {
                at.copy_from_nonoverlapping(code.as_ptr(), code.len());
                Ok(())
            })?;
            pages.seal(0..bytes, Protection::READ_EXECUTE)?;
        }
        Ok(pages)
    }

    /// Returns the size in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the address of the byte at `offset`.
    pub(crate) fn at(&mut self, offset: usize) -> *mut u8 {
        self.0.as_mut_ptr::<u8>().wrapping_add(offset)
    }

    /// Makes pages writable, which [`Pages::seal`] gives the protection `last`. Code is written
    /// within [`write_code`](super::write_code).
    ///
    /// # Safety
    /// `range` are whole pages of this reservation that have not been made writable before.
    pub(crate) unsafe fn open(&mut self, range: Range<usize>, last: Protection) -> Result<()> {
        // SAFETY: the caller's: fresh pages of our own.
        unsafe { protection::open(self.at(range.start), range.len(), last) }
            .map_err(failed("make memory writable"))
    }

    /// Gives pages their last protection: code can be executed from now on, by all threads.
    ///
    /// # Safety
    /// `range` are whole pages that were made writable with the same `last`; they hold finished
    /// code or constants, which nobody writes to any more.
    pub(crate) unsafe fn seal(&mut self, range: Range<usize>, last: Protection) -> Result<()> {
        let (start, bytes) = (self.at(range.start), range.len());
        let is_code = last == Protection::READ_EXECUTE;
        if is_code {
            // Before they become executable: some processors have errata about read-only memory.
            // After an error they can still be written to.
            // SAFETY: they are mapped.
            unsafe { icache::clear(start, bytes)? };
            icache::flush_pipelines()?;
        }
        let action = match is_code {
            true => "make memory executable",
            false => "make memory read-only",
        };
        // Pages of `MAP_JIT` keep their protection.
        if !(is_code && cfg!(all(target_os = "macos", target_arch = "aarch64"))) {
            // SAFETY: the caller's.
            unsafe { region::protect(start, bytes, last) }.map_err(failed(action))?;
        }
        Ok(())
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: this value was the last to use them.
        unsafe { protection::unmap(&mut self.0) };
    }
}

fn failed(action: &'static str) -> impl Fn(region::Error) -> Error {
    move |source| Error::Memory { action, source }
}
