//! [`Lowering`]: abilities of a language's own convention that C's lacks, and calls between C and
//! functions of such a convention.

use crate::cranelift::codegen::ir::{Value, types};
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use cabi::{FnAbi, FnSig};
use clif_cabi_plan::PassMode;

use super::{Function, Lowering};
use crate::clif_types::value_type;
use crate::emit::{Arg, CallResult, Callee, Entry, Ret, check};
use crate::error::LowerError;
use crate::stubs::{ByRef, Stubs};

impl Lowering {
    /// Ends the function of `entry` by a call of `callee`, whose signature is `sig`: `return_call`
    /// or `return_call_indirect`. The callee takes the place of the function's frame, so a chain of
    /// such calls needs no stack. Objects in the frame are gone, and no argument may point to one.
    ///
    /// An argument that is passed by the address of a copy must be one that the function itself was
    /// passed so: `Arg::memory(entry.address(..)?)`. Its address must be a parameter of the CLIF
    /// signature, as every one in a register is. An address in the argument area is refused.
    ///
    /// # Example
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # use doc::*;
    /// # let mut module = jit(&["preserve_frame_pointers"]);
    /// # let mut ctx = module.make_context();
    /// # let mut fctx = FunctionBuilderContext::new();
    /// use clif_cabi::cabi::{Convention, FnSig, Type, X86_64_LANG};
    /// use clif_cabi::{Arg, Lowering};
    ///
    /// static LANG: Convention = X86_64_LANG;
    /// let lower = Lowering::new(module.isa())?;
    /// // long count(long n) { return n == 0 ? 0 : count(n - 1); }
    /// let for_c = FnSig::new([Type::I64], Type::I64);
    /// let sig = for_c.clone().convention(&LANG);
    /// let count = lower.declare_export(&mut module, "count", &sig)?;
    /// # let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fctx);
    /// let (_, entry) = lower.begin(&mut builder, &sig)?;
    /// let n = entry.value(&mut builder, 0)?;
    /// let (done, next) = (builder.create_block(), builder.create_block());
    /// builder.ins().brif(n, next, &[], done, &[]);
    /// builder.switch_to_block(done);
    /// entry.ret(&mut module, &mut builder, Some(&Arg::value(n)))?;
    /// builder.switch_to_block(next);
    /// let less = builder.ins().iadd_imm_s(n, -1);
    /// lower.tail_call(&mut module, &mut builder, &entry, count.id, &sig, &[Arg::value(less)])?;
    /// # builder.seal_all_blocks();
    /// # builder.finalize(module.target_config());
    /// # module.define_function(count.id, &mut ctx).unwrap();
    /// # module.clear_context(&mut ctx);
    ///
    /// // What C calls is a function of its own.
    /// let entry = lower.declare_export(&mut module, "count_for_c", &for_c)?;
    /// # let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fctx);
    /// lower.forward(&mut module, &mut builder, &for_c, &count)?;
    /// # builder.finalize(module.target_config());
    /// # module.define_function(entry.id, &mut ctx).unwrap();
    /// # Ok::<(), clif_cabi::LowerError>(())
    /// ```
    ///
    /// # Errors
    /// [`LowerError::TailCall`] if one of the two functions cannot do this (C's cannot), if their
    /// results are returned differently, or for a copy in the frame. [`LowerError::Isa`] without
    /// the setting `preserve_frame_pointers`. The errors of [`Lowering::call_sig`].
    pub fn tail_call(
        &self,
        stubs: &mut (impl Stubs + ?Sized),
        builder: &mut FunctionBuilder<'_>,
        entry: &Entry,
        callee: impl Into<Callee>,
        sig: &FnSig,
        args: &[Arg],
    ) -> Result<(), LowerError> {
        let callee = callee.into();
        let stubs = &mut ByRef(stubs);
        let entered = self.check_entry(stubs, builder.func, callee, None, sig);
        let plan = entered.and_then(|()| self.call_plan(sig));
        let call = plan.and_then(|plan| {
            let mut site = self.site(&plan, builder);
            if !self.has_tail_calls {
                return Err(self.needs("preserve_frame_pointers", "a tail call"));
            }
            site.tail(stubs, entry, callee, args)
        });
        call.map_err(|error| error.of(None, sig))
    }

    /// Returns the value of the context register
    /// ([`Frame::context`](cabi::convention::Frame::context)), in a function of any convention.
    ///
    /// # Example
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # use doc::*;
    /// # let mut module = jit(&["enable_pinned_reg"]);
    /// # let mut ctx = module.make_context();
    /// # let mut fctx = FunctionBuilderContext::new();
    /// # let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fctx);
    /// use clif_cabi::cabi::{Convention, FnSig, Type, X86_64_LANG_CONTEXT};
    /// use clif_cabi::Lowering;
    ///
    /// static LANG: Convention = X86_64_LANG_CONTEXT;
    /// let lower = Lowering::new(module.isa())?;
    /// // Takes 16 bytes of what the context points to.
    /// let (_, entry) = lower.begin(&mut builder, &FnSig::new([], Type::VOID).convention(&LANG))?;
    /// let context = lower.context(&mut builder)?;
    /// let next = builder.ins().iadd_imm_s(context, 16);
    /// lower.set_context(&mut builder, next)?;
    /// entry.ret(&mut module, &mut builder, None)?;
    /// # builder.finalize(module.target_config());
    /// # clif_cabi::cranelift_codegen::verify_function(&ctx.func, module.isa()).unwrap();
    /// # Ok::<(), clif_cabi::LowerError>(())
    /// ```
    ///
    /// # Errors
    /// [`LowerError::Isa`] without the setting `enable_pinned_reg`.
    pub fn context(&self, builder: &mut FunctionBuilder<'_>) -> Result<Value, LowerError> {
        check::position(builder)?;
        self.check_context()?;
        Ok(builder.ins().get_pinned_reg(types::I64))
    }

