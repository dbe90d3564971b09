//! Statements. A wrong one is reported and left out, so that the next ones are looked at too.

use super::{Check, Checker};
use crate::ast::{self, BinaryOp};
use crate::diag::{Diagnostic, Span, fail};
use crate::typed::{Expr, ExprKind, Stmt, StmtKind};
use crate::types::{Ty, TyKind};
use std::collections::HashMap;

impl<'p> Checker<'p> {
    pub(super) fn block(&mut self, block: &'p ast::Block) -> Vec<Stmt> {
        self.frame.scopes.push(HashMap::new());
        let mut stmts = Vec::new();
        for stmt in &block.stmts {
            match self.stmt(stmt) {
                Ok(kind) => stmts.push(Stmt {
                    span: stmt.span,
                    kind,
                }),
                Err(diagnostic) => {
                    self.report(diagnostic);
                    self.declare_anyway(stmt);
                }
            }
        }
        self.frame.scopes.pop();
        stmts
    }

    /// A variable whose statement was wrong exists: what uses it is not wrong for that alone.
    fn declare_anyway(&mut self, stmt: &ast::Stmt) {
        match &stmt.kind {
            ast::StmtKind::Let(name, _, _) => self.add_local(name, Ty::ERROR),
            ast::StmtKind::Fn(function) => self.add_local(&function.name, Ty::ERROR),
            _ => return,
        };
    }

    fn stmt(&mut self, stmt: &'p ast::Stmt) -> Check<StmtKind> {
        match &stmt.kind {
            ast::StmtKind::Let(name, ty, init) => self.let_stmt(name, ty.as_ref(), init.as_ref()),
            ast::StmtKind::Assign(place, op, value) => self.assign(place, *op, value, stmt.span),
            ast::StmtKind::Expr(expr) => {
                let value = self.expr(expr, None)?;
                if !matches!(value.kind, ExprKind::Call(..)) {
                    return Err(Diagnostic::new(expr.span, "this has no effect")
                        .note("only calls stand alone"));
                }
                Ok(StmtKind::Expr(value))
            }
            ast::StmtKind::Fn(function) => self.nested(function),
            ast::StmtKind::If(arms, otherwise) => {
                let arms = arms.iter().map(|(cond, then)| {
                    let cond = self.value(cond, Ty::BOOL);
                    let then = self.block(then);
                    Ok((cond?, then))
                });
                let arms: Vec<Check<_>> = arms.collect();
                let otherwise = otherwise.as_ref().map(|block| self.block(block));
                let arms = arms.into_iter().collect::<Check<_>>()?;
                Ok(StmtKind::If(arms, otherwise.unwrap_or_default()))
            }
            ast::StmtKind::While(cond, body) => {
                let cond = self.value(cond, Ty::BOOL);
                let body = self.loop_body(body);
                Ok(StmtKind::While(cond?, body))
            }
            ast::StmtKind::For(var, low, high, body) => self.for_stmt(var, low, high, body),
            ast::StmtKind::Return(value) => self.return_stmt(value.as_ref(), stmt.span),
            ast::StmtKind::Break if self.frame.loops > 0 => Ok(StmtKind::Break),
            ast::StmtKind::Continue if self.frame.loops > 0 => Ok(StmtKind::Continue),
            ast::StmtKind::Break => fail(stmt.span, "`break` outside of a loop"),
            ast::StmtKind::Continue => fail(stmt.span, "`continue` outside of a loop"),
            ast::StmtKind::Block(block) => Ok(StmtKind::Block(self.block(block))),
        }
    }

    fn let_stmt(
        &mut self,
        name: &ast::Ident,
        ty: Option<&'p ast::TypeExpr>,
        init: Option<&'p ast::Expr>,
    ) -> Check<StmtKind> {
        let (ty, init) = match (ty, init) {
            (Some(ty), None) => (self.object_ty(ty)?, None),
            (Some(ty), Some(init)) => {
                let ty = self.object_ty(ty)?;
                (ty, Some(self.value(init, ty)?))
            }
            (None, Some(init)) => {
                let value = self.expr(init, None)?;
                if matches!(value.ty, Ty::VOID | Ty::NEVER | Ty::NULL) {
                    let (called, name) = (&name.name, self.types.name(value.ty));
                    let message = format!("`{called}` cannot have a value of type `{name}`");
                    return fail(init.span, message);
                }
                self.not_flexible(value.ty, init.span)?;
                (value.ty, Some(value))
            }
            (None, None) => {
                return fail(
                    name.span,
                    format!("`{}` needs a type or a value", name.name),
                );
            }
        };
        self.holdable(ty, name.span)?;
        // Only now: the value does not see the variable.
        let id = self.add_local(name, ty);
        Ok(StmtKind::Init(id, init))
    }

