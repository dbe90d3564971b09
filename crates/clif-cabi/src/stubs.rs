//! The trait by which lowering gets stubs and functions; every [`Module`] implements it.
//!
//! `clif-cabi-plan` says what each stub does, and has its bytes.

use std::fmt;

use crate::cranelift::codegen::cursor::{Cursor, FuncCursor};
use crate::cranelift::codegen::ir::{
    self, AbiParam, ArgumentPurpose, FuncRef, SigRef, TrapCode, types::I64,
};
use crate::cranelift::codegen::isa::TargetIsa;
use crate::cranelift::inst_builder::*;
use crate::cranelift::module::{
    FuncId, FuncOrDataId, FunctionDeclaration, Linkage, Module, ModuleDeclarations, ModuleReloc,
    ModuleRelocTarget,
};
use cabi::Target;
use clif_cabi_plan::Machine;
use smallvec::SmallVec;

use crate::clif_types::{clif_reloc, import_function, import_planned};
use crate::error::LowerError;

pub use clif_cabi_plan::{MoveWidth, RegisterMove, Stub, StubCode, StubStep};

/// Stubs and functions for lowering. Every [`Module`] implements it; a front end on bare
/// cranelift-codegen implements it itself. A module that cannot define bytes needs
/// [`Lowering::without_stubs`](crate::Lowering::without_stubs).
///
/// # Example
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); } use doc::*;
/// use clif_cabi::cabi::{FnSig, Type};
/// use clif_cabi::{LowerError, Lowering, Ret};
///
/// /// Defines `void own(void)`, which calls `abort`, in a module of any type.
/// fn define(module: &mut dyn Module) -> Result<(), LowerError> {
///     let lower = Lowering::new(module.isa())?;
///     let sig = FnSig::new([], Type::VOID);
///     let abort = lower.declare_import(module, "abort", &sig)?;
///     let own = lower.declare_export(module, "own", &sig)?;
///     let (mut ctx, mut fctx) = (module.make_context(), FunctionBuilderContext::new());
///     let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fctx);
///     let (_, entry) = lower.begin(&mut builder, &sig)?;
///     lower.call(module, &mut builder, &abort, &[], Ret::Ignore)?;
///     lower.call_sig(module, &mut builder, abort.id, &sig, &[], Ret::Ignore)?;
///     entry.ret(module, &mut builder, None)?;
///     builder.finalize(module.target_config());
///     module.define_function(own.id, &mut ctx)?;
///     Ok(())
/// }
/// define(&mut jit(&[]))?;
/// # Ok::<(), LowerError>(())
/// ```
pub trait Stubs {
    /// Returns a reference to `stub` in `func`, called with `signature`. The first request makes
    /// the stub.
    ///
    /// # Errors
    /// [`LowerError`] if the stub cannot be made.
    fn stub(
        &mut self,
        stub: Stub,
        signature: SigRef,
        func: &mut ir::Function,
    ) -> Result<FuncRef, LowerError>;

    /// Returns a reference to the function `id` in `func`, called with `signature`, whatever
    /// signature it is declared with.
    ///
    /// # Errors
    /// [`LowerError`] if the implementation has no functions by id.
    fn function(
        &mut self,
        id: FuncId,
        signature: SigRef,
        func: &mut ir::Function,
    ) -> Result<FuncRef, LowerError>;

    /// Returns the linkage of the function `id`, if it is known and the function is no stub.
    /// Lowering finds by it calls of a body that callers have to enter by a stub.
    fn linkage(&self, _id: FuncId) -> Option<Linkage> {
        None
    }
}

/// [`Stubs`] of any type as `dyn Stubs`, which `dyn Module` does not coerce to.
pub(crate) struct ByRef<'a, S: ?Sized>(pub(crate) &'a mut S);

impl<S: Stubs + ?Sized> Stubs for ByRef<'_, S> {
    fn stub(
        &mut self,
        stub: Stub,
        signature: SigRef,
        func: &mut ir::Function,
    ) -> Result<FuncRef, LowerError> {
        self.0.stub(stub, signature, func)
    }

    fn function(
        &mut self,
        id: FuncId,
        signature: SigRef,
        func: &mut ir::Function,
    ) -> Result<FuncRef, LowerError> {
        self.0.function(id, signature, func)
    }

    fn linkage(&self, id: FuncId) -> Option<Linkage> {
        self.0.linkage(id)
    }
}

impl<M: Module + ?Sized> Stubs for M {
    fn stub(
        &mut self,
        stub: Stub,
        signature: SigRef,
        func: &mut ir::Function,
    ) -> Result<FuncRef, LowerError> {
        let id = stub_id(self, stub)?;
        self.function(id, signature, func)
    }

