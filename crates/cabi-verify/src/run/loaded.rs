//! Compiled callers and callees, loaded: callees record their arguments, callers record the result.
//!
//! A callee copies each parameter into a buffer as a C object, and each narrow integer widened as well: a compiler that
//! relies on its caller's extension widens wrongly if there is none. Then it returns the bytes that the case gives. A caller calls through a
//! pointer. A thunk between the two sides compares the registers that a callee
//! must preserve (`boundary.rs`).
//!
//! Files that a compiler made are loaded in children only ([`child`]): their constructors are code
//! under test too. In any other process they have no function and no buffer.

use std::cell::OnceCell;

use crate::build::{Built, object_data};
use libloading::Library;

mod load;
use super::BUFFER;
use super::boundary::{self, BoundaryCallee, Crossing};
use super::{Written, child};

/// The C callers and callees of many cases, compiled; loaded by each child that uses them.
#[derive(Debug)]
pub(crate) struct LoadedCode {
    built: Built,
    names: Vec<String>,
    loaded: OnceCell<Result<Box<Loaded>, String>>,
}

/// The library, and the buffers of FRAME in it.
#[derive(Debug)]
struct Loaded {
    library: Library,
    at: Buffers,
}

/// Addresses of the buffers, as `cabi_places` lists them.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Buffers {
    seen: *mut u8,
    got: *mut u8,
    given: *mut u8,
    images: *mut u8,
    wide: *mut i64,
    /// Values that a caller keeps, of the probe alone.
    kept: [*mut u64; 4],
    escape_at: *mut *const u8,
}

impl LoadedCode {
    /// The library, loaded by this process, which is a child.
    fn loaded(&self) -> Result<&Loaded, &str> {
        if !child::is_child() {
            return Err("compiled code is only loaded in children");
        }
        let loaded = self.loaded.get_or_init(|| {
            // SAFETY: whatever the compiler made, this process is there for it, and may be lost.
            let opened = unsafe { Loaded::open(&self.built) };
            opened
                .map(Box::new)
                .map_err(|error| object_data::reason(&error))
        });
        match loaded {
            Ok(loaded) => Ok(loaded),
            Err(why) => Err(why),
        }
    }

    /// Returns the buffer where a callee writes its arguments; null where the code is not loaded.
    pub(crate) fn seen(&self) -> *mut u8 {
        self.loaded()
            .map_or(std::ptr::null_mut(), |loaded| loaded.at.seen)
    }

    /// Returns the buffer where a callee reads its result; null where the code is not loaded.
    pub(crate) fn given(&self) -> *mut u8 {
        self.loaded()
            .map_or(std::ptr::null_mut(), |loaded| loaded.at.given)
    }

    /// Returns the address of the function of case `index`.
    pub(crate) fn callee(&self, index: usize) -> Option<*mut u8> {
        self.address(self.names.get(index)?)
    }

    fn address(&self, name: &str) -> Option<*mut u8> {
        let library = &self.loaded().ok()?.library;
        // SAFETY: only the address is taken; its type is stated where it is called.
        unsafe {
            let symbol = library
                .get::<unsafe extern "C" fn()>(name.as_bytes())
                .ok()?;
            Some(*symbol as *mut u8)
        }
    }

    /// Clears what will be compared: `n_seen` bytes of what is seen, and a result as long as `given`, which is what callees return.
    pub(crate) fn prepare(&self, given: &[u8], n_seen: usize) {
        let Ok(loaded) = self.loaded() else {
            return;
        };
        // SAFETY: the buffers of FRAME have BUFFER bytes and 256 words; nothing runs that uses them.
        unsafe {
            loaded.at.seen.write_bytes(0xee, n_seen.min(BUFFER));
            let len = given.len().min(BUFFER);
            loaded.at.got.write_bytes(0xee, len);
            loaded.at.wide.write_bytes(0x77, 256);
            std::ptr::copy_nonoverlapping(given.as_ptr(), loaded.at.given, len);
            loaded.at.escape_at.write(boundary::escape_address());
        }
    }

    /// Returns the record of the last call: `n_seen` bytes of the callee's arguments, and a result
    /// of `n_got` bytes that a C caller got.
    pub(crate) fn written(&self, n_seen: usize, n_got: usize) -> Written {
        let Ok(loaded) = self.loaded() else {
            return Written::default();
        };
        let at = loaded.at;
        // SAFETY: inside the buffers of BUFFER bytes, and 256 words; nothing runs that uses them.
        let bytes = |from: *const u8, len: usize| unsafe { std::slice::from_raw_parts(from, len) };
        Written {
            seen: bytes(at.seen, n_seen.min(BUFFER)).to_vec(),
            got: bytes(at.got, n_got.min(BUFFER)).to_vec(),
            wide: bytes(at.wide.cast(), 8 * 256).to_vec(),
        }
    }

    /// Lets the C caller of case `index` call `target`, through the thunk, with the arguments whose images are given.
    ///
    /// # Errors
    /// There is no such caller.
    ///
    /// # Safety
    /// `target` is code of the case's type.
    pub(crate) unsafe fn call(
        &self,
        index: usize,
        images: &[u8],
        target: BoundaryCallee,
    ) -> Result<Crossing, &'static str> {
        let name = self.names.get(index);
        let call = name.and_then(|name| self.address(&format!("{name}_call")));
        let (Some(call), Ok(Loaded { at, .. })) = (call, self.loaded()) else {
            return Err("the C code has no caller");
        };
        // SAFETY: the buffer of FRAME has BUFFER bytes; nothing runs that uses it. The function is of this type, reads `Images::of` of the case,
        // and the caller answers for the callee.
        Ok(unsafe {
            let len = images.len().min(BUFFER);
            std::ptr::copy_nonoverlapping(images.as_ptr(), at.images, len);
            boundary::call(call, [boundary::thunk_address(), at.images, at.got], target)
        })
    }
}

impl Loaded {
    /// # Safety
    /// The library's constructors run.
    unsafe fn open(built: &Built) -> Result<Self, libloading::Error> {
        // SAFETY: the caller wants it to be loaded; `cabi_places` has this type in FRAME.
        unsafe {
            let library = Library::new(&built.object)?;
            let at = **library.get::<*const Buffers>(b"cabi_places")?;
            Ok(Self { library, at })
        }
    }
}
