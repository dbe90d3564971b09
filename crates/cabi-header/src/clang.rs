//! The only module that calls C: libclang through `clang-sys`, wrapped in owners that dispose and
//! borrows that cannot outlive them. Here are the library, its sessions and units; declarations and
//! types are in `cursor.rs`.
//!
//! libclang is loaded at run time, once per process. `clang-sys` keeps the library in a
//! thread-local variable, so a [`Session`] has a thread of its own. Functions that no C
//! header needs (modules, completion) are not wrapped.

mod cursor;

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulong, c_void};
use std::marker::PhantomData;
use std::path::Path;
use std::ptr;
use std::sync::{Arc, OnceLock};

use clang_sys::*;

use crate::header_error::{HeaderError, SourceError};
use crate::location::Location;

pub(crate) use cursor::{Cursor, Token, Ty, between_quotes_blank, without_strings};

fn library() -> Result<Arc<SharedLibrary>, HeaderError> {
    static LIBRARY: OnceLock<Result<Arc<SharedLibrary>, HeaderError>> = OnceLock::new();
    LIBRARY
        .get_or_init(|| {
            // Searches LIBCLANG_PATH, `llvm-config`, the loader's directories and
            // /usr/lib/llvm-*/lib, also for versioned names.
            let loaded =
                load_manually().map_err(|searched| HeaderError::NoLibclang { searched })?;
            // Version 11 has all functions that are called here; `clang-sys` panics where a
            // function is missing.
            if loaded.version() < Some(Version::V11_0) {
                let path = loaded.path().to_owned();
                return Err(HeaderError::OldLibclang { path });
            }
            Ok(Arc::new(loaded))
        })
        .clone()
}

/// Stack size of a [`Session`]'s thread, in bytes. The recursions of libclang and of this crate
/// follow the nesting of the source.
const STACK: usize = 64 << 20;

/// libclang, set up for the thread that made the session.
pub(crate) struct Session {
    index: CXIndex,
    library: Arc<SharedLibrary>,
}

impl Session {
    /// Runs `work` with a session, on a thread of its own.
    pub(crate) fn run<T: Send>(
        work: impl FnOnce(&Self) -> Result<T, HeaderError> + Send,
    ) -> Result<T, HeaderError> {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, || work(&Self::new()?))
                .map_err(|_| HeaderError::NoThread)?;
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Loads libclang, if this process has not yet.
    fn new() -> Result<Self, HeaderError> {
        let library = library()?;
        // Sets the variable of this thread only, which ends with the thread.
        set_library(Some(Arc::clone(&library)));
        // SAFETY: takes two flags.
        let index = unsafe { clang_createIndex(0, 0) };
        Ok(Self { index, library })
    }

    /// Returns the path of libclang.
    pub(crate) fn library_path(&self) -> &Path {
        self.library.path()
    }

    /// Parses `main`, a file that may exist only in `unsaved` (names and texts). Returns `None`
    /// when libclang gives up without diagnostics.
    pub(crate) fn parse(
        &self,
        main: &CStr,
        args: &[CString],
        unsaved: &[(CString, CString)],
    ) -> Option<Unit<'_>> {
        let args: Vec<*const c_char> = args.iter().map(|arg| arg.as_ptr()).collect();
        let mut unsaved = unsaved
            .iter()
            .map(|(name, text)| {
                Some(CXUnsavedFile {
                    Filename: name.as_ptr(),
                    Contents: text.as_ptr(),
                    Length: c_ulong::try_from(text.as_bytes().len()).ok()?,
                })
            })
            .collect::<Option<Vec<_>>>()?;
        let (n_args, n_unsaved) = (
            c_int::try_from(args.len()).ok()?,
            c_uint::try_from(unsaved.len()).ok()?,
        );
        let mut unit: CXTranslationUnit = ptr::null_mut();
        let flags = CXTranslationUnit_SkipFunctionBodies
            | CXTranslationUnit_KeepGoing
            | CXTranslationUnit_DetailedPreprocessingRecord
            // `#pragma pack` is one: see `parse/records.rs`.
            | CXTranslationUnit_VisitImplicitAttributes;
        // SAFETY: the index lives as long as `self`. Every pointer is to a NUL-terminated string or
        // an array of the length given, which outlives the call. libclang copies what it keeps.
        let code = unsafe {
            clang_parseTranslationUnit2(
                self.index,
                main.as_ptr(),
                args.as_ptr(),
                n_args,
                unsaved.as_mut_ptr(),
                n_unsaved,
                flags,
                &mut unit,
            )
        };
        (code == CXError_Success && !unit.is_null()).then_some(Unit {
            raw: unit,
            session: PhantomData,
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: the index is ours, and every unit made with it borrowed `self`.
        unsafe { clang_disposeIndex(self.index) };
    }
}

/// A parsed source file with everything it includes.
pub(crate) struct Unit<'s> {
    raw: CXTranslationUnit,
    session: PhantomData<&'s Session>,
}

