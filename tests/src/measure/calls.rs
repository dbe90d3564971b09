//! Calls from C, from Cranelift and through libffi of the same functions, and C's calls of
//! functions made by all of them.

use std::ffi::{c_long, c_void};
use std::hint::black_box;
use std::ptr::null;

use cabi_verify::build::InstalledCompilers;
use cabi_verify::pattern::bytes;
use clif_cabi::Lowering;
use clif_cabi::cranelift_codegen::Context;
use clif_cabi::cranelift_codegen::ir::Function;
use clif_cabi::cranelift_module::Module;
use clif_cabi_jit::{CallInterface, Closures, Code, Engine, Invoker, Invokers};

use super::program::{Loop, Program, settings};
use super::text::BUFFER;
use super::{Repeat, label, titled};
use crate::measured_signatures::{MeasuredSignature, measured, offsets};
use crate::shims;
use crate::suite::Result;

titled! {
    /// A way of making a call, or a callee of C's.
    Way:
    /// A call of a function whose address C has, in the loop itself.
    GccInline "gcc inline";
    /// By a shim.
    GccShim "gcc shim";
    /// As gcc.
    ClangInline "clang inline";
    /// As gcc.
    ClangShim "clang shim";
    /// A shim that is lowered.
    Lowered "lowered";
    /// A shim that is written by hand as CLIF.
    ByHand "by hand";
    /// `clif_cabi_jit::Invoker`.
    Invoker "invoker";
    /// `clif_cabi_jit::CallInterface`, of Rust values.
    Interface "interface";
    /// `ffi_call`.
    FfiCall "ffi_call";
    /// C calls a function of gcc's.
    Function "gcc function";
    /// C calls one that is lowered and does the same.
    Entry "lowered entry";
    /// C calls `clif_cabi_jit::Closure`.
    Closure "closure";
    /// C calls a closure of libffi's.
    FfiClosure "libffi closure";
}

impl Way {
    /// Calls of one function.
    pub const CALLS: &[Self] = Self::ALL.split_at(9).0;
    /// Callees of gcc's code.
    pub const ENTERED: &[Self] = Self::ALL.split_at(9).1;
}

/// One signature by all ways.
struct CallWays<'a> {
    programs: &'a [Program; 2],
    measured: &'a MeasuredSignature,
    closures: &'a Closures,
    invoker: Invoker,
    interface: CallInterface,
    lowered: Code,
    by_hand: Option<Code>,
    entry: Option<Code>,
    sent: Box<Buffer>,
    returned: Box<Buffer>,
}

/// Bytes as aligned as any argument.
#[repr(C, align(64))]
struct Buffer([u8; BUFFER]);

impl Buffer {
    fn new() -> Box<Self> {
        Box::new(Self([0xee; BUFFER]))
    }

    /// Makes a buffer with a value of each argument.
    fn of_arguments(measured: &MeasuredSignature) -> Result<Box<Self>> {
        let mut sent = Self::new();
        let params = measured.sig.params().iter().zip(offsets(&measured.sig));
        for (number, (param, offset)) in (1..).zip(params) {
            let bytes = bytes(&param.ty, number, false);
            let to = sent.0.get_mut(offset..offset + bytes.len());
            let to = to.ok_or("the arguments are too large")?;
            to.copy_from_slice(&bytes);
        }
        Ok(sent)
    }
}

