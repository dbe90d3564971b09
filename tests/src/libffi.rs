//! libffi side by side: calls of functions whose signature is known at run time, and function pointers made of closures, by libffi and by
//! `clif-cabi-jit`, each against C of a reference compiler.
//!
//! [`measure`](crate::measure) counts instructions and takes the time of the same calls in loops of C. That ours are right, the suite `interop` shows.

mod bindings;
mod repeat;
mod text;

use std::ffi::c_void;
use std::path::Path;

use cabi::FnSig;
use cabi_verify::build::{Built, Reference};
use cabi_verify::pattern::{Painter, Pattern};
use clif_cabi_jit::{Invoker, Invokers, Settings};

use crate::measured::Measured;

pub use bindings::{Cif, FfiClosure, Libffi};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Bytes of the buffers that arguments and results are in.
const BUFFER: usize = 4096;

/// The C of all signatures, loaded. Buffers of it are used by one call at a time.
#[derive(Debug)]
pub struct Program {
    library: libloading::Library,
    built: Option<Built>,
}

/// One signature by both: what makes its calls, and what is called.
pub struct Pair<'a> {
    program: &'a Program,
    index: usize,
    sig: &'a FnSig,
    offsets: Vec<usize>,
    cif: Result<Cif<'a>>,
    invoker: Invoker,
    arguments: Vec<Pattern>,
    sent: Box<Buffer>,
    returned: Box<Buffer>,
}

/// Bytes as aligned as any argument.
#[derive(Debug)]
#[repr(C, align(64))]
struct Buffer([u8; BUFFER]);

impl Buffer {
    fn new() -> Box<Self> {
        Box::new(Self([0xee; BUFFER]))
    }
}

/// Whose call it is, or whose closure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// `clif-cabi-jit`.
    Ours,
    /// libffi.
    Libffi,
}

impl By {
    /// Both ways to call.
    pub const ALL: [Self; 2] = [Self::Ours, Self::Libffi];
}

impl Program {
    /// The C of `all`, built by `reference` and loaded.
    pub fn new(reference: &Reference, all: &[Measured]) -> Result<Self> {
        let built = reference.build(&text::source(all)?, &["-O2"])?;
        let mut program = Self::open(&built.object)?;
        program.built = Some(built);
        Ok(program)
    }

    /// The library of another process's program.
    pub fn open(library: &Path) -> Result<Self> {
        // SAFETY: the text has no routines that run when it is loaded.
        let library = unsafe { libloading::Library::new(library)? };
        Ok(Self {
            library,
            built: None,
        })
    }

    /// The file of its library.
    pub fn file(&self) -> Option<&Path> {
        self.built.as_ref().map(|built| built.object.as_path())
    }

    /// The address of `name`.
    fn symbol(&self, name: &str) -> Result<*mut c_void> {
        // SAFETY: a symbol of this type is an address.
        unsafe { self.function(name) }
    }

    /// A function that is called by all signatures.
    ///
    /// # Safety
    /// `F` is the type of the function `name`.
    unsafe fn function<F: Copy>(&self, name: &str) -> Result<F> {
        // SAFETY: as the caller says.
        Ok(unsafe { *self.library.get::<F>(name.as_bytes())? })
    }

    /// The bytes that a result is taken from where no argument has its type.
    pub fn given(&self) -> Result<*const u8> {
        Ok(self.symbol("cabi_given")?.cast_const().cast())
    }
}

impl<'a> Pair<'a> {
    /// Signature `index` of the program's.
    pub fn new(
        program: &'a Program,
        libffi: &'a Libffi,
        invokers: &mut Invokers,
        index: usize,
        measured: &'a Measured,
    ) -> Result<Self> {
        let sig = &measured.sig;
        let mut painter = Painter::starting_at(u8::try_from(index % 16)?);
        let offsets = measured.offsets();
        let paint = |param: &cabi::Param| painter.paint(&param.ty);
        let arguments: Vec<Pattern> = sig.params().iter().map(paint).collect();
        let mut sent = Buffer::new();
        for (offset, argument) in offsets.iter().zip(&arguments) {
            let to = sent.0.get_mut(*offset..*offset + argument.bytes.len());
            to.ok_or("the arguments are too large")?
                .copy_from_slice(&argument.bytes);
        }
        Ok(Self {
            program,
            index,
            sig,
            cif: libffi.prepare(sig, measured.n_named()),
            invoker: invokers.get(sig)?,
            arguments,
            offsets,
            sent,
            returned: Buffer::new(),
        })
    }

    /// The address of each argument.
    fn pointers(&self) -> Vec<*mut c_void> {
        let start = self.sent.0.as_ptr();
        let at = |offset: &usize| start.wrapping_add(*offset).cast_mut().cast();
        self.offsets.iter().map(at).collect()
    }

    /// What libffi has prepared.
    fn cif(&self) -> Result<&Cif<'a>> {
        self.cif.as_ref().map_err(|why| why.to_string().into())
    }

    fn own(&self, what: &str) -> Result<*mut c_void> {
        self.program.symbol(&format!("{what}_{}", self.index))
    }
}

/// What both are made with: no more than the machine's baseline.
pub fn settings() -> Settings {
    Settings::default().cpu(clif_cabi_jit::Cpu::Baseline)
}
