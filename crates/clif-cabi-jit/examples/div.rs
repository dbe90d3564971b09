//! A structure returned by C, and returned to C: `div` of the C library after a function of our
//! own.
//!
//! ```text
//! $ cargo run -p clif-cabi-jit --example div
//! 17 = 5 * 3 + 2
//! ```

use std::error::Error;
use std::ffi::c_int;

use clif_cabi_jit::clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type};
use clif_cabi_jit::clif_cabi::{Arg, CallResult, Lowering, Ret};
use clif_cabi_jit::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi_jit::cranelift_module::Module;
use clif_cabi_jit::{Engine, Settings};

/// Result of our function in Rust.
#[repr(C)]
struct DivT {
    quot: c_int,
    rem: c_int,
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut engine = Engine::new(&Settings::default())?;
    let lower = Lowering::new(engine.isa())?;

    // div_t div(int, int), found in the process.
    let div_t = RecordBuilder::structure("div_t")
        .field("quot", Type::I32)
        .field("rem", Type::I32)
        .build(&DataModel::LP64)?;
    let sig = FnSig::new([Type::I32, Type::I32], div_t);
    let div = lower.declare_import(&mut engine, "div", &sig)?;

    // div_t divide(int a, int b) { return div(a, b); }
    let divide = lower.declare_export(&mut engine, "divide", &sig)?;
    let mut ctx = engine.make_context();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let (_, entry) = lower.begin(&mut builder, &sig)?;
    let a = Arg::value(entry.value(&mut builder, 0)?);
    let b = Arg::value(entry.value(&mut builder, 1)?);
    // A value for each of the two ints, wherever the machine returns them.
    let result = lower.call(&mut engine, &mut builder, &div, &[a, b], Ret::Fields)?;
    let CallResult::Fields(fields) = result else {
        return Err("div_t has fields".into());
    };
    entry.ret(&mut engine, &mut builder, Some(&Arg::Fields(fields)))?;
    builder.seal_all_blocks();
    builder.finalize(engine.target_config());
    engine.define(divide.body, &mut ctx)?;

    engine.finalize()?;
    // SAFETY: compiled as `div_t divide(int, int)` just above.
    let divide = unsafe {
        engine
            .code(divide.id)?
            .typed::<unsafe extern "C" fn(c_int, c_int) -> DivT>()
    };
    // SAFETY: the divisor is not 0, and the quotient fits.
    let DivT { quot, rem } = unsafe { divide(17, 5) };
    println!("17 = 5 * {quot} + {rem}");
    assert_eq!((quot, rem), (3, 2));
    Ok(())
}
