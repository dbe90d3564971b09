//! Statements.

use super::function::FnLowerer;
use super::place::Target;
use super::value::Val;
use super::{Lower, UNREACHABLE};
use crate::typed::{Expr, ExprKind, LocalId, Place, Stmt, StmtKind};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, SourceLoc};
use cranelift_module::Module;

impl<M: Module> FnLowerer<'_, '_, M> {
    /// Statements one after the other; what cannot be reached is left out.
    pub(super) fn stmts(&mut self, stmts: &[Stmt]) -> Lower<()> {
        for stmt in stmts {
            if self.builder.is_unreachable() {
                return Ok(());
            }
            self.stmt(stmt)?;
        }
        Ok(())
    }

    fn stmt(&mut self, stmt: &Stmt) -> Lower<()> {
        self.builder.set_srcloc(SourceLoc::new(stmt.span.start));
        match &stmt.kind {
            StmtKind::Init(id, init) => self.init(*id, init.as_ref()),
            StmtKind::Assign(place, value) => self.assign(place, value),
            StmtKind::Update(place, value) => self.update(place, value),
            StmtKind::Expr(expr) => self.expr(expr).map(|_| ()),
            StmtKind::If(arms, otherwise) => self.if_stmt(arms, otherwise),
            StmtKind::While(cond, body) => self.while_stmt(cond, body),
            StmtKind::For {
                var,
                low,
                high,
                signed,
                body,
            } => self.for_stmt(*var, (low, high), *signed, body),
            StmtKind::Return(value) => {
                match value {
                    Some(expr) => self.return_value(expr)?,
                    None => self.leave(Val::None)?,
                }
                self.unreachable();
                Ok(())
            }
            StmtKind::Break | StmtKind::Continue => {
                if let Some(&(next, after)) = self.loops.last() {
                    let target = if matches!(stmt.kind, StmtKind::Break) {
                        after
                    } else {
                        next
                    };
                    self.ins().jump(target, &[]);
                    self.unreachable();
                }
                Ok(())
            }
            StmtKind::Block(stmts) => self.stmts(stmts),
        }
    }

    fn return_value(&mut self, expr: &Expr) -> Lower<()> {
        if let ExprKind::Call(callee, args) = &expr.kind {
            return self.call_and_leave(expr, (callee, args));
        }
        match self.entry.sret() {
            // Built where the caller wants it: nothing in the expression can read that.
            Some(to) if !self.is_ssa(expr.ty) => {
                self.expr_into(expr, to.into())?;
                self.leave(Val::Memory(to))
            }
            _ => {
                let value = self.expr(expr)?;
                self.leave(value)
            }
        }
    }

    /// Ends a block that leads to `target`, if control gets so far.
    fn go_on(&mut self, target: Block) {
        if self.builder.is_unreachable() {
            self.abandon();
        } else {
            self.ins().jump(target, &[]);
        }
    }

    /// Ends a block that nothing leads to; one without instructions is no part of the function.
    pub(super) fn abandon(&mut self) {
        let begun = |block| self.builder.func.layout.is_block_inserted(block);
        if self.builder.current_block().is_some_and(begun) {
            self.ins().trap(UNREACHABLE);
        }
    }

    /// Whatever follows is reached from nowhere.
    pub(super) fn unreachable(&mut self) {
        let nowhere = self.builder.create_block();
        self.begin(nowhere);
    }

    fn init(&mut self, id: LocalId, init: Option<&Expr>) -> Lower<()> {
        let ty = self.local_ty(id);
        match (self.variable(id)?, init) {
            // Nothing else knows the variable yet, so it can be built in place.
            (Target::Memory(address), Some(init)) => self.expr_into(init, address),
            (Target::Memory(address), None) => self.zero(address, self.types.size(ty)),
            (target, Some(init)) => {
                let value = self.expr(init)?;
                self.write(&target, value, ty)
            }
            (target, None) => {
                let zero = self.expr(&Expr::zero(ty, self.function.span.unwrap_or_default()))?;
                self.write(&target, zero, ty)
            }
        }
    }

    fn assign(&mut self, place: &Place, value: &Expr) -> Lower<()> {
        // The value first: its own calls may change what the place depends on, as in C either way.
        let value_ty = value.ty;
        let value = self.expr(value)?;
        let target = self.place(place)?;
        self.write(&target, value, value_ty)
    }

    fn update(&mut self, place: &Place, value: &Expr) -> Lower<()> {
        let target = self.place(place)?;
        let old = self.read(&target, place.ty)?;
        let outer = self.old.replace(old);
        let new = self.expr(value);
        self.old = outer;
        let new = new?;
        self.write(&target, new, value.ty)
    }

    fn if_stmt(&mut self, arms: &[(Expr, Vec<Stmt>)], otherwise: &[Stmt]) -> Lower<()> {
        let after = self.builder.create_block();
        for (cond, then) in arms {
            let cond = self.expr_ssa(cond)?;
            let then_block = self.builder.create_block();
            let else_block = self.builder.create_block();
            self.ins().brif(cond, then_block, &[], else_block, &[]);
            self.begin(then_block);
            self.stmts(then)?;
            self.go_on(after);
            self.begin(else_block);
        }
        self.stmts(otherwise)?;
        self.go_on(after);
        self.begin(after);
        Ok(())
    }

    fn while_stmt(&mut self, cond: &Expr, body: &[Stmt]) -> Lower<()> {
        let head = self.builder.create_block();
        let body_block = self.builder.create_block();
        let after = self.builder.create_block();
        self.ins().jump(head, &[]);
        self.builder.switch_to_block(head);
        if matches!(cond.kind, ExprKind::Bits(1)) {
            // The checker relies on it: only a `break` leaves this loop.
            self.ins().jump(body_block, &[]);
        } else {
            let cond = self.expr_ssa(cond)?;
            self.ins().brif(cond, body_block, &[], after, &[]);
        }
        self.begin(body_block);
        self.loops.push((head, after));
        self.stmts(body)?;
        self.loops.pop();
        self.go_on(head);
        self.builder.seal_block(head);
        self.begin(after);
        Ok(())
    }

    /// The bounds are evaluated once; the counter may be changed by the body, as in C.
    fn for_stmt(
        &mut self,
        var: LocalId,
        bounds: (&Expr, &Expr),
        signed: bool,
        body: &[Stmt],
    ) -> Lower<()> {
        let (low, high) = bounds;
        let ty = low.ty;
        self.init(var, Some(low))?;
        let high_value = self.expr(high)?;
        let high = self.ssa(high_value, high.span)?;
        let [head, body_block, next, after] = [(); 4].map(|()| self.builder.create_block());
        self.ins().jump(head, &[]);
        self.builder.switch_to_block(head);
        let target = self.variable(var)?;
        let counter = self.read(&target, ty)?;
        let counter = self.ssa(counter, low.span)?;
        let less = if signed {
            IntCC::SignedLessThan
        } else {
            IntCC::UnsignedLessThan
        };
        let more = self.ins().icmp(less, counter, high);
        self.ins().brif(more, body_block, &[], after, &[]);
        self.begin(body_block);
        self.loops.push((next, after));
        self.stmts(body)?;
        self.loops.pop();
        self.go_on(next);
        self.begin(next);
        let counter = self.read(&target, ty)?;
        let counter = self.ssa(counter, low.span)?;
        let counted = self.ins().iadd_imm_s(counter, 1);
        let counted = self.normalize(counted, ty);
        self.write(&target, Val::Ssa(counted), ty)?;
        self.ins().jump(head, &[]);
        self.builder.seal_block(head);
        self.begin(after);
        Ok(())
    }
}
