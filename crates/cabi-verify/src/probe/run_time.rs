//! Code made at run time, invokers and closures, observed as a compiler's code is. The probe is a
//! library that this process loads, and its cases are at the addresses of that code.

use std::ffi::{c_int, c_uint, c_void};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Output};
use std::sync::{Arc, OnceLock};

use super::emission::{Emission, EmittedFacts, buffers, no_object};
use super::values::{CaseTable, Values};
use super::{Probe, ProbeMachine, SETTINGS, nothing};
use crate::build::program::runner;
use crate::build::{Reference, ReferenceError};
use crate::emit::cranelift::Mutation;
use crate::run::HERE;
use crate::verdict::Fault;
use cabi::{FnSig, VectorLevel, promote};
use clif_cabi::clif_cabi_plan::CallPlan;
use clif_cabi_jit::{Closure, ClosureArgs, Closures, Invoker, Invokers, Library, Settings, VaArg};

/// Makers of code, which all signatures share as in a user's program.
#[derive(Debug)]
pub struct RunTimeCode {
    /// Invokers as users get them, most of them stubs, and compiled ones.
    invokers: [Invokers; 2],
    closures: Closures,
    probe: Probe,
}

/// A closure and an invoker, each of which is called for itself.
type MadeCode = (Result<Arc<Closure<'static>>, Fault>, Result<Invoker, Fault>);

/// A signature with its values and its code.
type Case<'a> = (&'a FnSig, &'a Values, &'a MadeCode);

/// Addresses of the buffers where a callee writes its arguments and finds its result.
type Buffers = Arc<OnceLock<[usize; 2]>>;

impl RunTimeCode {
    /// Makes no code yet.
    ///
    /// # Errors
    /// The reason, if this machine has no engine, or no compiler for the probe.
    pub fn new() -> Result<Self, String> {
        let settings = Settings::default();
        let makers = || {
            let compiled = Invokers::new(&settings)?.without_stubs();
            let invokers = [Invokers::new(&settings)?, compiled];
            Ok((invokers, Closures::new(&settings)?))
        };
        let engines = makers().map_err(|error: clif_cabi_jit::Error| error.to_string());
        let (invokers, closures) = engines?;
        let linker = Reference::of_machine()?;
        let probe = Probe::new(ProbeMachine::of(&HERE), (&linker, &["-fPIC"]));
        Ok(Self {
            invokers,
            closures,
            probe: probe.map_err(|error| error.to_string())?,
        })
    }

    /// Observes a closure and an invoker of each signature. If the invoker is a stub, a compiled
    /// one is observed too. They are made for the signature of the same index in `mistaken`, which
    /// is another one in a control.
    ///
    /// # Errors
    /// [`ReferenceError`]: a library that cannot be linked or loaded.
    pub fn observe(
        &mut self,
        sigs: &[FnSig],
        mistaken: &[FnSig],
        (vectors, turn): (VectorLevel, usize),
    ) -> Result<Vec<Vec<EmittedFacts>>, ReferenceError> {
        let emission = Emission {
            target: &HERE,
            vectors,
            settings: SETTINGS[0],
            forms: (turn, 1),
            mutation: Mutation::default(),
        };
        let all = emission.all_values(sigs);
        let places = Buffers::default();
        let (mut rows, mut code): (Vec<usize>, Vec<MadeCode>) = Default::default();
        for (n, ((sig, mistaken), values)) in sigs.iter().zip(mistaken).zip(&all).enumerate() {
            let of_row = match emission.tried(sig, values) {
                Ok(()) => self.made(mistaken, values, &places),
                Err(why) => vec![(Err(why.clone()), Err(why))],
            };
            rows.extend(of_row.iter().map(|_| n));
            code.extend(of_row);
        }
        // A refused signature has no row.
        let is_made = |code: &MadeCode| code.0.is_ok() || code.1.is_ok();
        let cases = rows.iter().zip(&code).filter(|(_, code)| is_made(code));
        let cases: Vec<Case<'_>> = cases.map(|(&n, code)| (&sigs[n], &all[n], code)).collect();
        let values = || cases.iter().map(|(_, values, _)| *values);
        let table = table(buffers(values(), false), &cases);
        let link = ["-shared", "-Wl,-Bsymbolic"];
        let library = self.probe.linked(&table, &link)?;
        let library =
            LoadedProbe::open(library.path()).map_err(|why| no_object(why.to_string()))?;
        let _ = places.set(library.set(&cases)?);
        let mut seen = Probe::observations(cases.len(), |first| library.run(first))?.into_iter();
        let mut emitted: Vec<Vec<EmittedFacts>> = sigs.iter().map(|_| Vec::new()).collect();
        for (n, code) in rows.into_iter().zip(&code) {
            let seen = if is_made(code) { seen.next() } else { None };
            let seen = || seen.clone().unwrap_or_else(nothing);
            let (closure, invoker) = code.clone();
            emitted[n].push([closure.and_then(|_| seen()), invoker.and_then(|_| seen())]);
        }
        Ok(emitted)
    }

