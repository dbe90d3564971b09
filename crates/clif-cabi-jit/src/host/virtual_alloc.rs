//! Windows: address space is reserved, and counts as memory from when it is made writable.

use core::ptr;
use std::io;

use region::Protection;

use crate::error::Result;

const MEM_COMMIT: u32 = 0x1000;
const MEM_RESERVE: u32 = 0x2000;
const MEM_RELEASE: u32 = 0x8000;
const PAGE_NOACCESS: u32 = 1;
const PAGE_READWRITE: u32 = 4;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn VirtualAlloc(at: *mut u8, bytes: usize, kind: u32, protection: u32) -> *mut u8;
    fn VirtualFree(at: *mut u8, bytes: usize, kind: u32) -> i32;
}

/// A reserved range of address space.
pub(super) struct Reservation {
    start: *mut u8,
    bytes: usize,
}

/// Reserves `bytes`, rounded up to pages.
pub(super) fn reserve(bytes: usize) -> region::Result<Reservation> {
    Reservation::new(bytes, MEM_RESERVE, PAGE_NOACCESS)
}

/// Commits writable pages: `code` bytes that are sealed later, and `data` bytes after them.
pub(super) fn writable(code: usize, data: usize) -> region::Result<Reservation> {
    Reservation::new(code + data, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE)
}

fn allocate(at: *mut u8, bytes: usize, kind: u32, protection: u32) -> region::Result<*mut u8> {
    // SAFETY: the system reserves what is free, and commits what this process has reserved.
    let start = unsafe { VirtualAlloc(at, bytes, kind, protection) };
    if start.is_null() {
        return Err(region::Error::SystemCall(io::Error::last_os_error()));
    }
    Ok(start)
}

impl Reservation {
    fn new(bytes: usize, kind: u32, protection: u32) -> region::Result<Self> {
        let bytes = bytes.next_multiple_of(region::page::size());
        let start = allocate(ptr::null_mut(), bytes, kind, protection)?;
        Ok(Self { start, bytes })
    }

    /// Returns the size in bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    pub(super) fn as_mut_ptr<T>(&mut self) -> *mut T {
        self.start.cast()
    }
}

/// Releases pages.
///
/// # Safety
/// Nothing uses them any more, or releases them again.
pub(super) unsafe fn unmap(pages: &mut Reservation) {
    // SAFETY: the caller's.
    unsafe { VirtualFree(pages.start, 0, MEM_RELEASE) };
}

/// Makes fresh pages writable.
///
/// # Safety
/// They are whole pages of a reservation that nothing uses yet.
pub(super) unsafe fn open(start: *mut u8, bytes: usize, _last: Protection) -> region::Result<()> {
    allocate(start, bytes, MEM_COMMIT, PAGE_READWRITE).map(drop)
}

/// Calls `write`, which may write to pages of code that are not sealed; here it always may.
pub(crate) fn write_code(write: impl FnOnce() -> Result<()>) -> Result<()> {
    write()
}
