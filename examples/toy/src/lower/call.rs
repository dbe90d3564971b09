//! How clif-cabi is used, first part: functions of libraries, and calls. Their C signatures are in `signature.rs`. The second is `function.rs`, the third `jit.rs`.
//!
//! A front end says what a call passes as C types ([`cabi::FnSig`]), and gives each argument as it has it: an SSA value, or the address of a
//! value in memory. Registers, stack slots, `%al`, hidden pointers and copies are clif-cabi's; they occur nowhere in this compiler.

use super::function::FnLowerer;
use super::signature::{call_signature, signature};
use super::value::Val;
use super::{Declared, Lower, LowerError, NULL_CALL};
use crate::diag::Span;
use crate::typed::{Callee, Checked, Expr, FnId, Function, Origin};
use crate::types::Ty;
use clif_cabi::{Arg, CallPlan, Ret, Returned};
use cranelift_codegen::ir::{InstBuilder, SourceLoc, Value};
use cranelift_module::{FuncId, Linkage, Module};
use std::fmt::Write;
use std::rc::Rc;
use std::sync::Arc;

impl Declared {
    /// The module's id of a function, which is declared when first needed.
    pub(super) fn function<M: Module>(
        &mut self,
        checked: &Checked,
        module: &mut M,
        id: FnId,
    ) -> Lower<clif_cabi::Function> {
        if let Some(func) = self.functions.get(&id) {
            return Ok(func.clone());
        }
        let function = &checked.functions[id.0];
        let func = self.declare(checked, module, id, function);
        let func = func.map_err(|error| error.or_at(function.span))?;
        self.functions.insert(id, func.clone());
        Ok(func)
    }

    fn declare<M: Module>(
        &mut self,
        checked: &Checked,
        module: &mut M,
        id: FnId,
        function: &Function,
    ) -> Lower<clif_cabi::Function> {
        let sig = signature(&checked.types, function)?;
        let Origin::Extern { symbol, .. } = &function.origin else {
            if self.wanted.insert(id) {
                self.newly_wanted.push(id);
            }
            if self.exports && checked.is_exported(id) {
                let exported = self.lowering.declare_export(module, &function.name, &sig);
                return exported.map_err(LowerError::new);
            }
            // The dot keeps the program's names apart from those of C.
            let mut name = format!("toy.{}", function.name);
            if matches!(&function.origin, Origin::Toy(body) if body.is_nested) {
                // Two blocks of a function may have one of the same name each.
                let _ = write!(name, ".{}", id.0);
            }
            let plan = self.lowering.entry_plan(&sig).map_err(LowerError::new)?;
            let declared = module.declare_function(&name, Linkage::Local, plan.signature());
            let declared = declared.map_err(LowerError::new)?;
            return Ok(clif_cabi::Function::new(declared, &function.name, sig));
        };
        match self.imports.get(symbol) {
            Some((func, _)) if func.sig == sig => Ok(func.clone()),
            Some((_, first)) => {
                let name = &function.name;
                let message =
                    format!("`{name}` is declared with another signature than the language's own");
                // One of both is the prelude's, whose places mean nothing in the program.
                Err(LowerError::at(function.span.or(*first), message))
            }
            None => {
                let imported = self.lowering.declare_import(module, symbol, &sig);
                let func = imported.map_err(LowerError::new)?;
                self.imports
                    .insert(Rc::clone(symbol), (func.clone(), function.span));
                Ok(func)
            }
        }
    }
}

/// What a call needs.
struct Prepared {
    target: clif_cabi::Callee,
    plan: Arc<CallPlan>,
    given: Vec<Arg>,
}

/// Whether only the tail call is refused, so that an ordinary call does.
fn is_tail_call(error: &clif_cabi::LowerError) -> bool {
    match error {
        clif_cabi::LowerError::In { error, .. } => is_tail_call(error),
        error => matches!(error, clif_cabi::LowerError::TailCall { .. }),
    }
}

impl<M: Module> FnLowerer<'_, '_, M> {
    /// What is called of a function: the function itself, or a stub that enters it, for a static chain or wide vectors.
    pub(super) fn entry_point(&mut self, id: FnId, span: Span) -> Lower<FuncId> {
        let func = self.declared.function(self.checked, self.module, id);
        let func = func.map_err(|error| error.or_at(span))?;
        let function = &self.checked.functions[id.0];
        if matches!(function.origin, Origin::Extern { .. }) {
            return Ok(func.id);
        }
        let entry = self.declared.lowering.entry_point(self.module, &func);
        entry.map_err(|error| LowerError::at(span, error))
    }

    /// A call. `first` is the value of the first argument, if it is known already. A result that lives in memory is put `to` there, or into
    /// memory of its own.
    pub(super) fn call(
        &mut self,
        callee: &Callee,
        (args, first): (&[Expr], Option<Val>),
        result: Ty,
        to: Option<Value>,
        span: Span,
    ) -> Lower<Val> {
        let prepared = self.prepare(callee, (args, first), span)?;
        self.finish(&prepared, result, to, span)
    }

