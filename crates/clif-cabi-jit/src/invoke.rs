//! Calls of functions whose signature is known at run time: one function for all signatures that
//! are passed alike.
//!
//! An [`Invoker`] is `void (target, args, ret)`. It loads each argument from the object that `args`
//! points to, calls `target`, and stores the result to `ret`. It is made once for a *shape*, the
//! form of a call in registers and stack; `long f(long)` and `void *f(void *)` share one. From then
//! on preparing a call is a look into a table, and making it is one indirect call.
//!
//! If moves are all that a call takes, the invoker is a stub (`docs/stubs.md`): Cranelift would
//! take most of the time before the first call. Cranelift compiles the others.

use crate::cranelift::MemFlagsData;
use core::ffi::c_void;
use core::fmt;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use crate::cranelift::codegen::ir::{InstBuilder, types::I64};
use crate::cranelift::module::Module;
use clif_cabi::cabi::{DataModel, FnSig, Target, Type};
use clif_cabi::clif_cabi_plan::Machine;
use clif_cabi::{Arg, CallPlan, LowerError, Lowering, Ret, keep_arrived};

use crate::code::{Code, Shared, TypedCode};
use crate::engine::Engine;
use crate::error::Result;
use crate::host;
use crate::library::{Library, Symbols};
use crate::settings::Settings;
use crate::stubs::Stubs;
use crate::vectors;

/// `target`, `args`, `ret`. The compiled function has more parameters, all in registers, which it
/// only passes on: their values do not matter.
type Shim = unsafe extern "C-unwind" fn(*const c_void, *const *const u8, *mut u8);

/// Name of all invokers for debuggers and profilers.
const NAME: &str = "invoker";

/// Code that calls functions of one shape.
///
/// An invoker keeps its code alive, with or without the [`Invokers`] that made it; clones are
/// cheap.
#[derive(Clone)]
pub struct Invoker {
    call: TypedCode<Shim>,
}

/// Maker of invokers, with one for each shape. Invokers of scalars and of most records are made in
/// some microseconds; Cranelift compiles the others.
///
/// Each shape takes about 16 KiB of memory, of which its code has a page. It registers tables with
/// the unwinder of the process until the maker and all its invokers are gone. Unwinders of libgcc
/// before 13 search registrations one by one, for every exception and panic in the process. With
/// 2000 shapes a panic takes 150 microseconds in place of 2.
///
/// # Example
/// ```
/// # #[cfg(not(all(has_engine, unix)))]
/// # return Ok(()); // no JIT on this machine
/// use clif_cabi_jit::clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type};
/// use clif_cabi_jit::{Invokers, Settings};
///
/// // div_t div(int, int), as one may have read it from a file.
/// let div_t = RecordBuilder::structure("div_t").field("quot", Type::I32).field("rem", Type::I32);
/// let sig = FnSig::new([Type::I32, Type::I32], div_t.build(&DataModel::LP64)?);
///
/// let mut invokers = Invokers::new(&Settings::default())?;
/// let invoker = invokers.get(&sig)?;
/// let div = invokers.symbol("div")?;
/// let (a, b, mut result) = (17_i32, 5_i32, [0_i32; 2]);
/// let args = [(&raw const a).cast(), (&raw const b).cast()];
/// // SAFETY: `div` has this signature, and the objects are those of its types.
/// unsafe { invoker.call(div.cast(), &args, (&raw mut result).cast()) };
/// assert_eq!(result, [3, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Invokers {
    target: Target,
    symbols: Symbols,
    shared: Arc<Shared>,
    stubs: Stubs,
    has_stubs: bool,
    settings: Settings,
    /// None until something has to be compiled.
    compiler: Option<Box<(Engine, Lowering)>>,
    compiled: Map<CallPlan>,
    /// Invokers of signatures that [`Invokers::get`] has had before.
    known: Map<FnSig>,
}

/// Invokers by a key of the front end's, which needs no random seed. Boxed: a key has hundreds of
/// bytes, and a table has room for several.
type Map<K> = HashMap<Box<K>, Invoker, BuildHasherDefault<DefaultHasher>>;

