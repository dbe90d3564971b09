//! The engine as a `cranelift_module::Module`, for everything that works on one.

use crate::cranelift::codegen::Context;
use crate::cranelift::codegen::control::ControlPlane;
use crate::cranelift::codegen::entity::EntityRef;
use crate::cranelift::codegen::ir;
use crate::cranelift::codegen::isa::TargetIsa;
use crate::cranelift::module::{
    DataDescription, DataId, FuncId, Linkage, Module, ModuleDeclarations, ModuleReloc, ModuleResult,
};

use super::Engine;

/// The engine in place of any other module. Errors that have no equal in Cranelift come as
/// `ModuleError::Backend`.
impl Module for Engine {
    fn isa(&self) -> &dyn TargetIsa {
        self.module.isa()
    }

    fn declarations(&self) -> &ModuleDeclarations {
        self.module.declarations()
    }

    fn declare_function(
        &mut self,
        name: &str,
        linkage: Linkage,
        signature: &ir::Signature,
    ) -> ModuleResult<FuncId> {
        Ok(self.declare(name, linkage, signature)?)
    }

    fn declare_anonymous_function(&mut self, signature: &ir::Signature) -> ModuleResult<FuncId> {
        Ok(self.declare_local(signature)?)
    }

    fn declare_data(
        &mut self,
        name: &str,
        linkage: Linkage,
        writable: bool,
        tls: bool,
    ) -> ModuleResult<DataId> {
        Ok(self.declare_object(Some(name), linkage, writable, tls)?)
    }

    fn declare_anonymous_data(&mut self, writable: bool, tls: bool) -> ModuleResult<DataId> {
        Ok(self.declare_object(None, Linkage::Local, writable, tls)?)
    }

    fn declare_func_in_func(&mut self, id: FuncId, func: &mut ir::Function) -> ir::FuncRef {
        if self.functions.get(id.index()).is_some() {
            return self.module.declare_func_in_func(id, func);
        }
        // There is no way to fail here. The name leads nowhere, which `define` refuses.
        let signature = func.import_signature(self.make_signature());
        let name = func.declare_imported_user_function(ir::UserExternalName::new(0, id.as_u32()));
        func.import_function(ir::ExtFuncData {
            name: ir::ExternalName::user(name),
            signature,
            colocated: false,
            patchable: false,
        })
    }

    fn declare_data_in_func(&self, id: DataId, func: &mut ir::Function) -> ir::GlobalValue {
        if self.objects.get(id.index()).is_some() {
            return self.module.declare_data_in_func(id, func);
        }
        // As above.
        let name = func.declare_imported_user_function(ir::UserExternalName::new(1, id.as_u32()));
        func.create_global_value(ir::GlobalValueData::Symbol {
            name: ir::ExternalName::user(name),
            offset: ir::immediates::Imm64::new(0),
            colocated: false,
            tls: false,
        })
    }

    fn define_function_with_control_plane(
        &mut self,
        id: FuncId,
        ctx: &mut Context,
        control: &mut ControlPlane,
    ) -> ModuleResult<()> {
        Ok(self.define_controlled(id, ctx, control)?)
    }

    fn define_function_bytes(
        &mut self,
        id: FuncId,
        alignment: u64,
        bytes: &[u8],
        relocs: &[ModuleReloc],
    ) -> ModuleResult<()> {
        Ok(self.define_aligned(id, alignment, bytes, relocs.to_vec())?)
    }

    fn define_data(&mut self, id: DataId, content: &DataDescription) -> ModuleResult<()> {
        Ok(self.define_object(id, content)?)
    }
}
