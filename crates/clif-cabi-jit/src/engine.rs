//! The engine: a `JITModule` that fails with errors where cranelift-jit panics, and whose code
//! outlives it.
//!
//! cranelift-jit looks symbols up while it writes relocations and panics when one is missing,
//! undefined or out of reach. So [`Engine::finalize`] first goes over the relocations of everything
//! new. All definitions must therefore pass through the engine: it is a [`Module`] itself, and
//! never lends the one inside.

mod define;
mod module;
mod resolve;
#[cfg(all(test, has_engine))]
#[cfg(not(any(feature = "cranelift-0.132", feature = "cranelift-0.133")))]
mod tests;

use std::sync::{Arc, Mutex};

use crate::cranelift;
use crate::cranelift::codegen::Context;
use crate::cranelift::codegen::control::ControlPlane;
use crate::cranelift::codegen::entity::EntityRef;
use crate::cranelift::codegen::ir;
use crate::cranelift::frontend::{FunctionBuilder, FunctionBuilderContext};
use crate::cranelift::jit::JITBuilder;
use crate::cranelift::module::{DataId, FuncId, FuncOrDataId, Linkage, Module, ModuleReloc};
use clif_cabi::StubCode;

use crate::arena::Arena;
use crate::code::{Code, Shared};
use crate::debug::Debug;
use crate::error::{Error, Result, incompatible};
use crate::flags::refused;
use crate::frames::NewFrames;
use crate::host;
use crate::libcalls;
use crate::library::{Library, Symbols, check_name};
use crate::memory::{EngineModule, new_module};
use crate::registrar::Registrar;
use crate::settings::Settings;

/// Code that is given as bytes is aligned as stubs are.
const STUB_ALIGN: u64 = StubCode::ALIGN;

/// Compiler of functions into the memory of this process, where C can call them and they can call
/// C.
///
/// An engine is used in rounds: declare, define, [`finalize`](Self::finalize), take the [`Code`].
/// Further rounds may follow; code of earlier ones never moves or changes. An engine is a
/// [`Module`], to be given to whatever works on one. Its methods do not panic, whatever they are
/// given. Ids must be its own, though: an id of another engine is an error only when it is out of
/// range here.
///
/// One engine is used by one thread at a time, and can be sent to another. A process may have any
/// number of them.
pub struct Engine {
    module: EngineModule,
    symbols: Symbols,
    registrar: Registrar,
    /// Stage of each function, by its id.
    functions: Vec<Stage>,
    /// Stage of each data object, by its id.
    objects: Vec<Stage>,
    /// Definitions since the last finalize.
    pending: Vec<PendingDefinition>,
}

/// The life of a function or data object. Sizes are bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Declared,
    Defined { size: usize },
    Finalized { size: usize },
}

/// A definition whose relocations are still to be applied.
struct PendingDefinition {
    id: FuncOrDataId,
    relocs: Vec<ModuleReloc>,
}

impl Engine {
    /// Makes an empty engine.
    ///
    /// # Errors
    ///
    /// [`Error::UnsupportedHost`] where [the crate](crate#what-it-does-not-do) cannot run.
    /// [`Error::Setting`] for a flag that does not exist or is fixed. [`Error::MemorySize`] and
    /// [`Error::Memory`] when the memory cannot be reserved.
    pub fn new(settings: &Settings) -> Result<Self> {
        host::check()?;
        let isa = settings.isa()?;
        let arena = Arc::new(Mutex::new(Arena::new(settings.memory)?));
        let shared = Shared::new(Some(Arc::clone(&arena)));
        let symbols = Symbols::new();
        let process = symbols.process().clone();
        shared.resources().libraries.push(process);

        let mut builder = JITBuilder::with_isa(isa, Box::new(libcalls::name));
        let cache = symbols.cache();
        builder.symbol_lookup_fn(Box::new(move |name| cache.get(name)));
        let module = new_module(builder, arena)?;
        let frames = NewFrames::new(module.isa(), settings.personality.clone());
        let frames = frames.map_err(|error| refused("personality", "", error.to_string()))?;
        let debug = Debug::new(&settings.debug)?;
        Ok(Self {
            module,
            symbols,
            registrar: Registrar {
                shared,
                frames,
                debug,
            },
            functions: Vec::new(),
            objects: Vec::new(),
            pending: Vec::new(),
        })
    }

    /// Lets imports be found in `library`, after those added before and before the process itself.
    /// The library stays open as long as the engine or any of its code.
    pub fn add_library(&mut self, library: &Library) {
        self.keep_open(library);
        self.symbols.add(library.clone());
    }

    /// Keeps `library` open as long as there is code, without finding anything in it.
    pub(crate) fn keep_open(&self, library: &Library) {
        let shared = &self.registrar.shared;
        shared.resources().libraries.push(library.clone());
    }

