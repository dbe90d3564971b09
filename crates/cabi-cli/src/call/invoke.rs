//! The call itself, by an invoker of `clif-cabi-jit`, and the memory that arguments point to.
#![allow(unsafe_code)] // machine code is run, and memory read that C has written to

use std::ffi::{c_int, c_void};
use std::path::Path;

use cabi::{FnSig, Type};
use cabi_header::Written;
use clif_cabi_jit::{Invokers, Library, Settings};

/// Objects that pointers among the arguments point to. Never freed: C may keep a pointer, and the
/// process ends soon.
pub(crate) struct Memory {
    objects: Vec<(Object, usize)>,
    /// For a call in another process, its address there and all of its bytes.
    pub(crate) elsewhere: Option<(usize, Vec<u8>)>,
}

/// Object that an argument points to, which is shown after the call.
pub(crate) struct Object {
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// The type as the header wrote it, where it did.
    pub(crate) written: Option<Written>,
}

/// Memory that C can write to, aligned to 16 bytes.
struct Block {
    start: *mut u128,
    len: usize,
}

impl Block {
    fn new(bytes: &[u8]) -> Self {
        let words = bytes.chunks(16).map(|chunk| {
            let mut word = [0; 16];
            word[..chunk.len()].copy_from_slice(chunk);
            u128::from_ne_bytes(word)
        });
        // One more, so that an object without bytes has an address too.
        let words: Vec<u128> = words.chain([0]).collect();
        let start = Box::into_raw(words.into_boxed_slice()).cast();
        Self {
            start,
            len: bytes.len(),
        }
    }

    fn read(&self) -> Vec<u8> {
        // SAFETY: `new` has leaked at least `len` bytes there, all of them initialized, and no
        // reference to them exists.
        unsafe { std::slice::from_raw_parts(self.start.cast::<u8>(), self.len) }.to_vec()
    }
}

/// The address of the arguments' memory in another process.
const ELSEWHERE: usize = 1 << 36;

impl Memory {
    /// Makes empty memory, of this process if the call is `here`.
    pub(crate) fn new(here: bool) -> Self {
        Self {
            objects: Vec::new(),
            elsewhere: (!here).then_some((ELSEWHERE, Vec::new())),
        }
    }

    /// Copies `bytes` to an address aligned to 16 bytes; [`Memory::objects`] lists the object
    /// afterwards.
    pub(crate) fn keep(&mut self, object: Option<Object>, bytes: &[u8]) -> usize {
        let address = match &mut self.elsewhere {
            None => Block::new(bytes).start.expose_provenance(),
            Some((start, all)) => {
                let at = all.len().next_multiple_of(16);
                all.resize(at, 0);
                all.extend_from_slice(bytes);
                // So that an object without bytes has an address too.
                all.push(0);
                *start + at
            }
        };
        self.objects.extend(object.map(|object| (object, address)));
        address
    }

    /// Returns the objects with their bytes as they are now.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (&Object, Vec<u8>)> {
        self.objects.iter().map(|(object, address)| {
            let len = usize::try_from(object.ty.size()).unwrap_or(0);
            let bytes = match &self.elsewhere {
                None => {
                    let start = std::ptr::with_exposed_provenance_mut(*address);
                    Block { start, len }.read()
                }
                Some((start, all)) => {
                    let at = address - start;
                    all.get(at..at + len).unwrap_or_default().to_vec()
                }
            };
            (object, bytes)
        })
    }
}

/// Calls the function `symbol`, searched in `libraries`, then in the process and the C library's
/// mathematics, and gives the bytes of the result to `shown` while the libraries are open to which
/// it may point; not in a process that the function has forked off, which returns from it too.
/// `ready` runs before the call. Output of the function is written out.
///
/// # Errors
/// Signatures that clif-cabi refuses, a library that cannot be opened, a symbol that is nowhere.
pub(crate) fn call(
    symbol: &str,
    (sig, args): (&FnSig, &[Vec<u8>]),
    libraries: &[String],
    ready: impl FnOnce() -> Result<(), String>,
    shown: impl FnOnce(&[u8]) -> Result<(), String>,
) -> Result<(), String> {
    let mut invokers = Invokers::new(&Settings::default()).map_err(|e| e.to_string())?;
    for name in libraries {
        invokers.add_library(&open(name)?);
    }
    // Before anything is compiled: a missing symbol is the likelier mistake.
    let target = invokers.symbol(symbol).map_err(|e| e.to_string())?;
    let invoker = invokers.get(sig).map_err(|e| e.to_string())?;
    let size = usize::try_from(sig.result().size())
        .ok()
        .filter(|size| *size <= 1 << 24);
    let size = size.ok_or_else(|| format!("{} is too large to be returned here", sig.result()))?;
    let result = Block::new(&vec![0; size]);
    let args = args
        .iter()
        .map(|arg| Block::new(arg).start.cast_const().cast());
    let args: Vec<*const u8> = args.collect();
    ready()?;
    let own = std::process::id();
    // SAFETY: each argument is an object of its type; what the C function does with them is what
    // the user asked for, and happens in a process of its own.
    unsafe { invoker.call(target.cast(), &args, result.start.cast()) };
    flush();
    match std::process::id() == own {
        true => shown(&result.read()),
        false => Ok(()),
    }
}

/// Opens a library by file name or soname.
fn open(name: &str) -> Result<Library, String> {
    // The dynamic linker searches a name without a slash elsewhere.
    let is_here = !name.contains('/') && Path::new(name).is_file();
    let name = format!("{}{name}", if is_here { "./" } else { "" });
    // SAFETY: its initialization is as much the user's wish as the call is.
    unsafe { Library::open(&name) }.map_err(|e| e.to_string())
}

/// Writes out what the C library has buffered.
fn flush() {
    unsafe extern "C" {
        fn fflush(stream: *mut c_void) -> c_int;
    }
    // SAFETY: NULL is every stream. Output that cannot be written is the called function's loss.
    let _ = unsafe { fflush(std::ptr::null_mut()) };
}
