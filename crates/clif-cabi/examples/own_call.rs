//! The level below `Lowering::call`: a front end issues the call instruction itself, here a `try_call` with a handler, and takes only the
//! signature, the values in and the values out from this crate.
//!
//! ```text
//! $ cargo run -p clif-cabi --example own_call
//! ...
//!     try_call fn0(v2, v3), sig0, block1(ret0, ret1), [ default: block2 ]
//! ...
//! ```

use clif_cabi::cabi::{FnSig, RecordBuilder, Type};
use clif_cabi::cranelift_codegen::ir::{
    BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, Function, InstBuilder, TrapCode,
};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{Module, default_libcall_names};
use clif_cabi::{Arg, Ret, Stubs, SysVAggregateLowering};
use cranelift_jit::{JITBuilder, JITModule};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = [("is_pic", "false"), ("use_colocated_libcalls", "false")];
    let mut module = JITModule::new(JITBuilder::with_flags(&flags, default_libcall_names())?);
    let lower = SysVAggregateLowering::new(module.isa())?;

    // struct mixed { double x; long n; };  struct mixed may_throw(struct mixed);
    let mixed = RecordBuilder::structure("mixed")
        .field("x", Type::F64)
        .field("n", Type::I64)
        .build(lower.target().data_model())?;
    let sig = FnSig::new([mixed.clone()], mixed);
    let may_throw = lower.declare_import(&mut module, "may_throw", &sig)?;
    let plan = lower.call_plan(&sig)?;

    // void f(struct mixed *in, struct mixed *out): the result, or a trap if `may_throw` throws.
    let mut func = Function::new();
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let own = FnSig::new([Type::PTR, Type::PTR], Type::VOID);
    let (_, entry) = lower.begin(&mut builder, &own)?;
    let from = entry.value(&mut builder, 0)?;
    let to = entry.value(&mut builder, 1)?;

    let values = lower.values_in(&mut builder, &plan, &[Arg::memory(from)], Ret::memory(to))?;

    let (returned, thrown) = (builder.create_block(), builder.create_block());
    let signature = builder.import_signature(plan.signature().clone());
    let callee = Stubs::function(&mut module, may_throw.id, signature, builder.func)?;
    let results = plan.signature().returns.clone();
    let args: Vec<BlockArg> = (0..)
        .zip(&results)
        .map(|(i, _)| BlockArg::TryCallRet(i))
        .collect();
    let pool = &mut builder.func.dfg.value_lists;
    let normal = BlockCall::new(returned, args, pool);
    let handler = ExceptionTableItem::Default(BlockCall::new(thrown, [], pool));
    let table = ExceptionTableData::new(signature, normal, [handler]);
    let table = builder.func.dfg.exception_tables.push(table);
    builder.ins().try_call(callee, &values, table);

    builder.switch_to_block(thrown);
    builder.ins().trap(TrapCode::unwrap_user(1));
    builder.switch_to_block(returned);
    let results: Vec<_> = results
        .iter()
        .map(|param| builder.append_block_param(returned, param.value_type))
        .collect();
    lower.values_out(&mut module, &mut builder, &plan, &results, Ret::memory(to))?;
    entry.ret(&mut module, &mut builder, None)?;
    builder.seal_all_blocks();
    builder.finalize(module.target_config());
    println!("{func}");

    let flags = module.isa().flags();
    clif_cabi::cranelift_codegen::verify_function(&func, flags)?;
    Ok(())
}