    /// `return` of what the call `expr` returns. Between functions of the language the callee takes the place of this frame, unless something may point into it.
    pub(super) fn call_and_leave(
        &mut self,
        expr: &Expr,
        (callee, args): (&Callee, &[Expr]),
    ) -> Lower<()> {
        let span = expr.span;
        self.builder.set_srcloc(SourceLoc::new(span.start));
        let prepared = self.prepare(callee, (args, None), span)?;
        if !self.body.has_pointers && !prepared.plan.sig().is_noreturn() {
            let tail_call = self.declared.lowering.tail_call(
                self.module,
                &mut self.builder,
                &self.entry,
                prepared.target,
                prepared.plan.sig(),
                &prepared.given,
            );
            match tail_call {
                Ok(()) => return Ok(()),
                // C's convention, or a copy in this frame: an ordinary call does it.
                Err(error) if is_tail_call(&error) => {}
                Err(error) => return Err(LowerError::at(span, error)),
            }
        }
        let to = self.entry.sret();
        let value = self.finish(&prepared, expr.ty, to, span)?;
        self.leave(value)
    }

    /// What comes before a call: the arguments' values.
    fn prepare(
        &mut self,
        callee: &Callee,
        (args, first): (&[Expr], Option<Val>),
        span: Span,
    ) -> Lower<Prepared> {
        let types = args.iter().map(|arg| arg.ty);
        let sig = call_signature(self.checked, callee.called(), types);
        let sig = sig.map_err(|error| error.or_at(span))?;
        let plan = self.declared.lowering.call_plan(&sig);
        let plan = plan.map_err(|error| LowerError::at(span, error))?;
        // A function of the module by its id, or any address.
        let (mut pointer, mut chain) = (None, None);
        let target: clif_cabi::Callee = match callee {
            Callee::Direct(id) => self.entry_point(*id, span)?.into(),
            Callee::Nested(id, value) => {
                chain = Some((sig.n_named() - 1, Arg::value(self.expr_ssa(value)?)));
                self.entry_point(*id, span)?.into()
            }
            Callee::Indirect(function) => {
                let function = self.expr_ssa(function)?;
                pointer = Some(function);
                function.into()
            }
        };
        let given = self.arguments(args, first, chain)?;
        if let Some(pointer) = pointer {
            // Where the program is once it has jumped to nowhere can no longer be told.
            self.ins().trapz(pointer, NULL_CALL);
        }
        Ok(Prepared {
            target,
            plan,
            given,
        })
    }

    /// The call, and its result.
    fn finish(
        &mut self,
        Prepared {
            target,
            plan,
            given,
        }: &Prepared,
        result: Ty,
        to: Option<Value>,
        span: Span,
    ) -> Lower<Val> {
        // The result is asked for in the form it is needed in, wherever the ABI returns it.
        let (ret, in_memory) = if matches!(result, Ty::VOID | Ty::NEVER) {
            (Ret::Ignore, Val::None)
        } else if self.is_ssa(result) {
            (Ret::Value, Val::None)
        } else if to.is_none() && self.fields(result).is_some() && !plan.result_parts().is_empty() {
            (Ret::Fields, Val::None)
        } else {
            let address = match to {
                Some(address) => address,
                None => self.temporary(result)?,
            };
            (Ret::memory(address), Val::Memory(address))
        };
        let lowering = &self.declared.lowering;
        let returned = lowering
            .call_sig(
                self.module,
                &mut self.builder,
                *target,
                plan.sig(),
                given,
                ret,
            )
            .map_err(|error| LowerError::at(span, error))?;
        if result == Ty::NEVER {
            self.unreachable();
        }
        match returned {
            // The ABI leaves the unused bits of a `_BitInt` undefined, in results too.
            Returned::Value(value) => Ok(Val::Ssa(self.normalize(value, result))),
            Returned::Fields(values) => {
                let fields = self.fields(result).unwrap_or_default();
                Ok(self.normalized(&values, &fields))
            }
            _ => Ok(in_memory),
        }
    }

    /// The arguments as clif-cabi takes them, with the static chain at its index.
    fn arguments(
        &mut self,
        args: &[Expr],
        mut first: Option<Val>,
        mut chain: Option<(usize, Arg)>,
    ) -> Lower<Vec<Arg>> {
        let mut given = Vec::with_capacity(args.len() + 1);
        for arg in args {
            given.extend(
                chain
                    .take_if(|(at, _)| *at == given.len())
                    .map(|(_, chain)| chain),
            );
            let value = match first.take() {
                Some(value) => value,
                None => self.expr(arg)?,
            };
            let value = value.arg();
            given.push(value.ok_or_else(|| LowerError::at(arg.span, "this has no value to pass"))?);
        }
        given.extend(chain.map(|(_, chain)| chain));
        Ok(given)
    }
}
