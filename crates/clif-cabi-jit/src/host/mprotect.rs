//! Systems on which pages that were writable may become executable.

use region::Protection;

use crate::error::Result;

/// A reserved range of address space.
pub(super) type Reservation = region::Allocation;

pub(super) use super::system::unmap;

/// Reserves `bytes`, rounded up to pages.
pub(super) fn reserve(bytes: usize) -> region::Result<Reservation> {
    region::alloc(bytes, Protection::NONE)
}

/// Maps writable pages: `code` bytes that are sealed later, and `data` bytes after them.
pub(super) fn writable(code: usize, data: usize) -> region::Result<Reservation> {
    region::alloc(code + data, Protection::READ_WRITE)
}

/// Makes fresh pages writable.
///
/// # Safety
/// They are whole pages of a reservation that nothing uses yet.
pub(super) unsafe fn open(start: *mut u8, bytes: usize, _last: Protection) -> region::Result<()> {
    // SAFETY: the caller's.
    unsafe { region::protect(start, bytes, Protection::READ_WRITE) }
}

/// Calls `write`, which may write to pages of code that are not sealed; here it always may.
pub(crate) fn write_code(write: impl FnOnce() -> Result<()>) -> Result<()> {
    write()
}
