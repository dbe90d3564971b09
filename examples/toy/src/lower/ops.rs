//! Operators and conversions. Both sides have one type, except in shifts and pointer arithmetic.
//! Types have the arithmetic that Cranelift has instructions for.

use super::function::Lowerer;
use super::value::{Operand, ssa_type};
use crate::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::diag::{Check, fail};
use crate::types::Ty;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, types};

const NO_OPERATOR: &str = "this operator is not available for `{}`";

impl<'p> Lowerer<'_, 'p, '_> {
    pub(super) fn unary(
        &mut self,
        op: UnaryOp,
        of: &'p Expr,
        expected: Option<Ty>,
    ) -> Check<Operand> {
        let operand = self.expr(of, expected)?;
        let ty = operand.ty;
        let (is_int, is_float) = (ty.is_int(), ty.as_float().is_some());
        let value = match (op, self.value_of(&operand).ok()) {
            (UnaryOp::Neg, Some(value)) if is_int => self.ins().ineg(value),
            (UnaryOp::Neg, Some(value)) if is_float => self.ins().fneg(value),
            (UnaryOp::BitNot, Some(value)) if is_int => self.ins().bnot(value),
            (UnaryOp::Not, Some(value)) if ty == Ty::BOOL => self.ins().bxor_imm_u(value, 1),
            _ => return self.wrong(ty, NO_OPERATOR),
        };
        Ok(Operand::ssa(ty, value))
    }

    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        left: &'p Expr,
        right: &'p Expr,
        expected: Option<Ty>,
    ) -> Check<Operand> {
        if let BinaryOp::And | BinaryOp::Or = op {
            return self.logic(op, left, right);
        }
        let expected = expected.filter(|_| !op.is_comparison());
        let (a, b) = match op.is_shift() {
            true => (self.expr(left, expected)?, self.expr(right, None)?),
            false => self.operands(left, right, expected)?,
        };
        self.combine(op, a, b)
    }

    /// Lowers two expressions. Numbers without a suffix take their type from the other side.
    pub(super) fn operands(
        &mut self,
        left: &'p Expr,
        right: &'p Expr,
        expected: Option<Ty>,
    ) -> Check<(Operand, Operand)> {
        if is_flexible(left) && !is_flexible(right) {
            let b = self.expr(right, expected)?;
            return Ok((self.expr(left, Some(b.ty))?, b));
        }
        let a = self.expr(left, expected)?;
        let b = self.expr(right, Some(a.ty))?;
        Ok((a, b))
    }

    /// Applies the operator to two values.
    pub(super) fn combine(&mut self, op: BinaryOp, a: Operand, b: Operand) -> Check<Operand> {
        let (a, mut b) = (self.decay(a)?, self.decay(b)?);
        let ty = a.ty;
        if ty.is_pointer_like() && op.is_comparison() {
            b = self.coerce(b, ty)?;
        } else if ty.is_pointer_like() && matches!(op, BinaryOp::Add | BinaryOp::Sub) {
            return self.offset(a, b, op == BinaryOp::Sub);
        } else if op.is_shift() && b.ty.is_int() {
            b = self.convert(b, ty)?;
        }
        if ty != b.ty {
            let [left, right] = [ty, b.ty].map(|ty| self.s.types.name(ty));
            let why = "both sides need the same type; convert numbers with `as`";
            return fail(format!("`{left}` and `{right}`: {why}"));
        }
        let (Ok(x), Ok(y)) = (self.value_of(&a), self.value_of(&b)) else {
            return self.wrong(ty, NO_OPERATOR);
        };
        if op.is_comparison() {
            return Ok(Operand::ssa(Ty::BOOL, self.compare(op, x, y, ty)));
        }
        match self.arithmetic(op, x, y, ty) {
            Some(value) => Ok(Operand::ssa(ty, value)),
            None => self.wrong(ty, NO_OPERATOR),
        }
    }

    /// Returns the result of an operation, if Cranelift has it.
    fn arithmetic(&mut self, op: BinaryOp, a: Value, b: Value, ty: Ty) -> Option<Value> {
        use BinaryOp::{Add, BitAnd, BitOr, BitXor, Div, Mul, Rem, Shl, Shr, Sub};
        let (is_float, has_bits) = (ty.as_float().is_some(), ty.is_int() || ty == Ty::BOOL);
        let ins = self.ins();
        Some(match (op, ty.as_int()) {
            (BitAnd, _) if has_bits => ins.band(a, b),
            (BitOr, _) if has_bits => ins.bor(a, b),
            (BitXor, _) if has_bits => ins.bxor(a, b),
            (Add, None) if is_float => ins.fadd(a, b),
            (Sub, None) if is_float => ins.fsub(a, b),
            (Mul, None) if is_float => ins.fmul(a, b),
            (Div, None) if is_float => ins.fdiv(a, b),
            (Add, Some(_)) => ins.iadd(a, b),
            (Sub, Some(_)) => ins.isub(a, b),
            (Mul, Some(_)) => ins.imul(a, b),
            (Div, Some((..=64, true))) => ins.sdiv(a, b),
            (Div, Some((..=64, false))) => ins.udiv(a, b),
            (Rem, Some((..=64, true))) => ins.srem(a, b),
            (Rem, Some((..=64, false))) => ins.urem(a, b),
            (Shl, Some(_)) => ins.ishl(a, b),
            (Shr, Some((_, true))) => ins.sshr(a, b),
            (Shr, Some((_, false))) => ins.ushr(a, b),
            _ => return None,
        })
    }

    pub(super) fn compare(&mut self, op: BinaryOp, x: Value, y: Value, ty: Ty) -> Value {
        let (float, int) = match op {
            BinaryOp::Eq => (FloatCC::Equal, IntCC::Equal),
            BinaryOp::Ne => (FloatCC::NotEqual, IntCC::NotEqual),
            BinaryOp::Lt => (FloatCC::LessThan, IntCC::SignedLessThan),
            BinaryOp::Le => (FloatCC::LessThanOrEqual, IntCC::SignedLessThanOrEqual),
            BinaryOp::Gt => (FloatCC::GreaterThan, IntCC::SignedGreaterThan),
            _ => (FloatCC::GreaterThanOrEqual, IntCC::SignedGreaterThanOrEqual),
        };
        match ty.is_signed() {
            _ if ty.as_float().is_some() => self.ins().fcmp(float, x, y),
            true => self.ins().icmp(int, x, y),
            false => self.ins().icmp(int.unsigned(), x, y),
        }
    }

    /// Lowers `&&` and `||`: the right side runs only if the left one does not decide.
    fn logic(&mut self, op: BinaryOp, left: &'p Expr, right: &'p Expr) -> Check<Operand> {
        let left = self.expr_ssa(left, Ty::BOOL)?;
        let [right_block, after] = [(); 2].map(|()| self.builder.create_block());
        let result = self.builder.append_block_param(after, types::I8);
        let decided = [BlockArg::Value(left)];
        match op {
            BinaryOp::And => self.ins().brif(left, right_block, &[], after, &decided),
            _ => self.ins().brif(left, after, &decided, right_block, &[]),
        };
        self.begin(right_block);
        let right = self.expr_ssa(right, Ty::BOOL)?;
        self.ins().jump(after, &[BlockArg::Value(right)]);
        self.begin(after);
        Ok(Operand::ssa(Ty::BOOL, result))
    }

    /// Converts `value as ty`, between integers, bools, pointers, `f32` and `f64`. Integers are cut
    /// or extended, and floats are rounded. A float too great for 64 bits becomes the greatest
    /// integer.
    pub(super) fn convert(&mut self, value: Operand, ty: Ty) -> Check<Operand> {
        let value = self.decay(value)?;
        let from = value.ty;
        if from == ty {
            return Ok(value);
        }
        let is_word = |ty: Ty| !ty.is_pointer_like() && !matches!(ty.as_int(), Some((128, _)));
        let types = ssa_type(from).zip(ssa_type(ty)).filter(|(source, target)| {
            let is_alike = source.is_float() == target.is_float();
            ty != Ty::BOOL && (is_alike || is_word(from) && is_word(ty))
        });
        let Some((source, target)) = types else {
            let [name, to] = [from, ty].map(|ty| self.s.types.name(ty));
            return fail(format!("`{name}` cannot be converted to `{to}`"));
        };
        let (operand, signed) = (self.value_of(&value)?, from.is_signed());
        let converted = match (source.is_float(), target.is_float()) {
            (true, true) if source == types::F32 => self.ins().fpromote(target, operand),
            (true, true) => self.ins().fdemote(target, operand),
            (true, false) => {
                let wide = match ty.is_signed() || target.bits() < 64 {
                    true => self.ins().fcvt_to_sint_sat(types::I64, operand),
                    false => self.ins().fcvt_to_uint_sat(types::I64, operand),
                };
                self.fit(wide, target, true)
            }
            (false, true) => {
                let wide = self.fit(operand, types::I64, signed);
                match signed || source != types::I64 {
                    true => self.ins().fcvt_from_sint(target, wide),
                    false => self.ins().fcvt_from_uint(target, wide),
                }
            }
            (false, false) => self.fit(operand, target, signed),
        };
        Ok(Operand::ssa(ty, converted))
    }
}

/// Returns whether the expression is made of numbers without a suffix only.
fn is_flexible(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number(number) => number.suffix.is_empty(),
        ExprKind::Binary(_, left, right) => is_flexible(left) && is_flexible(right),
        ExprKind::Unary(UnaryOp::Neg | UnaryOp::BitNot, inner) => is_flexible(inner),
        ExprKind::Null | ExprKind::SizeOf(_) => true,
        _ => false,
    }
}
