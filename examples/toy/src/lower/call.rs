//! Use of clif-cabi, first part: functions of libraries, and calls. The second is
//! `function.rs`, the third `jit.rs`.
//!
//! A front end states the types of a call as C types ([`cabi::FnSig`]). It passes each argument in
//! its own form: an SSA value, or the address of a value in memory. Registers, stack slots, `%al`,
//! hidden pointers and copies are clif-cabi's; they occur nowhere in this compiler.

use super::function::Lowerer;
use super::value::{Operand, ssa_type};
use super::{Meaning, Session};
use crate::ast::{Expr, ExprKind, Linkage};
use crate::diag::{Check, fail};
use crate::types::{FnTy, Ty};
use cabi::{FnSig, Scalar, Target, Type, X86_64_LANG};
use clif_cabi::{Arg, CallPlan, CallResult, Callee, LowerError, Ret, clif_signature};
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, InstBuilder, Value, types,
};
use cranelift_module::{FuncId, Linkage as Linking};
use std::rc::Rc;

/// The convention of functions that only this compiler calls.
static LANG: cabi::Convention = X86_64_LANG;

impl Session<'_> {
    /// Returns the signature of a function: C's, or the language's own if nothing else calls the
    /// function. A closure's has the static chain after the other named parameters.
    pub(super) fn signature(&self, id: usize) -> Check<FnSig> {
        let function = &self.functions[id];
        let (mut ty, is_main) = (Rc::clone(&function.ty), self.is_main(id));
        if is_main {
            // C's `main` has a result: 0 if the program's `main` has none.
            Rc::make_mut(&mut ty).result = Ty::I32;
        }
        let is_called = !self.values.contains(&function.name) && !is_main;
        let sig = self.fn_sig(&ty)?;
        // On other targets, and with `...`, all functions are C's.
        let is_linux = self.types.target.convention() == Target::X86_64_LINUX.convention();
        let has_lang = is_linux && !sig.is_variadic();
        Ok(match function.linkage {
            Linkage::Closure => sig.static_chain(self.types.model()),
            Linkage::Own if is_called && has_lang => sig.convention(&LANG),
            _ => sig,
        })
    }

    /// Returns the C signature of functions of the type `ty`.
    fn fn_sig(&self, ty: &FnTy) -> Check<FnSig> {
        let params = ty.params.iter().map(|&param| self.layout(param));
        let params: Vec<Type> = params.collect::<Check<_>>()?;
        let result = match ty.result {
            Ty::Void => Type::VOID,
            result => self.layout(result)?,
        };
        let sig = FnSig::new(params, result);
        Ok(if ty.variadic { sig.variadic() } else { sig })
    }

    /// Returns a function as the module knows it, and declares the function when it is first
    /// needed.
    pub(super) fn declare(&mut self, id: usize) -> Check<clif_cabi::Function> {
        if let Some(declared) = &self.functions[id].declared {
            return Ok(declared.clone());
        }
        let sig = self.signature(id)?;
        let name = Rc::clone(&self.functions[id].name);
        let declared = match self.functions[id].linkage.clone() {
            Linkage::Import(symbol) => self.lowering.declare_import(self.module, &symbol, &sig)?,
            _ if self.is_main(id) || self.functions[id].linkage == Linkage::C => {
                self.lowering.declare_export(self.module, &name, &sig)?
            }
            _ => {
                let plan = self.lowering.entry_plan(&sig)?;
                // Dots keep the program's names apart from C's. A function may have closures.
                let symbol = format!("toy.{name}.{id}");
                let (module, signature) = (&mut self.module, clif_signature(&plan.signature));
                let func = module.declare_function(&symbol, Linking::Local, &signature)?;
                clif_cabi::Function::new(func, &name, sig)
            }
        };
        self.functions[id].declared = Some(declared.clone());
        Ok(declared)
    }

    /// Returns the target of calls of function `id`: the function itself, or a stub that enters it,
    /// for a static chain.
    fn entry_point(&mut self, id: usize) -> Check<FuncId> {
        let function = self.declare(id)?;
        match self.functions[id].linkage {
            Linkage::Import(..) => Ok(function.id),
            _ => Ok(self.lowering.entry_point(self.module, &function)?),
        }
    }
}

