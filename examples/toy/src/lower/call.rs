//! How clif-cabi is used, first part: functions of libraries, and calls. Their C signatures are in
//! `signature.rs`. The second is `function.rs`, the third `jit.rs`.
//!
//! A front end says what a call passes as C types ([`cabi::FnSig`]), and gives each argument as it
//! has it: an SSA value, or the address of a value in memory. Registers, stack slots, `%al`, hidden
//! pointers and copies are clif-cabi's; they occur nowhere in this compiler.

use super::function::Lowerer;
use super::value::{Typed, Val, ssa_type};
use super::{CLOSURE, Meaning, Session};
use crate::ast::{CallExpr, Expr, ExprKind, Linkage};
use crate::diag::{At, Check, Span, fail};
use crate::types::Ty;
use cabi::{FnSig, Scalar, Type};
use clif_cabi::{Arg, CallPlan, LowerError, Ret, Returned};
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, InstBuilder, Value, types,
};
use cranelift_module::{FuncId, Linkage as Linking};
use std::rc::Rc;

impl Session<'_> {
    /// A function as the module knows it; it is declared when first needed.
    pub(super) fn declare(&mut self, id: usize) -> Check<clif_cabi::Function> {
        if let Some(declared) = &self.functions[id].declared {
            return Ok(declared.clone());
        }
        let sig = self.signature(id)?;
        let function = &self.functions[id];
        let (span, name) = (function.span, function.name.clone());
        let declared = match function.linkage.clone() {
            Linkage::Import(library, symbol) => self.import(&symbol, library, sig, span)?,
            linkage if self.exports && (linkage == Linkage::C || &*name == "main") => {
                let lowering = &self.lowering;
                lowering.declare_export(self.module, &name, &sig).at(span)?
            }
            _ => {
                let plan = self.lowering.entry_plan(&sig).at(span)?;
                // Dots keep the program's names apart from those of C. A function may have several
                // closures.
                let symbol = format!("toy.{name}.{id}");
                let (module, signature) = (&mut self.module, plan.clif_signature());
                let func = module.declare_function(&symbol, Linking::Local, signature);
                clif_cabi::Function::new(func.at(span)?, &name, sig)
            }
        };
        self.functions[id].declared = Some(declared.clone());
        Ok(declared)
    }

    /// A function of a library. Two declarations of one are one import.
    fn import(
        &mut self,
        symbol: &Rc<str>,
        library: Option<Rc<str>>,
        sig: FnSig,
        span: Span,
    ) -> Check<clif_cabi::Function> {
        match self.imported.get(symbol) {
            Some((known, _)) if known.sig == sig => Ok(known.clone()),
            Some(_) => fail(
                span,
                format!("`{symbol}` is declared with another signature too"),
            ),
            None => {
                let function = self.lowering.declare_import(self.module, symbol, &sig);
                let function = function.at(span)?;
                let import = (function.clone(), library);
                self.imported.insert(Rc::clone(symbol), import);
                Ok(function)
            }
        }
    }

    /// Returns the function that calls of a function call: the function itself, or a stub that
    /// enters it, for a static chain or wide vectors.
    pub(super) fn entry_point(&mut self, id: usize, span: Span) -> Check<FuncId> {
        let function = self.declare(id)?;
        match self.functions[id].linkage {
            Linkage::Import(..) => Ok(function.id),
            _ => self.lowering.entry_point(self.module, &function).at(span),
        }
    }
}

/// A call whose arguments are evaluated.
struct Prepared {
    target: clif_cabi::Callee,
    sig: FnSig,
    args: Vec<Arg>,
    result: Ty,
    span: Span,
}

/// Returns whether only the tail call is refused, so that an ordinary call does.
fn is_tail_call(error: &LowerError) -> bool {
    match error {
        LowerError::In { error, .. } => is_tail_call(error),
        error => matches!(error, LowerError::TailCall(..)),
    }
}

impl<'p> Lowerer<'_, 'p, '_> {
    pub(super) fn call(&mut self, call: &'p CallExpr) -> Check<Typed> {
        let prepared = self.prepare(call)?;
        self.finish(&prepared, None)
    }