    /// Makes a closure, with each invoker.
    fn made(&mut self, sig: &FnSig, values: &Values, places: &Buffers) -> Vec<MadeCode> {
        let closure = self.closure(sig, values, places).map(Arc::new);
        let has_stub = CallPlan::new(sig, &HERE).is_ok_and(|plan| plan.invoker(&HERE).is_some());
        let invokers = &mut self.invokers[..if has_stub { 2 } else { 1 }];
        let invokers = invokers.iter_mut().map(|own| own.get(sig));
        invokers
            .map(|invoker| (closure.clone(), invoker.map_err(Fault::from)))
            .collect()
    }

    /// Makes a closure that writes its arguments down, and returns the result that it finds.
    fn closure(
        &self,
        sig: &FnSig,
        values: &Values,
        buffers: &Buffers,
    ) -> Result<Closure<'static>, Fault> {
        if sig.is_noreturn() {
            return Err(Fault::Untried("a closure that does not return".to_owned()));
        }
        let (mut offsets, _) = values.places();
        let at_result = offsets.split_off(values.types.len()).first().copied();
        let sizes: Vec<usize> = values.sizes().collect();
        let result_size = sizes.last().copied().filter(|_| at_result.is_some());
        let result_size = result_size.unwrap_or(0);
        let places: Vec<(usize, usize)> = offsets.into_iter().zip(sizes).collect();
        let (entered, va_args) = read_from_list(&self.closures, sig)?;
        let (buffers, bytes) = (Arc::clone(buffers), sig.result().size());
        let bytes = usize::try_from(bytes).map_err(|error| error.to_string())?;
        let interface = self.closures.interface(&entered)?;
        Ok(interface.closure("observed", move |args, result| {
            let Some(&[seen, given]) = buffers.get() else {
                return;
            };
            for (bytes, (offset, size)) in arguments(args, &va_args).iter().zip(&places) {
                // SAFETY: the buffer has room for so many bytes there, and nobody else uses it
                // during the call.
                unsafe {
                    let to = (seen as *mut u8).add(*offset);
                    bytes
                        .as_ptr()
                        .copy_to_nonoverlapping(to, bytes.len().min(*size));
                }
            }
            // SAFETY: as above, of the buffer of the result.
            let given = unsafe {
                let from = (given as *const u8).add(at_result.unwrap_or(0));
                core::slice::from_raw_parts(from, bytes.min(result_size))
            };
            // The probe compares what arrives.
            result.set_bytes(given).unwrap_or_default();
        })?)
    }
}