impl Invokers {
    /// Makes a maker without invokers. An engine with these settings compiles the invokers that are
    /// no stubs. [`Settings::cpu`] does not matter: invokers consist of instructions that every
    /// machine has.
    ///
    /// # Errors
    /// As [`Engine::new`]; [`Error::Lowering`](crate::Error::Lowering) where C calls are not
    /// lowered for this machine.
    pub fn new(settings: &Settings) -> Result<Self> {
        host::check()?;
        let target = Target::host().map_err(LowerError::from)?;
        Machine::of(&target).map_err(LowerError::from)?;
        let symbols = Symbols::new();
        let shared = Shared::new(None);
        shared.resources().libraries.push(symbols.process().clone());
        let mut invokers = Self {
            target,
            symbols,
            stubs: Stubs::new(settings, Arc::clone(&shared))?,
            shared,
            has_stubs: true,
            settings: settings.clone(),
            compiler: None,
            compiled: Map::default(),
            known: Map::default(),
        };
        // An engine may refuse these settings, so it is made now.
        let has_memory = settings.memory != Settings::MEMORY;
        if settings.has_flags() || settings.personality.is_some() || has_memory {
            invokers.compiler()?;
        }
        Ok(invokers)
    }

    /// Has Cranelift compile every invoker: for tests, which compare both.
    #[doc(hidden)]
    #[must_use]
    pub fn without_stubs(mut self) -> Self {
        self.has_stubs = false;
        self
    }

    /// Lets functions be found in `library`: [`Engine::add_library`].
    pub fn add_library(&mut self, library: &Library) {
        self.shared.resources().libraries.push(library.clone());
        self.symbols.add(library.clone());
        if let Some(compiler) = &mut self.compiler {
            compiler.0.add_library(library);
        }
    }

    /// Returns the address of the function `name`: [`Engine::symbol`].
    ///
    /// # Errors
    /// [`Error::MissingSymbols`](crate::Error::MissingSymbols), with the places searched.
    pub fn symbol(&self, name: &str) -> Result<*const u8> {
        self.symbols.find(name)
    }

    /// Returns the data model of the types that are passed.
    pub(crate) fn data_model(&self) -> &DataModel {
        self.target.data_model()
    }

    /// Returns the number of shapes that have invokers.
    #[must_use]
    pub fn n_compiled(&self) -> usize {
        self.compiled.len()
    }

    /// Returns the invoker of functions of `sig`; for a variadic function, of one call of it
    /// ([`FnSig::at_call`]).
    ///
    /// # Errors
    /// [`Error::Lowering`](crate::Error::Lowering) for a signature that is not lowered;
    /// [`Error::UnsupportedHost`](crate::Error::UnsupportedHost) for one with vectors in registers
    /// that this machine does not have; those of [`Engine::define`] and [`Engine::finalize`].
    pub fn get(&mut self, sig: &FnSig) -> Result<Invoker> {
        if let Some(invoker) = self.known.get(sig) {
            return Ok(invoker.clone());
        }
        let plan = CallPlan::new(sig, &self.target).map_err(LowerError::from)?;
        let invoker = match self.compiled.get(&plan) {
            Some(invoker) => invoker.clone(),
            None => self.make(plan, sig)?,
        };
        self.known.insert(Box::new(sig.clone()), invoker.clone());
        Ok(invoker)
    }

    // Planning does without its stack.
    #[inline(never)]
    fn make(&mut self, plan: CallPlan, sig: &FnSig) -> Result<Invoker> {
        vectors::check_signature(&plan.sig, &plan.abi)?;
        let stub = plan.invoker(&self.target).filter(|_| self.has_stubs);
        let stub = stub.and_then(|stub| stub.code(Machine::of(&self.target).ok()?, false).ok());
        let code = match stub {
            Some(stub) => self.stubs.define(NAME, &stub)?,
            None => {
                let (engine, lower) = self.compiler()?;
                compile(engine, lower, sig)?
            }
        };
        // SAFETY: each of the two makes a function of this type.
        let call = unsafe { code.typed::<Shim>() };
        let invoker = Invoker { call };
        self.compiled.insert(Box::new(plan), invoker.clone());
        Ok(invoker)
    }

