//! The C of signatures, loaded: functions to call, shims, and loops. A loop makes `n` calls of a
//! kind, and callgrind writes its instructions to a file under a name.

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};
use std::path::Path;
use std::ptr::{null, null_mut};

use cabi_verify::build::{Built, Reference};
use clif_cabi_jit::{Cpu, Settings};

use super::text;
use crate::measured_signatures::MeasuredSignature;
use crate::suite::Result;

/// The C of all signatures, loaded. Buffers of it are used by one call at a time.
#[derive(Debug)]
pub struct Program {
    library: libloading::Library,
    built: Option<Built>,
}

/// Callee of a loop, and its arguments: `struct loop` of `loops.c`.
#[repr(C)]
pub(super) struct Loop {
    pub(super) code: *const c_void,
    pub(super) target: *const c_void,
    pub(super) args: *const u8,
    pub(super) ret: *mut u8,
    pub(super) pointers: *mut *mut c_void,
    pub(super) restored: *const *mut c_void,
    pub(super) n_restored: c_long,
    pub(super) cif: *const c_void,
}

impl Program {
    /// Returns the C of `signatures`, built by `reference` and loaded, with libffi's functions:
    /// those of the file that `CABI_LIBFFI` names, else the installed ones.
    pub fn new(reference: &Reference, signatures: &[MeasuredSignature]) -> Result<Self> {
        let library = std::env::var("CABI_LIBFFI");
        let libffi = library.as_deref().unwrap_or("-lffi");
        let flags: &[&str] = match signatures {
            [] => &["-O2"],
            _ => &["-O2", libffi],
        };
        let built = reference.build(&text::source(signatures)?, flags)?;
        let mut program = Self::open(&built.object)?;
        program.built = Some(built);
        Ok(program)
    }

    /// Returns the library of another process's program.
    pub fn open(library: &Path) -> Result<Self> {
        // SAFETY: the text has no routines that run when it is loaded, and libffi's are made to be.
        let library = unsafe { libloading::Library::new(library)? };
        Ok(Self {
            library,
            built: None,
        })
    }

    /// Returns the file of its library.
    pub fn file(&self) -> Option<&Path> {
        self.built.as_ref().map(|built| built.object.as_path())
    }

    /// Returns the address of `name`.
    pub(super) fn symbol(&self, name: &str) -> Result<*const c_void> {
        // SAFETY: a symbol of this type is an address.
        unsafe { self.function(name) }
    }

    /// # Safety
    /// `F` is the type of the function `name`.
    unsafe fn function<F: Copy>(&self, name: &str) -> Result<F> {
        // SAFETY: as the caller says.
        Ok(unsafe { *self.library.get::<F>(name.as_bytes())? })
    }

    /// Returns the bytes that a result is taken from where no argument has its type.
    pub(super) fn result_bytes(&self) -> Result<*const u8> {
        Ok(self.symbol("cabi_given")?.cast())
    }

    /// Returns libffi's `ffi_prep_cif` of a signature, which returns libffi's status.
    pub(super) fn prepare(&self, signature: &str) -> Result<impl Fn() -> c_int + use<>> {
        // SAFETY: `prepare_NAME` has this type, and stays where it is with the library.
        let prepare: unsafe extern "C" fn() -> c_int =
            unsafe { self.function(&format!("prepare_{signature}"))? };
        // SAFETY: as above.
        Ok(move || unsafe { prepare() })
    }

    /// Returns a closure of libffi's that does nothing, of an interface that is prepared.
    pub(super) fn ffi_closure(&self, cif: *const c_void) -> Result<*const c_void> {
        // SAFETY: it has this type.
        let code = unsafe {
            let make: unsafe extern "C" fn(*const c_void) -> *const c_void =
                self.function("ffi_closure_code")?;
            make(cif)
        };
        match code.is_null() {
            true => Err("libffi makes no closure".into()),
            false => Ok(code),
        }
    }

    /// Returns libffi's version, if the library can say it: 3.5 or newer.
    pub fn libffi_version(&self) -> Option<String> {
        // SAFETY: this is the function's type in `ffi.h`, and what it returns is a constant.
        unsafe {
            let version: extern "C" fn() -> *const c_char =
                self.function("ffi_get_version").ok()?;
            let version = CStr::from_ptr(version());
            Some(version.to_string_lossy().into_owned())
        }
    }

    /// Makes `n` calls in the loop `repeat`.
    ///
    /// # Safety
    /// The loop can make the calls that `of` says.
    pub(super) unsafe fn repeat_loop(
        &self,
        repeat: &str,
        (name, n): (&str, c_long),
        of: &Loop,
    ) -> Result<()> {
        let name = CString::new(name)?;
        // SAFETY: all loops have this type; the rest is the caller's promise.
        unsafe {
            let repeat: unsafe extern "C" fn(*const c_char, c_long, *const Loop) =
                self.function(repeat)?;
            repeat(name.as_ptr(), n, of);
        }
        Ok(())
    }

    /// Makes `n` calls of `body`.
    pub(super) fn repeat(&self, name: &str, n: c_long, mut body: &mut dyn FnMut()) -> Result<()> {
        type Body<'b> = &'b mut dyn FnMut();
        /// # Safety
        /// `body` points to a `Body` that nothing else uses.
        unsafe extern "C" fn once(body: *mut c_void) {
            // SAFETY: as the caller says.
            unsafe { (*body.cast::<Body<'_>>())() }
        }
        let once: unsafe extern "C" fn(*mut c_void) = once;
        let of = Loop {
            code: once as *const c_void,
            target: (&raw mut body).cast_const().cast(),
            args: null(),
            ret: null_mut(),
            pointers: null_mut(),
            restored: null(),
            n_restored: 0,
            cif: null(),
        };
        // SAFETY: the loop calls `once` with the address of `body`.
        unsafe { self.repeat_loop("repeat_any", (name, n), &of) }
    }
}

/// Returns the settings of calls and closures: no more than the machine's baseline.
pub(super) fn settings() -> Settings {
    Settings::default().cpu(Cpu::Baseline)
}
