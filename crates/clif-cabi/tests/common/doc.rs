// Hidden first lines of the examples in the documentation.

pub use clif_cabi::cranelift_codegen::ir::{self, AbiParam, InstBuilder, condcodes::IntCC, types};
pub use clif_cabi::cranelift_codegen::settings::{self, Configurable};
pub use clif_cabi::cranelift_codegen::{Context, isa, verify_function};
pub use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
pub use clif_cabi::cranelift_module::{FuncId, Module};

pub fn linux_isa() -> isa::OwnedTargetIsa {
    let isa = isa::lookup_by_name("x86_64-unknown-linux-gnu").unwrap();
    isa.finish(settings::Flags::new(settings::builder()))
        .unwrap()
}

/// Makes a module with these flags on.
pub fn jit(flags: &[&str]) -> cranelift_jit::JITModule {
    let off = ["is_pic", "use_colocated_libcalls"].map(|flag| (flag, "false"));
    let on = flags.iter().map(|flag| (*flag, "true"));
    let flags: Vec<_> = off.into_iter().chain(on).collect();
    let names = clif_cabi::cranelift_module::default_libcall_names();
    cranelift_jit::JITModule::new(cranelift_jit::JITBuilder::with_flags(&flags, names).unwrap())
}

/// For functions that need none.
pub struct NoStubs;

impl clif_cabi::Stubs for NoStubs {
    fn stub(
        &mut self,
        _: clif_cabi::Stub,
        _: ir::SigRef,
        _: &mut ir::Function,
    ) -> Result<ir::FuncRef, clif_cabi::LowerError> {
        unreachable!()
    }

    fn function(
        &mut self,
        _: FuncId,
        _: ir::SigRef,
        _: &mut ir::Function,
    ) -> Result<ir::FuncRef, clif_cabi::LowerError> {
        unreachable!()
    }
}
