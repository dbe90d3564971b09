//! Calls: of a function by name, or through a pointer.

use super::{Check, Checker, spoilt};
use crate::ast::{self, Convention};
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
        if let Some((id, chain)) = self.named_nested(&callee.kind, callee.span) {
            let callee = Callee::Nested(id, Box::new(chain));
            return self.call_of(callee, self.functions[id.0].ty, args, span);
        }
        let function = self.expr(callee, None)?;
        let ty = function.ty;
        if self.types.as_fn(ty).is_none() {
            let message = format!("`{}` cannot be called", self.types.name(ty));
            return fail(callee.span, message);
        }
        let callee = match function.kind {
            ExprKind::Function(id) => {
                // No value after all.
                self.functions[id.0].n_pointers -= 1;
                Callee::Direct(id)
            }
            _ => Callee::Indirect(Box::new(function)),
        };
        self.call_of(callee, ty, args, span)
    }

    fn call_of(
        &mut self,
        callee: Callee,
        ty: Ty,
        args: &'p [ast::Expr],
        span: Span,
    ) -> Check<Expr> {
        let Some(ty) = self.types.as_fn(ty) else {
            return spoilt(span);
        };
        self.passable(&ty, span)?;
        self.counted(&ty, &callee, args, span)?;
        let mut values = Vec::with_capacity(args.len());
        for (at, arg) in args.iter().enumerate() {
            values.push(match ty.params.get(at) {
                Some(&param) => self.value(arg, param)?,
                None => self.unnamed(arg)?,
            });
        }
        let types = values.iter().map(|value| value.ty).collect();
        self.frame.body.calls.push((span, callee.called(), types));
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

    fn counted(&self, ty: &FnTy, callee: &Callee, args: &[ast::Expr], span: Span) -> Check<()> {
        let (wanted, given) = (ty.params.len(), args.len());
        if given == wanted || ty.variadic && given > wanted {
            return Ok(());
        }
        let least = if ty.variadic { "at least " } else { "" };
        let plural = if wanted == 1 { "" } else { "s" };
        let message = format!("expected {least}{wanted} argument{plural}, found {given}");
        let diagnostic = Diagnostic::new(span, message);
        let (Callee::Direct(id) | Callee::Nested(id, _)) = callee else {
            return Err(diagnostic);
        };
        match self.functions[id.0].span {
            Some(declared) => Err(diagnostic.other(declared, "declared here")),
            None => Err(diagnostic),
        }
    }

    /// `va_start()`: a list of the arguments after the named ones.
    pub(super) fn va_start(&mut self, span: Span) -> Check<Expr> {
        let Some(convention) = self.frame.variadic else {
            let message = "`va_start` in a function that takes no `...`";
            return fail(span, message);
        };
        let list = self.va_list(convention, span)?;
        Ok(Expr::new(list, span, ExprKind::VaStart))
    }

    /// `va_arg(list, T)`
    pub(super) fn va_arg(
        &mut self,
        list: &'p ast::Expr,
        ty: &'p ast::TypeExpr,
        span: Span,
    ) -> Check<Expr> {
        let (list, convention) = self.list(list, span)?;
        let name_span = ty.span;
        let ty = self.object_ty(ty)?;
        self.holdable(ty, name_span)?;
        let passed = match self.types.kind(ty) {
            TyKind::Array(element, _) => self.types.pointer(*element).at(span)?,
            _ => self.promoted(ty),
        };
        if passed != ty {
            let (ty, passed) = (self.types.name(ty), self.types.name(passed));
            let message = format!("no argument after `...` is of type `{ty}`");
            return Err(Diagnostic::new(name_span, message)
                .note(format!("it is passed as `{passed}`, as in C")));
        }
        let kind = ExprKind::VaArg(Box::new(list), convention);
        Ok(Expr::new(ty, span, kind))
    }

    /// A pointer to what `va_arg` reads, and whose arguments those are.
    fn list(&mut self, list: &'p ast::Expr, span: Span) -> Check<(Expr, Convention)> {
        let place = self.place(list)?;
        let own = place.ty;
        for convention in [Convention::C, Convention::Win64] {
            let named = self.va_list(convention, span)?;
            if own == named && !matches!(self.types.kind(own), TyKind::Array(..)) {
                self.writable(&place, list.span, "advanced")?;
                let pointer = self.point(place, own, list.span)?;
                return Ok((pointer, convention));
            }
        }
        let list = self.load(place, list.span)?;
        let list = self.decay(list)?;
        let whole = self.va_list(Convention::C, span)?;
        let is_list = match (self.types.pointee(list.ty), self.types.kind(whole)) {
            (Some(to), TyKind::Array(element, _)) => to == *element,
            _ => false,
        };
        if is_list {
            return Ok((list, Convention::C));
        }
        let name = self.types.name(list.ty);
        let message = format!("`va_arg` needs a `va_list`, not `{name}`");
        fail(list.span, message)
    }

    /// The type after C's default argument promotions (C 6.5.2.2).
    fn promoted(&self, ty: Ty) -> Ty {
        match self.types.as_scalar(ty) {
            Some(Scalar::Bool | Scalar::Int { bits: 8 | 16, .. }) => Ty::I32,
            Some(Scalar::F32) => Ty::F64,
            _ => ty,
        }
    }

    /// An argument for `...`, promoted.
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
        let promoted = self.promoted(value.ty);
        Ok(value.convert(promoted, span))
    }
}