    /// Sets the context register to `context`. A function that C calls has to restore the register
    /// before it returns, because C preserves it.
    ///
    /// # Errors
    /// The errors of [`Lowering::context`], and [`LowerError::Value`] for a value that is not 64
    /// bits wide.
    pub fn set_context(
        &self,
        builder: &mut FunctionBuilder<'_>,
        context: Value,
    ) -> Result<(), LowerError> {
        check::position(builder)?;
        self.check_context()?;
        check::address(&builder.func.dfg, context, &"context", &cabi::Type::PTR)?;
        builder.ins().set_pinned_reg(context);
        Ok(())
    }

    pub(super) fn check_context(&self) -> Result<(), LowerError> {
        match self.has_context {
            true => Ok(()),
            false => Err(self.needs("enable_pinned_reg", "a context register")),
        }
    }

    pub(super) fn needs(&self, setting: &str, what: &str) -> LowerError {
        let target = self.target.name();
        let why = format!("{target}: {what} needs the setting {setting}");
        LowerError::Isa(why)
    }

    /// Builds, in a builder that is still empty, a function of `sig` that calls `function` with its
    /// own arguments and returns its result. By this entry C calls a function of a language's own
    /// convention, or the language calls C.
    ///
    /// If `function` has a context and `sig` has none, the first argument of `sig` is the context,
    /// and `function` has the others. A C++ exception or a panic that unwinds through the entry
    /// leaves that context in the register instead of C's value.
    ///
    /// # Errors
    /// [`LowerError::Function`] for variadic signatures, and for signatures that differ in more
    /// than the convention and the context. The errors of [`Lowering::begin`] and
    /// [`Lowering::call`].
    pub fn forward(
        &self,
        stubs: &mut (impl Stubs + ?Sized),
        builder: &mut FunctionBuilder<'_>,
        sig: &FnSig,
        function: &Function,
    ) -> Result<(), LowerError> {
        let (own, other) = (self.entry_plan(sig)?, self.call_plan(&function.sig)?);
        let context = |abi: &FnAbi| abi.convention.frame.context;
        let sets_context = context(&other.abi).is_some() && context(&own.abi).is_none();
        check_alike(&own.sig, &other.sig, sets_context).map_err(|error| error.of(None, sig))?;
        let (_, entry) = self.begin(builder, sig)?;
        let previous = match sets_context {
            true => Some(self.context(builder)?),
            false => None,
        };
        if previous.is_some() {
            let context = entry.value(builder, 0)?;
            self.set_context(builder, context)?;
        }
        let mut args = Vec::new();
        let params = own.sig.params().iter().enumerate();
        for (i, param) in params.skip(usize::from(sets_context)) {
            args.push(match value_type(&param.ty) {
                Some(_) => Arg::value(entry.value(builder, i)?),
                None => Arg::memory(entry.address(builder, i)?),
            });
        }
        let mut room = || (entry.sret()).map_or_else(|| self.slot(builder, sig.result()), Ok);
        let mode = own.result.mode(sig.result());
        let ret = match Ret::easiest(&other, &mut room)? {
            // Padding alone, which `function` returns nowhere.
            Ret::Ignore if mode != PassMode::Ignore && !sig.is_noreturn() => Ret::memory(room()?),
            ret => ret,
        };
        let returned = self.call(stubs, builder, function, &args, ret)?;
        if sig.is_noreturn() {
            return Ok(());
        }
        if let Some(previous) = previous {
            self.set_context(builder, previous)?;
        }
        let value = match (returned, ret) {
            (CallResult::Value(value), _) => Some(Arg::value(value)),
            (_, Ret::Memory(from)) => Some(Arg::memory(from)),
            _ => None,
        };
        entry.ret(stubs, builder, value.as_ref())
    }
}

/// Refuses signatures that differ in more than their conventions, and a context first.
fn check_alike(own: &FnSig, other: &FnSig, has_context: bool) -> Result<(), LowerError> {
    let types = |sig: &FnSig| -> Vec<cabi::Type> {
        let params = sig.params().iter().map(|param| param.ty.clone());
        params.chain([sig.result().clone()]).collect()
    };
    let context = has_context.then_some(cabi::Type::PTR);
    let expected: Vec<cabi::Type> = context.into_iter().chain(types(other)).collect();
    let alike = types(own) == expected && own.is_noreturn() == other.is_noreturn();
    if alike && !own.is_variadic() && !other.is_variadic() {
        return Ok(());
    }
    let why = "its signature and the callee's are variadic, or differ in more than the convention";
    Err(LowerError::Function(why))
}