    /// `return` of what a call returns. Between functions of the language the callee takes the
    /// place of this frame, unless something may point into it.
    pub(super) fn call_and_leave(&mut self, call: &'p CallExpr) -> Check<()> {
        let call = self.prepare(call)?;
        let is_same = call.result == self.ty.result;
        if is_same && self.handlers.is_empty() && !self.uses.has_pointers {
            let (lowering, module) = (&self.s.lowering, &mut self.s.module);
            let (target, sig, args) = (call.target, &call.sig, &call.args);
            match lowering.tail_call(module, &mut self.builder, &self.entry, target, sig, args) {
                Ok(()) => {
                    self.has_tail_calls = true;
                    self.unreachable();
                    return Ok(());
                }
                // C's convention, or a copy in this frame: an ordinary call does it.
                Err(error) if is_tail_call(&error) => {}
                Err(error) => return fail(call.span, error),
            }
        }
        let to = self.entry.sret().filter(|_| is_same);
        let value = self.finish(&call, to)?;
        let value = self.coerce(value, self.ty.result, call.span)?;
        self.leave(&value)
    }

    /// Returns the target of a call: a function of this name, or an address.
    fn callee(&mut self, callee: &'p Expr) -> Check<(Ty, Option<usize>, Option<Value>)> {
        if let ExprKind::Name(name) = &callee.kind
            && self.local(name).is_none()
            && let Some(Meaning::Function(id)) = self.s.find_value(name, callee.span)?
        {
            let ty = Rc::clone(&self.s.functions[id].ty);
            return Ok((self.s.types.function(ty), Some(id), None));
        }
        let value = self.expr(callee, None)?;
        let pointer = self.ssa(&value, callee.span).ok();
        Ok((value.ty, None, pointer))
    }

    /// Evaluates what a call needs: the callee and the arguments' values.
    fn prepare(&mut self, CallExpr { callee, args, span }: &'p CallExpr) -> Check<Prepared> {
        let (span, (ty, id, pointer)) = (*span, self.callee(callee)?);
        let Some(ty) = self.s.types.as_fn(ty) else {
            return self.wrong(callee.span, ty, "`{}` cannot be called");
        };
        let (wanted, given) = (ty.params.len(), args.len());
        if given < wanted || given > wanted && !ty.variadic {
            let least = if ty.variadic { "at least " } else { "" };
            let message = format!("arguments: expected {least}{wanted}, found {given}");
            return fail(span, message);
        }
        let (mut given, mut unnamed) = (Vec::new(), Vec::new());
        for (at, arg) in args.iter().enumerate() {
            let value = match ty.params.get(at) {
                Some(&param) => self.value(arg, param)?,
                None => self.unnamed(arg, &mut unnamed)?,
            };
            given.push(self.arg(&value));
        }
        let (target, mut sig) = match (id, pointer) {
            (Some(id), _) => (self.s.entry_point(id, span)?.into(), self.s.signature(id)?),
            (None, Some(pointer)) => (pointer.into(), self.s.fn_sig(&ty, span)?),
            (None, None) => return fail(span, "nothing is called"),
        };
        // The types of unnamed arguments decide where they are passed, and the declaration does not
        // have them.
        if sig.is_variadic() {
            sig = sig.at_call(unnamed).at(span)?;
        }
        Ok(Prepared {
            target,
            sig,
            args: given,
            result: ty.result,
            span,
        })
    }

    /// The call, and its result in the form that it is needed in, wherever the ABI returns it.
    fn finish(&mut self, call: &Prepared, to: Option<Value>) -> Check<Typed> {
        let (result, sig, args) = (call.result, &call.sig, &call.args);
        let plan = self.s.lowering.call_plan(sig).at(call.span)?;
        let has_parts = !plan.result.parts().is_empty();
        let (ret, in_memory) = if result == Ty::Void {
            (Ret::Ignore, None)
        } else if ssa_type(result).is_some() {
            (Ret::Value, None)
        } else if to.is_none() && self.fields(result).is_some() && has_parts {
            (Ret::Fields, None)
        } else {
            let address = to.map_or_else(|| self.temporary(result), Ok)?;
            (Ret::memory(address), Some(address))
        };
        let (lowering, module) = (&self.s.lowering, &mut self.s.module);
        let returned = match self.handlers.last() {
            Some(&handler) => self.try_call(call, &plan, ret, handler),
            None => lowering.call_sig(module, &mut self.builder, call.target, sig, args, ret),
        };
        let scalars = match returned.at(call.span)? {
            Returned::Value(value) => [value].into(),
            Returned::Fields(values) => values.iter().copied().collect(),
            _ => [].into(),
        };
        let val = in_memory.map_or(Val::Scalars(scalars), Val::Memory);
        Ok(Typed { ty: result, val })
    }