    /// Gives the import `name` an address: a Rust function, or an object that must outlive its use.
    ///
    /// # Errors
    ///
    /// [`Error::Rebound`] when the name has, or has already been found at, another address,
    /// [`Error::DuplicateDefinition`] when this engine has defined it,
    /// [`Error::IncompatibleDeclaration`] for a null address, [`Error::SymbolName`].
    pub fn bind(&mut self, name: &str, address: *const u8) -> Result<()> {
        if let Some(id) = self.module.get_name(name)
            && let Err(error @ Error::DuplicateDefinition { .. }) = self.check_definable(id)
        {
            return Err(error);
        }
        self.symbols.bind(name, address)
    }

    /// Gives the import `name` the code of another engine, which lives from now on as long as this
    /// engine's. (Two engines bound to each other's code are never freed.)
    ///
    /// An engine refuses handlers of calls of `CallConv::Tail` beside tail calls with other
    /// arguments in memory, after which a handler has another stack pointer. It does not see the
    /// tail calls of `code`: define functions with such calls and such handlers in one engine.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_code(&mut self, name: &str, code: &Code) -> Result<()> {
        // SAFETY: the code is kept alive below, as long as any code of this engine that could call
        // it.
        self.bind(name, unsafe { code.as_ptr() }.cast())?;
        let shared = &self.registrar.shared;
        if !Arc::ptr_eq(shared, code.shared()) {
            shared.resources().code.push(code.clone());
        }
        Ok(())
    }

    /// Returns the address that an import of this name has or would get. The search order is the
    /// bound names, the libraries that were added ([`Engine::add_library`]), and the process
    /// ([`Library::process`]).
    ///
    /// # Errors
    ///
    /// [`Error::MissingSymbols`], with the places searched.
    pub fn symbol(&self, name: &str) -> Result<*const u8> {
        self.symbols.find(name)
    }

    /// Declares a function that is found outside, by its name.
    ///
    /// # Errors
    ///
    /// [`Error::IncompatibleSignature`] and [`Error::IncompatibleDeclaration`] when the name has
    /// another declaration.
    pub fn declare_import(&mut self, name: &str, signature: &ir::Signature) -> Result<FuncId> {
        self.declare(name, Linkage::Import, signature)
    }

    /// Declares a function of this engine, to be defined and called by its name or id.
    ///
    /// # Errors
    ///
    /// As [`declare_import`](Self::declare_import).
    pub fn declare_export(&mut self, name: &str, signature: &ir::Signature) -> Result<FuncId> {
        self.declare(name, Linkage::Export, signature)
    }

    /// Declares a function of this engine without a name.
    ///
    /// # Errors
    ///
    /// None today; the module might have some.
    pub fn declare_local(&mut self, signature: &ir::Signature) -> Result<FuncId> {
        let id = self.module.declare_anonymous_function(signature)?;
        grow(&mut self.functions, id.index());
        Ok(id)
    }

    /// Compiles `ctx.func` as the definition of `id`. Its code stays in `ctx` to be looked at.
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateDefinition`], [`Error::ImportDefinition`], [`Error::UnknownId`];
    /// [`Error::IncompatibleSignature`] when `ctx.func` has another signature than `id`;
    /// [`Error::Signature`], [`Error::Compile`] and [`Error::CompilerPanic`] for what Cranelift
    /// cannot compile; [`Error::Relocation`] for thread-local data; [`Error::OutOfMemory`]. The
    /// function can be defined again after an error.
    pub fn define(&mut self, id: FuncId, ctx: &mut Context) -> Result<()> {
        self.define_controlled(id, ctx, &mut ControlPlane::default())
    }

    /// Compiles what `emit` builds as the definition of `id`, a function called `name`.
    pub(crate) fn build(
        &mut self,
        id: FuncId,
        name: &str,
        emit: impl FnOnce(&mut Self, &mut FunctionBuilder<'_>) -> Result<()>,
    ) -> Result<()> {
        let (mut ctx, mut fn_ctx) = (self.make_context(), FunctionBuilderContext::new());
        ctx.func.name = ir::UserFuncName::testcase(name);
        let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
        emit(self, &mut builder)?;
        builder.seal_all_blocks();
        cranelift::finalize(builder, self.target_config());
        self.define(id, &mut ctx)
    }

    /// Defines `id` by machine code: a stub. It is aligned to 16 bytes.
    ///
    /// # Errors
    ///
    /// As [`define`](Self::define) for ids and memory; [`Error::Relocation`] for one of a kind that
    /// this machine's code does not have, or outside the bytes; [`Error::Content`] for no bytes at
    /// all.
    pub fn define_bytes(&mut self, id: FuncId, bytes: &[u8], relocs: &[ModuleReloc]) -> Result<()> {
        self.define_aligned(id, STUB_ALIGN, bytes, relocs.to_vec())
    }

    /// Makes all that was defined since the last time ready to run.
    ///
    /// Finalize many functions together. Each time takes a page of [`Settings::memory`] at least,
    /// another one for constants, and registers tables with the unwinder of the process. Unwinders
    /// of libgcc before 13 search registrations one by one, for every exception and panic in the
    /// process. After 2000 rounds a panic takes 100 microseconds in place of 2.
    ///
    /// # Errors
    ///
    /// - [`Error::Undefined`] when new code refers to functions or data objects of this engine that
    ///   have no definition yet.
    /// - [`Error::MissingSymbols`] when imports are found nowhere.
    /// - [`Error::Relocation`] when an import is too far away for the relocation in a stub.
    /// - [`Error::UnsupportedHost`] when a stub passes vectors in registers that this machine does
    ///   not have.
    /// - [`Error::Memory`] when the system does not allow memory to become executable.
    /// - [`Error::Unwind`] when the personality or a type that is caught is found nowhere.
    /// - [`Error::Profile`] for a profile that cannot be written.
    ///
    /// After the first three nothing has changed, and `finalize` can be tried again once the
    /// definitions or imports are there. After the last two the code is final, and the registration
    /// that failed is not tried again.
    pub fn finalize(&mut self) -> Result<()> {
        self.check_vectors()?;
        let addresses = self.resolve()?;
        self.check_ranges(&addresses)?;
        self.symbols.cache().extend(addresses);
        host::write_code(|| Ok(self.module.finalize_definitions()?))?;
        // The code is final even if a registration fails.
        let registered = self.register();
        for pending in self.pending.drain(..) {
            let stage = match pending.id {
                FuncOrDataId::Func(id) => self.functions.get_mut(id.index()),
                FuncOrDataId::Data(id) => self.objects.get_mut(id.index()),
            };
            if let Some(stage) = stage
                && let Stage::Defined { size } = *stage
            {
                *stage = Stage::Finalized { size };
            }
        }
        registered
    }

    /// Returns the finalized code of a function.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinalized`], also for imports; [`Error::UnknownId`].
    pub fn code(&self, id: FuncId) -> Result<Code> {
        let stage = self.functions.get(id.index());
        let stage = stage.ok_or_else(|| unknown(id))?;
        let name = self.name_of(FuncOrDataId::Func(id));
        let Stage::Finalized { size } = *stage else {
            return Err(Error::NotFinalized { name });
        };
        let address = self.module.get_finalized_function(id);
        let shared = Arc::clone(&self.registrar.shared);
        Ok(Code::new(&name, address, size, shared))
    }
}

