//! Shared libraries as Windows opens them, and its unwinder.

use std::ffi::OsStr;
use std::io;

use clif_cabi_unwind::{TablesInMemory, WindowsFunction};
pub(crate) use libloading::os::windows::Library;

use crate::error::{Error, Result};

/// Opens a library, with all its symbols resolved.
///
/// # Safety
/// As [`libloading::Library::new`].
pub(crate) unsafe fn open(name: &OsStr) -> Result<Library, libloading::Error> {
    // SAFETY: the caller's.
    unsafe { Library::new(name) }
}

/// The C library of a program: of Rust's programs for GNU tools, and of Microsoft's and LLVM's.
const C_LIBRARY: &str = match cfg!(all(target_env = "gnu", not(target_abi = "llvm"))) {
    true => "msvcrt.dll",
    false => "ucrtbase.dll",
};

/// Returns the program itself and its C library, as Windows has no default scope. The other C
/// library has a heap and files of its own.
pub(crate) fn process() -> Vec<Library> {
    let c_library = Library::open_already_loaded(C_LIBRARY);
    [Library::this(), c_library].into_iter().flatten().collect()
}

/// Returns `None`: C's mathematics are in the C library.
pub(crate) fn mathematics() -> Option<Library> {
    None
}

/// A RUNTIME_FUNCTION: offsets from a base to a function, to its end and to its UNWIND_INFO.
#[repr(C)]
struct RuntimeFunction {
    start: u32,
    end: u32,
    unwind_info: u32,
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn RtlAddFunctionTable(table: *const RuntimeFunction, count: u32, base: u64) -> u8;
    fn RtlDeleteFunctionTable(table: *const RuntimeFunction) -> u8;
    fn GetLastError() -> u32;
    fn SetLastError(error: u32);
}

/// Calls `run`, and sets the thread's last error as it was before. Rust's programs for GNU tools
/// find thread-locals with `TlsGetValue`, which sets the error to 0.
pub(crate) fn keep_last_error<R>(run: impl FnOnce() -> R) -> R {
    // SAFETY: a number of this thread.
    let error = unsafe { GetLastError() };
    let result = run();
    // SAFETY: as above.
    unsafe { SetLastError(error) };
    result
}

/// Tables that the system knows, until they are dropped: each of functions that lie next to each
/// other.
pub(crate) struct Frames {
    registered: Vec<Box<[RuntimeFunction]>>,
    /// Words that handlers read.
    tables: TablesInMemory,
}

impl Frames {
    /// Registers the functions in `tables` with the system.
    ///
    /// # Errors
    /// [`Error::Memory`] if the system has no memory for a table.
    ///
    /// # Safety
    /// The tables are right, each function has its UNWIND_INFO after it (`NewFrames::with_rules`),
    /// and they stay where they are as long as this value.
    pub(crate) unsafe fn new(tables: TablesInMemory) -> Result<Self> {
        // Dropped, it takes back the tables registered so far.
        let mut frames = Self {
            registered: Vec::new(),
            tables,
        };
        for run in &frames.tables.windows {
            // All others of a run are within the memory of an engine after its first one.
            let base = run.first().map_or(0, |first| first.start);
            let entry = |function: &WindowsFunction| {
                let offset = |bytes: usize| {
                    let offset = (function.start - base).checked_add(bytes as u64);
                    offset.and_then(|offset| u32::try_from(offset).ok())
                };
                Some(RuntimeFunction {
                    start: offset(0)?,
                    end: offset(function.len)?,
                    unwind_info: offset(function.unwind_info)?,
                })
            };
            let table: Option<Box<[RuntimeFunction]>> = run.iter().map(entry).collect();
            let count = u32::try_from(run.len()).ok();
            let refused = |source| Error::Memory {
                action: "register unwind tables with Windows",
                source: region::Error::SystemCall(source),
            };
            let too_large = || refused(io::ErrorKind::OutOfMemory.into());
            let (table, count) = table.zip(count).ok_or_else(too_large)?;
            // SAFETY: the caller's; the table is taken back when this value is dropped, which owns
            // it.
            if unsafe { RtlAddFunctionTable(table.as_ptr(), count, base) } == 0 {
                return Err(refused(io::Error::last_os_error()));
            }
            frames.registered.push(table);
        }
        Ok(frames)
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        for table in &self.registered {
            // SAFETY: the table was registered when this value was made.
            unsafe { RtlDeleteFunctionTable(table.as_ptr()) };
        }
    }
}