/// Has `measure` make the loop of each signature and way. The loop is named by both.
pub fn each_call(
    measure: &mut dyn FnMut(&MeasuredSignature, Way, Repeat<'_>) -> Result<()>,
) -> Result<()> {
    let all = measured()?;
    let [gcc, clang] = <[_; 2]>::try_from(InstalledCompilers::find().references)
        .map_err(|found| format!("of gcc and clang only {found:?} is installed"))?;
    let programs = [Program::new(&gcc, &all)?, Program::new(&clang, &all)?];
    let mut invokers = Invokers::new(&settings())?;
    let closures = Closures::new(&settings())?;
    let mut engine = Engine::new(&settings())?;
    let lower = Lowering::new(engine.isa())?;
    for measured in &all {
        let [program, _] = &programs;
        if measured.in_libffi {
            match program.prepare(measured.name)?() {
                0 => {}
                status => {
                    let sig = &measured.sig;
                    return Err(format!("libffi refuses {sig}: status {status}").into());
                }
            }
        }
        let config = engine.isa().frontend_config();
        let sig = &measured.sig;
        let lowered = shims::shim(&mut engine, &lower, config, sig)?;
        let by_hand = measured.hand.as_ref();
        let by_hand = by_hand.map(|hand| hand.function(config)).transpose()?;
        let entry = match measured.n_named() {
            None => Some(shims::entry(
                &mut engine,
                &lower,
                config,
                sig,
                program.result_bytes()?,
            )?),
            // A variadic function has none: its arguments are read by `va_arg`.
            Some(_) => None,
        };
        let mut ways = CallWays {
            programs: &programs,
            measured,
            closures: &closures,
            invoker: invokers.get(sig)?,
            interface: CallInterface::new(&mut invokers, sig)?,
            lowered: code(&mut engine, lowered)?,
            by_hand: by_hand.map(|own| code(&mut engine, own)).transpose()?,
            entry: entry.map(|own| code(&mut engine, own)).transpose()?,
            sent: Buffer::of_arguments(measured)?,
            returned: Buffer::new(),
        };
        for &way in Way::ALL {
            if ways.has(way) {
                let mut repeat = |n| ways.repeat(way, n);
                measure(measured, way, &mut repeat)?;
            }
        }
    }
    Ok(())
}

fn code(engine: &mut Engine, func: Function) -> Result<Code> {
    let id = engine.declare_local(&func.signature)?;
    engine.define(id, &mut Context::for_function(func))?;
    engine.finalize()?;
    Ok(engine.code(id)?)
}

impl CallWays<'_> {
    /// Checks whether there is this way for this signature.
    fn has(&self, way: Way) -> bool {
        let in_libffi = self.measured.in_libffi;
        let is_variadic = self.measured.n_named().is_some();
        match way {
            Way::ByHand => self.by_hand.is_some(),
            // Signatures that are written down below.
            Way::Interface => ["i32_2", "f64_2", "ptr"].contains(&self.measured.name),
            Way::FfiCall => in_libffi,
            // Calls with arguments after the named ones: libffi has no closure for them.
            Way::Function | Way::Entry | Way::Closure => !is_variadic,
            Way::FfiClosure => in_libffi && !is_variadic,
            _ => true,
        }
    }

    /// Calls `used_NAME` with Rust values. The loop is C's, and calls a Rust closure.
    fn repeat_interface(&self, (name, n): (&str, c_long)) -> Result<()> {
        let [program, _] = self.programs;
        let (call, code) = (&self.interface, self.program_function(program, "used")?);
        // SAFETY: `used_NAME` has this signature, and reads no memory by the pointer.
        unsafe {
            let mut i32_2 = || drop(call.call::<i32>(code, black_box((1_i32, 2_i32))));
            let mut f64_2 = || drop(call.call::<f64>(code, black_box((1.0, 2.0))));
            let mut ptr = || drop(call.call::<*const u8>(code, (black_box(null::<u8>()),)));
            let body: &mut dyn FnMut() = match self.measured.name {
                "i32_2" => &mut i32_2,
                "f64_2" => &mut f64_2,
                _ => &mut ptr,
            };
            program.repeat(name, n, body)
        }
    }

    /// Returns the function `what` of `program` for this signature.
    fn program_function(&self, program: &Program, what: &str) -> Result<*const c_void> {
        program.symbol(&format!("{what}_{}", self.measured.name))
    }

    fn repeat(&mut self, way: Way, n: u32) -> Result<()> {
        let label = label(way, self.measured.name, n);
        let what = (label.as_str(), c_long::from(n));
        let [gcc, clang] = self.programs;
        let (used, same) = (
            self.program_function(gcc, "used")?,
            self.program_function(gcc, "same")?,
        );
        // SAFETY: what is compiled lives as long as the loop.
        let address = |code: &Code| unsafe { code.as_ptr() };
        let address_of = |code: &Option<Code>| code.as_ref().map(address).ok_or("no code");
        let inline = format!("repeat_{}", self.measured.name);
        let (shim, none) = ("repeat_shim", null());
        let cif = match self.measured.in_libffi {
            true => self.program_function(gcc, "cif")?,
            false => none,
        };
        // Lives as long as the loop.
        let closure;
        let (program, repeat, code, target) = match way {
            Way::GccInline => (gcc, &*inline, none, used),
            Way::ClangInline => (clang, &*inline, none, used),
            Way::GccShim => (gcc, shim, self.program_function(gcc, "caller")?, used),
            Way::ClangShim => (gcc, shim, self.program_function(clang, "caller")?, used),
            Way::Lowered => (gcc, shim, address(&self.lowered), used),
            Way::ByHand => (gcc, shim, address_of(&self.by_hand)?, used),
            Way::Invoker => (gcc, "repeat_invoker", address(self.invoker.code()), used),
            Way::Interface => return self.repeat_interface(what),
            Way::FfiCall => (gcc, "repeat_ffi_call", gcc.symbol("ffi_call")?, used),
            Way::Function => (gcc, &*inline, none, same),
            Way::Entry => (gcc, &*inline, none, address_of(&self.entry)?),
            Way::Closure => {
                let interface = self.closures.interface(&self.measured.sig)?;
                closure = interface.closure("nothing", |_, _| {})?;
                (gcc, &*inline, none, closure.code())
            }
            Way::FfiClosure => (gcc, &*inline, none, gcc.ffi_closure(cif)?),
        };
        let start = self.sent.0.as_ptr();
        let addresses = offsets(&self.measured.sig).into_iter();
        let addresses = addresses.map(|offset| start.wrapping_add(offset).cast_mut().cast());
        let restored: Vec<*mut c_void> = addresses.collect();
        let is_large = |param: &cabi::Param| param.ty.size() > 16;
        let n_restored = match self.measured.sig.params().iter().any(is_large) {
            true => c_long::try_from(restored.len())?,
            false => 0,
        };
        let mut pointers = restored.clone();
        let of = Loop {
            code,
            target,
            args: start,
            ret: self.returned.0.as_mut_ptr(),
            pointers: pointers.as_mut_ptr(),
            restored: restored.as_ptr(),
            n_restored,
            cif,
        };
        // SAFETY: each shim and each function is one of this signature; the pointers lead to its
        // arguments, and the buffer is larger than any result.
        unsafe { program.repeat_loop(repeat, what, &of) }
    }
}
