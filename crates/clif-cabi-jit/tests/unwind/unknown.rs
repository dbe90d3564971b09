//! Stubs that are defined under names of their own: the unwinder is told nothing of them.

use clif_cabi_jit::Engine;
use clif_cabi_jit::clif_cabi::clif_cabi_plan::RelocKind;
use clif_cabi_jit::clif_cabi::{LowerError, Stub, Stubs, stub_code};
use clif_cabi_jit::cranelift_codegen::binemit::Reloc;
use clif_cabi_jit::cranelift_codegen::ir::{FuncRef, Function, SigRef};
use clif_cabi_jit::cranelift_module::{FuncId, Linkage, Module, ModuleReloc, ModuleRelocTarget};

pub(crate) struct Unknown<'a>(pub(crate) &'a mut Engine);

impl Stubs for Unknown<'_> {
    fn stub(
        &mut self,
        stub: Stub,
        signature: SigRef,
        func: &mut Function,
    ) -> Result<FuncRef, LowerError> {
        let engine = &mut *self.0;
        let code = stub_code(engine.isa(), &stub)?;
        let name = format!("unknown {}", stub.name());
        let declared = engine.make_signature();
        let is_first = engine.declarations().get_name(&name).is_none();
        let id = engine.declare_function(&name, Linkage::Local, &declared)?;
        if is_first {
            let reloc = code.reloc.map(|own| {
                assert_eq!(own.kind, RelocKind::Address);
                ModuleReloc {
                    offset: own.offset,
                    kind: Reloc::Abs8,
                    name: ModuleRelocTarget::user(0, own.callee),
                    addend: own.addend,
                }
            });
            engine
                .define_bytes(id, &code.bytes, reloc.as_slice())
                .unwrap();
        }
        self.function(id, signature, func)
    }

    fn function(
        &mut self,
        id: FuncId,
        signature: SigRef,
        func: &mut Function,
    ) -> Result<FuncRef, LowerError> {
        Stubs::function(self.0, id, signature, func)
    }
}
