//! Statements.

use super::function::Lowerer;
use super::value::{Typed, Val};
use crate::ast::{BinaryOp, Expr, ExprKind, Ident, Stmt, StmtKind, TypeExpr};
use crate::diag::{Check, Diagnostic, Span, fail};
use crate::types::{Ty, TyKind};
use cranelift_codegen::ir::InstBuilder;
use cranelift_codegen::ir::condcodes::IntCC;

impl<'p> Lowerer<'_, 'p, '_> {
    /// Statements with variables of their own. Nothing comes after a block at the `tail` of a function without a result: a call that ends it is that of
    /// a `return`.
    pub(super) fn block(&mut self, stmts: &'p [Stmt], tail: bool) -> Check<()> {
        self.open_scope();
        for (at, stmt) in stmts.iter().enumerate() {
            self.deeper(stmt.span, |own| {
                own.stmt(stmt, tail && at + 1 == stmts.len())
            })?;
        }
        self.close_scope();
        Ok(())
    }

    fn stmt(&mut self, stmt: &'p Stmt, tail: bool) -> Check<()> {
        match &stmt.kind {
            StmtKind::Let(name, ty, init) => self.let_stmt(name, ty.as_ref(), init.as_ref()),
            StmtKind::Assign(place, None, value) => {
                let target = self.place(place)?;
                if let TyKind::Array(_, None) = self.s.types.kind(target.ty) {
                    return fail(place.span, "a flexible array has no value, only elements");
                }
                let value = self.value(value, target.ty)?;
                self.write(&target.target, value.val, target.ty, place.span)
            }
            StmtKind::Assign(place, Some(op), value) => self.update(place, *op, value, stmt.span),
            StmtKind::Expr(expr) => match &expr.kind {
                ExprKind::Call(callee, args) if tail && self.is_void_call(callee) => {
                    self.call_and_leave(callee, args, expr.span)
                }
                ExprKind::Call(callee, args) => {
                    self.call(callee, args, None, expr.span).map(|_| ())
                }
                _ => {
                    let why = Diagnostic::new(expr.span, "this has no effect");
                    Err(why.note("only calls stand alone"))
                }
            },
            StmtKind::Fn(function) => self.nested(function),
            StmtKind::If(condition, then, otherwise) => {
                self.if_stmt(condition, then, otherwise, tail)
            }
            StmtKind::While(condition, body) => self.while_stmt(condition, body),
            StmtKind::For(var, low, high, body) => self.for_stmt(var, low, high, body),
            StmtKind::Return(value) => self.return_stmt(value.as_ref(), stmt.span),
            StmtKind::Break | StmtKind::Continue => {
                let Some(&(next, after)) = self.loops.last() else {
                    return fail(stmt.span, "this is outside of a loop");
                };
                let target = if let StmtKind::Break = stmt.kind {
                    after
                } else {
                    next
                };
                self.ins().jump(target, &[]);
                self.unreachable();
                Ok(())
            }
            StmtKind::Block(stmts) => self.block(stmts, tail),
        }
    }

    /// Whether the function that is called by its name has no result.
    fn is_void_call(&mut self, callee: &'p Expr) -> bool {
        let ExprKind::Name(name) = &callee.kind else {
            return false;
        };
        if self.local(name).is_some() {
            return false;
        }
        match self.s.find_value(name, callee.span) {
            Ok(Some(super::Meaning::Function(id))) => {
                let ty = self.s.fn_ty(id).ok().and_then(|ty| self.s.types.as_fn(ty));
                ty.is_some_and(|ty| ty.result == Ty::VOID)
            }
            _ => false,
        }
    }

    fn let_stmt(
        &mut self,
        name: &Ident,
        ty: Option<&'p TypeExpr>,
        init: Option<&'p Expr>,
    ) -> Check<()> {
        let declared = ty.map(|ty| self.s.object_ty(ty)).transpose()?;
        let in_memory =
            declared.filter(|ty| self.ssa_type(*ty).is_none() && self.fields(*ty).is_none());
        let Typed { ty, val } = match (declared, init) {
            (Some(ty), _) if in_memory.is_some() => {
                // Nothing else knows the variable yet, so it can be built in place.
                let address = self.temporary(ty)?;
                match init {
                    Some(init) => self.value_into(init, ty, address.into())?,
                    None => self.zero(address.into(), self.s.types.size(ty)),
                }
                Typed::memory(ty, address)
            }
            (Some(ty), Some(init)) => self.value(init, ty)?,
            (Some(ty), None) => self.zero_value(ty),
            (None, Some(init)) => self.expr(init, None)?,
            (None, None) => {
                return fail(
                    name.span,
                    format!("`{}` needs a type or a value", name.name),
                );
            }
        };
        if matches!(ty, Ty::VOID | Ty::NEVER)
            || matches!(self.s.types.kind(ty), TyKind::Array(_, None))
        {
            let found = self.s.types.name(ty);
            return fail(
                name.span,
                format!("`{}` cannot have a value of type `{found}`", name.name),
            );
        }
        // What is in memory may be another variable's: the new one is a copy.
        let val = match val {
            Val::Memory(_) if in_memory.is_some() => val,
            Val::Memory(_) if self.fields(ty).is_some() && !self.is_pointed_to(&name.name, ty) => {
                Val::Fields(self.scalars(val, ty))
            }
            Val::Memory(_) => {
                let to = self.temporary(ty)?;
                self.store(val, to.into(), ty);
                Val::Memory(to)
            }
            val => val,
        };
        self.bind(name, ty, val).map(|_| ())
    }

