//! How clif-cabi is used, first part: C signatures, functions of libraries, and calls. The second is `function.rs`, the third `jit.rs`.
//!
//! A front end says what a call passes as C types ([`FnSig`]), and gives each argument as it has it: an SSA value, or the address of a
//! value in memory. Registers, stack slots, `%al`, hidden pointers and copies are clif-cabi's; they occur nowhere in this compiler.

use super::function::{FnLowerer, Val};
use super::{Declared, Lower, LowerError, NULL_CALL};
use crate::diag::Span;
use crate::typed::{Callee, Checked, Expr, FnId, Function, Origin};
use crate::types::{FnTy, Ty, Types};
use cabi::{FnSig, Type};
use clif_cabi::{Arg, Ret};
use cranelift_codegen::ir::{InstBuilder, Value};
use cranelift_module::{FuncId, Linkage, Module};
use std::rc::Rc;

/// The C signature of a function.
pub(crate) fn signature(types: &Types, function: &Function) -> Lower<FnSig> {
    match types.as_fn(function.ty) {
        Some(ty) => fn_signature(types, &ty),
        None => Err(LowerError::new(format!(
            "`{}` is no function",
            function.name
        ))),
    }
}

/// The C signature of one call. That of a variadic function has the arguments after the named ones too: their types decide where they are
/// passed, and the declaration does not know them.
pub(crate) fn call_signature(checked: &Checked, callee: &Callee, args: &[Expr]) -> Lower<FnSig> {
    let types = &checked.types;
    let ty = match callee {
        Callee::Direct(id) => checked.functions[id.0].ty,
        Callee::Indirect(pointer) => pointer.ty,
    };
    let Some(ty) = types.as_fn(ty) else {
        return Err(LowerError::new("what is no function is called"));
    };
    let sig = fn_signature(types, &ty)?;
    if !ty.variadic {
        return Ok(sig);
    }
    let unnamed = args.iter().skip(ty.params.len());
    let unnamed = unnamed.filter_map(|arg| types.layout(arg.ty).cloned());
    sig.at_call(unnamed).map_err(LowerError::new)
}

fn fn_signature(types: &Types, ty: &FnTy) -> Lower<FnSig> {
    let object = |ty: Ty| match types.layout(ty) {
        Some(layout) => Ok(layout.clone()),
        None => Err(LowerError::new(format!(
            "`{}` is not complete",
            types.name(ty)
        ))),
    };
    let params = ty.params.iter().map(|&param| object(param));
    let params = params.collect::<Lower<Vec<Type>>>()?;
    let sig = match ty.result {
        Ty::VOID => FnSig::new(params, Type::VOID),
        Ty::NEVER => FnSig::new(params, Type::VOID).noreturn(),
        result => FnSig::new(params, object(result)?),
    };
    Ok(if ty.variadic { sig.variadic() } else { sig })
}

impl Declared {
    /// The module's id of a function, which is declared when first needed.
    pub(super) fn function<M: Module>(
        &mut self,
        checked: &Checked,
        module: &mut M,
        id: FnId,
    ) -> Lower<FuncId> {
        if let Some(&func) = self.functions.get(&id) {
            return Ok(func);
        }
        let function = &checked.functions[id.0];
        let func = self.declare(checked, module, id, function);
        let func = func.map_err(|error| error.or_at(function.span))?;
        self.functions.insert(id, func);
        Ok(func)
    }

    fn declare<M: Module>(
        &mut self,
        checked: &Checked,
        module: &mut M,
        id: FnId,
        function: &Function,
    ) -> Lower<FuncId> {
        let sig = signature(&checked.types, function)?;
        let Origin::Extern { symbol, .. } = &function.origin else {
            if self.wanted.insert(id) {
                self.newly_wanted.push(id);
            }
            // The dot keeps the program's names apart from those of C. A function that other objects call would be `declare_export`ed.
            let name = format!("toy.{}", function.name);
            let plan = self.lowering.entry_plan(&sig).map_err(LowerError::new)?;
            let declared = module.declare_function(&name, Linkage::Local, plan.signature());
            return declared.map_err(LowerError::new);
        };
        match self.imports.get(symbol) {
            Some((func, same, _)) if *same == sig => Ok(*func),
            Some((_, _, first)) => {
                let name = &function.name;
                let message =
                    format!("`{name}` is declared with another signature than the language's own");
                // One of both is the prelude's, whose places mean nothing in the program.
                Err(LowerError::at(function.span.or(*first), message))
            }
            None => {
                let imported = self.lowering.declare_import(module, symbol, &sig);
                let func = imported.map_err(LowerError::new)?.id;
                self.imports
                    .insert(Rc::clone(symbol), (func, sig, function.span));
                Ok(func)
            }
        }
    }
}

impl<M: Module> FnLowerer<'_, '_, M> {
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
        let sig = call_signature(self.checked, callee, args).map_err(|error| error.or_at(span))?;
        // A function of the module by its id, or any address.
        let mut pointer = None;
        let target: clif_cabi::Callee = match callee {
            Callee::Direct(id) => {
                let func = self.declared.function(self.checked, self.module, *id);
                func.map_err(|error| error.or_at(span))?.into()
            }
            Callee::Indirect(function) => {
                let function = self.expr_ssa(function)?;
                pointer = Some(function);
                function.into()
            }
        };
        let given = self.arguments(args, first)?;
        if let Some(pointer) = pointer {
            // Where the program is once it has jumped to nowhere can no longer be told.
            self.ins().trapz(pointer, NULL_CALL);
        }
        // The result is asked for in the form it is needed in, wherever the ABI returns it.
        let (ret, in_memory) = if matches!(result, Ty::VOID | Ty::NEVER) {
            (Ret::Ignore, Val::None)
        } else if self.is_ssa(result) {
            (Ret::Value, Val::None)
        } else {
            let address = match to {
                Some(address) => address,
                None => self.temporary(result)?,
            };
            (Ret::memory(address), Val::Memory(address))
        };
        let lowering = &self.declared.lowering;
        let returned = lowering
            .call_sig(self.module, &mut self.builder, target, &sig, &given, ret)
            .map_err(|error| LowerError::at(span, error))?;
        if result == Ty::NEVER {
            self.unreachable();
        }
        match returned.value() {
            // The ABI leaves the unused bits of a `_BitInt` undefined, in results too.
            Some(value) => Ok(Val::Ssa(self.normalize(value, result))),
            None => Ok(in_memory),
        }
    }

    /// The arguments as clif-cabi takes them. A struct may also be given as its parts (`Arg::parts`); this compiler keeps structs in memory.
    fn arguments(&mut self, args: &[Expr], mut first: Option<Val>) -> Lower<Vec<Arg>> {
        let mut given = Vec::with_capacity(args.len());
        for arg in args {
            let value = match first.take() {
                Some(value) => value,
                None => self.expr(arg)?,
            };
            let value = value.arg();
            given.push(value.ok_or_else(|| LowerError::at(arg.span, "this has no value to pass"))?);
        }
        Ok(given)
    }
}
