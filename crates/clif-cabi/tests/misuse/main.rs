//! Wrong use is an error, not a panic, and leaves no instruction; conventions of a user's own are lowered right or refused.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

mod anything;
mod callees;
mod calls;
mod conventions;
mod entries;
mod setup;
mod stub_names;

use std::sync::Arc;

use clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type};
use clif_cabi::cranelift_codegen::ir::types::{F64, I64};
use clif_cabi::cranelift_codegen::ir::{
    self, ExtFuncData, ExternalName, FuncRef, Function, InstBuilder, SigRef, UserExternalName,
    Value,
};
use clif_cabi::cranelift_codegen::{isa, settings};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::FuncId;
use clif_cabi::{Entry, LowerError, Step, Stub, Stubs, SysVAggregateLowering};
use cranelift_jit::{JITBuilder, JITModule};

/// Imports one name for everything, or refuses.
pub(crate) struct Any(pub(crate) bool);

impl Stubs for Any {
    fn stub(
        &mut self,
        _: Stub,
        signature: SigRef,
        func: &mut Function,
    ) -> Result<FuncRef, LowerError> {
        if !self.0 {
            return Err(LowerError::Stub("no stubs"));
        }
        let name = UserExternalName::new(0, 0);
        let name = ExternalName::user(func.declare_imported_user_function(name));
        Ok(func.import_function(ExtFuncData {
            name,
            signature,
            colocated: false,
            patchable: false,
        }))
    }

    fn function(
        &mut self,
        _: FuncId,
        signature: SigRef,
        func: &mut Function,
    ) -> Result<FuncRef, LowerError> {
        self.stub(any_stub(), signature, func)
    }
}

/// A stub of these tests, which makes none.
pub(crate) fn any_stub() -> Stub {
    Stub::new(&[Step::Return]).unwrap()
}

fn isa() -> Arc<dyn isa::TargetIsa> {
    let flags = settings::Flags::new(settings::builder());
    isa::lookup_by_name("x86_64-unknown-linux-gnu")
        .unwrap()
        .finish(flags)
        .unwrap()
}

pub(crate) fn config() -> isa::TargetFrontendConfig {
    isa().frontend_config()
}

pub(crate) fn lowering() -> SysVAggregateLowering {
    SysVAggregateLowering::new(&*isa()).unwrap()
}

/// Builds a function of two parameters, an address and a double; what `build` says, and how many instructions it left.
pub(crate) fn building<T>(
    build: impl FnOnce(&mut FunctionBuilder<'_>, Value, Value) -> T,
) -> (T, usize, Function) {
    let mut func = Function::new();
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let block = builder.create_block();
    builder.switch_to_block(block);
    let address = builder.append_block_param(block, I64);
    let double = builder.append_block_param(block, F64);
    let done = build(&mut builder, address, double);
    let n = builder.func.layout.block_insts(block).count();
    let copy = builder.func.clone();
    builder.ins().trap(ir::TrapCode::unwrap_user(1));
    builder.seal_all_blocks();
    builder.finalize(config());
    (done, n, copy)
}

/// Builds the body of a function of `sig`; how many instructions it has.
pub(crate) fn entered<T>(
    sig: &FnSig,
    body: impl FnOnce(&mut FunctionBuilder<'_>, &Entry) -> T,
) -> (T, usize, Function) {
    let lower = lowering();
    let mut func = Function::new();
    func.signature = lower.entry_plan(sig).unwrap().signature().clone();
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    let entry = lower.enter(&builder, block, sig).unwrap();
    let done = body(&mut builder, &entry);
    let n = builder.func.layout.block_insts(block).count();
    let copy = builder.func.clone();
    (done, n, copy)
}

pub(crate) fn bytes(n: u64) -> Type {
    RecordBuilder::structure("bytes")
        .field("b", Type::array(&Type::U8, n).unwrap())
        .build(&DataModel::LP64)
        .unwrap()
}

/// A value that no function of these tests has.
pub(crate) fn nowhere() -> Value {
    Value::from_u32(9999)
}

/// A module in which nothing has been declared.
pub(crate) fn module() -> JITModule {
    let flags = [("is_pic", "false"), ("use_colocated_libcalls", "false")];
    let names = clif_cabi::cranelift_module::default_libcall_names();
    JITModule::new(JITBuilder::with_flags(&flags, names).unwrap())
}

#[test]
fn shared_between_threads() {
    fn send_sync<T: Send + Sync>() {}
    send_sync::<SysVAggregateLowering>();
    send_sync::<LowerError>();
    send_sync::<Entry>();
}
