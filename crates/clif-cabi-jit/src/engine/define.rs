//! Definitions of an engine: from compiled code, from bytes, and data. Functions and stubs come
//! with the rules by which they are unwound.

use std::borrow::Cow;

use crate::cranelift::code_align;
use crate::cranelift::codegen::Context;
use crate::cranelift::codegen::binemit::Reloc;
use crate::cranelift::codegen::control::ControlPlane;
use crate::cranelift::codegen::entity::EntityRef;
use crate::cranelift::codegen::ir::UserFuncName;
use crate::cranelift::module::{
    DataDescription, DataId, FuncId, FuncOrDataId, Init, Module, ModuleReloc, ModuleRelocTarget,
};
use clif_cabi::{Stub, StubCode};

use super::{Engine, PendingDefinition, STUB_ALIGN, Stage, resolve, unknown};
use crate::compile::{caught, compile};
use crate::debug::NewCode;
use crate::error::{Error, Result};
use crate::frames::{RULES_ALIGN, unwound};
use crate::{host, reloc};

impl Engine {
    pub(super) fn define_controlled(
        &mut self,
        id: FuncId,
        ctx: &mut Context,
        control: &mut ControlPlane,
    ) -> Result<()> {
        let name = self.check_definable(FuncOrDataId::Func(id))?;
        self.check_signature(&name, id, &ctx.func.signature)?;
        let isa = self.module.isa();
        let relocs = compile(isa, &name, id, ctx, control)?;
        let Some(code) = ctx.compiled_code() else {
            return self.define_aligned(id, STUB_ALIGN, &[], relocs);
        };
        self.check_code(&name, code.code_buffer(), &relocs)?;
        let added = self.registrar.frames.add(isa, id, &ctx.func, code);
        added.map_err(unwound(&name))?;
        let defined = self.place(id, code_align(code), code.code_buffer(), relocs);
        if defined.is_ok() {
            let label = match &ctx.func.name {
                UserFuncName::Testcase(name) => String::from_utf8_lossy(name.raw()).into_owned(),
                // The body of a function that C enters by a stub has the name of both.
                UserFuncName::User(_) => match Stub::of_entered_name(&name, id.as_u32()) {
                    Some((name, _)) => name.to_owned(),
                    None => name,
                },
            };
            self.registrar.debug.name(id, label);
        }
        defined
    }

    pub(super) fn define_aligned(
        &mut self,
        id: FuncId,
        align: u64,
        bytes: &[u8],
        relocs: Vec<ModuleReloc>,
    ) -> Result<()> {
        let name = self.check_definable(FuncOrDataId::Func(id))?;
        if let Some(stub) = self.check_code(&name, bytes, &relocs)? {
            self.registrar
                .frames
                .add_stub(id, &stub)
                .map_err(unwound(&name))?;
        }
        self.place(id, align, bytes, relocs)
    }

    /// Refuses code that cannot be written. Returns the stub that it is, if it is one.
    fn check_code(
        &self,
        name: &str,
        bytes: &[u8],
        relocs: &[ModuleReloc],
    ) -> Result<Option<StubCode>> {
        if bytes.is_empty() {
            let (name, why) = (name.to_owned(), "it has no code");
            return Err(Error::Content { name, why });
        }
        self.check_relocs(name, bytes.len(), relocs)?;
        let entering = self.stub_entering(name, relocs);
        resolve::check_stub(self.module.isa(), name, entering, bytes, relocs)
    }

    /// Writes code to the engine's memory. If that fails, it has no unwind rules either.
    fn place(
        &mut self,
        id: FuncId,
        align: u64,
        code: &[u8],
        relocs: Vec<ModuleReloc>,
    ) -> Result<()> {
        let name = self.name_of(FuncOrDataId::Func(id));
        let bytes = self.registrar.frames.with_rules(id, code);
        let bytes = bytes.map_err(unwound(&name))?;
        let align = match bytes {
            Cow::Owned(_) => align.max(RULES_ALIGN),
            Cow::Borrowed(_) => align,
        };
        let module = &mut self.module;
        let define = || Ok(module.define_function_bytes(id, align, &bytes, &relocs)?);
        // cranelift-jit writes to a file if the environment has PERF_BUILDID_DIR.
        let result = host::write_code(|| caught(&name, define).flatten());
        if result.is_err() {
            self.registrar.frames.remove(id);
        }
        result?;
        if let Some(stage) = self.functions.get_mut(id.index()) {
            *stage = Stage::Defined { size: code.len() };
        }
        let id = FuncOrDataId::Func(id);
        self.pending.push(PendingDefinition { id, relocs });
        Ok(())
    }

