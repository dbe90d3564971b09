//! Who asks of code: backtraces.

use std::ffi::c_int;

use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::cranelift_module::FuncId;
use clif_cabi::{Arg, Lowering, Ret};
use clif_cabi_jit::{Engine, Sources, symbol_at};

use super::{Result, compiled, define};

/// int report(void): the line of the function that calls it, as a handler of errors would print it.
extern "C" fn report() -> c_int {
    let mut line = 0;
    backtrace::trace(|frame| {
        // A frame has the address that it returns to; the call is before.
        let symbol = symbol_at(frame.ip().cast::<u8>().wrapping_sub(1));
        let found = symbol.filter(|symbol| symbol.name == "calls_report");
        line = found.and_then(|symbol| Some(symbol.place?.1)).unwrap_or(0);
        line == 0
    });
    line.cast_signed()
}

/// int calls_report(void) { return report(); }, which is line 3 of program.lang.
fn calls_report(engine: &mut Engine, lower: &Lowering) -> Result<FuncId> {
    let mut sources = Sources::new("/home/me", "program.lang");
    let line = sources.place(0, 3, 1);
    engine.bind("report", report as *const u8)?;
    let sig = FnSig::new([], Type::I32);
    let report = lower.declare_import(engine, "report", &sig)?;
    let defined = ("calls_report", &sig);
    let id = define(engine, lower, defined, |engine, builder, entry| {
        builder.set_srcloc(line);
        let found = lower.call(engine, builder, &report, &[], Ret::Value)?;
        entry.ret(engine, builder, found.value().map(Arg::value).as_ref())?;
        Ok(())
    })?;
    engine.sources(sources);
    Ok(id)
}

pub(crate) fn run_report() -> Result<()> {
    let code = compiled(calls_report)?;
    // SAFETY: compiled as `int calls_report(void)`.
    let calls_report = unsafe { code.typed::<extern "C" fn() -> c_int>() };
    assert_eq!(calls_report(), 3);
    Ok(())
}