    /// A call in a `try`: the instruction is this compiler's own, with the values that clif-cabi
    /// gives it. An exception leads to `handler`.
    fn try_call(
        &mut self,
        prepared: &Prepared,
        plan: &CallPlan,
        ret: Ret,
        handler: Block,
    ) -> Result<Returned, LowerError> {
        let (lowering, builder) = (&self.s.lowering, &mut self.builder);
        let module = &mut self.s.module;
        let callable = lowering.callee(module, builder, plan, prepared.target)?;
        let values = lowering.values_in(builder, plan, &prepared.args, ret)?;
        let returned = builder.create_block();
        let signature = &builder.func.dfg.signatures[callable.signature];
        let types: Vec<_> = signature.returns.iter().map(|own| own.value_type).collect();
        let results = types.into_iter();
        let results = results.map(|ty| builder.append_block_param(returned, ty));
        let results: Vec<Value> = results.collect();
        let pool = &mut builder.func.dfg.value_lists;
        let values_out = (0..).take(results.len()).map(BlockArg::TryCallRet);
        let normal = BlockCall::new(returned, values_out, pool);
        let caught = BlockCall::new(handler, [BlockArg::TryCallExn(0)], pool);
        let handlers = [ExceptionTableItem::Default(caught)];
        let table = ExceptionTableData::new(callable.signature, normal, handlers);
        let table = builder.func.dfg.exception_tables.push(table);
        callable.try_call(builder, &values, table)?;
        builder.switch_to_block(returned);
        builder.seal_block(returned);
        lowering.values_out(module, builder, plan, &results, ret)
    }

    /// Ends an exception that was caught, as C++'s `catch (...) {}` does.
    pub(super) fn end_exception(&mut self, exception: Value, span: Span) -> Check<()> {
        let library = match self.s.types.target.name().contains("apple") {
            true => "libc++.1.dylib",
            false => "libstdc++.so.6",
        };
        let begin = [Arg::value(exception)].into();
        self.call_c("__cxa_begin_catch", Some(library), begin, Ty::Void, span)?;
        self.call_c("__cxa_end_catch", Some(library), [].into(), Ty::Void, span)?;
        Ok(())
    }

    /// A call of a function that takes pointers, and returns one or nothing.
    fn call_c(
        &mut self,
        symbol: &str,
        library: Option<&str>,
        args: Vec<Arg>,
        result: Ty,
        span: Span,
    ) -> Check<Typed> {
        let returned = self.s.types.layout(result).cloned().unwrap_or(Type::VOID);
        let sig = FnSig::new(args.iter().map(|_| Type::PTR), returned);
        let library = library.map(Rc::from);
        let function = self.s.import(&symbol.into(), library, sig.clone(), span)?;
        let call = Prepared {
            target: function.id.into(),
            sig,
            args,
            result,
            span,
        };
        self.finish(&call, None)
    }

    /// An argument for `...`, after C's default argument promotions (C 6.5.2.2). Its type becomes
    /// one of the `unnamed`.
    fn unnamed(&mut self, arg: &'p Expr, unnamed: &mut Vec<Type>) -> Check<Typed> {
        let value = self.expr(arg, None)?;
        let value = self.decay(value)?;
        let promoted = match value.ty {
            Ty::Scalar(Scalar::Bool | Scalar::Int { bits: 8 | 16, .. }) => Ty::I32,
            Ty::Scalar(Scalar::F32) => Ty::F64,
            _ => value.ty,
        };
        match self.s.types.layout(promoted) {
            Some(layout) => unnamed.push(layout.clone()),
            None => return fail(arg.span, "this has no value to pass"),
        }
        self.convert(value, promoted, arg.span)
    }

    /// A function as a value: what C enters.
    pub(super) fn function_value(&mut self, id: usize, span: Span) -> Check<Typed> {
        let ty = Rc::clone(&self.s.functions[id].ty);
        let func = self.s.entry_point(id, span)?;
        let func = self.s.module.declare_func_in_func(func, self.builder.func);
        let address = self.ins().func_addr(types::I64, func);
        Ok(Typed::ssa(self.s.types.function(ty), address))
    }

    /// A pointer to a closure, which enters the function `id` with the static chain.
    pub(super) fn bind_closure(&mut self, id: usize, chain: Value, span: Span) -> Check<Typed> {
        let code = self.function_value(id, span)?;
        let args = vec![self.arg(&code), Arg::value(chain)];
        let made = self.call_c(CLOSURE, None, args, Ty::VOID_POINTER, span)?;
        Ok(Typed {
            ty: code.ty,
            ..made
        })
    }
}
