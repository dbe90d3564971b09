//! [`Lowering`]: signatures in, plans out, cached; and the door to emitting calls, entries and returns.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, RwLock};

use cabi::{FnAbi, FnSig, Target};
use cranelift_codegen::ir::{Block, Value};
use cranelift_codegen::isa::{TargetFrontendConfig, TargetIsa};
use cranelift_frontend::FunctionBuilder;
use cranelift_module::{FuncId, Linkage, Module};
use smallvec::SmallVec;

use crate::bridge::Bridges;
use crate::emit::{Arg, CallSite, Callee, Entry, Ret, Returned};
use crate::error::LowerError;
use crate::realize::{CallPlan, EntryPlan};

/// A function of a module together with its C signature.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its number in the module.
    pub id: FuncId,
    /// Its C signature.
    pub sig: FnSig,
}

/// Lowers C calls, entries and returns for one target. Shared freely: it takes `&self`, and plans are cached by signature.
pub struct Lowering {
    target: Target,
    config: TargetFrontendConfig,
    calls: Cache<CallPlan>,
    entries: Cache<EntryPlan>,
}

type Cache<T> = RwLock<HashMap<FnSig, Arc<T>>>;

impl fmt::Debug for Lowering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lowering")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl Lowering {
    /// Lowering for the C ABI of `isa`'s target.
    ///
    /// # Errors
    /// [`LowerError::Isa`] if this crate does not lower for it, or if its flags change what signatures mean.
    pub fn new(isa: &dyn TargetIsa) -> Result<Self, LowerError> {
        let target = Target::new(isa.triple())?;
        let refuse = |why: &str| {
            Err(LowerError::Isa {
                why: format!("{}: {why}", target.name()),
            })
        };
        if target.convention() != Some(&cabi::X86_64_SYSV) {
            return refuse("only x86-64 System V is lowered yet");
        }
        if isa.flags().enable_llvm_abi_extensions() {
            return refuse(
                "the setting enable_llvm_abi_extensions returns a third integer in rcx, which is not C",
            );
        }
        if isa.flags().enable_multi_ret_implicit_sret() {
            return refuse(
                "the setting enable_multi_ret_implicit_sret makes results travel as C has none",
            );
        }
        let config = isa.frontend_config();
        Ok(Self {
            target,
            config,
            calls: Cache::default(),
            entries: Cache::default(),
        })
    }

    /// The target.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The plan of a call of `sig`. A call of a variadic function has a plan of its own: [`FnSig::at_call`].
    ///
    /// # Errors
    /// [`LowerError`] for what cannot be lowered; see its variants.
    pub fn call_plan(&self, sig: &FnSig) -> Result<Arc<CallPlan>, LowerError> {
        cached(
            &self.calls,
            sig,
            |sig, abi| CallPlan::new(sig, abi, &self.target),
            &self.target,
        )
    }

    /// The plan of the entry of a function of `sig`.
    ///
    /// # Errors
    /// [`LowerError`] for what cannot be lowered; see its variants.
    pub fn entry_plan(&self, sig: &FnSig) -> Result<Arc<EntryPlan>, LowerError> {
        cached(
            &self.entries,
            sig,
            |sig, abi| EntryPlan::new(sig, abi, &self.target),
            &self.target,
        )
    }

    /// Declares a function that is defined elsewhere.
    ///
    /// # Errors
    /// [`LowerError`] for a signature that cannot be lowered, or that the module refuses.
    pub fn declare_import(
        &self,
        module: &mut dyn Module,
        name: &str,
        sig: &FnSig,
    ) -> Result<Function, LowerError> {
        let plan = self.call_plan(sig)?;
        // Calls bring their own signature along; the declared one only has to be the same each time.
        let id = module.declare_function(name, Linkage::Import, plan.signature())?;
        Ok(Function {
            id,
            sig: sig.clone(),
        })
    }

    /// Declares a function that this module defines and others may call.
    ///
    /// # Errors
    /// [`LowerError`] for a signature that cannot be lowered, or that the module refuses.
    pub fn declare_export(
        &self,
        module: &mut dyn Module,
        name: &str,
        sig: &FnSig,
    ) -> Result<Function, LowerError> {
        let plan = self.entry_plan(sig)?;
        let id = module.declare_function(name, Linkage::Export, plan.signature())?;
        Ok(Function {
            id,
            sig: sig.clone(),
        })
    }

    /// Emits a call of `callee`, whose signature is `sig`: a [`Function`]'s, or any other.
    ///
    /// Arguments and result are in the form the caller has or wants them. Behind a call of a noreturn function there is a trap: the
    /// block is ended. No instruction is emitted if anything is refused.
    ///
    /// # Errors
    /// [`LowerError`] for what cannot be lowered, and for arguments that do not fit the signature.
    pub fn call_sig(
        &self,
        bridges: &mut dyn Bridges,
        builder: &mut FunctionBuilder<'_>,
        callee: impl Into<Callee>,
        sig: &FnSig,
        args: &[Arg],
        ret: Ret,
    ) -> Result<Returned, LowerError> {
        let plan = self.call_plan(sig)?;
        let mut site = CallSite {
            plan: &plan,
            builder,
        };
        site.emit(bridges, callee.into(), args, ret)
    }

    /// Emits a call of `function`. For a variadic one see [`Lowering::call_variadic`].
    ///
    /// # Errors
    /// As [`Lowering::call_sig`].
    pub fn call(
        &self,
        bridges: &mut dyn Bridges,
        builder: &mut FunctionBuilder<'_>,
        function: &Function,
        args: &[Arg],
        ret: Ret,
    ) -> Result<Returned, LowerError> {
        self.call_sig(bridges, builder, function.id, &function.sig, args, ret)
    }

    /// Emits a call of the variadic `function` with arguments behind the named ones, of the types `unnamed`. The default argument
    /// promotions are the caller's to apply to the values: a `float` is given as a `double`, a `char` as an `int`. So an object of such a type
    /// in memory is refused.
    ///
    /// # Errors
    /// As [`Lowering::call_sig`].
    pub fn call_variadic(
        &self,
        bridges: &mut dyn Bridges,
        builder: &mut FunctionBuilder<'_>,
        function: &Function,
        unnamed: impl IntoIterator<Item = cabi::Type>,
        args: &[Arg],
        ret: Ret,
    ) -> Result<Returned, LowerError> {
        let unnamed: SmallVec<[cabi::Type; 8]> = unnamed.into_iter().collect();
        let first = function.sig.n_named();
        for (i, (arg, ty)) in (first..).zip(args.iter().skip(first).zip(&unnamed)) {
            // Read as what it is promoted to, it would be read behind its end.
            if matches!(arg, Arg::Memory { .. }) && cabi::promote(ty) != *ty {
                return Err(LowerError::Value {
                    what: format!("argument {i}"),
                    ty: ty.to_string(),
                    expected: format!("a value promoted to {}", cabi::promote(ty)),
                    found: "an address".into(),
                });
            }
        }
        let sig = function.sig.at_call(unnamed)?;
        self.call_sig(bridges, builder, function.id, &sig, args, ret)
    }

    /// The level below [`Lowering::call_sig`]: the values for a `call`, `call_indirect` or `try_call` of one's own with
    /// [`CallPlan::signature`], and the address of the result if the callee writes it.
    ///
    /// # Errors
    /// [`LowerError`] for arguments that do not fit the signature.
    pub fn values_in(
        &self,
        builder: &mut FunctionBuilder<'_>,
        plan: &CallPlan,
        args: &[Arg],
        ret: Ret,
    ) -> Result<SmallVec<[Value; 16]>, LowerError> {
        CallSite { plan, builder }.values_in(args, ret)
    }

    /// The result of such a call, from the values it returned; behind one that never returns, a trap. It belongs right behind the call: a
    /// result on the x87 stack must be taken off before anything else is called.
    ///
    /// # Errors
    /// [`LowerError`] if the result does not have the form asked for, or `results` are not those of the call.
    pub fn values_out(
        &self,
        bridges: &mut dyn Bridges,
        builder: &mut FunctionBuilder<'_>,
        plan: &CallPlan,
        results: &[Value],
        ret: Ret,
    ) -> Result<Returned, LowerError> {
        CallSite { plan, builder }.values_out(bridges, results, ret)
    }

    /// Takes the arguments of a function of `sig` that `builder` builds: its signature is [`EntryPlan::signature`], and its parameters have
    /// been appended to `block`, its first.
    ///
    /// # Errors
    /// [`LowerError`] if the function was not set up so.
    pub fn enter(
        &self,
        builder: &FunctionBuilder<'_>,
        block: Block,
        sig: &FnSig,
    ) -> Result<Entry, LowerError> {
        Entry::new(self.entry_plan(sig)?, builder, block, self.config)
    }
}

fn cached<T>(
    cache: &Cache<T>,
    sig: &FnSig,
    plan: impl FnOnce(FnSig, FnAbi) -> Result<T, LowerError>,
    target: &Target,
) -> Result<Arc<T>, LowerError> {
    // A poisoned lock only says that another thread panicked while it had plans, which are complete or absent.
    if let Some(plan) = cache.read().unwrap_or_else(|e| e.into_inner()).get(sig) {
        return Ok(Arc::clone(plan));
    }
    let decayed = sig.clone().decayed(target.data_model());
    let plan = Arc::new(plan(decayed, FnAbi::new(sig, target)?)?);
    let mut cache = cache.write().unwrap_or_else(|e| e.into_inner());
    Ok(Arc::clone(cache.entry(sig.clone()).or_insert(plan)))
}