impl Unit<'_> {
    pub(crate) fn cursor(&self) -> Cursor<'_> {
        // SAFETY: `raw` is a live unit.
        Cursor::new(unsafe { clang_getTranslationUnitCursor(self.raw) })
    }

    /// Returns the target's triple, as clang spells it.
    pub(crate) fn triple(&self) -> String {
        // SAFETY: `raw` is a live unit; the target record is ours until it is disposed of here.
        unsafe {
            let target = clang_getTranslationUnitTargetInfo(self.raw);
            let triple = text(clang_TargetInfo_getTriple(target));
            clang_TargetInfo_dispose(target);
            triple
        }
    }

    /// Returns the names of all files that were read, the main one among them.
    pub(crate) fn files(&self) -> Vec<String> {
        extern "C" fn visit(
            file: CXFile,
            _: *mut CXSourceLocation,
            _: c_uint,
            names: CXClientData,
        ) {
            // SAFETY: `names` is the vector below, borrowed by nobody else while libclang calls
            // this; the file belongs to a live unit.
            unsafe { (*names.cast::<Vec<String>>()).push(text(clang_getFileName(file))) };
        }
        let mut names: Vec<String> = Vec::new();
        // SAFETY: `raw` is a live unit; `visit` casts the pointer back to what it points to, during
        // this call only.
        unsafe { clang_getInclusions(self.raw, visit, ptr::from_mut(&mut names).cast::<c_void>()) };
        names
    }

    pub(crate) fn diagnostics(&self) -> Vec<Diagnostic> {
        // SAFETY: `raw` is a live unit, indices stay below the count, each diagnostic is read
        // before it is disposed of; a null option pointer is allowed.
        unsafe {
            (0..clang_getNumDiagnostics(self.raw))
                .map(|i| {
                    let raw = clang_getDiagnostic(self.raw, i);
                    let severity = clang_getDiagnosticSeverity(raw);
                    let is_error = severity >= CXDiagnostic_Error;
                    let location = clang_getDiagnosticLocation(raw);
                    let option = text(clang_getDiagnosticOption(raw, ptr::null_mut()));
                    let diagnostic = Diagnostic {
                        is_error,
                        is_fatal: severity >= CXDiagnostic_Fatal,
                        message: text(clang_getDiagnosticSpelling(raw)),
                        place: SourcePlace::new(location),
                        column: column(location),
                        rest: if is_error || option == NO_DECLARATION {
                            after(self.raw, location).1
                        } else {
                            String::new()
                        },
                        option,
                    };
                    clang_disposeDiagnostic(raw);
                    diagnostic
                })
                .collect()
        }
    }
}

impl Drop for Unit<'_> {
    fn drop(&mut self) {
        // SAFETY: the unit is ours, and cursors and types borrow it.
        unsafe { clang_disposeTranslationUnit(self.raw) };
    }
}

/// Warning about declarations that declare nothing.
pub(crate) const NO_DECLARATION: &str = "-Wmissing-declarations";

/// Maximum length of the text that `after` returns, in bytes.
const REST: usize = 256;

/// Message of clang about the source.
#[derive(Clone, Debug)]
pub(crate) struct Diagnostic {
    pub(crate) is_error: bool,
    pub(crate) is_fatal: bool,
    pub(crate) message: String,
    /// The warning's option, as `-Wunknown-attributes`.
    pub(crate) option: String,
    pub(crate) place: SourcePlace,
    /// Bytes from the start of the line, counted from 1.
    pub(crate) column: u32,
    /// Source after an error, or after a declaration that declares nothing, up to the next
    /// semicolon or brace.
    pub(crate) rest: String,
}

impl From<&Diagnostic> for SourceError {
    fn from(diagnostic: &Diagnostic) -> Self {
        let location = diagnostic.place.clone().location();
        Self {
            location: Some(location).filter(|location| !location.file.is_empty()),
            column: diagnostic.column,
            message: diagnostic.message.clone(),
        }
    }
}

