//! libffi side by side: calls of functions whose signature is known at run time, and function pointers made of closures, by libffi and by
//! `clif-cabi-jit`, each against C of a reference compiler.
//!
//! The suite `libffi` compares bytes; [`measure`](crate::measure) counts instructions and takes the time of the same calls in loops of C.

mod bindings;
mod repeat;
mod text;

use std::ffi::c_void;
use std::path::Path;

use cabi::FnSig;
use cabi_verify::build::{Built, Reference};
use cabi_verify::pattern::{Painter, Pattern};
use clif_cabi_jit::{Closure, Closures, Invoker, Invokers, Settings};

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
    told: &'a FnSig,
    offsets: Vec<usize>,
    cif: Result<Cif<'a>>,
    invoker: Invoker,
    arguments: Vec<Pattern>,
    result: Pattern,
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
    /// Both.
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
        let [_, given] = self.buffers()?;
        Ok(given.cast_const())
    }

    /// What `callee_N` writes to, and takes the result from.
    fn buffers(&self) -> Result<[*mut u8; 2]> {
        Ok([
            self.symbol("cabi_seen")?.cast(),
            self.symbol("cabi_given")?.cast(),
        ])
    }
}

impl<'a> Pair<'a> {
    /// Signature `index` of the program's. `clif-cabi-jit` is told that it is `told`.
    pub fn new(
        program: &'a Program,
        libffi: &'a Libffi,
        invokers: &mut Invokers,
        index: usize,
        measured: &'a Measured,
        told: &'a FnSig,
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
            told,
            cif: libffi.prepare(sig, measured.n_named()),
            invoker: invokers.get(told)?,
            result: painter.paint(sig.result()),
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

    /// Calls C, and compares what it saw and what came back.
    pub fn call(&mut self, by: By) -> Result<()> {
        self.poison()?;
        let callee = self.own("callee")?;
        let mut pointers = self.pointers();
        let ret = self.returned.0.as_mut_ptr();
        match by {
            // SAFETY: `callee_N` has this signature, each pointer leads to an object of its type, and the buffer is larger than any result.
            By::Ours => unsafe {
                let args: Vec<*const u8> = pointers.iter().map(|p| p.cast_const().cast()).collect();
                self.invoker.call(callee, &args, ret);
            },
            // SAFETY: as above.
            By::Libffi => unsafe { self.cif()?.call(callee, ret, &mut pointers) },
        }
        self.compare()
    }

    /// Has C call a closure, and compares what that saw and what came back.
    pub fn call_back(&mut self, by: By, closures: &Closures) -> Result<()> {
        self.poison()?;
        let ret = self.returned.0.as_mut_ptr();
        let ours;
        let theirs;
        let code = match by {
            By::Ours => {
                ours = self.closure(closures)?;
                ours.code()
            }
            By::Libffi => {
                theirs = self.ffi_closure()?;
                theirs.code()
            }
        };
        type Caller = unsafe extern "C" fn(*const u8, *mut u8, *const c_void);
        // SAFETY: `caller_N` is of this type, and calls a function of the signature, which the closure is; the buffers are larger than
        // anything it moves.
        unsafe {
            let caller: Caller = self.program.function(&format!("caller_{}", self.index))?;
            caller(self.sent.0.as_ptr(), ret, code);
        }
        self.compare()
    }

    /// A closure of ours that writes its arguments down, and returns the given bytes.
    fn closure(&self, closures: &Closures) -> Result<Closure> {
        let [seen, given] = self.program.buffers()?.map(|at| at as usize);
        let offsets = self.offsets.clone();
        let interface = closures.interface(self.told)?;
        Ok(interface.closure("compared", move |args, result| {
            for (i, offset) in offsets.iter().enumerate() {
                let bytes = args.bytes(i).unwrap_or(&[]);
                // SAFETY: the offsets are those of `cabi_seen`, which nothing else uses now.
                unsafe {
                    let to = (seen as *mut u8).add(*offset);
                    bytes.as_ptr().copy_to_nonoverlapping(to, bytes.len());
                }
            }
            let result = result.bytes();
            // SAFETY: `cabi_given` has as many bytes as any result.
            unsafe {
                (given as *const u8).copy_to_nonoverlapping(result.as_mut_ptr(), result.len())
            };
        })?)
    }

    /// The same of libffi's.
    fn ffi_closure(&self) -> Result<FfiClosure<'_>> {
        let [seen, given] = self.program.buffers()?;
        let size = |i: usize| self.arguments.get(i).map_or(0, |own| own.bytes.len());
        let offsets = self.offsets.iter().copied().enumerate();
        self.cif()?.closure(Some(bindings::Moves {
            seen,
            given,
            args: offsets.map(|(i, offset)| (offset, size(i))).collect(),
            result: self.result.bytes.len(),
        }))
    }

    /// Nothing has been seen, nothing has come back.
    fn poison(&mut self) -> Result<()> {
        let [seen, given] = self.program.buffers()?;
        // SAFETY: both have as many bytes, and nothing else uses them now.
        unsafe {
            seen.write_bytes(0xee, BUFFER);
            let result = self.result.bytes.as_ptr();
            result.copy_to_nonoverlapping(given, self.result.bytes.len());
        }
        self.returned.0.fill(0xee);
        Ok(())
    }

    fn compare(&self) -> Result<()> {
        let [seen, _] = self.program.buffers()?;
        // SAFETY: as many bytes, which nothing else writes now.
        let seen = unsafe { std::slice::from_raw_parts(seen, BUFFER) };
        for (i, (offset, argument)) in self.offsets.iter().zip(&self.arguments).enumerate() {
            let found = seen.get(*offset..).unwrap_or(&[]);
            let found = found.get(..argument.bytes.len()).unwrap_or(&[]);
            argument
                .check_all(found)
                .map_err(|why| format!("argument {i}: {why}"))?;
        }
        let found = self.returned.0.get(..self.result.bytes.len());
        let right = self.result.check_all(found.unwrap_or(&[]));
        Ok(right.map_err(|why| format!("result: {why}"))?)
    }
}

/// What both are made with: no more than the machine's baseline.
pub fn settings() -> Settings {
    Settings::default().cpu(clif_cabi_jit::Cpu::Baseline)
}
