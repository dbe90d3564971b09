//! Constants: what integers amount to that are made of numbers, other constants, sizes and operators between them.

use super::{Meaning, Session};
use crate::ast::{BinaryOp, Expr, ExprKind, TypeExpr, UnaryOp};
use crate::diag::{Check, Diagnostic, fail};
use crate::types::{TyKind, holds};
use cabi::Scalar;

impl<'p> Session<'p> {
    pub(super) fn check_const(&mut self, ty: &'p TypeExpr, value: &'p Expr) -> Check<()> {
        let declared = self.object_ty(ty)?;
        match self.types.kind(declared) {
            TyKind::Scalar(Scalar::Int { bits, signed }) => {
                let int = (*bits, *signed);
                match self.eval(value)? {
                    value if holds(int, value) => Ok(()),
                    value => {
                        let name = self.types.name(declared);
                        fail(ty.span, format!("{value} does not fit into `{name}`"))
                    }
                }
            }
            TyKind::Scalar(_) | TyKind::Enum(_) => match &value.kind {
                ExprKind::Unary(UnaryOp::Neg, value) => self.check_const(ty, value),
                ExprKind::Float(..)
                | ExprKind::Int(..)
                | ExprKind::Bool(_)
                | ExprKind::Path(..) => Ok(()),
                _ => fail(value.span, "a constant that is no integer is a literal"),
            },
            _ => self.wrong(ty.span, declared, "a constant is a number, not `{}`"),
        }
    }

    /// A constant that counts something.
    pub(super) fn count(&mut self, expr: &'p Expr) -> Check<u64> {
        let value = self.eval(expr)?;
        u64::try_from(value)
            .map_err(|_| Diagnostic::new(expr.span, format!("{value} counts nothing")))
    }

    /// What an integer amounts to that is made of numbers, other constants, sizes and operators between them.
    pub(super) fn eval(&mut self, expr: &'p Expr) -> Check<i128> {
        self.look(expr.span, |own| {
            let value = own.eval_inside(expr)?;
            let note = "constants are integers, other constants, sizes, and operators between them";
            value.ok_or_else(|| Diagnostic::new(expr.span, "this is not a constant").note(note))
        })
    }

    fn eval_inside(&mut self, expr: &'p Expr) -> Check<Option<i128>> {
        Ok(match &expr.kind {
            ExprKind::Int(value, _) => i128::try_from(*value).ok(),
            ExprKind::Char(byte) => Some(i128::from(*byte)),
            ExprKind::Unary(UnaryOp::Neg, value) => self.eval(value)?.checked_neg(),
            ExprKind::Unary(UnaryOp::BitNot, value) => Some(!self.eval(value)?),
            ExprKind::Cast(value, _) => Some(self.eval(value)?),
            ExprKind::SizeOf(ty) => {
                let ty = self.object_ty(ty)?;
                Some(self.types.size(ty).into())
            }
            ExprKind::Name(name) => match self.find_value(name, expr.span)? {
                Some(Meaning::Const(_, expr)) => match self.constants.get(&expr.span) {
                    Some(value) => Some(*value),
                    None => {
                        let value = self.eval(expr)?;
                        self.constants.insert(expr.span, value);
                        Some(value)
                    }
                },
                Some(Meaning::CConstant(_, value)) => Some(value),
                _ => None,
            },
            ExprKind::Binary(op, left, right) => {
                let (left, right) = (self.eval(left)?, self.eval(right)?);
                fold(*op, left, right)
            }
            _ => None,
        })
    }
}

fn fold(op: BinaryOp, left: i128, right: i128) -> Option<i128> {
    match op {
        BinaryOp::Add => left.checked_add(right),
        BinaryOp::Sub => left.checked_sub(right),
        BinaryOp::Mul => left.checked_mul(right),
        BinaryOp::Div => left.checked_div(right),
        BinaryOp::Rem => left.checked_rem(right),
        BinaryOp::Shl => left.checked_shl(u32::try_from(right).ok()?),
        BinaryOp::Shr => left.checked_shr(u32::try_from(right).ok()?),
        BinaryOp::BitOr => Some(left | right),
        BinaryOp::BitAnd => Some(left & right),
        BinaryOp::BitXor => Some(left ^ right),
        _ => None,
    }
}