/// Declarations.
impl Engine {
    fn declare(&mut self, name: &str, linkage: Linkage, sig: &ir::Signature) -> Result<FuncId> {
        check_name(name)?;
        // Before the module sees it, which changes the linkage even where it then refuses the
        // signature.
        match self.module.get_name(name) {
            Some(FuncOrDataId::Func(id)) => self.check_signature(name, id, sig)?,
            Some(FuncOrDataId::Data(_)) => {
                return Err(incompatible(name, "it is already a data object"));
            }
            None => {}
        }
        let id = self.module.declare_function(name, linkage, sig)?;
        grow(&mut self.functions, id.index());
        Ok(id)
    }

    /// Refuses another signature than `id` is declared with: calls and code would disagree.
    fn check_signature(&self, name: &str, id: FuncId, sig: &ir::Signature) -> Result<()> {
        let declared = &self.module.declarations().get_function_decl(id).signature;
        if declared == sig {
            return Ok(());
        }
        Err(Error::IncompatibleSignature {
            name: name.to_owned(),
            declared: declared.to_string(),
            wanted: sig.to_string(),
        })
    }

    fn declare_object(
        &mut self,
        name: Option<&str>,
        linkage: Linkage,
        writable: bool,
        tls: bool,
    ) -> Result<DataId> {
        if tls {
            let name = name.unwrap_or("a data object");
            return Err(incompatible(
                name,
                "there is no thread-local data in JIT code",
            ));
        }
        let id = match name {
            Some(name) => {
                check_name(name)?;
                if matches!(self.module.get_name(name), Some(FuncOrDataId::Func(_))) {
                    return Err(incompatible(name, "it is already a function"));
                }
                self.module.declare_data(name, linkage, writable, tls)?
            }
            None => self.module.declare_anonymous_data(writable, tls)?,
        };
        grow(&mut self.objects, id.index());
        Ok(id)
    }
}

fn grow(stages: &mut Vec<Stage>, index: usize) {
    if stages.len() <= index {
        stages.resize(index + 1, Stage::Declared);
    }
}

fn unknown(id: impl core::fmt::Display) -> Error {
    Error::UnknownId { id: id.to_string() }
}