/// A call whose arguments are evaluated, and the type of its result.
struct CallParts(Callee, FnSig, Vec<Arg>, Ty);

impl<'p> Lowerer<'_, 'p, '_> {
    pub(super) fn call(&mut self, callee: &'p Expr, args: &'p [Expr]) -> Check<Operand> {
        let call = self.prepare(callee, args)?;
        self.finish(&call)
    }

    /// Lowers `become`: the callee takes the place of this function's frame. C functions, and
    /// arguments that are copies in the frame, are refused by clif-cabi.
    pub(super) fn tail_call(&mut self, callee: &'p Expr, args: &'p [Expr]) -> Check<()> {
        let CallParts(target, sig, args, result) = self.prepare(callee, args)?;
        if result != self.ty.result || !self.handlers.is_empty() {
            return fail("`become` needs the result of this function, outside of `try`");
        }
        let (lowering, module) = (&self.s.lowering, &mut self.s.module);
        lowering.tail_call(module, &mut self.builder, &self.entry, target, &sig, &args)?;
        self.unreachable();
        Ok(())
    }

    /// Returns the target of a call: a function of this name, or an address.
    fn callee(&mut self, callee: &'p Expr) -> Check<(Rc<FnTy>, Callee, FnSig)> {
        if let ExprKind::Name(name) = &callee.kind
            && self.local(name).is_none()
            && let Some(Meaning::Function(id)) = self.s.find(name, Session::c_value)?
        {
            let ty = Rc::clone(&self.s.functions[id].ty);
            return Ok((ty, self.s.entry_point(id)?.into(), self.s.signature(id)?));
        }
        let value = self.expr(callee, None)?;
        let Some(ty) = self.s.types.as_fn(value.ty) else {
            return self.wrong(value.ty, "`{}` cannot be called");
        };
        let sig = self.s.fn_sig(&ty)?;
        Ok((ty, self.value_of(&value)?.into(), sig))
    }

    /// Evaluates the callee and the arguments of a call.
    fn prepare(&mut self, callee: &'p Expr, exprs: &'p [Expr]) -> Check<CallParts> {
        let (ty, target, mut sig) = self.callee(callee)?;
        let (n_params, n) = (ty.params.len(), exprs.len());
        if n < n_params || n > n_params && !ty.variadic {
            let least = if ty.variadic { "at least " } else { "" };
            return fail(format!("arguments: expected {least}{n_params}, found {n}"));
        }
        let (mut args, mut unnamed) = (Vec::new(), Vec::new());
        for (at, arg) in exprs.iter().enumerate() {
            let value = match ty.params.get(at) {
                Some(&param) => self.value(arg, param)?,
                None => self.unnamed(arg, &mut unnamed)?,
            };
            args.push(self.arg(&value));
        }
        // The types of unnamed arguments decide their places, and the declaration does not have
        // them.
        if sig.is_variadic() {
            sig = sig.at_call(unnamed)?;
        }
        Ok(CallParts(target, sig, args, ty.result))
    }

