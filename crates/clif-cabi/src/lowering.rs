//! [`Lowering`]: signatures in, plans out, cached; and calls, entries and returns.

mod declare;
mod entry;
mod flags;
mod front_end_calls;
mod tail;
mod variadic;

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::{Arc, RwLock};

use crate::cranelift::codegen::ir::DataFlowGraph;
use crate::cranelift::codegen::isa::{TargetFrontendConfig, TargetIsa};
use crate::cranelift::codegen::settings::{Flags, ProbestackStrategy};
use crate::cranelift::frontend::FunctionBuilder;
use cabi::{FnSig, Reg, Target, Triple};
use clif_cabi_plan::{CallPlan, EntryPlan, Machine, SignaturePlan, VaArgPlan};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::clif_types::{clif_call_conv, type_name, value_type};
use crate::emit::memory::MemoryConfig;
use crate::emit::{Arg, CallResult, CallSite, Callee, Ret, check};
use crate::error::LowerError;
use crate::stubs::{ByRef, Stubs};

pub use declare::Function;

/// Lowering of C calls, entries and returns for one target. It is shared freely: its methods take
/// `&self`, and plans are cached by signature, for all clones together.
#[derive(Clone)]
pub struct Lowering {
    target: Target,
    config: MemoryConfig,
    /// `true` if the flags allow tail calls. `has_context`: a context register.
    has_tail_calls: bool,
    has_context: bool,
    /// `false`: plans that need a stub are refused.
    has_stubs: bool,
    /// A register that the prologue of a large frame changes.
    probe: Option<Reg>,
    cached: Arc<PlanCaches>,
}

/// State that all clones of a [`Lowering`] share.
#[derive(Default)]
struct PlanCaches {
    calls: Cache<FnSig, CallPlan>,
    /// Plans of calls with handlers, where plans of calls cannot have any.
    try_calls: Cache<FnSig, CallPlan>,
    entries: Cache<FnSig, EntryPlan>,
    /// By a variadic signature and the type of an unnamed argument.
    va_args: Cache<(FnSig, cabi::Type), VaArgPlan>,
    /// Declared signatures by name: for the message when another signature is declared for one.
    declared: RwLock<HashMap<String, FnSig>>,
}

type Cache<K, P> = RwLock<FxHashMap<K, Arc<P>>>;

