//! Structures by value to and from a shared library opened by name: `double _Complex` of libm.
//!
//! ```text
//! $ cargo run -p clif-cabi-jit --example library
//! |(3+4i)^2| = 25
//! ```

use std::error::Error;

use clif_cabi_jit::clif_cabi::cabi::{FnSig, Type};
use clif_cabi_jit::clif_cabi::{Arg, CallResult, Lowering, Ret};
use clif_cabi_jit::cranelift_codegen::ir::InstBuilder;
use clif_cabi_jit::cranelift_codegen::ir::types::F64;
use clif_cabi_jit::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi_jit::cranelift_module::Module;
use clif_cabi_jit::{Engine, Library, Settings};

/// Library that has the complex functions of C.
const LIBM: &str = if cfg!(target_os = "macos") {
    "libSystem.dylib"
} else {
    "libm.so.6"
};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut engine = Engine::new(&Settings::default())?;
    // SAFETY: the mathematics of the C library; its routines do nothing to anybody else.
    engine.add_library(&unsafe { Library::open(LIBM) }?);
    let lower = Lowering::new(engine.isa())?;

    // double _Complex cpow(double _Complex, double _Complex);  double cabs(double _Complex);
    let complex = Type::complex(&Type::F64)?;
    let power = FnSig::new([complex.clone(), complex.clone()], complex.clone());
    let cpow = lower.declare_import(&mut engine, "cpow", &power)?;
    let absolute = FnSig::new([complex], Type::F64);
    let cabs = lower.declare_import(&mut engine, "cabs", &absolute)?;

    // double f(double re, double im) { return cabs(cpow(re + im * I, 2)); }
    let sig = FnSig::new([Type::F64, Type::F64], Type::F64);
    let f = lower.declare_export(&mut engine, "f", &sig)?;
    let mut ctx = engine.make_context();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let (_, entry) = lower.begin(&mut builder, &sig)?;
    let re = entry.value(&mut builder, 0)?;
    let im = entry.value(&mut builder, 1)?;
    let two = builder.ins().f64const(2.0);
    let zero = builder.ins().f64const(0.0);
    // A complex number is given by its real and its imaginary part.
    let args = [Arg::fields(&[re, im]), Arg::fields(&[two, zero])];
    let square = lower.call(&mut engine, &mut builder, &cpow, &args, Ret::Fields)?;
    let CallResult::Fields(square) = square else {
        return Err("double _Complex has two fields".into());
    };
    let args = [Arg::Fields(square)];
    let length = lower.call(&mut engine, &mut builder, &cabs, &args, Ret::Value)?;
    let length = length.value().ok_or("cabs returns a value")?;
    assert_eq!(builder.func.dfg.value_type(length), F64);
    entry.ret(&mut engine, &mut builder, Some(&Arg::value(length)))?;
    builder.seal_all_blocks();
    builder.finalize(engine.target_config());
    engine.define(f.body, &mut ctx)?;

    engine.finalize()?;
    // SAFETY: compiled as `double f(double, double)` just above.
    let f = unsafe { engine.code(f.id)?.typed::<extern "C" fn(f64, f64) -> f64>() };
    let length = f(3.0, 4.0);
    println!("|(3+4i)^2| = {length:.0}");
    assert!((length - 25.0).abs() < 1e-12);
    Ok(())
}
