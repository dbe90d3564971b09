//! Statements.

use super::function::Lowerer;
use super::value::Operand;
use crate::ast::{BinaryOp, Expr, ExprKind, Ident, Stmt, StmtKind, TypeExpr};
use crate::diag::{AtPlace, Check, fail};
use crate::types::Ty;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use std::collections::HashMap;
use std::rc::Rc;

impl<'p> Lowerer<'_, 'p, '_> {
    /// Lowers statements with variables of their own.
    pub(super) fn block(&mut self, stmts: &'p [Stmt]) -> Check<()> {
        self.scopes.push(HashMap::new());
        for stmt in stmts {
            self.stmt(&stmt.kind).at(stmt.start)?;
        }
        self.scopes.pop();
        Ok(())
    }

    fn stmt(&mut self, kind: &'p StmtKind) -> Check<()> {
        match kind {
            StmtKind::Let(Ident { name, .. }, ty, init) => {
                self.let_stmt(name, ty.as_ref(), init.as_ref())
            }
            StmtKind::Assign(place, op, value) => self.assign(place, *op, value),
            StmtKind::Expr(expr) => match &expr.kind {
                ExprKind::Call(callee, args) => self.call(callee, args).map(|_| ()),
                _ => fail("this has no effect: only a call is a statement"),
            },
            StmtKind::If(condition, then, otherwise) => self.if_stmt(condition, [then, otherwise]),
            StmtKind::While(condition, body) => {
                self.loop_stmt(body, |this| this.expr_ssa(condition, Ty::BOOL), |_| Ok(()))
            }
            StmtKind::For(var, bounds, body) => self.for_stmt(&var.name, bounds, body),
            StmtKind::Try(body, handler) => self.try_stmt(body, handler),
            StmtKind::Return(value) => self.return_stmt(value.as_ref()),
            StmtKind::Become(expr) => match &expr.kind {
                ExprKind::Call(callee, args) => self.tail_call(callee, args),
                _ => fail("`become` needs a call"),
            },
            StmtKind::Break => self.go_to(|(_, after)| after),
            StmtKind::Continue => self.go_to(|(next, _)| next),
            StmtKind::Block(stmts) => self.block(stmts),
        }
    }

    /// Jumps to a block of the innermost loop.
    fn go_to(&mut self, block: fn((Block, Block)) -> Block) -> Check<()> {
        let block = self.loops.last().copied().map(block);
        let block = block.ok_or("this is outside of a loop")?;
        self.ins().jump(block, &[]);
        self.unreachable();
        Ok(())
    }

    fn let_stmt(
        &mut self,
        name: &Rc<str>,
        ty: Option<&'p TypeExpr>,
        init: Option<&'p Expr>,
    ) -> Check<()> {
        let declared = ty.map(|ty| self.s.object_ty(ty)).transpose()?;
        let value = init.map(|init| match declared {
            Some(ty) => self.value(init, ty),
            None => self.expr(init, None),
        });
        let value = value.transpose()?;
        let Some(ty) = declared.or(value.as_ref().map(|value| value.ty)) else {
            return fail(format!("`{name}` needs a type or a value"));
        };
        self.s.object(ty)?;
        // A value in memory may be another variable's, so the new variable is a copy.
        let place = self.new_place(ty, self.uses.addressed.contains(name))?;
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
        let new = match op {
            None => self.value(value, target.ty)?,
            Some(op) => {
                let old = self.read(&target);
                let right = self.expr(value, Some(target.ty))?;
                let new = self.combine(op, old, right)?;
                self.coerce(new, target.ty)?
            }
        };
        self.write(&target, &new);
        Ok(())
    }

    fn if_stmt(&mut self, condition: &'p Expr, branches: [&'p [Stmt]; 2]) -> Check<()> {
        let condition = self.expr_ssa(condition, Ty::BOOL)?;
        let [then_block, else_block, after] = [(); 3].map(|()| self.builder.create_block());
        self.ins().brif(condition, then_block, &[], else_block, &[]);
        for (block, stmts) in [then_block, else_block].into_iter().zip(branches) {
            self.begin(block);
            self.block(stmts)?;
            self.go_on(after);
        }
        self.begin(after);
        Ok(())
    }

    /// Lowers a loop: `condition` lowers its condition, and `step` runs after `body`.
    fn loop_stmt(
        &mut self,
        body: &'p [Stmt],
        condition: impl FnOnce(&mut Self) -> Check<Value>,
        step: impl FnOnce(&mut Self) -> Check<()>,
    ) -> Check<()> {
        let [head, inside, next, after] = [(); 4].map(|()| self.builder.create_block());
        self.ins().jump(head, &[]);
        self.builder.switch_to_block(head);
        let condition = condition(self)?;
        self.ins().brif(condition, inside, &[], after, &[]);
        self.begin(inside);
        self.loops.push((next, after));
        self.block(body)?;
        self.loops.pop();
        self.go_on(next);
        self.begin(next);
        step(self)?;
        self.ins().jump(head, &[]);
        self.builder.seal_block(head);
        self.begin(after);
        Ok(())
    }

    /// Lowers a loop with a counter, which the body may change: its bounds are evaluated once.
    fn for_stmt(&mut self, name: &Rc<str>, bounds: &'p [Expr; 2], body: &'p [Stmt]) -> Check<()> {
        let [low, high] = bounds;
        let (first, last) = self.operands(low, high, None)?;
        let ty = first.ty;
        let last = self.coerce(last, ty)?;
        if !matches!(ty.as_int(), Some((..=64, _))) {
            return self.wrong(ty, "`for` counts integers of up to 64 bits, not `{}`");
        }
        let last = self.value_of(&last)?;
        let counter = self.variable(&first, self.uses.addressed.contains(name))?;
        self.scopes.push(HashMap::new());
        self.open(name, counter.clone());
        let count = |this: &mut Self| {
            let count = this.read(&counter);
            this.value_of(&count)
        };
        let condition = |this: &mut Self| {
            let count = count(this)?;
            Ok(this.compare(BinaryOp::Lt, count, last, ty))
        };
        let step = |this: &mut Self| {
            let count = count(this)?;
            let sum = Operand::ssa(ty, this.ins().iadd_imm_s(count, 1));
            this.write(&counter, &sum);
            Ok(())
        };
        self.loop_stmt(body, condition, step)?;
        self.scopes.pop();
        Ok(())
    }

    /// Lowers `try`. An exception thrown in `body` ends there, before `handler` begins.
    fn try_stmt(&mut self, body: &'p [Stmt], handler: &'p [Stmt]) -> Check<()> {
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
        match value {
            None if result == Ty::Void => self.leave(None),
            None => self.wrong(result, "`return` needs a value of type `{}`"),
            Some(_) if result == Ty::Void => fail("this function returns nothing"),
            Some(value) => {
                let value = self.value(value, result)?;
                self.leave(Some(&value))
            }
        }
    }
}
