//! Statements.

use super::function::Lowerer;
use super::value::{Place, Typed};
use crate::ast::{BinaryOp, Expr, ExprKind, Ident, Loop, Stmt, StmtKind, TypeExpr};
use crate::diag::{At, Check, fail};
use crate::types::Ty;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use std::rc::Rc;

impl<'p> Lowerer<'_, 'p, '_> {
    /// Statements with variables of their own.
    pub(super) fn block(&mut self, stmts: &'p [Stmt]) -> Check<()> {
        self.open_scope();
        for stmt in stmts {
            self.stmt(&stmt.kind).at(stmt.span)?;
        }
        self.close_scope();
        Ok(())
    }

    fn stmt(&mut self, kind: &'p StmtKind) -> Check<()> {
        match kind {
            StmtKind::Let(name, ty, init) => self.let_stmt(name, ty.as_ref(), init.as_ref()),
            StmtKind::Assign(place, op, value) => self.assign(place, *op, value),
            StmtKind::Expr(expr) => match &expr.kind {
                ExprKind::Call(call) => self.call(call).map(|_| ()),
                _ => fail("this has no effect: only calls stand alone"),
            },
            StmtKind::If(condition, then, otherwise) => self.if_stmt(condition, then, otherwise),
            StmtKind::Loop(head, body) => self.loop_stmt(head, body),
            StmtKind::Try(body, handler) => self.try_stmt(body, handler),
            StmtKind::Return(value) => self.return_stmt(value.as_ref()),
            StmtKind::Break | StmtKind::Continue => {
                let Some(&(next, after)) = self.loops.last() else {
                    return fail("this is outside of a loop");
                };
                let is_break = matches!(kind, StmtKind::Break);
                self.ins().jump(if is_break { after } else { next }, &[]);
                self.unreachable();
                Ok(())
            }
            StmtKind::Block(stmts) => self.block(stmts),
        }
    }

    fn let_stmt(
        &mut self,
        Ident { name, .. }: &Ident,
        ty: Option<&'p TypeExpr>,
        init: Option<&'p Expr>,
    ) -> Check<()> {
        let declared = ty.map(|ty| self.s.object_ty(ty)).transpose()?;
        let value = match (declared, init) {
            (Some(ty), Some(init)) => Some(self.value(init, ty)?),
            (None, Some(init)) => Some(self.expr(init, None)?),
            (_, None) => None,
        };
        let Some(ty) = declared.or(value.as_ref().map(|value| value.ty)) else {
            return fail(format!("`{name}` needs a type or a value"));
        };
        self.s.object(ty)?;
        // A value in memory may be another variable's: the new one is a copy.
        let place = self.new_place(ty, self.is_pointed_to(name, ty))?;
        match value {
            Some(value) => self.write(&place, &value),
            None => self.clear(&place),
        }
        self.open(name, place);
        Ok(())
    }

    fn assign(&mut self, place: &'p Expr, op: Option<BinaryOp>, value: &'p Expr) -> Check<()> {
        let target = self.place(place)?;
        if !target.has_name {
            let why = "a value without a name cannot be assigned to: put it into a variable first";
            return fail(why);
        }
        let is_offset = self.s.types.pointee(target.ty).is_some();
        let new = match op {
            None => self.value(value, target.ty)?,
            Some(op) => {
                let old = self.read(&target);
                let wanted = Some(target.ty).filter(|_| !is_offset && !op.is_shift());
                let right = self.expr(value, wanted)?;
                let new = self.combine(op, old, right)?;
                self.coerce(new, target.ty)?
            }
        };
        self.write(&target, &new);
        Ok(())
    }

    fn if_stmt(
        &mut self,
        condition: &'p Expr,
        then: &'p [Stmt],
        otherwise: &'p [Stmt],
    ) -> Check<()> {
        let condition = self.expr_ssa(condition, Ty::BOOL)?;
        let [then_block, else_block, after] = [(); 3].map(|()| self.builder.create_block());
        self.ins().brif(condition, then_block, &[], else_block, &[]);
        for (block, stmts) in [(then_block, then), (else_block, otherwise)] {
            self.begin(block);
            self.block(stmts)?;
            self.go_on(after);
        }
        self.begin(after);
        Ok(())
    }

