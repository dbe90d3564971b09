//! Shared libraries as Unix opens them.

use std::ffi::OsStr;

use libloading::Error;
use libloading::os::unix::{RTLD_LOCAL, RTLD_NOW};

pub(crate) use libloading::os::unix::Library;

/// Opens a library, with all its symbols resolved.
///
/// # Safety
/// As [`libloading::Library::new`].
pub(crate) unsafe fn open(name: &OsStr) -> Result<Library, Error> {
    // SAFETY: the caller's.
    unsafe { Library::open(Some(name), RTLD_NOW | RTLD_LOCAL) }
}

/// The dynamic linker's default scope: the program, what it was linked with, what was opened globally.
pub(crate) fn process() -> Vec<Library> {
    // Fails in statically linked programs, which have no dynamic linker: then nothing is found there.
    // SAFETY: no name opens no library, so no routine runs.
    let scope = unsafe { Library::open(None::<&OsStr>, RTLD_NOW | RTLD_LOCAL) };
    scope.into_iter().collect()
}