    fn assign(
        &mut self,
        target: &'p ast::Expr,
        op: Option<BinaryOp>,
        value: &'p ast::Expr,
        span: Span,
    ) -> Check<StmtKind> {
        let place = self.place(target)?;
        self.writable(&place, target.span, "assigned to")?;
        self.not_flexible(place.ty, target.span)?;
        let Some(op) = op else {
            let value = self.value(value, place.ty)?;
            self.holdable(place.ty, target.span)?;
            return Ok(StmtKind::Assign(place, value));
        };
        let old = Expr::new(place.ty, target.span, ExprKind::Old);
        let wanted = match op {
            BinaryOp::Shl | BinaryOp::Shr => None,
            _ if self.types.pointee(place.ty).is_some() => None,
            _ => Some(place.ty),
        };
        let right = self.expr(value, wanted)?;
        let combined = self.combine(op, (old, right), span)?;
        let combined = self.coerce(combined, place.ty)?;
        Ok(StmtKind::Update(place, combined))
    }

    fn not_flexible(&self, ty: Ty, span: Span) -> Check<()> {
        match self.types.kind(ty) {
            TyKind::Array(_, None) => {
                let message = "a flexible array has no value, only elements";
                fail(span, message)
            }
            _ => Ok(()),
        }
    }

    fn for_stmt(
        &mut self,
        var: &ast::Ident,
        low: &'p ast::Expr,
        high: &'p ast::Expr,
        body: &'p ast::Block,
    ) -> Check<StmtKind> {
        let bare = |expr: &ast::Expr| matches!(&expr.kind, ast::ExprKind::Int(_, suffix) if suffix.is_empty());
        let bounds = if bare(low) && !bare(high) {
            self.expr(high, None)
                .and_then(|high| Ok((self.value(low, high.ty)?, high)))
        } else {
            self.expr(low, None).and_then(|low| {
                let ty = low.ty;
                Ok((low, self.value(high, ty)?))
            })
        };
        let bounds = bounds.and_then(|(low, high)| match self.types.as_int(low.ty) {
            Some(int) if int.bits <= 64 => Ok((low, high, int.signed)),
            _ => {
                let name = self.types.name(low.ty);
                let message = format!("`for` counts integers of up to 64 bits, not `{name}`");
                fail(low.span, message)
            }
        });
        self.frame.scopes.push(HashMap::new());
        let ty = bounds.as_ref().map_or(Ty::ERROR, |(low, ..)| low.ty);
        let id = self.add_local(var, ty);
        let body = self.loop_body(body);
        self.frame.scopes.pop();
        let (low, high, signed) = bounds?;
        Ok(StmtKind::For {
            var: id,
            low,
            high,
            signed,
            body,
        })
    }

    fn loop_body(&mut self, body: &'p ast::Block) -> Vec<Stmt> {
        self.frame.loops += 1;
        let body = self.block(body);
        self.frame.loops -= 1;
        body
    }

    fn return_stmt(&mut self, value: Option<&'p ast::Expr>, span: Span) -> Check<StmtKind> {
        match (value, self.frame.result) {
            (_, Ty::NEVER) => fail(span, "this function promises never to return"),
            (None, Ty::VOID) => Ok(StmtKind::Return(None)),
            (None, result) => {
                let message = format!("this function returns `{}`", self.types.name(result));
                fail(span, message)
            }
            (Some(value), Ty::VOID) => {
                Err(Diagnostic::new(value.span, "this function returns nothing")
                    .note("a result's type follows `->`"))
            }
            (Some(value), result) => Ok(StmtKind::Return(Some(self.value(value, result)?))),
        }
    }
}

/// Whether control never gets past these statements.
pub(super) fn ends(stmts: &[Stmt]) -> bool {
    stmts.iter().any(|stmt| match &stmt.kind {
        StmtKind::Return(_) | StmtKind::Break | StmtKind::Continue => true,
        StmtKind::Expr(expr) => expr.ty == Ty::NEVER,
        StmtKind::If(arms, otherwise) => arms.iter().all(|(_, then)| ends(then)) && ends(otherwise),
        StmtKind::While(cond, body) => matches!(cond.kind, ExprKind::Bits(1)) && !breaks(body),
        StmtKind::Block(stmts) => ends(stmts),
        _ => false,
    })
}

/// Whether a `break` of the loop around is in here.
fn breaks(stmts: &[Stmt]) -> bool {
    stmts.iter().any(|stmt| match &stmt.kind {
        StmtKind::Break => true,
        StmtKind::If(arms, otherwise) => {
            arms.iter().any(|(_, then)| breaks(then)) || breaks(otherwise)
        }
        StmtKind::Block(stmts) => breaks(stmts),
        _ => false,
    })
}

/// Makes a call that nothing comes after, in a function without a result, the call of a `return`.
pub(super) fn end_by_call(stmts: &mut Vec<Stmt>) {
    if matches!(stmts.last(), Some(stmt) if matches!(stmt.kind, StmtKind::Return(None))) {
        stmts.pop();
    }
    match stmts.pop() {
        Some(Stmt {
            span,
            kind: StmtKind::Expr(expr),
        }) if expr.ty == Ty::VOID => stmts.push(Stmt {
            span,
            kind: StmtKind::Return(Some(expr)),
        }),
        Some(mut last) => {
            match &mut last.kind {
                StmtKind::If(arms, otherwise) => {
                    arms.iter_mut().for_each(|(_, then)| end_by_call(then));
                    end_by_call(otherwise);
                }
                StmtKind::Block(stmts) => end_by_call(stmts),
                _ => {}
            }
            stmts.push(last);
        }
        None => {}
    }
}
