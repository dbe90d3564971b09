//! Shared libraries as Unix opens them, and its unwinder.

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

#[cfg(has_engine)]
unsafe extern "C" {
    fn __register_frame(begin: *const u8);
    fn __deregister_frame(begin: *const u8);
}

/// Whether the unwinder is told one function at a time, as LLVM's is. libgcc's is told a whole table, up to the four zeros at its end.
#[cfg(has_engine)]
const IS_LLVM: bool = cfg!(not(any(
    all(target_os = "linux", target_env = "gnu"),
    target_os = "solaris",
    target_os = "illumos",
)));

/// Tells the unwinder of the process of a table, or that it goes.
///
/// # Safety
/// `table` is an `.eh_frame` that ends with four zeros, and stays where it is until it is taken back; it is taken back once, if it was told before.
#[cfg(has_engine)]
pub(crate) unsafe fn unwind_table(table: &[u8], is_new: bool) {
    let tell = match is_new {
        true => __register_frame,
        false => __deregister_frame,
    };
    if !IS_LLVM {
        // SAFETY: the caller's.
        return unsafe { tell(table.as_ptr()) };
    }
    let number = |at: usize| {
        table
            .get(at..)?
            .first_chunk()
            .copied()
            .map(u32::from_le_bytes)
    };
    let mut at = 0;
    while let Some(bytes) = number(at).filter(|bytes| *bytes > 0) {
        // What has no offset to a common entry is one.
        if number(at + 4) != Some(0) {
            // SAFETY: the caller's; an entry of a function begins here.
            unsafe { tell(table.as_ptr().wrapping_add(at)) };
        }
        at = at
            .saturating_add(4)
            .saturating_add(usize::try_from(bytes).unwrap_or(usize::MAX));
    }
}

/// A host without an engine has no code that anything unwinds through.
///
/// # Safety
/// None is needed.
#[cfg(not(has_engine))]
pub(crate) unsafe fn unwind_table(_: &[u8], _: bool) {}
