//! A call that returns a structure, and the CLIF it becomes.
//! `cargo run -p clif-cabi-jit --example div` runs such a call.
//!
//! ```text
//! $ cargo run -p clif-cabi --example struct_return
//! function u0:0(i64, i64) -> i64 system_v {
//!     sig0 = (i64, i64) -> i64, i64 system_v
//!     fn0 = u0:0 sig0
//!
//! block0(v0: i64, v1: i64):
//!     v2, v3 = call fn0(v0, v1)
//!     v4 = iadd v2, v3
//!     return v4
//! }
//! ```

use clif_cabi::cabi::{FnSig, RecordBuilder, Type};
use clif_cabi::cranelift_codegen::ir::{AbiParam, Function, InstBuilder, types};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{Module, default_libcall_names};
use clif_cabi::{Arg, CallResult, Lowering, Ret};
use cranelift_jit::{JITBuilder, JITModule};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = [("is_pic", "false"), ("use_colocated_libcalls", "false")];
    let mut module = JITModule::new(JITBuilder::with_flags(&flags, default_libcall_names())?);
    let lower = Lowering::new(module.isa())?;

    // lldiv_t lldiv(long long, long long);
    let lldiv_t = RecordBuilder::structure("lldiv_t")
        .field("quot", Type::I64)
        .field("rem", Type::I64)
        .build(lower.target().data_model())?;
    let sig = FnSig::new([Type::I64, Type::I64], lldiv_t);
    let lldiv = lower.declare_import(&mut module, "lldiv", &sig)?;

    // long long f(long long a, long long b) { lldiv_t r = lldiv(a, b); return r.quot + r.rem; }
    let mut func = Function::new();
    func.signature.call_conv = module.isa().default_call_conv();
    func.signature
        .params
        .extend([types::I64; 2].map(AbiParam::new));
    func.signature.returns.push(AbiParam::new(types::I64));
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    builder.seal_block(block);
    let args: Vec<Arg> = builder
        .block_params(block)
        .iter()
        .copied()
        .map(Arg::value)
        .collect();
    let result = lower.call(&mut module, &mut builder, &lldiv, &args, Ret::Fields)?;
    let CallResult::Fields(fields) = result else {
        return Err("lldiv_t has two fields".into());
    };
    let sum = builder.ins().iadd(fields[0], fields[1]);
    builder.ins().return_(&[sum]);
    builder.finalize(module.target_config());
    println!("{func}");
    assert!(
        !func.to_string().contains("store"),
        "the structure never visits memory"
    );
    Ok(())
}
