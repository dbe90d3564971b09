//! Where lowering gets stubs and functions from: a trait, which every [`Module`] has.
//!
//! What the stubs do, and their bytes, are `clif-cabi-plan`'s.

use clif_cabi_plan::{Reloc as StubReloc, RelocKind};
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{self, ExtFuncData, ExternalName, FuncRef, SigRef, Signature};
use cranelift_module::{FuncId, Linkage, Module, ModuleReloc, ModuleRelocTarget};

use crate::error::LowerError;
use crate::words::clif_signature;

pub use clif_cabi_plan::{Stub as Bridge, StubCode as BridgeCode};

/// The CLIF signature of the bridges that take one address.
pub(crate) fn address_signature() -> Signature {
    clif_signature(&Bridge::address_signature())
}

/// Where lowering gets bridges and functions from. Every [`Module`] is one; a front end on bare cranelift-codegen brings its own.
pub trait Bridges {
    /// A reference to `bridge` in `func`, called with `signature`. The bridge is made when it is asked for the first time.
    ///
    /// # Errors
    /// [`LowerError`] when it cannot be made.
    fn bridge(
        &mut self,
        bridge: Bridge,
        signature: SigRef,
        func: &mut ir::Function,
    ) -> Result<FuncRef, LowerError>;

    /// A reference to the function `id` in `func`, called with `signature`, whatever signature it is declared with.
    ///
    /// # Errors
    /// [`LowerError`] when there are no functions to be had by number.
    fn function(
        &mut self,
        id: FuncId,
        signature: SigRef,
        func: &mut ir::Function,
    ) -> Result<FuncRef, LowerError>;
}

impl<M: Module + ?Sized> Bridges for M {
    fn bridge(
        &mut self,
        bridge: Bridge,
        signature: SigRef,
        func: &mut ir::Function,
    ) -> Result<FuncRef, LowerError> {
        if let Bridge::VariadicDirect { callee, .. } = bridge {
            check_id(self, FuncId::from_u32(callee))?;
        }
        let name = bridge.name();
        let id = match self.declarations().get_name(&name) {
            Some(cranelift_module::FuncOrDataId::Func(id)) => id,
            _ => {
                let code = bridge.code(self.isa().flags().is_pic())?;
                let relocs: Vec<ModuleReloc> = code.reloc.iter().map(module_reloc).collect();
                let declared = self.make_signature();
                let id = self.declare_function(&name, Linkage::Local, &declared)?;
                self.define_function_bytes(id, BridgeCode::ALIGN, &code.bytes, &relocs)?;
                id
            }
        };
        self.function(id, signature, func)
    }

    fn function(
        &mut self,
        id: FuncId,
        signature: SigRef,
        func: &mut ir::Function,
    ) -> Result<FuncRef, LowerError> {
        check_id(self, id)?;
        let colocated = self.declarations().get_function_decl(id).linkage.is_final();
        let name = ir::UserExternalName {
            namespace: 0,
            index: id.as_u32(),
        };
        let name = ExternalName::user(func.declare_imported_user_function(name));
        Ok(func.import_function(ExtFuncData {
            name,
            signature,
            colocated,
            patchable: false,
        }))
    }
}

fn module_reloc(reloc: &StubReloc) -> ModuleReloc {
    ModuleReloc {
        offset: reloc.offset,
        kind: match reloc.kind {
            RelocKind::CallPlt4 => Reloc::X86CallPLTRel4,
            RelocKind::Abs8 => Reloc::Abs8,
        },
        name: ModuleRelocTarget::user(0, reloc.callee),
        addend: reloc.addend,
    }
}

/// Refuses a number that `module` never gave out: asking for it would panic, now or when the module is finished.
fn check_id<M: Module + ?Sized>(module: &M, id: FuncId) -> Result<(), LowerError> {
    let n_functions = module.declarations().get_functions().size_hint().0;
    if (id.as_u32() as usize) < n_functions {
        return Ok(());
    }
    Err(LowerError::Bridge {
        why: "the function does not belong to this module",
    })
}
