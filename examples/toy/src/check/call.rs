//! Calls: of a function by name, or through a pointer.

use super::place::error_expr;
use super::{Check, Checker};
use crate::ast;
use crate::diag::{At, Diagnostic, Span, fail};
use crate::typed::{Callee, Expr, ExprKind};
use crate::types::{FnTy, Ty, TyKind};
use cabi::Scalar;

impl<'p> Checker<'p> {
    pub(super) fn call(
        &mut self,
        callee: &'p ast::Expr,
        args: &'p [ast::Expr],
        span: Span,
    ) -> Check<Expr> {
        let function = self.expr(callee, None)?;
        if function.ty == Ty::ERROR {
            return Ok(error_expr(span));
        }
        let Some(ty) = self.types.as_fn(function.ty) else {
            let message = format!("`{}` cannot be called", self.types.name(function.ty));
            return fail(callee.span, message);
        };
        self.passable(&ty, span)?;
        self.counted(&ty, &function, args, span)?;
        let mut values = Vec::with_capacity(args.len());
        for (at, arg) in args.iter().enumerate() {
            values.push(match ty.params.get(at) {
                Some(&param) => self.value(arg, param)?,
                None => self.unnamed(arg)?,
            });
        }
        let callee = match function.kind {
            ExprKind::Function(id) => Callee::Direct(id),
            _ => Callee::Indirect(Box::new(function)),
        };
        Ok(Expr::new(ty.result, span, ExprKind::Call(callee, values)))
    }

    /// A function type may mention records that are opaque; a call may not.
    fn passable(&mut self, ty: &FnTy, span: Span) -> Check<()> {
        for &part in ty.params.iter().chain([&ty.result]) {
            if let &TyKind::Record(id) = self.types.kind(part) {
                self.lay_out(id)?;
                self.complete(part, span)?;
            }
            self.holdable(part, span)?;
        }
        Ok(())
    }

    fn counted(&self, ty: &FnTy, function: &Expr, args: &[ast::Expr], span: Span) -> Check<()> {
        let (wanted, given) = (ty.params.len(), args.len());
        if given == wanted || ty.variadic && given > wanted {
            return Ok(());
        }
        let least = if ty.variadic { "at least " } else { "" };
        let plural = if wanted == 1 { "" } else { "s" };
        let message = format!("expected {least}{wanted} argument{plural}, found {given}");
        let diagnostic = Diagnostic::new(span, message);
        let ExprKind::Function(id) = function.kind else {
            return Err(diagnostic);
        };
        match self.functions[id.0].span {
            Some(declared) => Err(diagnostic.other(declared, "declared here")),
            None => Err(diagnostic),
        }
    }

    /// An argument for `...`, with C's default argument promotions (C 6.5.2.2).
    fn unnamed(&mut self, arg: &'p ast::Expr) -> Check<Expr> {
        let value = self.expr(arg, None)?;
        let value = self.decay(value)?;
        let span = value.span;
        if value.ty == Ty::NULL {
            let ty = self.types.pointer(Ty::VOID).at(span)?;
            return self.coerce(value, ty);
        }
        if matches!(value.ty, Ty::VOID | Ty::NEVER) {
            return fail(span, "this has no value to pass");
        }
        self.holdable(value.ty, span)?;
        let promoted = match self.types.as_scalar(value.ty) {
            Some(Scalar::Bool | Scalar::Int { bits: 8 | 16, .. }) => Ty::I32,
            Some(Scalar::F32) => Ty::F64,
            _ => return Ok(value),
        };
        Ok(value.convert(promoted, span))
    }
}