/// Returns the table of cases, and the caller of each, which calls its invoker.
fn table(buffers: String, cases: &[Case<'_>]) -> CaseTable {
    let made = format!("void *cabi_made[{}][2];\n", cases.len().max(1));
    let mut table = CaseTable::after(buffers + &made);
    for (n, (sig, values, (closure, invoker))) in cases.iter().enumerate() {
        let places = values.places().0.into_iter().take(sig.params().len());
        let pointers: String = places.map(|at| format!("objects + {at}, ")).collect();
        let declared = format!(
            "static void *d{n}(void) {{ return cabi_made[{n}][0]; }}\n\
             static void c{n}(void *callee, byte *objects, void *result) {{ const void *all[] = {{{pointers}0}}; ((void (*)(void *, const void **, void *))cabi_made[{n}][1])(callee, all, result); }}"
        );
        let callee = closure.as_ref().map_or("0".to_owned(), |_| format!("d{n}"));
        let caller = invoker.as_ref().map_or("0".to_owned(), |_| format!("c{n}"));
        table.add(values, &declared, &format!("0, {callee}, {caller}"));
    }
    table
}

/// Returns how a closure of `sig` is entered, and how it then reads its unnamed arguments one by
/// one. C has no `va_arg` of a type that it promotes.
fn read_from_list(closures: &Closures, sig: &FnSig) -> Result<(FnSig, Vec<(VaArg, usize)>), Fault> {
    let unnamed = sig.params().iter().skip(sig.n_named());
    let types: Vec<_> = unnamed.map(|param| &param.ty).collect();
    // Every other signature has its unnamed arguments brought like the named ones.
    let is_listed = sig.params().len().is_multiple_of(2);
    if !sig.is_variadic() || !is_listed || types.iter().any(|ty| promote(ty) != **ty) {
        return Ok((sig.clone(), Vec::new()));
    }
    let entered = sig.at_call([]).map_err(clif_cabi::LowerError::from)?;
    let mut va_args = Vec::new();
    for ty in types {
        let bytes = usize::try_from(ty.size()).map_err(|error| error.to_string())?;
        va_args.push((closures.va_arg(&entered, ty)?, bytes));
    }
    Ok((entered, va_args))
}

fn arguments(args: &ClosureArgs<'_>, va_args: &[(VaArg, usize)]) -> Vec<Vec<u8>> {
    let named = (0..).map_while(|i| args.bytes(i).ok());
    let mut values: Vec<Vec<u8>> = named.map(<[u8]>::to_vec).collect();
    let mut list = args.va_list();
    for (va_arg, bytes) in va_args {
        let mut object = vec![0; *bytes];
        if let Some(list) = &mut list {
            // SAFETY: the probe passes arguments of these types. One that is not read is not found.
            let _ = unsafe { list.next_bytes(va_arg, &mut object) };
        }
        values.push(object);
    }
    values
}

/// The probe with its cases, loaded.
struct LoadedProbe {
    library: Library,
    output: File,
}

impl LoadedProbe {
    fn open(path: &str) -> Result<Self, Box<dyn std::error::Error>> {
        // SAFETY: the library is the probe's and a table of cases: no constructor runs.
        let library = unsafe { Library::open(path)? };
        let output = tempfile::tempfile()?;
        Ok(Self { library, output })
    }

    /// Returns the address of a symbol.
    fn at<T>(&self, name: &str) -> Result<*mut T, ReferenceError> {
        let symbol = self.library.symbol(name);
        let symbol = symbol.map_err(|error| no_object(error.to_string()))?;
        Ok(symbol.cast_mut().cast())
    }

    /// Sets the addresses of the cases' code. Returns the buffers of arguments and results.
    fn set(&self, cases: &[Case<'_>]) -> Result<[usize; 2], ReferenceError> {
        let table: *mut [*const c_void; 2] = self.at("cabi_made")?;
        let places: *const usize = self.at("cabi_places")?;
        for (n, (_, _, (closure, invoker))) in cases.iter().enumerate() {
            let callee = closure.as_ref().map_or(std::ptr::null(), |one| one.code());
            // SAFETY: code is alive as long as its maker, and `text` gives the table a row for each
            // case.
            unsafe {
                let caller = invoker.as_ref().map(|one| one.code().as_ptr());
                let caller = caller.unwrap_or(std::ptr::null());
                table.add(n).write([callee.cast(), caller.cast()]);
            }
        }
        // SAFETY: `buffers` gives this table eleven entries; those of a shared object have their
        // addresses since it was loaded.
        Ok(unsafe { [places.read(), places.add(2).read()] })
    }

    /// Observes the cases from `first` on, each in a process of its own.
    fn run(&self, first: usize) -> Result<Output, ReferenceError> {
        let mut output = &self.output;
        let failed = ReferenceError::io("the probe");
        let mut text = Vec::new();
        let fd = self.at::<c_int>("cabi_output")?;
        let run = self.at::<c_void>("cabi_run")?;
        let mut observe = || {
            check_threads()?;
            output.set_len(0)?;
            output.rewind()?;
            // SAFETY: `program.c` has a variable and a function of these types; each case runs in a
            // process that it starts.
            unsafe {
                fd.write(output.as_raw_fd());
                let run: extern "C" fn(c_uint) = std::mem::transmute(run);
                run(c_uint::try_from(first).unwrap_or(c_uint::MAX));
            }
            output.rewind()?;
            output.read_to_end(&mut text)
        };
        observe().map_err(failed)?;
        Ok(Output {
            status: ExitStatus::from_raw(0),
            stdout: text,
            stderr: Vec::new(),
        })
    }
}

/// Refuses a process of several threads: a case runs in a copy of this one alone, in which
/// another's locks stay locked.
fn check_threads() -> std::io::Result<()> {
    // An emulator has a thread of its own.
    let limit = 1 + usize::from(!runner().is_empty());
    match std::fs::read_dir("/proc/self/task")?.count() {
        n if n > limit => Err(std::io::Error::other(format!("too many threads: {n}"))),
        _ => Ok(()),
    }
}