    /// Emits the call, and returns its result in the form that the caller needs, wherever the ABI
    /// returns it.
    fn finish(&mut self, CallParts(target, sig, args, result): &CallParts) -> Check<Operand> {
        let (target, result) = (*target, *result);
        let handler = self.handlers.last().copied();
        let plan = match handler {
            Some(_) => self.s.lowering.try_call_plan(sig)?,
            None => self.s.lowering.call_plan(sig)?,
        };
        let has_parts = !plan.result.parts().is_empty();
        let (ret, in_memory) = if result == Ty::Void {
            (Ret::Ignore, None)
        } else if has_parts && ssa_type(result).is_some() {
            (Ret::Value, None)
        } else if has_parts && self.fields(result).is_some() {
            (Ret::Fields, None)
        } else {
            let address = self.temporary(self.s.types.size(result))?;
            (Ret::memory(address), Some(address))
        };
        let (lowering, module) = (&self.s.lowering, &mut self.s.module);
        let returned = match handler {
            Some(handler) => self.try_call(target, args, &plan, ret, handler),
            None => lowering.call_sig(module, &mut self.builder, target, sig, args, ret),
        };
        Ok(match (returned?, in_memory) {
            (_, Some(address)) => self.load(address, result),
            (CallResult::Value(value), _) => Operand::ssa(result, value),
            (CallResult::Fields(values), _) => Operand::scalars(result, &values[..]),
            _ => Operand::scalars(result, []),
        })
    }

    /// Emits a call in a `try`: the instruction is this compiler's own, with the values that
    /// clif-cabi gives it. An exception leads to `handler`.
    fn try_call(
        &mut self,
        target: Callee,
        args: &[Arg],
        plan: &CallPlan,
        ret: Ret,
        handler: Block,
    ) -> Result<CallResult, LowerError> {
        let (lowering, builder) = (&self.s.lowering, &mut self.builder);
        let module = &mut self.s.module;
        let callable = lowering.callee(module, builder, plan, target)?;
        let values = lowering.values_in(builder, plan, args, ret)?;
        let returned = builder.create_block();
        let signature = &builder.func.dfg.signatures[callable.signature];
        let types: Vec<_> = signature.returns.iter().map(|own| own.value_type).collect();
        let result = |ty| builder.append_block_param(returned, ty);
        let results: Vec<Value> = types.into_iter().map(result).collect();
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
    pub(super) fn end_exception(&mut self, exception: Value) -> Check<()> {
        let library = match self.s.types.target.name() {
            name if name.contains("apple") => "libc++.1.dylib",
            name if name.contains("windows") => "libstdc++-6.dll",
            _ => "libstdc++.so.6",
        };
        self.s.made.libraries.push(library.into());
        self.call_c("__cxa_begin_catch", vec![Arg::value(exception)], Ty::Void)?;
        self.call_c("__cxa_end_catch", Vec::new(), Ty::Void)?;
        Ok(())
    }

    /// Calls a function that takes pointers, and returns one or nothing.
    pub(super) fn call_c(&mut self, symbol: &str, args: Vec<Arg>, result: Ty) -> Check<Operand> {
        let returned = self.s.types.layout(result).cloned().unwrap_or(Type::VOID);
        let sig = FnSig::new(args.iter().map(|_| Type::PTR), returned);
        let (lowering, module) = (&self.s.lowering, &mut self.s.module);
        let function = lowering.declare_import(*module, symbol, &sig)?;
        self.finish(&CallParts(function.id.into(), sig, args, result))
    }

    /// Returns an argument for `...`, after C's default argument promotions (C 6.5.2.2), and adds
    /// its type to `unnamed`.
    fn unnamed(&mut self, arg: &'p Expr, unnamed: &mut Vec<Type>) -> Check<Operand> {
        let value = self.decayed(arg)?;
        let promoted = match value.ty {
            Ty::Scalar(Scalar::Bool | Scalar::Int { bits: 8 | 16, .. }) => Ty::I32,
            Ty::Scalar(Scalar::F32) => Ty::F64,
            ty => ty,
        };
        unnamed.push(self.s.layout(promoted)?);
        self.convert(value, promoted)
    }

    /// Returns a function as a value: the address that C calls.
    pub(super) fn function_value(&mut self, id: usize) -> Check<Operand> {
        let ty = Rc::clone(&self.s.functions[id].ty);
        let func = self.s.entry_point(id)?;
        let func = self.s.module.declare_func_in_func(func, self.builder.func);
        let address = self.ins().func_addr(types::I64, func);
        Ok(Operand::ssa(self.s.types.function(ty), address))
    }
}
