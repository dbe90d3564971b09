//! Backtraces, which look up the names of code.

use std::ffi::c_int;

use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::cranelift_module::FuncId;
use clif_cabi::{Arg, Lowering, Ret};
use clif_cabi_jit::{Engine, symbol_at};

use super::{Result, compiled, define};

/// int report(void): whether a backtrace names `calls_report`.
extern "C" fn report() -> c_int {
    let mut is_found = false;
    backtrace::trace(|frame| {
        // A frame has the address that it returns to; the call is before.
        let symbol = symbol_at(frame.ip().cast::<u8>().wrapping_sub(1));
        is_found = symbol.is_some_and(|symbol| symbol.name == "calls_report");
        !is_found
    });
    is_found.into()
}

/// int calls_report(void) { return report(); }
fn calls_report(engine: &mut Engine, lower: &Lowering) -> Result<FuncId> {
    engine.bind("report", report as *const u8)?;
    let sig = FnSig::new([], Type::I32);
    let report = lower.declare_import(engine, "report", &sig)?;
    let defined = ("calls_report", &sig);
    define(engine, lower, defined, |engine, builder, entry| {
        let found = lower.call(engine, builder, &report, &[], Ret::Value)?;
        entry.ret(engine, builder, found.value().map(Arg::value).as_ref())?;
        Ok(())
    })
}

pub(crate) fn run_report() -> Result<()> {
    let code = compiled(calls_report)?;
    // SAFETY: compiled as `int calls_report(void)`.
    let calls_report = unsafe { code.typed::<extern "C" fn() -> c_int>() };
    assert_eq!(calls_report(), 1);
    Ok(())
}
