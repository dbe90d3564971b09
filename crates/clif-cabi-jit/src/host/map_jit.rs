//! macOS on AArch64: executable memory is mapped with `MAP_JIT`, and each thread either writes it
//! or executes it.
//!
//! A hardened program needs the entitlement `com.apple.security.cs.allow-jit`; without it there is
//! no such mapping, which is an error.

use region::Protection;

use crate::error::Result;

unsafe extern "C" {
    /// Makes pages of `MAP_JIT` executable and not writable for this thread (1), or writable and
    /// not executable (0).
    fn pthread_jit_write_protect_np(enabled: core::ffi::c_int);
}

/// A reserved range of address space.
pub(super) type Reservation = region::Allocation;

pub(super) use super::system::unmap;

/// Reserves `bytes`, rounded up to pages. They are mapped with `MAP_JIT`: the state of each thread
/// keeps them from being writable and executable at once.
pub(super) fn reserve(bytes: usize) -> region::Result<Reservation> {
    region::alloc(bytes, Protection::READ_WRITE_EXECUTE)
}

/// Maps writable pages: `code` bytes that are sealed later, and `data` bytes after them.
pub(super) fn writable(code: usize, data: usize) -> region::Result<Reservation> {
    let mut pages = reserve(code + data)?;
    if data > 0 {
        let start = pages.as_mut_ptr::<u8>().wrapping_add(code);
        // SAFETY: fresh pages, which nothing uses yet.
        unsafe { open(start, data, Protection::READ_WRITE)? };
    }
    Ok(pages)
}

/// Makes fresh pages writable.
///
/// # Safety
/// They are whole pages of a reservation that nothing uses yet.
pub(super) unsafe fn open(start: *mut u8, bytes: usize, last: Protection) -> region::Result<()> {
    if last != Protection::READ_EXECUTE {
        // Pages of `MAP_JIT` keep their protection: data lies in others, mapped in their place.
        // They are unmapped with the reservation.
        let data = region::alloc_at(start, bytes, Protection::READ_WRITE)?;
        core::mem::forget(data);
    }
    Ok(())
}

/// Calls `write`, which may write to pages of code that are not sealed. It executes none of them
/// and does not call this function again.
pub(crate) fn write_code(write: impl FnOnce() -> Result<()>) -> Result<()> {
    /// Ends the writing, also when `write` panics.
    struct WriteGuard;
    impl Drop for WriteGuard {
        fn drop(&mut self) {
            // SAFETY: changes this thread alone.
            unsafe { pthread_jit_write_protect_np(1) };
        }
    }
    let _writing = WriteGuard;
    // SAFETY: changes this thread alone, which is in a function of this crate, and executes no code
    // of `MAP_JIT` until it is changed back.
    unsafe { pthread_jit_write_protect_np(0) };
    write()
}
