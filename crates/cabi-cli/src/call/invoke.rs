//! Memory that C uses, and the call itself, by an invoker of `clif-cabi-jit`.
#![allow(unsafe_code)] // machine code is run, and memory read that C has written to

use std::error::Error;
use std::ffi::{c_int, c_void};

use cabi::{FnSig, Type};
use cabi_header::WrittenType;
use clif_cabi_jit::{Invokers, Library, Settings};

unsafe extern "C" {
    fn fflush(stream: *mut c_void) -> c_int;
}

/// Most bytes of the arguments, the result, and the objects that arguments point to, together.
const MOST: usize = 1 << 26;

/// Greatest alignment of an object, in bytes.
const MOST_ALIGNED: usize = 1 << 12;

/// Objects that C reads and writes, at multiples of 16 bytes, and of their alignments.
pub(crate) struct Memory {
    /// Address of the objects during the call.
    pub(crate) start: usize,
    pub(crate) bytes: Vec<u8>,
    /// Objects that arguments point to, which are shown after the call.
    pub(crate) objects: Vec<Object>,
}

/// Object that is shown after the call.
pub(crate) struct Object {
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// The type as the header wrote it, if it did.
    pub(crate) written: Option<WrittenType>,
    pub(crate) address: usize,
}

/// Returns the bytes of an object of the type `ty`, all of them zero.
pub(crate) fn zeros(ty: &Type) -> Result<Vec<u8>, String> {
    // Nothing sensible is larger, and the object must fit on the stack.
    match usize::try_from(ty.size()) {
        Ok(size @ ..=0x10_0000) => Ok(vec![0; size]),
        _ => Err(format!("{ty} is too large: the limit is 1 MiB")),
    }
}

impl Memory {
    /// Returns memory for a call in this process, or in another one.
    pub(crate) fn new(is_here: bool) -> Self {
        // Never freed: C may keep a pointer, and the process ends soon. Pages take memory only once
        // they are used.
        let block = vec![0_u128; (is_here as usize) * (MOST + MOST_ALIGNED) / 16];
        let block = is_here.then(|| block.leak().as_mut_ptr().expose_provenance());
        Self {
            start: block.unwrap_or(1 << 36).next_multiple_of(MOST_ALIGNED),
            bytes: Vec::new(),
            objects: Vec::new(),
        }
    }

    /// Adds `bytes` at a multiple of `align`, and returns their address.
    pub(crate) fn keep(&mut self, bytes: &[u8], align: u32) -> Result<usize, String> {
        let at = self.bytes.len().next_multiple_of(align.max(16) as usize);
        self.bytes.resize(at, 0);
        self.bytes.extend_from_slice(bytes);
        // An object without bytes has an address too.
        self.bytes.push(0);
        if self.bytes.len() > MOST || align as usize > MOST_ALIGNED {
            let most = format!("{MOST} bytes, or are aligned to more than {MOST_ALIGNED}");
            return Err(format!("the arguments have more than {most}"));
        }
        Ok(self.start + at)
    }
}

/// Calls the function `symbol` and returns the address of the result. The function is searched in
/// `libraries`, then in the process and the C library's mathematics. `ready` runs before the call.
/// Output of the function is flushed, and the libraries, to which the result may point, stay open.
///
/// A process that the function has forked off returns here too, with `None`.
///
/// # Errors
/// Signatures that clif-cabi refuses, a library that cannot be opened, a symbol that is nowhere.
pub(crate) fn call(
    (symbol, sig, args): (&str, &FnSig, &[Vec<u8>]),
    (libraries, memory): (&[String], &mut Memory),
    ready: impl FnOnce() -> Result<(), String>,
) -> Result<Option<usize>, Box<dyn Error>> {
    let mut invokers = Invokers::new(&Settings::default())?;
    for name in libraries {
        // The dynamic linker searches its own folders for a name without a slash.
        let path = std::fs::canonicalize(name).unwrap_or(name.into());
        // SAFETY: the user wants the library's initialization as much as the call.
        invokers.add_library(&unsafe { Library::open(&path) }?);
    }
    // Looked up before anything is compiled: a missing symbol is the likelier mistake.
    let target = invokers.symbol(symbol).map_err(|e| match e {
        clif_cabi_jit::Error::MissingSymbols { searched, .. } => {
            let searched = searched.join(", ");
            format!("cannot find {symbol}; searched: {searched}. Name its library with -l")
        }
        other => other.to_string(),
    })?;
    let invoker = invokers.get(sig)?;
    let result = memory.keep(&zeros(sig.result())?, sig.result().align())?;
    let args = args.iter().zip(sig.params());
    let args = args.map(|(arg, param)| memory.keep(arg, param.ty.align()));
    let args = args.map(|address| Ok(std::ptr::with_exposed_provenance(address?)));
    let args = args.collect::<Result<Vec<*const u8>, String>>()?;
    let [start, to] = [memory.start, result].map(std::ptr::with_exposed_provenance_mut::<u8>);
    let (pid, len) = (std::process::id(), memory.bytes.len());
    // SAFETY: `Memory::new` has leaked at least `len` bytes from there, and no reference to them
    // exists.
    unsafe { start.copy_from_nonoverlapping(memory.bytes.as_ptr(), len) };
    ready()?;
    // SAFETY: each argument is an object of its type, and the result is aligned. The user wants
    // what the C function does with them, and it happens in a process of its own.
    unsafe { invoker.call(target.cast(), &args, to) };
    // SAFETY: NULL is every stream. Output that cannot be written is lost to the called function.
    unsafe { fflush(std::ptr::null_mut()) };
    // SAFETY: as above; all of the bytes are initialized.
    memory.bytes = unsafe { std::slice::from_raw_parts(start, len) }.to_vec();
    std::mem::forget(invokers);
    Ok((std::process::id() == pid).then_some(result))
}