    fn update(&mut self, place: &'p Expr, op: BinaryOp, value: &'p Expr, span: Span) -> Check<()> {
        let target = self.place(place)?;
        let old = self.read_place(&target);
        let wanted = match op {
            BinaryOp::Shl | BinaryOp::Shr => None,
            _ => Some(target.ty).filter(|ty| self.s.types.pointee(*ty).is_none()),
        };
        let right = self.expr(value, wanted)?;
        let new = self.combine(op, (old, place.span), (right, value.span), span)?;
        let new = self.coerce(new, target.ty, span)?;
        self.write(&target.target, new.val, target.ty, place.span)
    }

    fn if_stmt(
        &mut self,
        condition: &'p Expr,
        then: &'p [Stmt],
        otherwise: &'p [Stmt],
        tail: bool,
    ) -> Check<()> {
        let condition = self.expr_ssa(condition, Ty::BOOL)?;
        let [then_block, else_block, after] = [(); 3].map(|()| self.builder.create_block());
        self.ins().brif(condition, then_block, &[], else_block, &[]);
        for (block, stmts) in [(then_block, then), (else_block, otherwise)] {
            self.begin(block);
            self.block(stmts, tail)?;
            self.go_on(after);
        }
        self.begin(after);
        Ok(())
    }

    fn while_stmt(&mut self, condition: &'p Expr, body: &'p [Stmt]) -> Check<()> {
        let [head, inside, after] = [(); 3].map(|()| self.builder.create_block());
        self.ins().jump(head, &[]);
        self.builder.switch_to_block(head);
        if let ExprKind::Bool(true) = condition.kind {
            // Only a `break` leaves this loop.
            self.ins().jump(inside, &[]);
        } else {
            let condition = self.expr_ssa(condition, Ty::BOOL)?;
            self.ins().brif(condition, inside, &[], after, &[]);
        }
        self.begin(inside);
        self.loops.push((head, after));
        self.block(body, false)?;
        self.loops.pop();
        self.go_on(head);
        self.builder.seal_block(head);
        self.begin(after);
        Ok(())
    }

    /// The bounds are evaluated once; the counter may be changed by the body, as in C.
    fn for_stmt(
        &mut self,
        var: &Ident,
        low: &'p Expr,
        high: &'p Expr,
        body: &'p [Stmt],
    ) -> Check<()> {
        let bare =
            |expr: &Expr| matches!(&expr.kind, ExprKind::Int(_, suffix) if suffix.is_empty());
        let (first, last) = if bare(low) && !bare(high) {
            let last = self.expr(high, None)?;
            (self.value(low, last.ty)?, last)
        } else {
            let first = self.expr(low, None)?;
            let last = self.value(high, first.ty)?;
            (first, last)
        };
        let ty = first.ty;
        let Some((..=64, signed)) = self.s.types.as_int(ty) else {
            let found = self.s.types.name(ty);
            return fail(
                low.span,
                format!("`for` counts integers of up to 64 bits, not `{found}`"),
            );
        };
        let last = self.ssa(&last, high.span)?;
        self.open_scope();
        let counter = self.bind(var, ty, first.val)?;
        let [head, inside, next, after] = [(); 4].map(|()| self.builder.create_block());
        self.ins().jump(head, &[]);
        self.builder.switch_to_block(head);
        let (target, is_less) = (
            self.variable(counter),
            if signed {
                IntCC::SignedLessThan
            } else {
                IntCC::UnsignedLessThan
            },
        );
        let val = self.read(&target, ty);
        let now = self.ssa(&Typed { ty, val }, low.span)?;
        let more = self.ins().icmp(is_less, now, last);
        self.ins().brif(more, inside, &[], after, &[]);
        self.begin(inside);
        self.loops.push((next, after));
        self.block(body, false)?;
        self.loops.pop();
        self.go_on(next);
        self.begin(next);
        let val = self.read(&target, ty);
        let now = self.ssa(&Typed { ty, val }, low.span)?;
        let counted = self.ins().iadd_imm_s(now, 1);
        self.write(&target, Val::Ssa(counted), ty, low.span)?;
        self.ins().jump(head, &[]);
        self.builder.seal_block(head);
        self.close_scope();
        self.begin(after);
        Ok(())
    }

    fn return_stmt(&mut self, value: Option<&'p Expr>, span: Span) -> Check<()> {
        let result = self.ty.result;
        match (value, result) {
            (_, Ty::NEVER) => fail(span, "this function promises never to return"),
            (None, Ty::VOID) => self.leave(Val::None),
            (None, _) => self.wrong(span, result, "this function returns `{}`"),
            (Some(value), Ty::VOID) => fail(value.span, "this function returns nothing"),
            (Some(value), _) => match (&value.kind, self.entry.sret()) {
                (ExprKind::Call(callee, args), _) => self.call_and_leave(callee, args, value.span),
                // Built where the caller wants it: nothing in the expression can read that.
                (_, Some(to)) if self.ssa_type(result).is_none() => {
                    self.value_into(value, result, to.into())?;
                    self.leave(Val::Memory(to))
                }
                _ => {
                    let value = self.value(value, result)?;
                    self.leave(value.val)
                }
            },
        }
    }
}