/// A position in a source file. A position in a macro is the one where the macro is expanded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SourcePlace {
    pub(crate) file: String,
    pub(crate) line: u32,
    /// Bytes from the start of the file.
    pub(crate) offset: u32,
}

impl SourcePlace {
    /// Returns the file and the line, without the column.
    pub(crate) fn location(self) -> Location {
        let Self { file, line, .. } = self;
        Location { file, line }
    }

    /// # Safety
    /// `location` belongs to a live unit.
    unsafe fn new(location: CXSourceLocation) -> Self {
        let (mut file, mut line, mut offset) = (ptr::null_mut(), 0, 0);
        // SAFETY: the location is live (above), the results are written to our variables; the null
        // pointer for the column is allowed, and a null file gives an empty name.
        let file = unsafe {
            // libclang counts a column from the start of its line, each time.
            let column = ptr::null_mut();
            clang_getExpansionLocation(location, &mut file, &mut line, column, &mut offset);
            if file.is_null() {
                String::new()
            } else {
                text(clang_getFileName(file))
            }
        };
        Self { file, line, offset }
    }
}

/// Returns the byte before `location`, and the source from there up to the next semicolon or brace,
/// or as much of it as [`REST`] allows.
///
/// # Safety
/// `unit` is live, and `location` belongs to it.
unsafe fn after(unit: CXTranslationUnit, location: CXSourceLocation) -> (Option<u8>, String) {
    let mut size = 0;
    // SAFETY: the location and the unit are live; the contents, `size` bytes unless null, live as
    // long as the unit.
    let (contents, offset) = unsafe {
        let (file, offset) = expansion(location);
        if file.is_null() {
            return (None, String::new());
        }
        let contents = clang_getFileContents(unit, file, &mut size);
        if contents.is_null() {
            return (None, String::new());
        }
        let contents = std::slice::from_raw_parts(contents.cast::<u8>(), size);
        (contents, offset as usize)
    };
    let before = offset.checked_sub(1).and_then(|at| contents.get(at));
    let rest = contents.get(offset..).unwrap_or_default();
    let rest = rest.get(..REST).unwrap_or(rest);
    let is_end = |byte: &u8| b";{}".contains(byte);
    let rest = rest.split(is_end).next().unwrap_or_default();
    (before.copied(), String::from_utf8_lossy(rest).into_owned())
}

/// Returns `range`, with a start or an end in a macro replaced by the place where the macro is
/// expanded. Returns none for a range across files.
///
/// # Safety
/// `unit` is live, and `range` belongs to it.
unsafe fn expanded(unit: CXTranslationUnit, range: CXSourceRange) -> Option<CXSourceRange> {
    // SAFETY: unit and range are live; the file is the unit's.
    unsafe {
        let (file, start) = expansion(clang_getRangeStart(range));
        let (last, end) = expansion(clang_getRangeEnd(range));
        if file.is_null() || clang_File_isEqual(file, last) == 0 {
            return None;
        }
        let at = |offset| clang_getLocationForOffset(unit, file, offset);
        Some(clang_getRange(at(start), at(end)))
    }
}

/// Returns the file of `location` and the offset in it, in bytes. A location in a macro is the one
/// where the macro is expanded.
///
/// # Safety
/// `location` belongs to a live unit.
unsafe fn expansion(location: CXSourceLocation) -> (CXFile, u32) {
    let (mut file, mut offset) = (ptr::null_mut(), 0);
    let (line, column) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the location is live (above), the results are written to our variables, and the null
    // pointers for line and column are allowed.
    unsafe { clang_getExpansionLocation(location, &mut file, line, column, &mut offset) };
    (file, offset)
}

/// Returns the column of `location`, as [`Diagnostic::column`] counts it.
///
/// # Safety
/// `location` belongs to a live unit.
unsafe fn column(location: CXSourceLocation) -> u32 {
    let (file, line, mut column, offset) = (ptr::null_mut(), ptr::null_mut(), 0, ptr::null_mut());
    // SAFETY: as in `expansion`.
    unsafe { clang_getExpansionLocation(location, file, line, &mut column, offset) };
    column
}

/// Copies a string of libclang's and disposes of it.
///
/// # Safety
/// `string` was just returned by libclang, and is not used again.
unsafe fn text(string: CXString) -> String {
    // SAFETY: ours by the contract above; the C string, if any, lives until it is disposed of.
    unsafe {
        let chars = clang_getCString(string);
        let copy = if chars.is_null() {
            String::new()
        } else {
            CStr::from_ptr(chars).to_string_lossy().into_owned()
        };
        clang_disposeString(string);
        copy
    }
}
