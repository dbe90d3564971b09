//! A structure returned through a function pointer: the pointer comes from outside, the signature from us.
//!
//! ```text
//! $ cargo run -p clif-cabi-jit --example function_pointer
//! the mean of 3, 1, 4, 1, 5 is 2.8, over 5 numbers
//! ```

use std::error::Error;

use clif_cabi_jit::clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type};
use clif_cabi_jit::clif_cabi::{Arg, Ret, SysVAggregateLowering};
use clif_cabi_jit::cranelift_codegen::ir::types::{F64, I64};
use clif_cabi_jit::cranelift_codegen::ir::{
    InstBuilder, MemFlagsData, StackSlotData, StackSlotKind,
};
use clif_cabi_jit::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi_jit::cranelift_module::Module;
use clif_cabi_jit::{Engine, Settings};

/// One member in a vector register, the other in an integer register.
#[repr(C)]
struct Sum {
    total: f64,
    count: i64,
}

/// Somebody's function; C or Rust makes no difference.
unsafe extern "C" fn sum(numbers: *const f64, count: i64) -> Sum {
    let length = usize::try_from(count).unwrap_or(0);
    // SAFETY: the caller's.
    let numbers = unsafe { std::slice::from_raw_parts(numbers, length) };
    Sum {
        total: numbers.iter().sum(),
        count,
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut engine = Engine::new(&Settings::default())?;
    let lower = SysVAggregateLowering::new(engine.isa())?;

    // struct sum { double total; long count; };  typedef struct sum (*summing)(const double *, long);
    let sum_type = RecordBuilder::structure("sum")
        .field("total", Type::F64)
        .field("count", Type::I64)
        .build(&DataModel::LP64)?;
    let summing = FnSig::new([Type::PTR, Type::I64], sum_type);

    // double mean(summing f, const double *numbers, long n)
    // { struct sum s = f(numbers, n); return s.total / s.count; }
    let sig = FnSig::new([Type::FN_PTR, Type::PTR, Type::I64], Type::F64);
    let mean = lower.declare_export(&mut engine, "mean", &sig)?;
    let mut ctx = engine.make_context();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let (_, entry) = lower.begin(&mut builder, &sig)?;
    let f = entry.value(&mut builder, 0)?;
    let numbers = Arg::value(entry.value(&mut builder, 1)?);
    let n = Arg::value(entry.value(&mut builder, 2)?);
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 16, 3);
    let slot = builder.create_sized_stack_slot(slot);
    let s = builder.ins().stack_addr(I64, slot, 0);
    let ret = Ret::memory(s);
    lower.call_sig(&mut engine, &mut builder, f, &summing, &[numbers, n], ret)?;
    let total = builder.ins().load(F64, MemFlagsData::trusted(), s, 0);
    let count = builder.ins().load(I64, MemFlagsData::trusted(), s, 8);
    let count = builder.ins().fcvt_from_sint(F64, count);
    let quotient = builder.ins().fdiv(total, count);
    entry.ret(&mut engine, &mut builder, Some(&Arg::value(quotient)))?;
    builder.seal_all_blocks();
    builder.finalize(engine.target_config());
    engine.define(mean.body, &mut ctx)?;

    engine.finalize()?;
    type Summing = unsafe extern "C" fn(*const f64, i64) -> Sum;
    // SAFETY: compiled with this signature just above.
    let mean = unsafe {
        engine
            .code(mean.id)?
            .typed::<unsafe extern "C" fn(Summing, *const f64, i64) -> f64>()
    };
    let numbers = [3.0, 1.0, 4.0, 1.0, 5.0];
    // SAFETY: five numbers are there.
    let mean = unsafe { mean(sum, numbers.as_ptr(), 5) };
    println!(
        "the mean of 3, 1, 4, 1, 5 is {mean}, over {} numbers",
        numbers.len()
    );
    assert_eq!(mean, 2.8);
    Ok(())
}