    /// Returns the engine that compiles invokers, and its lowering.
    fn compiler(&mut self) -> Result<(&mut Engine, &Lowering)> {
        let compiler = match self.compiler.take() {
            Some(compiler) => compiler,
            None => {
                let mut engine = Engine::new(&self.settings.for_own_code())?;
                // Its code keeps open what functions are found in, libm too, which a search may
                // open.
                for library in self.symbols.libraries() {
                    engine.add_library(library);
                }
                engine.keep_open(self.symbols.process());
                let lower = Lowering::new(engine.isa())?;
                Box::new((engine, lower))
            }
        };
        let (engine, lower) = &mut **self.compiler.insert(compiler);
        Ok((engine, lower))
    }
}

impl Invoker {
    /// Calls `target`.
    ///
    /// # Safety
    /// `target` is a function of the invoker's signature, or of one that [is passed
    /// alike](Invokers), and may be called now. `args` has an element for each argument, which
    /// points to a valid value of its type. `ret` points to as many writable bytes as the result's
    /// type has, at a multiple of its alignment in C. Without a result `ret` is not used.
    #[inline]
    pub unsafe fn call(&self, target: *const c_void, args: &[*const u8], ret: *mut u8) {
        // SAFETY: the caller answers for the arguments; the code lives as long as `self`.
        unsafe { (*self.call)(target, args.as_ptr(), ret) }
    }

    /// Returns the code of `void (const void *target, const void *const *args, void *ret)`.
    #[must_use]
    pub fn code(&self) -> &Code {
        self.call.code()
    }
}

impl fmt::Debug for Invoker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Invoker").field(self.code()).finish()
    }
}

impl fmt::Debug for Invokers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invokers of {} shapes", self.n_compiled())
    }
}

/// Compiles `void (target, args, ret)` for calls of `sig`. The function has a parameter in each
/// other register of arguments too, whose value nobody gives and nobody reads. As a padding
/// argument it stays where it is, and costs no instruction.
fn compile(engine: &mut Engine, lower: &Lowering, sig: &FnSig) -> Result<Code> {
    let shim = FnSig::new([Type::PTR, Type::PTR, Type::PTR], Type::VOID);
    let signature = lower.filled_signature(&shim)?;
    let id = engine.declare_local(&signature)?;
    let plan = lower.call_plan(sig)?;
    engine.build(id, NAME, |engine, builder| {
        let block = builder.create_block();
        let [target, pointers, to] = [I64; 3].map(|ty| builder.append_block_param(block, ty));
        for param in signature.params.iter().skip(shim.params().len()) {
            builder.append_block_param(block, param.value_type);
        }
        builder.func.signature = signature;
        builder.switch_to_block(block);
        builder.ensure_inserted_block();
        let pointer = |i| {
            let offset = i32::try_from(8 * i);
            debug_assert!(offset.is_ok(), "an argument area has at most 2 GiB");
            let offset = offset.unwrap_or(i32::MAX);
            // So each pointer is loaded where its object is, and few of them are alive at once.
            let flags = MemFlagsData::trusted().with_readonly().with_can_move();
            Arg::memory(builder.ins().load(I64, flags, pointers, offset))
        };
        let args: Vec<Arg> = (0..sig.params().len()).map(pointer).collect();
        let has_result = sig.result().size() > 0 && !sig.is_noreturn();
        let ret = match has_result {
            true => Ret::memory(to),
            false => Ret::Ignore,
        };
        let callable = lower.callee(engine, builder, &plan, target)?;
        let mut values = lower.values_in(builder, &plan, &args, ret)?;
        keep_arrived(&plan, builder.func, &mut values);
        let inst = callable.call(builder, &values)?;
        let results = builder.inst_results(inst).to_vec();
        lower.values_out(engine, builder, &plan, &results, ret)?;
        // After a function that never returns the block has ended already.
        if !sig.is_noreturn() {
            builder.ins().return_(&[]);
        }
        Ok(())
    })?;
    engine.finalize()?;
    engine.code(id)
}