    fn function(
        &mut self,
        id: FuncId,
        signature: SigRef,
        func: &mut ir::Function,
    ) -> Result<FuncRef, LowerError> {
        check_id(self, id)?;
        let is_own = self.declarations().get_function_decl(id).linkage.is_final();
        let isa = self.isa();
        let is_near = is_own || isa.flags().is_pic() && Machine::calls_imports_near(isa.triple());
        let name = ir::UserExternalName::new(0, id.as_u32());
        Ok(import_function(func, &name, signature, is_near))
    }

    fn linkage(&self, id: FuncId) -> Option<Linkage> {
        check_id(self, id).ok()?;
        let declared = self.declarations().get_function_decl(id);
        (!is_stub(declared)).then_some(declared.linkage)
    }
}

/// Imports `stub` in `func` with `signature` of a plan.
pub(crate) fn import_stub(
    stubs: &mut dyn Stubs,
    stub: Stub,
    signature: &clif_cabi_plan::Signature,
    func: &mut ir::Function,
) -> Result<(FuncRef, SigRef), LowerError> {
    let signature = import_planned(func, signature);
    let stub = stubs.stub(stub, signature, func)?;
    check_import(func, stub, signature)?;
    Ok((stub, signature))
}

/// Refuses a function of [`Stubs`] that is not imported with the required `signature`.
pub(crate) fn check_import(
    func: &ir::Function,
    own: FuncRef,
    signature: SigRef,
) -> Result<(), LowerError> {
    let import = func.dfg.ext_funcs.get(own);
    if import.is_some_and(|import| import.signature == signature) {
        return Ok(());
    }
    let why = "the function that `Stubs` returned is not imported with the requested signature";
    Err(LowerError::Stub(why))
}

/// Parameters by which stubs are declared, and which no function has. Calls bring their own
/// signature along, so this one only distinguishes a stub from a front end's function of the same
/// name. That function may be an import or have any code. By this signature two lowerings of one
/// module know each other's stubs. Cranelift has to accept it: a front end imports the stub to take
/// its address.
const DECLARED: [ArgumentPurpose; 3] = [ArgumentPurpose::VMContext; 3];

/// Checks whether `function`, whose name is a stub's, was declared here.
fn is_stub(function: &FunctionDeclaration) -> bool {
    let purposes = function.signature.params.iter().map(|param| param.purpose);
    function.linkage.is_definable() && purposes.eq(DECLARED)
}

/// Returns the stubs that lowering has defined in a module, with their ids, for front ends that
/// tell an unwinder of them.
///
/// # Example
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); } use doc::*;
/// # let mut module = jit(&[]);
/// use clif_cabi::cabi::{FnSig, Type};
/// use clif_cabi::{Lowering, stub_id, stubs_of};
///
/// let lower = Lowering::new(module.isa())?;
/// let sig = FnSig::new([Type::I64], Type::VOID).static_chain(lower.target().data_model());
/// // C enters this one by a stub, which has its name.
/// let nested = lower.declare_export(&mut module, "nested", &sig)?;
/// let stubs: Vec<_> = stubs_of(module.declarations()).collect();
/// let [(id, stub)] = &stubs[..] else { panic!() };
/// assert_eq!(*id, nested.id);
/// assert_eq!(stub.callee(), Some(nested.body.as_u32()));
/// # Ok::<(), clif_cabi::LowerError>(())
/// ```
pub fn stubs_of(declarations: &ModuleDeclarations) -> impl Iterator<Item = (FuncId, Stub)> + '_ {
    let functions = declarations.get_functions();
    let defined = functions.filter(|(_, function)| function.linkage != FAILED);
    defined.filter_map(|(id, function)| {
        let name = function.name.as_deref()?;
        if is_stub(function) {
            return Some((id, Stub::from_name(name)?));
        }
        // Or a stub under another name enters it.
        let (stub_name, stub) = Stub::of_entered_name(name, id.as_u32())?;
        match declarations.get_name(stub_name) {
            Some(FuncOrDataId::Func(id)) => Some((id, stub)),
            _ => None,
        }
    })
}