    /// A loop; the bounds of a counter are evaluated once, and the body may change it, as in C.
    fn loop_stmt(&mut self, head: &'p Loop, body: &'p [Stmt]) -> Check<()> {
        self.open_scope();
        let counter = match head {
            Loop::While(_) => None,
            Loop::For(var, low, high) => Some(self.counter(&var.name, low, high)?),
        };
        let [again, inside, next, after] = [(); 4].map(|()| self.builder.create_block());
        self.ins().jump(again, &[]);
        self.builder.switch_to_block(again);
        let more = match (head, &counter) {
            // Only a `break` leaves this loop.
            (Loop::While(condition), _) if matches!(condition.kind, ExprKind::Bool(true)) => None,
            (Loop::While(condition), _) => Some(self.expr_ssa(condition, Ty::BOOL)?),
            (Loop::For(..), None) => None,
            (Loop::For(..), Some((counter, is_less, last))) => {
                let now = self.read(counter);
                let now = self.value_of(&now)?;
                Some(self.ins().icmp(*is_less, now, *last))
            }
        };
        match more {
            Some(more) => self.ins().brif(more, inside, &[], after, &[]),
            None => self.ins().jump(inside, &[]),
        };
        self.begin(inside);
        self.loops.push((next, after));
        self.block(body)?;
        self.loops.pop();
        self.go_on(next);
        self.begin(next);
        if let Some((counter, ..)) = &counter {
            let now = self.read(counter);
            let now = self.value_of(&now)?;
            let sum = self.ins().iadd_imm_s(now, 1);
            self.write(counter, &Typed::ssa(counter.ty, sum));
        }
        self.ins().jump(again, &[]);
        self.builder.seal_block(again);
        self.close_scope();
        self.begin(after);
        Ok(())
    }

    /// The counter of a loop, how it is compared with the upper bound, and that.
    fn counter(
        &mut self,
        name: &Rc<str>,
        low: &'p Expr,
        high: &'p Expr,
    ) -> Check<(Place, IntCC, Value)> {
        let (first, last) = self.operands(low, high, None)?;
        let ty = first.ty;
        let last = self.coerce(last, ty)?;
        let is_less = match ty.as_int() {
            Some((..=64, true)) => IntCC::SignedLessThan,
            Some((..=64, false)) => IntCC::UnsignedLessThan,
            _ => return self.wrong(ty, "`for` counts integers of up to 64 bits, not `{}`"),
        };
        let counter = self.variable(&first, self.is_pointed_to(name, ty))?;
        self.open(name, counter.clone());
        Ok((counter, is_less, self.value_of(&last)?))
    }

    /// Whatever is thrown in `body` ends there: the exception is gone before `handler` begins.
    fn try_stmt(&mut self, body: &'p [Stmt], handler: &'p [Stmt]) -> Check<()> {
        let target = self.s.types.target.name();
        if target.contains("windows") {
            let why = "no exception is caught: Cranelift has no `try_call` of its C functions";
            return fail(format!("{target}: {why}"));
        }
        let [caught, after] = [(); 2].map(|()| self.builder.create_block());
        let exception = self.builder.append_block_param(caught, types::I64);
        self.handlers.push(caught);
        self.block(body)?;
        self.handlers.pop();
        self.go_on(after);
        self.begin(caught);
        self.end_exception(exception)?;
        self.block(handler)?;
        self.go_on(after);
        self.begin(after);
        Ok(())
    }

    fn return_stmt(&mut self, value: Option<&'p Expr>) -> Check<()> {
        let result = self.ty.result;
        match value.map(|value| (value, &value.kind)) {
            None if result == Ty::Void => self.leave(None),
            None => self.wrong(result, "this function returns `{}`"),
            Some((_, ExprKind::Call(call))) => self.call_and_leave(call),
            Some(_) if result == Ty::Void => fail("this function returns nothing"),
            Some((value, _)) => {
                let value = self.value(value, result)?;
                self.leave(Some(&value))
            }
        }
    }
}
