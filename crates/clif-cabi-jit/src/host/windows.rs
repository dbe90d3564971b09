//! Shared libraries as Windows opens them.

use std::ffi::OsStr;

use libloading::Error;

pub(crate) use libloading::os::windows::Library;

/// Opens a library, with all its symbols resolved.
///
/// # Safety
/// As [`libloading::Library::new`].
pub(crate) unsafe fn open(name: &OsStr) -> Result<Library, Error> {
    // SAFETY: the caller's.
    unsafe { Library::new(name) }
}

/// Windows has no default scope: the program itself and the C library.
pub(crate) fn process() -> Vec<Library> {
    let c_library = Library::open_already_loaded("ucrtbase.dll");
    [Library::this(), c_library].into_iter().flatten().collect()
}

/// They are in the C library.
pub(crate) fn mathematics() -> Option<Library> {
    None
}

/// There are no such tables.
///
/// # Safety
/// None is needed.
pub(crate) unsafe fn unwind_table(_: &[u8], _: bool) {}