/// Returns the function of `module` that is `stub`, and defines it at the first request.
///
/// # Errors
/// [`LowerError::StubName`] if the module has another function or object under the stub's name.
/// [`LowerError`] if the stub cannot be made.
pub fn stub_id<M: Module + ?Sized>(module: &mut M, stub: Stub) -> Result<FuncId, LowerError> {
    if let Some(callee) = stub.callee() {
        check_id(module, FuncId::from_u32(callee))?;
    }
    let mut name = Name::default();
    stub.write_name(&mut name).unwrap_or_default();
    let name = name.as_str();
    let declarations = module.declarations();
    match declarations.get_name(name) {
        Some(FuncOrDataId::Func(id)) if is_stub(declarations.get_function_decl(id)) => {
            return check_defined(declarations, id).map(|()| id);
        }
        Some(_) => {
            let name = name.to_owned();
            return Err(LowerError::StubName(name));
        }
        None => {}
    }
    // Before anything is declared.
    stub_code(module.isa(), &stub)?;
    let mut declared = module.make_signature();
    let params = DECLARED.map(|purpose| AbiParam::special(I64, purpose));
    declared.params.extend(params);
    let id = module.declare_function(name, Linkage::Local, &declared)?;
    if let Err(error) = define_stub(module, id, &stub) {
        // A module has to define what it declares, so the stub is a trap. The first refusal is the
        // one that is reported.
        let marked = mark_failed(module, name, &declared);
        drop(marked.and_then(|()| define_trap(module, id, declared)));
        return Err(error);
    }
    Ok(id)
}

/// Linkage of a stub that the module refused to define, or of the body that it enters. Others are
/// local.
const FAILED: Linkage = Linkage::Hidden;

/// Notes that the stub of the function `name` was not defined.
pub(crate) fn mark_failed<M: Module + ?Sized>(
    module: &mut M,
    name: &str,
    signature: &ir::Signature,
) -> Result<(), LowerError> {
    module.declare_function(name, FAILED, signature)?;
    Ok(())
}

/// Refuses the function `id` if its stub was not defined.
pub(crate) fn check_defined(
    declarations: &ModuleDeclarations,
    id: FuncId,
) -> Result<(), LowerError> {
    match declarations.get_function_decl(id).linkage {
        FAILED => Err(LowerError::Stub(
            "the module failed to define this stub earlier",
        )),
        _ => Ok(()),
    }
}

/// The trap that stands for code that was refused.
const REFUSED: TrapCode = TrapCode::unwrap_user(0x7d);

/// Defines the function `id`, which has this signature, as a trap.
pub(crate) fn define_trap<M: Module + ?Sized>(
    module: &mut M,
    id: FuncId,
    signature: ir::Signature,
) -> Result<(), LowerError> {
    let mut ctx = module.make_context();
    let mut cursor = FuncCursor::new(&mut ctx.func);
    let block = cursor.func.dfg.make_block();
    for param in &signature.params {
        cursor.func.dfg.append_block_param(block, param.value_type);
    }
    cursor.func.signature = signature;
    cursor.insert_block(block);
    cursor.ins().trap(REFUSED);
    Ok(module.define_function(id, &mut ctx)?)
}

/// Name of a stub, needed at each call by it: on the heap only if it is long.
#[derive(Default)]
struct Name(SmallVec<[u8; 64]>);

impl Name {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Write for Name {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Returns the machine code of `stub` for the target of `isa`.
///
/// # Errors
/// [`LowerError::Isa`] for a target that calls are not lowered for, and for a step that none of its
/// calls needs.
pub fn stub_code(isa: &dyn TargetIsa, stub: &Stub) -> Result<StubCode, LowerError> {
    let target = Target::new(isa.triple())?;
    Ok(stub.code(Machine::of(&target)?, isa.flags().is_pic())?)
}

/// Defines the function `id` of `module` as `stub`.
pub(crate) fn define_stub<M: Module + ?Sized>(
    module: &mut M,
    id: FuncId,
    stub: &Stub,
) -> Result<(), LowerError> {
    let code = stub_code(module.isa(), stub)?;
    let reloc = code.reloc.map(|reloc| ModuleReloc {
        offset: reloc.offset,
        kind: clif_reloc(reloc.kind),
        name: ModuleRelocTarget::user(0, reloc.callee),
        addend: reloc.addend,
    });
    Ok(module.define_function_bytes(id, StubCode::ALIGN, &code.bytes, reloc.as_slice())?)
}

/// Refuses an id that `module` never gave out: asking for it would panic, now or when the module is
/// finished.
fn check_id<M: Module + ?Sized>(module: &M, id: FuncId) -> Result<(), LowerError> {
    let n_functions = module.declarations().get_functions().size_hint().0;
    if (id.as_u32() as usize) < n_functions {
        return Ok(());
    }
    Err(LowerError::Stub(
        "the function does not belong to this module",
    ))
}
