//! Finalized code, and its owners.
//!
//! An engine and each [`Code`] made by it share one allocation of memory and the libraries its code
//! may call into. The last of them to go unmaps the memory and closes the libraries, wherever it is
//! dropped. Calling code takes no lock.

use core::ffi::c_void;
use core::fmt;
use core::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::arena::Arena;
use crate::debug::Registrations;
use crate::host::Pages;
use crate::host::system::Frames;
use crate::library::Library;
use crate::locked;

/// The finalized machine code of one function. Clones are cheap; each keeps the code alive, with or
/// without the engine.
#[derive(Clone)]
pub struct Code {
    name: Arc<str>,
    address: *const u8,
    size: usize,
    shared: Arc<Shared>,
}

// SAFETY: finalized code is never written to again, so any thread may hold, drop or call it;
// `Shared` is itself `Send + Sync`.
unsafe impl Send for Code {}
// SAFETY: as above; a shared reference gives nothing but the address.
unsafe impl Sync for Code {}

impl Code {
    pub(crate) fn new(name: &str, address: *const u8, size: usize, shared: Arc<Shared>) -> Self {
        Self {
            name: name.into(),
            address,
            size,
            shared,
        }
    }

    /// Returns the function's name; a made-up one if it was declared without.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the size of code and constants, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns the address of the first instruction: a C function pointer, to be called or to be
    /// given to C.
    ///
    /// # Safety
    ///
    /// The pointer does not keep the code alive. It must not be called, and C must not hold it,
    /// once the engine and every `Code` of that engine are gone.
    #[must_use]
    pub unsafe fn as_ptr(&self) -> *const c_void {
        self.address.cast()
    }

    /// Returns the code as a function of type `F`, a function pointer such as `extern "C" fn(i32)
    /// -> i32`.
    ///
    /// Only the size of `F` is checked, which must be a pointer's (or this does not compile). The
    /// [crate](crate#example) has an example.
    ///
    /// # Safety
    ///
    /// `F` must be a function pointer type with the calling convention, parameters and result of
    /// the function. Calling it must be sound with every argument that `F` takes (make `F` an
    /// `unsafe` function pointer where it is not). A copy of the function pointer does not keep the
    /// code alive, as with [`as_ptr`](Self::as_ptr).
    #[must_use]
    pub unsafe fn typed<F: Copy>(&self) -> TypedCode<F> {
        const {
            assert!(
                size_of::<F>() == size_of::<*const u8>(),
                "F must be a function pointer"
            );
        }
        TypedCode {
            // SAFETY: the sizes are equal, and the caller answers for F being a pointer to this
            // function.
            function: unsafe { core::mem::transmute_copy::<*const u8, F>(&self.address) },
            code: self.clone(),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at {:p}, {} bytes",
            self.name, self.address, self.size
        )
    }
}

/// Code as a function of type `F`, to be called through a dereference: `(*f)(1, 2)`, or just
/// `f(1, 2)`.
#[derive(Clone)]
pub struct TypedCode<F> {
    function: F,
    code: Code,
}

impl<F> TypedCode<F> {
    /// Returns the code.
    #[must_use]
    pub fn code(&self) -> &Code {
        &self.code
    }
}

impl<F> Deref for TypedCode<F> {
    type Target = F;

    #[inline]
    fn deref(&self) -> &F {
        &self.function
    }
}

impl<F> fmt::Debug for TypedCode<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)
    }
}

/// State that all code of one engine needs: dropped in this order, since termination routines of a
/// library may call back into the code.
pub(crate) struct Shared {
    kept: Mutex<Resources>,
    /// Memory of an engine; stubs have their own.
    _arena: Option<Arc<Mutex<Arena>>>,
}

/// State that is kept as long as the code, in the order in which it is dropped. Libraries that the
/// code may call into come first. Registrations are taken back before the memory goes. The memory
/// of stubs comes last.
#[derive(Default)]
pub(crate) struct Resources {
    pub(crate) libraries: Vec<Library>,
    /// Another engine's: its own would never be freed.
    pub(crate) code: Vec<Code>,
    pub(crate) registrations: Vec<Registrations>,
    pub(crate) frames: Vec<Frames>,
    /// Memory of stubs, one for each.
    pub(crate) stubs: Vec<Pages>,
}

impl Shared {
    pub(crate) fn new(arena: Option<Arc<Mutex<Arena>>>) -> Arc<Self> {
        Arc::new(Self {
            kept: Mutex::default(),
            _arena: arena,
        })
    }

    pub(crate) fn resources(&self) -> MutexGuard<'_, Resources> {
        locked(&self.kept)
    }
}
