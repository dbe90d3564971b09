//! The call of README.md: a value for each member, as a language guessed it, and the call that C
//! reads.

use clif_cabi::cabi::FnSig;
use clif_cabi::cranelift_codegen::ir::Value;
use clif_cabi::cranelift_frontend::FunctionBuilder;
use clif_cabi::cranelift_module::Module;
use clif_cabi::{Arg, CallResult, LowerError, Lowering, Ret};

fn digits(
    module: &mut impl Module,
    builder: &mut FunctionBuilder<'_>,
    [x, y]: [Value; 2],
) -> Result<CallResult, LowerError> {
    let lower = Lowering::new(module.isa())?;
    let c = "struct point { float x, y; }; float digits(struct point p)";
    let sig = FnSig::parse(c, lower.target().data_model())?;
    let digits = lower.declare_import(module, "digits", &sig)?;
    let p = [Arg::fields(&[x, y])];
    lower.call(module, builder, &digits, &p, Ret::Value)
}

use clif_cabi::cabi::Type;
use clif_cabi::cranelift_codegen::ir::types::F32;
use clif_cabi::cranelift_codegen::ir::{AbiParam, InstBuilder};
use clif_cabi::cranelift_module::Linkage;

use super::{engine, finished};

/// A call with a value for each member: Cranelift passes them in xmm0 and xmm1.
fn guessed(
    module: &mut impl Module,
    builder: &mut FunctionBuilder<'_>,
    values: [Value; 2],
) -> super::Result<Value> {
    let mut sig = module.make_signature();
    sig.params.extend([F32, F32].map(AbiParam::new));
    sig.returns.push(AbiParam::new(F32));
    let digits = module.declare_function("digits", Linkage::Import, &sig)?;
    let digits = module.declare_func_in_func(digits, builder.func);
    let call = builder.ins().call(digits, &values);
    Ok(builder.inst_results(call)[0])
}

#[repr(C)]
struct Point(f32, f32);

/// float digits(struct point p) { return 10 * p.x + p.y; }
extern "C" fn c_digits(p: Point) -> f32 {
    10.0 * p.0 + p.1
}

/// Returns what `digits` makes of 1 and 2.
fn of_one_and_two(is_guess: bool) -> super::Result<f32> {
    let mut backend = engine(&[("digits", c_digits as *const u8)])?;
    let sig = FnSig::new([Type::F32, Type::F32], Type::F32);
    backend.declare("call", sig, Linkage::Export)?;
    backend.define("call", |backend, builder, entry| {
        let values = [entry.value(builder, 0)?, entry.value(builder, 1)?];
        let module = &mut backend.module;
        let n = match is_guess {
            true => guessed(module, builder, values)?,
            false => digits(module, builder, values)?.value().ok_or("a value")?,
        };
        entry.ret(module, builder, Some(&Arg::value(n)))?;
        Ok(())
    })?;
    let code = finished(backend, "call")?;
    // SAFETY: compiled as `float call(float, float)`.
    let call = unsafe { code.typed::<extern "C" fn(f32, f32) -> f32>() };
    Ok(call(1.0, 2.0))
}

pub(crate) fn run_guess() -> super::Result<()> {
    let found = [of_one_and_two(true)?, of_one_and_two(false)?];
    assert_eq!(found.map(f32::to_bits), [10.0_f32, 12.0].map(f32::to_bits));
    Ok(())
}
