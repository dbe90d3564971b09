//! Memory that C uses, and the call itself, by an invoker of `clif-cabi-jit`.
#![allow(unsafe_code)] // machine code is run, and memory read that C has written to

use std::ffi::{c_int, c_void};
use std::path::Path;

use cabi::{FnSig, Type};
use cabi_header::Written;
use clif_cabi_jit::{Error, Invokers, Library, Settings};

/// Most bytes of arguments, the result, and the objects that arguments point to.
const MOST: usize = 1 << 26;

/// Greatest alignment of an object, in bytes.
const MOST_ALIGNED: usize = 1 << 12;

/// Objects that C reads and writes, at multiples of 16 bytes, and of their alignments.
pub(crate) struct Memory {
    /// Address of the objects during the call.
    pub(crate) start: usize,
    pub(crate) bytes: Vec<u8>,
    /// Objects that arguments point to, with their places in `bytes`.
    objects: Vec<(Object, usize)>,
}

/// Object that an argument points to, which is shown after the call.
pub(crate) struct Object {
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// The type as the header wrote it, where it did.
    pub(crate) written: Option<Written>,
}

impl Memory {
    /// Returns memory for a call in this process, or in another one.
    pub(crate) fn new(is_here: bool) -> Self {
        // Never freed: C may keep a pointer, and the process ends soon. Pages come when they are
        // used.
        let block = vec![0_u128; (is_here as usize) * (MOST + MOST_ALIGNED) / 16];
        let block = is_here.then(|| Box::into_raw(block.into_boxed_slice()));
        let start = block.map_or(1 << 36, |block| block.cast::<u8>().expose_provenance());
        Self {
            start: start.next_multiple_of(MOST_ALIGNED),
            bytes: Vec::new(),
            objects: Vec::new(),
        }
    }

    /// Adds `bytes` at a multiple of `align`, and returns their address; [`Memory::objects`] lists
    /// `object` afterwards.
    pub(crate) fn keep(
        &mut self,
        object: Option<Object>,
        bytes: &[u8],
        align: u32,
    ) -> Result<usize, String> {
        let align = align as usize;
        if align > MOST_ALIGNED {
            let most = format!("{align} bytes are a greater alignment than {MOST_ALIGNED}");
            return Err(most);
        }
        let at = self.bytes.len().next_multiple_of(align);
        self.bytes.resize(at, 0);
        self.bytes.extend_from_slice(bytes);
        // One more byte, so that an object without bytes has an address too.
        self.bytes
            .resize((at + bytes.len() + 1).next_multiple_of(16), 0);
        if self.bytes.len() > MOST {
            return Err(format!("the arguments have more than {MOST} bytes"));
        }
        self.objects.extend(object.map(|object| (object, at)));
        Ok(self.start + at)
    }

    /// Returns the objects with their bytes as they are now.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (&Object, &[u8])> {
        self.objects.iter().map(|(object, at)| {
            let bytes = self.bytes.get(*at..).unwrap_or_default();
            let len = usize::try_from(object.ty.size()).unwrap_or(0);
            (object, bytes.get(..len).unwrap_or_default())
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
    (symbol, sig, args): (&str, &FnSig, &[Vec<u8>]),
    (libraries, memory): (&[String], &mut Memory),
    ready: impl FnOnce() -> Result<(), String>,
    shown: impl FnOnce(&[u8], &Memory) -> Result<(), String>,
) -> Result<(), String> {
    let mut invokers = Invokers::new(&Settings::default()).map_err(|e| e.to_string())?;
    for name in libraries {
        invokers.add_library(&open(name)?);
    }
    // Before anything is compiled: a missing symbol is the likelier mistake.
    let target = invokers.symbol(symbol).map_err(|e| match e {
        Error::MissingSymbols { searched, .. } => {
            let searched = searched.join(", ");
            format!(
                "cannot find {symbol}; searched: {searched}. Name the library that has it with -l"
            )
        }
        other => other.to_string(),
    })?;
    let invoker = invokers.get(sig).map_err(|e| e.to_string())?;
    let size = usize::try_from(sig.result().size());
    let size = size.ok().filter(|size| *size <= 1 << 24);
    let size = size.ok_or_else(|| format!("{} is too large to be returned here", sig.result()))?;
    let result = memory.keep(None, &vec![0; size], sig.result().align())?;
    let args = args.iter().zip(sig.params());
    let args = args.map(|(arg, param)| memory.keep(None, arg, param.ty.align()));
    let args = args.map(|address| Ok(std::ptr::with_exposed_provenance(address?)));
    let args = args.collect::<Result<Vec<*const u8>, String>>()?;
    let [start, to] = [memory.start, result].map(std::ptr::with_exposed_provenance_mut::<u8>);
    let (own, len) = (std::process::id(), memory.bytes.len());
    // SAFETY: `Memory::new` has leaked at least `len` bytes from there, and no reference to them
    // exists.
    unsafe { start.copy_from_nonoverlapping(memory.bytes.as_ptr(), len) };
    ready()?;
    // SAFETY: each argument is an object of its type, and the result is aligned; what the C
    // function does with them is what the user asked for, and happens in a process of its own.
    unsafe { invoker.call(target.cast(), &args, to) };
    flush();
    // SAFETY: as above; all of the bytes are initialized.
    memory.bytes = unsafe { std::slice::from_raw_parts(start, len) }.to_vec();
    let at = result - memory.start;
    match std::process::id() == own {
        true => shown(memory.bytes.get(at..at + size).unwrap_or_default(), memory),
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
