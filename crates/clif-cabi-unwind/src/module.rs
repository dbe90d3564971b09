//! [`UnwindModule`]: cranelift-object's module, which also writes the tables of all that is defined
//! in it.

use crate::cranelift::codegen::Context;
use crate::cranelift::codegen::control::ControlPlane;
use crate::cranelift::codegen::ir::Signature;
use crate::cranelift::codegen::isa::TargetIsa;
use crate::cranelift::module::{
    DataDescription, DataId, FuncId, Linkage, Module, ModuleDeclarations, ModuleError, ModuleReloc,
    ModuleResult,
};
use crate::cranelift::object::{ObjectModule, ObjectProduct};
use crate::error::UnwindError;
use crate::personality::Personality;
use crate::tables::UnwindTables;

/// An `ObjectModule` with unwind tables, for whatever works on a [`Module`].
/// `ObjectBuilder::unwind_info` must be off.
///
/// # Example
/// ```
/// use clif_cabi_unwind::{Personality, UnwindModule};
/// use cranelift_codegen::{isa, settings};
/// use cranelift_module::{Module, default_libcall_names};
/// use cranelift_object::{ObjectBuilder, ObjectModule};
///
/// let isa = isa::lookup_by_name("x86_64-unknown-linux-gnu")?
///     .finish(settings::Flags::new(settings::builder()))?;
/// let module = ObjectModule::new(ObjectBuilder::new(isa, "name", default_libcall_names())?);
/// let mut module = UnwindModule::new(module, Some(Personality::new("__gxx_personality_v0")))?;
/// # let text = "function %seven() -> i32 system_v {\nblock0:\n v0 = iconst.i32 7\n return v0\n}";
/// # let mut ctx = cranelift_codegen::Context::for_function(
/// #     cranelift_reader::parse_functions(text)?.remove(0),
/// # );
/// # let id = module.declare_function(
/// #     "seven",
/// #     cranelift_module::Linkage::Export,
/// #     &ctx.func.signature,
/// # )?;
/// module.define_function(id, &mut ctx)?;
/// let object: Vec<u8> = module.finish()?.emit()?;
/// # assert!(object.windows(9).any(|bytes| bytes == b".eh_frame"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct UnwindModule {
    module: ObjectModule,
    tables: UnwindTables,
}

impl UnwindModule {
    /// Makes a module that writes tables, from `module`, in which nothing is defined yet.
    ///
    /// # Errors
    /// As [`UnwindTables::new`].
    pub fn new(
        module: ObjectModule,
        personality: Option<Personality>,
    ) -> Result<Self, UnwindError> {
        let tables = UnwindTables::new(module.isa(), personality)?;
        Ok(Self { module, tables })
    }

    /// Returns the object with its tables, to be emitted.
    ///
    /// # Errors
    /// As [`UnwindTables::add_stubs`] and [`UnwindTables::write_object`].
    ///
    /// # Panics
    /// As [`ObjectModule::finish`] with debug assertions: a function or object is declared, is no
    /// import, and was never defined.
    pub fn finish(mut self) -> Result<ObjectProduct, UnwindError> {
        let declarations = self.module.declarations();
        self.tables.add_stubs(self.module.isa(), declarations)?;
        let mut product = self.module.finish();
        self.tables.write_object(&mut product)?;
        Ok(product)
    }
}

impl Module for UnwindModule {
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
        signature: &Signature,
    ) -> ModuleResult<FuncId> {
        self.module.declare_function(name, linkage, signature)
    }

    fn declare_anonymous_function(&mut self, signature: &Signature) -> ModuleResult<FuncId> {
        self.module.declare_anonymous_function(signature)
    }

    fn declare_data(
        &mut self,
        name: &str,
        linkage: Linkage,
        writable: bool,
        tls: bool,
    ) -> ModuleResult<DataId> {
        self.module.declare_data(name, linkage, writable, tls)
    }

    fn declare_anonymous_data(&mut self, writable: bool, tls: bool) -> ModuleResult<DataId> {
        self.module.declare_anonymous_data(writable, tls)
    }

    fn define_function_with_control_plane(
        &mut self,
        id: FuncId,
        ctx: &mut Context,
        control: &mut ControlPlane,
    ) -> ModuleResult<()> {
        let refused = |error| ModuleError::Backend(anyhow::Error::new(error));
        let tail_calls = self.tables.add_tail_calls(self.module.isa(), &ctx.func);
        tail_calls.map_err(refused)?;
        self.module
            .define_function_with_control_plane(id, ctx, control)?;
        let Some(code) = ctx.compiled_code() else {
            return Ok(());
        };
        let added = self.tables.add_function(self.module.isa(), id, code);
        added.map_err(refused)
    }

    fn define_function_bytes(
        &mut self,
        id: FuncId,
        alignment: u64,
        bytes: &[u8],
        relocs: &[ModuleReloc],
    ) -> ModuleResult<()> {
        self.module
            .define_function_bytes(id, alignment, bytes, relocs)
    }

    fn define_data(&mut self, id: DataId, data: &DataDescription) -> ModuleResult<()> {
        self.module.define_data(id, data)
    }
}