    /// Returns the stub that the function `name` is, if it goes to a body that such a stub enters.
    fn stub_entering(&self, name: &str, relocs: &[ModuleReloc]) -> Option<Stub> {
        let [reloc] = relocs else {
            return None;
        };
        let ModuleRelocTarget::User {
            namespace: 0,
            index,
        } = reloc.name
        else {
            return None;
        };
        let declarations = self.module.declarations();
        let body = declarations.get_function_decl(FuncId::from_u32(index));
        let (entered, stub) = Stub::of_entered_name(body.name.as_deref()?, index)?;
        (entered == name).then_some(stub)
    }

    /// Registers the code that has become final.
    pub(super) fn register(&mut self) -> Result<()> {
        let (module, symbols) = (&self.module, &self.symbols);
        let mut code = Vec::new();
        for pending in &self.pending {
            if let FuncOrDataId::Func(id) = pending.id
                && let Some(Stage::Defined { size }) = self.functions.get(id.index())
            {
                code.push(NewCode {
                    id,
                    name: self.name_of(pending.id),
                    address: module.get_finalized_function(id).expose_provenance(),
                    size: *size,
                });
            }
        }
        let function = |id| module.get_finalized_function(id);
        let symbol = |name: &str| symbols.search(name);
        // SAFETY: finalized code stays where it is as long as the memory that `shared` has.
        unsafe { (self.registrar).register(code, "the engine's last", function, symbol) }
    }

    pub(super) fn define_object(&mut self, id: DataId, content: &DataDescription) -> Result<()> {
        let name = self.check_definable(FuncOrDataId::Data(id))?;
        let size = match &content.init {
            Init::Uninitialized => {
                let why = "it needs bytes or a size";
                return Err(Error::Content { name, why });
            }
            Init::Zeros { size } => *size,
            Init::Bytes { contents } => contents.len(),
        };
        let functions = content.function_relocs.iter();
        let objects = content.data_relocs.iter();
        if !functions
            .map(|&(_, func)| content.function_decls.is_valid(func))
            .chain(objects.map(|&(_, object, _)| content.data_decls.is_valid(object)))
            .all(|valid| valid)
        {
            let why = "an address in it refers to a symbol that it does not declare";
            return Err(Error::Content { name, why });
        }
        let relocs: Vec<_> = content.all_relocs(Reloc::Abs8).collect();
        self.check_relocs(&name, size, &relocs)?;
        // cranelift-jit forgets what instructions of the machine can address.
        let least = self.module.isa().symbol_alignment();
        let mut content = Cow::Borrowed(content);
        if content.align.unwrap_or(1) < least {
            content.to_mut().align = Some(content.align.unwrap_or(8).max(least));
        }
        self.module.define_data(id, &content)?;
        if let Some(stage) = self.objects.get_mut(id.index()) {
            *stage = Stage::Defined { size };
        }
        let id = FuncOrDataId::Data(id);
        self.pending.push(PendingDefinition { id, relocs });
        Ok(())
    }

    /// Returns the name of a function or object that may be defined now.
    pub(super) fn check_definable(&self, id: FuncOrDataId) -> Result<String> {
        let (stage, linkage) = match id {
            FuncOrDataId::Func(id) => {
                let stage = self.functions.get(id.index()).ok_or_else(|| unknown(id))?;
                let declarations = self.module.declarations();
                (stage, declarations.get_function_decl(id).linkage)
            }
            FuncOrDataId::Data(id) => {
                let stage = self.objects.get(id.index()).ok_or_else(|| unknown(id))?;
                let declarations = self.module.declarations();
                (stage, declarations.get_data_decl(id).linkage)
            }
        };
        let name = self.name_of(id);
        if *stage != Stage::Declared {
            return Err(Error::DuplicateDefinition { name });
        }
        // Code that already refers to the import would go on calling it: two functions of one name.
        if !linkage.is_definable() || self.symbols.cache().get(&name).is_some() {
            return Err(Error::ImportDefinition { name });
        }
        Ok(name)
    }

    /// Returns the name of a declared function or object. It is made up for one that was declared
    /// without a name.
    pub(super) fn name_of(&self, id: FuncOrDataId) -> String {
        let declarations = self.module.declarations();
        match id {
            FuncOrDataId::Func(id) => declarations.get_function_decl(id).linkage_name(id),
            FuncOrDataId::Data(id) => declarations.get_data_decl(id).linkage_name(id),
        }
        .into_owned()
    }

    pub(super) fn check_relocs(
        &self,
        name: &str,
        size: usize,
        relocs: &[ModuleReloc],
    ) -> Result<()> {
        let mut before = None;
        for reloc in relocs {
            reloc::check_kind(name, size, before, reloc)?;
            self.target(&reloc.name)?;
            before = Some(reloc);
        }
        Ok(())
    }
}