impl fmt::Debug for Lowering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lowering")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl Lowering {
    /// Makes a lowering for the C ABI of `isa`'s target.
    ///
    /// # Errors
    /// [`LowerError::Isa`] in these cases:
    /// - This crate does not lower for the target.
    /// - Cranelift calls routines such as `memcpy` by another convention there (UEFI, Cygwin).
    /// - The flags change what signatures mean, or could: a flag unknown to this crate must have
    ///   its default value.
    /// - `preserve_frame_pointers` is off on AArch64, RISC-V or s390x.
    /// - `enable_probestack` is off on Windows, or on without inline probes on AArch64, RISC-V or
    ///   s390x.
    pub fn new(isa: &dyn TargetIsa) -> Result<Self, LowerError> {
        Self::of_parts(isa.triple(), isa.flags(), isa.frontend_config())
    }

    /// Makes a lowering as [`Lowering::new`] does, from the parts of an ISA: for code that makes
    /// CLIF and has no ISA.
    ///
    /// # Errors
    /// As [`Lowering::new`].
    pub fn of_parts(
        triple: &Triple,
        flags: &Flags,
        config: TargetFrontendConfig,
    ) -> Result<Self, LowerError> {
        let target = Target::new(triple)?;
        let machine = Machine::of(&target)?;
        let nothing = CallPlan::new(&FnSig::new([], cabi::Type::VOID), &target)?;
        let call_conv = clif_call_conv(nothing.plan.signature.call_conv);
        let conventions = (config.default_call_conv, call_conv);
        flags::check(triple, flags, target.name(), machine, conventions)?;
        let has_near_imports = flags.is_pic() && Machine::calls_imports_near(triple);
        Ok(Self {
            target,
            config: MemoryConfig::new(config.default_call_conv, machine, has_near_imports),
            has_tail_calls: flags.preserve_frame_pointers(),
            has_context: flags.enable_pinned_reg(),
            has_stubs: true,
            probe: machine.probe_register().filter(|_| {
                flags.enable_probestack()
                    && flags.probestack_strategy() == ProbestackStrategy::Outline
            }),
            cached: Arc::default(),
        })
    }

    /// Returns a lowering for a module that cannot define functions by their bytes
    /// ([`Module::define_function_bytes`](crate::cranelift_module::Module::define_function_bytes)).
    /// It refuses every signature that needs a stub before anything is declared or emitted.
    ///
    /// # Example
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # use doc::*;
    /// # let isa = linux_isa();
    /// use clif_cabi::cabi::{FnSig, Type};
    /// use clif_cabi::{LowerError, Lowering};
    ///
    /// let lower = Lowering::new(&*isa)?.without_stubs();
    /// let printf = FnSig::new([Type::PTR], Type::I32).variadic();
    /// let error = lower.can_lower(&printf.at_call([Type::F64])?).unwrap_err();
    /// assert!(matches!(error.cause(), LowerError::NeedsStub { .. }));
    /// assert_eq!(
    ///     error.to_string(),
    ///     "int (void *, ..., double): it has the count of vector registers of a variadic call, \
    ///         which needs a stub on x86_64-unknown-linux-gnu, and the module defines no stubs"
    /// );
    /// # Ok::<(), LowerError>(())
    /// ```
    #[must_use]
    pub fn without_stubs(self) -> Self {
        Self {
            has_stubs: false,
            // Not shared: plans in the cache of a lowering with stubs are not checked again.
            cached: Arc::default(),
            ..self
        }
    }

    /// Returns the target.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Returns the plan of a call of `sig`. A call of a variadic function has a plan of its own:
    /// [`FnSig::at_call`].
    ///
    /// # Errors
    /// [`LowerError`] for a signature that cannot be lowered; see its variants.
    pub fn call_plan(&self, sig: &FnSig) -> Result<Arc<CallPlan>, LowerError> {
        let plan = || self.allowed(CallPlan::new(sig, &self.target)?, CallPlan::stub_need);
        cached(&self.cached.calls, sig, plan)
    }

    /// Returns the plan of the entry of a function of `sig`.
    ///
    /// # Errors
    /// [`LowerError`] for a signature that cannot be lowered; see its variants.
    pub fn entry_plan(&self, sig: &FnSig) -> Result<Arc<EntryPlan>, LowerError> {
        let plan = || {
            let plan = self.allowed(EntryPlan::new(sig, &self.target)?, EntryPlan::stub_need)?;
            let preserved = plan.abi.convention.frame.callee_saved;
            match self.probe.filter(|probe| preserved.contains(probe)) {
                Some(probe) => Err(self.needs(
                    "probestack_strategy=inline",
                    &format!("a function that preserves {probe}"),
                )),
                None => Ok(plan),
            }
        };
        cached(&self.cached.entries, sig, plan)
    }

    /// Checks whether functions of `sig` can be called and defined, by the plans that calls and
    /// entries use afterwards. For a variadic function this covers the call with named arguments
    /// alone. A call with others has a signature of its own ([`FnSig::at_call`]); its check
    /// includes that the function finds them by `va_arg`. For a function that is called and never
    /// defined, [`call_plan`](Self::call_plan) refuses less: an entry may need a stub, or flags.
    ///
    /// # Errors
    /// The errors of calls or entries.
    pub fn can_lower(&self, sig: &FnSig) -> Result<(), LowerError> {
        let unnamed = sig.params().iter().skip(match sig.is_variadic() {
            true => sig.n_named(),
            false => sig.params().len(),
        });
        let mut unnamed = unnamed.map(|param| &param.ty);
        let call = self.call_plan(sig);
        (call.and_then(|plan| check::objects(&plan)))
            .and_then(|()| self.entry_plan(sig).map(|_| ()))
            .and_then(|()| unnamed.try_for_each(|ty| self.va_arg_plan(sig, ty).map(|_| ())))
            .map_err(|error| error.of(None, sig))
    }

    /// Returns `plan`, if the flags and the module allow it.
    fn allowed<P: Deref<Target = SignaturePlan>>(
        &self,
        plan: P,
        stub_need: impl Fn(&P) -> Option<&'static str>,
    ) -> Result<P, LowerError> {
        self.check_allowed(&plan, stub_need)?;
        Ok(plan)
    }

    /// Refuses a plan that needs a stub or a context register, if the module or the flags do not
    /// allow it.
    fn check_allowed<P: Deref<Target = SignaturePlan>>(
        &self,
        plan: &P,
        stub_need: impl Fn(&P) -> Option<&'static str>,
    ) -> Result<(), LowerError> {
        if !self.has_stubs
            && let Some(need) = stub_need(plan)
        {
            let target = self.target.name().to_owned();
            return Err(LowerError::NeedsStub { need, target });
        }
        match plan.abi.convention.frame.context {
            Some(_) => self.check_context(),
            None => Ok(()),
        }
    }

    /// Emits a call of `callee`, whose signature is `sig`: a [`Function`]'s, or any other.
    ///
    /// Arguments and result are in the form the caller has or wants them. After a call of a
    /// noreturn function there is a trap, which ends the block. No instruction is emitted if
    /// anything is refused.
    ///
    /// # Errors
    /// [`LowerError`] for a signature that cannot be lowered, and for arguments that do not fit it.
    /// [`LowerError::Stub`] if `callee` is a private function of the module's that callers enter by
    /// its [`Lowering::entry_point`].
    pub fn call_sig(
        &self,
        stubs: &mut (impl Stubs + ?Sized),
        builder: &mut FunctionBuilder<'_>,
        callee: impl Into<Callee>,
        sig: &FnSig,
        args: &[Arg],
        ret: Ret,
    ) -> Result<CallResult, LowerError> {
        let stubs = &mut ByRef(stubs);
        self.emit_call(stubs, builder, (callee.into(), None), sig, (args, ret))
    }

    /// Emits a call of `callee` by `plan`, of [`Lowering::call_plan`]. This is
    /// [`Lowering::call_sig`] without the search for the plan, for front ends that call functions
    /// of one signature many times.
    ///
    /// # Errors
    /// The errors of [`Lowering::call_sig`], and [`LowerError::Isa`] for a plan of a convention
    /// that is not this target's.
    pub fn call_planned(
        &self,
        stubs: &mut (impl Stubs + ?Sized),
        builder: &mut FunctionBuilder<'_>,
        callee: impl Into<Callee>,
        plan: &CallPlan,
        args: &[Arg],
        ret: Ret,
    ) -> Result<CallResult, LowerError> {
        let (stubs, callee) = (&mut ByRef(stubs), callee.into());
        self.planned(plan, builder, |mut site| {
            self.check_entry(stubs, site.builder.func, callee, None, &plan.sig)?;
            site.emit(stubs, callee, args, ret)
        })
    }

    /// Emits a call of `callee`. `function` is its declaration, if it has one.
    fn emit_call(
        &self,
        stubs: &mut dyn Stubs,
        builder: &mut FunctionBuilder<'_>,
        (callee, function): (Callee, Option<&Function>),
        sig: &FnSig,
        (args, ret): (&[Arg], Ret),
    ) -> Result<CallResult, LowerError> {
        let entered = self.check_entry(stubs, builder.func, callee, function, sig);
        let plan = entered.and_then(|()| self.call_plan(sig));
        plan.and_then(|plan| self.site(&plan, builder).emit(stubs, callee, args, ret))
            .map_err(|error| error.of(function.map(|own| &*own.name), sig))
    }

    /// Emits a call of `function`. For a variadic one see [`Lowering::call_variadic`].
    ///
    /// # Errors
    /// The errors of [`Lowering::call_sig`]. [`LowerError::Unnamed`] for more arguments than a
    /// variadic function has named ones. [`LowerError::Stub`] if the module defines
    /// [`Function::id`] with the body, and callers need the [`Lowering::entry_point`].
    pub fn call(
        &self,
        stubs: &mut (impl Stubs + ?Sized),
        builder: &mut FunctionBuilder<'_>,
        function: &Function,
        args: &[Arg],
        ret: Ret,
    ) -> Result<CallResult, LowerError> {
        let callee = (function.id.into(), Some(function));
        let stubs = &mut ByRef(stubs);
        self.emit_call(stubs, builder, callee, &function.sig, (args, ret))
    }

    /// Emits a call of the variadic `function` with arguments after the named ones, of the types
    /// `unnamed`. The caller applies the default argument promotions to the values: a `float` is
    /// given as a `double`, a `char` as an `int`. So an object of such a type in memory is refused.
    ///
    /// # Errors
    /// As [`Lowering::call`].
    pub fn call_variadic(
        &self,
        stubs: &mut (impl Stubs + ?Sized),
        builder: &mut FunctionBuilder<'_>,
        function: &Function,
        unnamed: impl IntoIterator<Item = cabi::Type>,
        args: &[Arg],
        ret: Ret,
    ) -> Result<CallResult, LowerError> {
        let Function { id, name, sig, .. } = function;
        let dfg = &builder.func.dfg;
        let call = at_call(dfg, sig, unnamed, args).map_err(|error| error.of(Some(name), sig))?;
        let callee = ((*id).into(), Some(function));
        self.emit_call(&mut ByRef(stubs), builder, callee, &call, (args, ret))
    }

    /// Emits `part` of a call by a front end's `plan`.
    fn planned<'a, 'b, 'f, R>(
        &self,
        plan: &'a CallPlan,
        builder: &'b mut FunctionBuilder<'f>,
        part: impl FnOnce(CallSite<'a, 'b, 'f>) -> Result<R, LowerError>,
    ) -> Result<R, LowerError> {
        let allowed = match plan.is_for(&self.target) {
            // A front end may have planned the call itself.
            true => self.check_allowed(plan, CallPlan::stub_need),
            false => {
                let target = self.target.name();
                let why = format!("{target}: the plan is for another target");
                Err(LowerError::Isa(why))
            }
        };
        let result = allowed.and_then(|()| part(self.site(plan, builder)));
        result.map_err(|error| error.of(None, &plan.sig))
    }

    fn site<'a, 'b, 'f>(
        &self,
        plan: &'a CallPlan,
        builder: &'b mut FunctionBuilder<'f>,
    ) -> CallSite<'a, 'b, 'f> {
        CallSite {
            plan,
            builder,
            config: self.config,
            forwarded: SmallVec::new(),
        }
    }
}

