//! Shared libraries as Unix opens them, and its unwinder.

use std::ffi::OsStr;

use clif_cabi_unwind::TablesInMemory;
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

/// Returns the dynamic linker's default scope: the program, the libraries that it was linked with,
/// and those opened globally.
pub(crate) fn process() -> Vec<Library> {
    // Fails in statically linked programs, which have no dynamic linker: then nothing is found
    // there.
    // SAFETY: no name opens no library, so no routine runs.
    let scope = unsafe { Library::open(None::<&OsStr>, RTLD_NOW | RTLD_LOCAL) };
    scope.into_iter().collect()
}

/// Opens C's own mathematics, where they are in a library that not every program has loaded.
pub(crate) fn mathematics() -> Option<Library> {
    const NAME: Option<&str> = if cfg!(all(target_os = "linux", target_env = "gnu")) {
        Some("libm.so.6")
    } else if cfg!(any(
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    )) {
        Some("libm.so")
    } else {
        None
    };
    // SAFETY: a part of the C library, with no routines that anybody could notice.
    unsafe { open(OsStr::new(NAME?)) }.ok()
}

/// Calls `run`. Thread-locals of a Unix leave `errno` as it is.
#[inline]
pub(crate) fn keep_last_error<R>(run: impl FnOnce() -> R) -> R {
    run()
}

#[cfg(has_engine)]
unsafe extern "C" {
    fn __register_frame(begin: *const u8);
    fn __deregister_frame(begin: *const u8);
}

/// `true` if the unwinder registers one function at a time, like LLVM's. With libgcc's a whole
/// table is registered, up to the four zeros at its end.
#[cfg(has_engine)]
const IS_LLVM: bool = cfg!(not(any(
    all(target_os = "linux", target_env = "gnu"),
    target_os = "solaris",
    target_os = "illumos",
)));

/// Tables that the unwinder of the process knows, until they are dropped.
pub(crate) struct Frames(TablesInMemory);

impl Frames {
    /// Registers the functions in `tables` with the unwinder.
    ///
    /// # Errors
    /// None on these systems.
    ///
    /// # Safety
    /// The tables are right, and their functions stay where they are as long as this value.
    pub(crate) unsafe fn new(tables: TablesInMemory) -> crate::error::Result<Self> {
        for frames in &tables.eh_frames {
            // SAFETY: the caller's; the table is taken back when this value is dropped, which owns
            // it.
            unsafe { unwind_table(frames, true) };
        }
        Ok(Self(tables))
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        for frames in &self.0.eh_frames {
            // SAFETY: the table was registered when this value was made.
            unsafe { unwind_table(frames, false) };
        }
    }
}

/// Registers a table with the unwinder of the process, or takes it back.
///
/// # Safety
/// `table` is an `.eh_frame` that ends with four zeros, and stays where it is until it is taken
/// back. It is taken back once, after it was registered.
#[cfg(has_engine)]
unsafe fn unwind_table(table: &[u8], is_new: bool) {
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
            .map(u32::from_ne_bytes)
    };
    let mut at = 0;
    while let Some(bytes) = number(at).filter(|bytes| *bytes > 0) {
        // An entry without an offset to a common entry is one itself.
        if number(at + 4) != Some(0) {
            // SAFETY: the caller's; an entry of a function begins here.
            unsafe { tell(table.as_ptr().wrapping_add(at)) };
        }
        at = at
            .saturating_add(4)
            .saturating_add(usize::try_from(bytes).unwrap_or(usize::MAX));
    }
}

/// Does nothing: a host without an engine has no code that anything unwinds through.
///
/// # Safety
/// None is needed.
#[cfg(not(has_engine))]
unsafe fn unwind_table(_: &[u8], _: bool) {}

/// Unmaps pages. They stay reserved if the process has as many mappings as Linux allows and these
/// are the middle of one. Dropped, they would panic then in debug builds.
///
/// # Safety
/// Nothing uses them any more, or unmaps them again.
pub(crate) unsafe fn unmap(pages: &mut region::Allocation) {
    unsafe extern "C" {
        fn munmap(at: *mut u8, size: usize) -> i32;
    }
    // SAFETY: the caller's.
    unsafe { munmap(pages.as_mut_ptr(), pages.len()) };
}

/// Returns the time by one of Linux's clocks.
#[cfg(target_os = "linux")]
pub(crate) fn nanoseconds(clock: i32) -> u64 {
    #[repr(C)]
    struct Time([i64; 2]);
    unsafe extern "C" {
        fn clock_gettime(clock: i32, time: *mut Time) -> i32;
    }
    let mut time = Time([0; 2]);
    // SAFETY: a `struct timespec` of the machines that have an engine.
    unsafe { clock_gettime(clock, &raw mut time) };
    let [seconds, rest] = time.0.map(|part| u64::try_from(part).unwrap_or(0));
    seconds.wrapping_mul(1_000_000_000).wrapping_add(rest)
}

/// Maps the start of a file as code, for good: perf notes that, and finds it when it starts later.
#[cfg(target_os = "linux")]
pub(crate) fn map_executable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::fd::AsRawFd;
    unsafe extern "C" {
        fn mmap(at: *mut u8, size: usize, access: i32, flags: i32, file: i32, from: i64)
        -> *mut u8;
    }
    let page = region::page::size();
    // SAFETY: a new private mapping, to be read and executed, of a file that is open; nothing looks
    // at it.
    let at = unsafe { mmap(core::ptr::null_mut(), page, 1 | 4, 2, file.as_raw_fd(), 0) };
    if at.addr() == usize::MAX {
        return Err(std::io::Error::last_os_error());
    }
    Ok(())
}
