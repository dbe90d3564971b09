//! Calls from C, from Cranelift and through libffi of the same functions, and C's calls of functions made by all of them.

use std::ffi::c_long;
use std::hint::black_box;
use std::ptr::null;

use cabi_verify::build::Installed;
use clif_cabi::Lowering;
use clif_cabi::cranelift_codegen::Context;
use clif_cabi::cranelift_codegen::ir::Function;
use clif_cabi::cranelift_module::Module;
use clif_cabi_jit::{CallInterface, Closures, Code, Engine, Invokers};

use super::{Repeat, label, titled};
use crate::libffi::{By, Libffi, Pair, Program, settings};
use crate::measured::{Measured, measured};
use crate::shims;
use crate::suite::Result;

titled! {
    /// A way of making a call, or what C calls.
    Way:
    /// Of a function that C has the address of, in the loop itself.
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
    /// How one function is called.
    pub const CALLS: &[Self] = Self::ALL.split_at(9).0;
    /// What gcc's code calls.
    pub const ENTERED: &[Self] = Self::ALL.split_at(9).1;
}

/// One signature by all ways.
struct Ways<'a> {
    programs: &'a [Program; 2],
    closures: &'a Closures,
    pair: Pair<'a>,
    interface: CallInterface,
    lowered: Code,
    by_hand: Option<Code>,
    entry: Option<Code>,
    measured: &'a Measured,
}

/// Has `measure` make the loop of each signature and way. The loop is named by both.
pub fn each_call(measure: &mut dyn FnMut(&Measured, Way, Repeat<'_>) -> Result<()>) -> Result<()> {
    let all = measured()?;
    let libffi = Libffi::load()?;
    let [gcc, clang] = <[_; 2]>::try_from(Installed::find().references)
        .map_err(|found| format!("of gcc and clang only {found:?} is installed"))?;
    let programs = [Program::new(&gcc, &all)?, Program::new(&clang, &all)?];
    let mut invokers = Invokers::new(&settings())?;
    let closures = Closures::new(&settings())?;
    let mut engine = Engine::new(&settings())?;
    let lower = Lowering::new(engine.isa())?;
    for (i, measured) in all.iter().enumerate() {
        let [program, _] = &programs;
        let pair = Pair::new(program, &libffi, &mut invokers, i, measured)?;
        let mut ways = Ways {
            programs: &programs,
            closures: &closures,
            pair,
            interface: CallInterface::new(&mut invokers, &measured.sig)?,
            lowered: lowered(&mut engine, &lower, measured)?,
            by_hand: by_hand(&mut engine, measured)?,
            entry: entry(&mut engine, &lower, measured, program.given()?)?,
            measured,
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

fn lowered(engine: &mut Engine, lower: &Lowering, measured: &Measured) -> Result<Code> {
    let config = engine.isa().frontend_config();
    let func = shims::shim(engine, lower, config, &measured.sig)?;
    code(engine, func)
}

fn by_hand(engine: &mut Engine, measured: &Measured) -> Result<Option<Code>> {
    let Some(hand) = &measured.hand else {
        return Ok(None);
    };
    let func = hand.function(engine.isa().frontend_config())?;
    code(engine, func).map(Some)
}

/// Of a variadic function there is none: its arguments are read by `va_arg`.
fn entry(
    engine: &mut Engine,
    lower: &Lowering,
    measured: &Measured,
    given: *const u8,
) -> Result<Option<Code>> {
    if measured.n_named().is_some() {
        return Ok(None);
    }
    let config = engine.isa().frontend_config();
    let func = shims::entry(engine, lower, config, &measured.sig, given)?;
    code(engine, func).map(Some)
}

fn code(engine: &mut Engine, func: Function) -> Result<Code> {
    let id = engine.declare_local(&func.signature)?;
    engine.define(id, &mut Context::for_function(func))?;
    engine.finalize()?;
    Ok(engine.code(id)?)
}

impl Ways<'_> {
    /// Whether there is this way for this signature.
    fn has(&self, way: Way) -> bool {
        let in_libffi = self.measured.in_libffi;
        let is_variadic = self.measured.n_named().is_some();
        match way {
            Way::ByHand => self.by_hand.is_some(),
            // Those of a signature that is written down below.
            Way::Interface => ["i32_2", "f64_2", "ptr"].contains(&self.measured.name),
            Way::FfiCall => in_libffi,
            // What is called with some arguments after the named ones: libffi has no closure of it.
            Way::Function | Way::Entry | Way::Closure => !is_variadic,
            Way::FfiClosure => in_libffi && !is_variadic,
            _ => true,
        }
    }

    /// Calls `used_N` with Rust values. The loop is C's, and calls a Rust closure.
    fn repeat_interface(&self, (name, n): (&str, c_long)) -> Result<()> {
        let [program, _] = self.programs;
        let (call, code) = (&self.interface, self.pair.c_function("used")?);
        // SAFETY: `used_N` has this signature, and reads no memory by the pointer.
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

    fn repeat(&mut self, way: Way, n: u32) -> Result<()> {
        let label = label(way, self.measured.name, n);
        let what = (label.as_str(), c_long::from(n));
        let [gcc, clang] = self.programs;
        let none = "no code";
        // SAFETY: each shim and each function is one of this signature, and what is compiled lives as long as the loop.
        unsafe {
            let lowered = self.lowered.as_ptr();
            let code = |code: &Option<Code>| code.as_ref().map(|code| code.as_ptr());
            match way {
                Way::GccInline | Way::ClangInline => {
                    let program = if way == Way::GccInline { gcc } else { clang };
                    let used = self.pair.c_function("used")?;
                    self.pair.repeat_inline(program, what, used)
                }
                Way::GccShim | Way::ClangShim => {
                    let program = if way == Way::GccShim { gcc } else { clang };
                    let shim = self.pair.c_shim(program)?;
                    self.pair.repeat_shim(what, shim)
                }
                Way::Lowered => self.pair.repeat_shim(what, lowered),
                Way::ByHand => {
                    let shim = code(&self.by_hand).ok_or(none)?;
                    self.pair.repeat_shim(what, shim)
                }
                Way::Invoker => self.pair.repeat_dynamic(what, By::Ours),
                Way::Interface => self.repeat_interface(what),
                Way::FfiCall => self.pair.repeat_dynamic(what, By::Libffi),
                Way::Function => {
                    let same = self.pair.c_function("same")?;
                    self.pair.repeat_inline(gcc, what, same)
                }
                Way::Entry => {
                    let entry = code(&self.entry).ok_or(none)?;
                    self.pair.repeat_inline(gcc, what, entry)
                }
                Way::Closure => self.pair.repeat_closure(what, By::Ours, self.closures),
                Way::FfiClosure => self.pair.repeat_closure(what, By::Libffi, self.closures),
            }
        }
    }
}
