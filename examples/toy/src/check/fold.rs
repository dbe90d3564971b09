//! Constants: what a checked expression amounts to, when it needs nothing but numbers.

use super::{Check, Checker};
use crate::ast::{self, BinaryOp};
use crate::diag::{Diagnostic, Span, fail};
use crate::typed::{Expr, ExprKind};
use crate::types::{IntTy, Ty};
use cabi::Scalar;

impl<'p> Checker<'p> {
    /// The bits of a constant of type `ty`.
    pub(super) fn constant(&mut self, expr: &'p ast::Expr, ty: Ty) -> Check<u128> {
        // `count` and the like want a number of any integer type.
        let value = self.expr(expr, Some(ty))?;
        let value = match (self.types.as_int(value.ty), self.types.as_int(ty)) {
            (Some(_), Some(to)) if value.ty != ty => match self.fold(&value) {
                Some(bits) if to.wrap(bits) == bits => return Ok(bits),
                Some(_) => {
                    let message =
                        format!("this constant does not fit into `{}`", self.types.name(ty));
                    return fail(expr.span, message);
                }
                None => value,
            },
            _ => self.coerce(value, ty)?,
        };
        self.fold(&value).ok_or_else(|| self.no_constant(expr.span))
    }

    pub(super) fn no_constant(&self, span: Span) -> Diagnostic {
        let note = "constants are numbers, other constants, sizes, and operators between them";
        Diagnostic::new(span, "this is not a constant").note(note)
    }

    /// The value, for integers extended to 128 bits, if it is a constant and its operators do not fail.
    pub(super) fn fold(&self, expr: &Expr) -> Option<u128> {
        let mut first = 0;
        for expr in expr.chain().into_iter().rev() {
            first = self.fold_one(expr, first)?;
        }
        Some(first)
    }

    /// The same, the value of the first operand being known. Arithmetic on floats that are known is a literal already.
    fn fold_one(&self, expr: &Expr, first: u128) -> Option<u128> {
        let scalar = self.types.as_scalar(expr.ty)?;
        let int = IntTy::of(scalar);
        match &expr.kind {
            ExprKind::Bits(bits) => Some(*bits),
            ExprKind::Neg(_) => Some(int?.wrap(first.wrapping_neg())),
            ExprKind::BitNot(_) => Some(int?.wrap(!first)),
            ExprKind::Not(_) => Some(first ^ 1),
            ExprKind::Convert(value) => {
                let from = self.types.as_scalar(value.ty)?;
                if from.is_float() || scalar.is_float() {
                    return None;
                }
                Some(int.map_or(first, |int| int.wrap(first)))
            }
            ExprKind::Arith(op, _, right) => {
                let right = self.fold(right)?;
                match scalar {
                    Scalar::Bool => fold_bits(*op, first, right),
                    _ => fold_int(*op, first, right, int?),
                }
            }
            ExprKind::Compare(op, left, right) => {
                let signed = IntTy::of(self.types.as_scalar(left.ty)?)?.signed;
                let right = self.fold(right)?;
                Some(u128::from(fold_compare(*op, first, right, signed)))
            }
            ExprKind::Logic(op, _, right) => match (op, first) {
                (BinaryOp::And, 0) => Some(0),
                (BinaryOp::Or, 1) => Some(1),
                _ => self.fold(right),
            },
            _ => None,
        }
    }
}

fn fold_bits(op: BinaryOp, left: u128, right: u128) -> Option<u128> {
    match op {
        BinaryOp::BitAnd => Some(left & right),
        BinaryOp::BitOr => Some(left | right),
        BinaryOp::BitXor => Some(left ^ right),
        _ => None,
    }
}

fn fold_int(op: BinaryOp, left: u128, right: u128, int: IntTy) -> Option<u128> {
    let (a, b) = (left.cast_signed(), right.cast_signed());
    let value = match op {
        BinaryOp::Add => left.wrapping_add(right),
        BinaryOp::Sub => left.wrapping_sub(right),
        BinaryOp::Mul => left.wrapping_mul(right),
        BinaryOp::Div if int.signed => a.checked_div(b)?.cast_unsigned(),
        BinaryOp::Div => left.checked_div(right)?,
        BinaryOp::Rem if int.signed => a.checked_rem(b)?.cast_unsigned(),
        BinaryOp::Rem => left.checked_rem(right)?,
        BinaryOp::Shl => left.checked_shl(u32::try_from(right).ok()?)?,
        BinaryOp::Shr if int.signed => a.checked_shr(u32::try_from(right).ok()?)?.cast_unsigned(),
        BinaryOp::Shr => left.checked_shr(u32::try_from(right).ok()?)?,
        _ => fold_bits(op, left, right)?,
    };
    Some(int.wrap(value))
}

fn fold_compare(op: BinaryOp, left: u128, right: u128, signed: bool) -> bool {
    let order = if signed {
        left.cast_signed().cmp(&right.cast_signed())
    } else {
        left.cmp(&right)
    };
    match op {
        BinaryOp::Eq => order.is_eq(),
        BinaryOp::Ne => order.is_ne(),
        BinaryOp::Lt => order.is_lt(),
        BinaryOp::Le => order.is_le(),
        BinaryOp::Gt => order.is_gt(),
        _ => order.is_ge(),
    }
}
