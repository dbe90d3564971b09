//! Where the language meets C: calls, entries and returns, by clif-cabi.

use super::expr::at;
use super::function::{FnLowerer, Val};
use super::{Lower, LowerError, NULL_CALL, call_signature};
use crate::diag::Span;
use crate::typed::{Callee, Expr};
use crate::types::Ty;
use cabi::FnSig;
use clif_cabi::{Arg, Ret};
use cranelift_codegen::ir::{InstBuilder, Value};
use cranelift_module::Module;

impl<M: Module> FnLowerer<'_, '_, M> {
    /// `first` is the value of the first argument, if it is known already. A result that lives in memory is put `to` there, or into memory
    /// of its own.
    pub(super) fn call(
        &mut self,
        callee: &Callee,
        (args, first): (&[Expr], Option<Val>),
        result: Ty,
        to: Option<Value>,
        span: Span,
    ) -> Lower<Val> {
        let types: Vec<Ty> = args.iter().map(|arg| arg.ty).collect();
        let sig = call_signature(self.checked, callee, &types).map_err(|error| at(error, span))?;
        let mut pointer = None;
        let target: clif_cabi::Callee = match callee {
            Callee::Direct(id) => self
                .declared
                .function(self.checked, self.module, *id)
                .map_err(|error| at(error, span))?
                .into(),
            Callee::Indirect(function) => {
                let function = self.expr_ssa(function)?;
                pointer = Some(function);
                function.into()
            }
        };
        let mut given = Vec::with_capacity(args.len());
        let mut first = first;
        for arg in args {
            let value = match first.take() {
                Some(value) => value,
                None => self.expr(arg)?,
            };
            given.push(match value {
                Val::Ssa(value) => Arg::value(value),
                Val::Memory(address) => Arg::memory(address),
                Val::None => return Err(LowerError::at(arg.span, "this has no value to pass")),
            });
        }
        if let Some(pointer) = pointer {
            // Where the program is once it has jumped to nowhere can no longer be told.
            self.builder.ins().trapz(pointer, NULL_CALL);
        }
        let (ret, value) = if matches!(result, Ty::VOID | Ty::NEVER) {
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
        let returned = self
            .declared
            .lowering
            .call_sig(self.module, &mut self.builder, target, &sig, &given, ret)
            .map_err(|error| LowerError::at(span, error))?;
        if result == Ty::NEVER {
            self.unreachable();
        }
        match returned.value() {
            // The bits a `_BitInt` does not have are anything in a result too.
            Some(value) => Ok(Val::Ssa(self.normalize(value, result))),
            None => Ok(value),
        }
    }

    /// Begins the function: its parameters as they arrived.
    pub(super) fn enter(&mut self, sig: &FnSig) -> Lower<Vec<Val>> {
        let span = self.function.span;
        let wrong = |error: clif_cabi::LowerError| LowerError {
            span,
            message: error.to_string(),
        };
        let block = self.builder.create_block();
        self.builder.append_block_params_for_function_params(block);
        self.builder.switch_to_block(block);
        self.builder.seal_block(block);
        // Only in the layout it counts as the function's first, which is reachable without a jump.
        self.builder.ensure_inserted_block();
        let entry = self
            .declared
            .lowering
            .enter(&self.builder, block, sig)
            .map_err(wrong)?;
        let Some(ty) = self.types.as_fn(self.function.ty) else {
            return Ok(Vec::new());
        };
        let mut params = Vec::with_capacity(ty.params.len());
        for (index, &param) in ty.params.iter().enumerate() {
            params.push(if self.is_ssa(param) {
                let value = entry.value(&mut self.builder, index).map_err(wrong)?;
                Val::Ssa(self.normalize(value, param))
            } else {
                Val::Memory(entry.address(&mut self.builder, index).map_err(wrong)?)
            });
        }
        self.entry = Some(entry);
        self.check_stack();
        Ok(params)
    }

    /// Returns `value`, and ends the block.
    pub(super) fn leave(&mut self, value: Val) -> Lower<()> {
        let Some(entry) = &self.entry else {
            return Err(LowerError::new("a function is left that was not entered"));
        };
        let value = match value {
            Val::None => None,
            Val::Ssa(value) => Some(Arg::value(value)),
            Val::Memory(address) => Some(Arg::memory(address)),
        };
        let span = self.function.span;
        entry
            .ret(self.module, &mut self.builder, value.as_ref())
            .map_err(|error| LowerError {
                span,
                message: error.to_string(),
            })
    }
}