/// Returns the signature of a call of the variadic `sig` with `unnamed` arguments, the last values
/// of `args`.
fn at_call(
    dfg: &DataFlowGraph,
    sig: &FnSig,
    unnamed: impl IntoIterator<Item = cabi::Type>,
    args: &[Arg],
) -> Result<FnSig, LowerError> {
    let unnamed: SmallVec<[cabi::Type; 8]> = unnamed.into_iter().collect();
    let n_named = sig.n_named();
    for (i, (arg, ty)) in (n_named..).zip(args.iter().skip(n_named).zip(&unnamed)) {
        let promoted = cabi::promote(ty);
        if promoted == *ty {
            continue;
        }
        let found = match arg {
            // An object that is read as the promoted type would be read beyond its end.
            Arg::Memory { .. } => "an address".into(),
            Arg::Value(value) => match check::type_of(dfg, *value) {
                found if value_type(&promoted).is_some_and(|own| own.bits() == found.bits()) => {
                    continue;
                }
                found => type_name(found),
            },
            _ => continue,
        };
        let expected = format!("a value promoted to {promoted}");
        let subject = format!("argument {i}");
        return Err(LowerError::value([&subject, ty, &expected, &found]));
    }
    Ok(sig.at_call(unnamed)?)
}

/// Returns the plan of `key`, and makes it at the first request.
fn cached<K: Clone + Eq + Hash, P>(
    cache: &Cache<K, P>,
    key: &K,
    plan: impl FnOnce() -> Result<P, LowerError>,
) -> Result<Arc<P>, LowerError> {
    // A poisoned lock only means that another thread panicked while it had the lock. Plans are
    // complete or absent.
    if let Some(plan) = cache.read().unwrap_or_else(|e| e.into_inner()).get(key) {
        return Ok(Arc::clone(plan));
    }
    let plan = Arc::new(plan()?);
    let mut cache = cache.write().unwrap_or_else(|e| e.into_inner());
    Ok(Arc::clone(cache.entry(key.clone()).or_insert(plan)))
}
