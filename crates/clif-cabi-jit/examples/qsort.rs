//! C calls compiled code back: `qsort` with a comparison function made here. Scalars only, so plain Cranelift signatures do.
//!
//! ```text
//! $ cargo run -p clif-cabi-jit --example qsort
//! before: [3, -1, 4, 1, -5, 9, -2, 6]
//! after:  [-5, -2, -1, 1, 3, 4, 6, 9]
//! ```

use std::error::Error;
use std::ffi::c_int;

use clif_cabi_jit::cranelift_codegen::ir::condcodes::IntCC;
use clif_cabi_jit::cranelift_codegen::ir::types::{I32, I64};
use clif_cabi_jit::cranelift_codegen::ir::{
    AbiParam, InstBuilder, MemFlagsData, Signature, Type, Value,
};
use clif_cabi_jit::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi_jit::cranelift_module::{FuncId, Module};
use clif_cabi_jit::{Engine, Settings};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut engine = Engine::new(&Settings::default())?;

    // void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));
    let sig = signature(&engine, &[I64, I64, I64, I64], &[]);
    let qsort = engine.declare_import("qsort", &sig)?;

    // int compare(const int *a, const int *b) { return (*a > *b) - (*a < *b); }
    let sig = signature(&engine, &[I64, I64], &[I32]);
    let compare = engine.declare_export("compare", &sig)?;
    define(&mut engine, compare, |_, builder, params| {
        let flags = MemFlagsData::trusted();
        let [a, b] = [0, 1].map(|i| builder.ins().load(I32, flags, params[i], 0));
        let greater = builder.ins().icmp(IntCC::SignedGreaterThan, a, b);
        let less = builder.ins().icmp(IntCC::SignedLessThan, a, b);
        let [greater, less] = [greater, less].map(|bit| builder.ins().uextend(I32, bit));
        let order = builder.ins().isub(greater, less);
        builder.ins().return_(&[order]);
    })?;

    // void sort(int *numbers, size_t count) { qsort(numbers, count, sizeof(int), compare); }
    let sig = signature(&engine, &[I64, I64], &[]);
    let sort = engine.declare_export("sort", &sig)?;
    define(&mut engine, sort, |engine, builder, params| {
        let qsort = engine.declare_func_in_func(qsort, builder.func);
        let compare = engine.declare_func_in_func(compare, builder.func);
        let size = builder.ins().iconst(I64, 4);
        let compare = builder.ins().func_addr(I64, compare);
        builder
            .ins()
            .call(qsort, &[params[0], params[1], size, compare]);
        builder.ins().return_(&[]);
    })?;

    engine.finalize()?;
    // SAFETY: the function was compiled as `void sort(int *, size_t)` just above.
    let sort = unsafe {
        engine
            .code(sort)?
            .typed::<unsafe extern "C" fn(*mut c_int, usize)>()
    };

    let mut numbers = [3, -1, 4, 1, -5, 9, -2, 6];
    println!("before: {numbers:?}");
    // SAFETY: that many ints are there.
    unsafe { sort(numbers.as_mut_ptr(), numbers.len()) };
    println!("after:  {numbers:?}");
    assert!(numbers.is_sorted());
    Ok(())
}

fn signature(engine: &Engine, params: &[Type], results: &[Type]) -> Signature {
    let mut sig = engine.make_signature();
    sig.params.extend(params.iter().copied().map(AbiParam::new));
    sig.returns
        .extend(results.iter().copied().map(AbiParam::new));
    sig
}

/// Defines a function of one block; `body` gets its parameters.
fn define(
    engine: &mut Engine,
    id: FuncId,
    body: impl FnOnce(&mut Engine, &mut FunctionBuilder<'_>, &[Value]),
) -> Result<(), clif_cabi_jit::Error> {
    let mut ctx = engine.make_context();
    ctx.func.signature = engine
        .declarations()
        .get_function_decl(id)
        .signature
        .clone();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    builder.seal_block(block);
    let params = builder.block_params(block).to_vec();
    body(engine, &mut builder, &params);
    builder.finalize(engine.target_config());
    engine.define(id, &mut ctx)
}
