//! Binary operators. Both sides have one type, but for shifts, pointer arithmetic, and a real number
//! beside a complex one.

use super::{Check, Checker, Wanted};
use crate::ast::{self, BinaryOp, UnaryOp};
use crate::diag::{Diagnostic, Span, fail};
use crate::float;
use crate::typed::{Expr, ExprKind};
use crate::types::{IntTy, Ty, TyKind};
use cabi::Scalar;

/// The left and the right side of an operator.
pub(super) type Both = (Expr, Expr);

impl<'p> Checker<'p> {
    /// Operators of one level: so they are all logic, comparisons, shifts, or neither.
    pub(super) fn chain(
        &mut self,
        first: &'p ast::Expr,
        links: &'p [(BinaryOp, ast::Expr)],
        Wanted { span, expected }: Wanted,
    ) -> Check<Expr> {
        use BinaryOp::{And, Or, Shl, Shr};
        let mut wanted = match links.first() {
            Some((And | Or, _)) => Some(Ty::BOOL),
            Some((op, _)) if op.is_comparison() => None,
            _ => expected,
        };
        // Bare numbers take their type from the first operand that has one.
        let mut typed = None;
        if !matches!(links.first(), Some((And | Or | Shl | Shr, _)))
            && is_flexible(first)
            && let Some(at) = links.iter().position(|(_, right)| !is_flexible(right))
        {
            let (op, right) = &links[at];
            let right = self.expr(right, wanted)?;
            wanted = self.companion(*op, right.ty);
            typed = Some((at, right));
        }
        let start = first.span;
        let mut left = self.expr(first, wanted)?;
        for (at, (op, right)) in links.iter().enumerate() {
            let span = match links.len() - at {
                1 => span,
                _ => start.to(right.span),
            };
            if let And | Or = op {
                let sides = (self.coerce(left, Ty::BOOL)?, self.value(right, Ty::BOOL)?);
                let kind = ExprKind::Logic(*op, Box::new(sides.0), Box::new(sides.1));
                left = Expr::new(Ty::BOOL, span, kind);
                continue;
            }
            let right = match typed.take_if(|(own, _)| *own == at) {
                Some((_, right)) => right,
                None if matches!(op, Shl | Shr) => self.expr(right, None)?,
                None => self.expr(right, self.companion(*op, left.ty))?,
            };
            left = self.combine(*op, (left, right), span)?;
        }
        Ok(left)
    }

    /// What a literal beside a value of type `ty` should be.
    fn companion(&self, op: BinaryOp, ty: Ty) -> Option<Ty> {
        match self.types.kind(ty) {
            TyKind::Pointer(_) if !op.is_comparison() => None,
            _ => Some(ty),
        }
    }

    /// `left op right`, both known.
    pub(super) fn combine(&mut self, op: BinaryOp, both: Both, span: Span) -> Check<Expr> {
        let (left, right) = both;
        let (left, right) = (self.decay(left)?, self.decay(right)?);
        if matches!(op, BinaryOp::Shl | BinaryOp::Shr) {
            return self.shift(op, left, right, span);
        }
        let pointers = [left.ty, right.ty]
            .iter()
            .any(|&ty| self.types.is_pointer_like(ty) || ty == Ty::NULL);
        if pointers {
            return self.pointer_op(op, left, right, span);
        }
        let (left, right) = self.balance(op, (left, right), span)?;
        if op.is_comparison() {
            self.compare(op, left, right, span)
        } else {
            self.arithmetic(op, left, right, span)
        }
    }

    /// Brings both sides to one type, or refuses.
    fn balance(&mut self, op: BinaryOp, both: Both, span: Span) -> Check<Both> {
        let (left, right) = both;
        if left.ty == right.ty {
            return Ok((left, right));
        }
        let (a, b) = (
            self.types.kind(left.ty).clone(),
            self.types.kind(right.ty).clone(),
        );
        match (a, b) {
            (TyKind::Complex(part), TyKind::Scalar(real)) if part == real => {
                let ty = left.ty;
                Ok((left, self.cast(right, ty, span)?))
            }
            (TyKind::Scalar(real), TyKind::Complex(part)) if part == real => {
                let ty = right.ty;
                Ok((self.cast(left, ty, span)?, right))
            }
            _ => {
                let (a, b) = (self.types.name(left.ty), self.types.name(right.ty));
                let message = format!("`{}` between `{a}` and `{b}`", op.symbol());
                Err(Diagnostic::new(span, message)
                    .label(format!("`{a}` {} `{b}`", op.symbol()))
                    .note("both sides have one type; numbers are converted by `as`"))
            }
        }
    }

    fn shift(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Check<Expr> {
        let lanes = matches!(
            *self.types.kind(left.ty),
            TyKind::Vector(Scalar::Int { .. }, ..)
        );
        if lanes && left.ty == right.ty {
            return self.arithmetic(op, left, right, span);
        }
        for side in [&left, &right] {
            if self.types.as_int(side.ty).is_none() {
                return Err(self.refuse(op, side.ty, span));
            }
        }
        let bits = self
            .types
            .as_int(left.ty)
            .map_or(0, |int| u128::from(int.bits));
        if let Some(count) = self.fold(&right)
            && count >= bits
        {
            let count = count.cast_signed();
            let message = format!("a shift by {count} of a number of {bits} bits");
            return fail(right.span, message);
        }
        Ok(Expr::arith(op, left, right, span))
    }

    fn pointer_op(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Check<Expr> {
        if op.is_comparison() {
            let left_ty = if left.ty == Ty::NULL {
                right.ty
            } else {
                left.ty
            };
            let left = self.coerce(left, left_ty)?;
            let right = self.coerce(right, left_ty)?;
            if !matches!(op, BinaryOp::Eq | BinaryOp::Ne) && self.types.as_fn(left_ty).is_some() {
                return Err(self.refuse(op, left_ty, span));
            }
            return Ok(Expr::compare(op, left, right, span));
        }
        let is_int = |ty| self.types.as_int(ty).is_some();
        match (self.types.pointee(left.ty), op) {
            (Some(_), BinaryOp::Add | BinaryOp::Sub) if is_int(right.ty) => {
                self.offset(left, right, op == BinaryOp::Sub, span)
            }
            (Some(to), BinaryOp::Sub) if left.ty == right.ty => {
                self.complete(to, span)?;
                let scale = self.types.size(to);
                if scale == 0 {
                    return fail(span, "elements of no size have no distance");
                }
                let kind = ExprKind::Distance(Box::new(left), Box::new(right), scale);
                Ok(Expr::new(Ty::I64, span, kind))
            }
            _ => {
                let ty = if self.types.pointee(left.ty).is_some() {
                    right.ty
                } else {
                    left.ty
                };
                let (symbol, name) = (op.symbol(), self.types.name(ty));
                let message = format!("`{symbol}` does not combine a pointer with `{name}`");
                Err(Diagnostic::new(span, message)
                    .note("pointers know `p + n`, `p - n`, `p - q` and comparisons"))
            }
        }
    }

    /// `pointer + index`, in elements.
    pub(super) fn offset(
        &mut self,
        pointer: Expr,
        index: Expr,
        negative: bool,
        span: Span,
    ) -> Check<Expr> {
        let Some(to) = self.types.pointee(pointer.ty) else {
            return fail(span, "only pointers have offsets");
        };
        self.complete(to, span)?;
        let (ty, scale) = (pointer.ty, self.types.size(to));
        let kind = ExprKind::Offset {
            pointer: Box::new(pointer),
            index: Box::new(index),
            scale,
            negative,
        };
        Ok(Expr::new(ty, span, kind))
    }

    fn compare(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Check<Expr> {
        let ty = left.ty;
        let equality = matches!(op, BinaryOp::Eq | BinaryOp::Ne);
        match *self.types.kind(ty) {
            TyKind::Complex(Scalar::F32 | Scalar::F64) if equality => {
                Ok(Expr::compare(op, left, right, span))
            }
            TyKind::Complex(Scalar::F80) if equality => {
                self.runtime_compare(op, (left, right), span)
            }
            TyKind::Scalar(Scalar::F16 | Scalar::BF16) => {
                let left = self.cast(left, Ty::F32, span)?;
                let right = self.cast(right, Ty::F32, span)?;
                self.compare(op, left, right, span)
            }
            TyKind::Scalar(Scalar::F80 | Scalar::F128) => {
                self.runtime_compare(op, (left, right), span)
            }
            TyKind::Scalar(scalar) if comparable(scalar) || scalar == Scalar::Bool && equality => {
                Ok(Expr::compare(op, left, right, span))
            }
            TyKind::Enum(_) => Ok(Expr::compare(op, left, right, span)),
            _ => Err(self.refuse(op, ty, span)),
        }
    }

    fn arithmetic(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Check<Expr> {
        use BinaryOp::{BitAnd, BitOr, BitXor, Div, Rem};
        let ty = left.ty;
        let bitwise = matches!(op, BitAnd | BitOr | BitXor);
        let division = matches!(op, Div | Rem);
        if division && self.types.as_int(ty).is_some() && self.fold(&right) == Some(0) {
            return fail(right.span, "this divides by zero");
        }
        if let (Some(scalar), ExprKind::Bits(a), ExprKind::Bits(b)) =
            (self.types.as_float(ty), &left.kind, &right.kind)
            && let Some(bits) = float::fold(op, scalar, *a, *b)
        {
            return Ok(Expr::new(ty, span, ExprKind::Bits(bits)));
        }
        let plain = match *self.types.kind(ty) {
            TyKind::Scalar(Scalar::Bool) => bitwise,
            TyKind::Scalar(Scalar::F32 | Scalar::F64) => !bitwise && op != Rem,
            TyKind::Scalar(Scalar::F16 | Scalar::BF16) if !bitwise && op != Rem => {
                // Exactly rounded all the same: f32 has more than twice the digits (Figueroa 1995).
                let left = self.cast(left, Ty::F32, span)?;
                let right = self.cast(right, Ty::F32, span)?;
                let result = self.arithmetic(op, left, right, span)?;
                return self.cast(result, ty, span);
            }
            TyKind::Scalar(Scalar::F80 | Scalar::F128) if !bitwise && op != Rem => {
                return self.runtime_binary(op, (left, right), span);
            }
            TyKind::Complex(Scalar::F32 | Scalar::F64) if !bitwise && !division => true,
            TyKind::Complex(part) if part.is_float() && !bitwise && op != Rem => {
                return self.runtime_binary(op, (left, right), span);
            }
            TyKind::Vector(lane, ..) => match lane {
                Scalar::F32 | Scalar::F64 => !bitwise && op != Rem,
                Scalar::Int { bits, .. } => bits <= 64 || !division,
                _ => false,
            },
            TyKind::Scalar(scalar) => match IntTy::of(scalar) {
                Some(int) if division && int.bits > 64 => {
                    return self.wide_division(op, (left, right), span);
                }
                int => int.is_some(),
            },
            _ => false,
        };
        if !plain {
            return Err(self.refuse(op, ty, span));
        }
        Ok(Expr::arith(op, left, right, span))
    }

    fn refuse(&self, op: BinaryOp, ty: Ty, span: Span) -> Diagnostic {
        let (symbol, name) = (op.symbol(), self.types.name(ty));
        let message = format!("`{symbol}` is not available for `{name}`");
        let diagnostic = Diagnostic::new(span, message);
        match (op, self.types.kind(ty)) {
            (BinaryOp::Rem, TyKind::Scalar(scalar)) if scalar.is_float() => {
                diagnostic.note("libm's `fmod` and `fmodl` give the rest of a division")
            }
            (_, TyKind::Record(_)) => {
                diagnostic.note("structs and unions are compared and combined by their members")
            }
            (_, TyKind::Enum(_)) => {
                diagnostic.note("an enum is computed with as an integer: `e as i32`")
            }
            _ => diagnostic,
        }
    }
}

fn comparable(scalar: Scalar) -> bool {
    IntTy::of(scalar).is_some() || matches!(scalar, Scalar::F32 | Scalar::F64)
}

/// Whether the expression is made of numbers without a suffix only.
fn is_flexible(expr: &ast::Expr) -> bool {
    match &expr.kind {
        ast::ExprKind::Chain(first, links) => {
            let flexible =
                |(op, right): &(BinaryOp, ast::Expr)| !op.is_comparison() && is_flexible(right);
            is_flexible(first) && links.iter().all(flexible)
        }
        ast::ExprKind::Int(_, suffix) | ast::ExprKind::Float { suffix, .. } => suffix.is_empty(),
        ast::ExprKind::Char(_) | ast::ExprKind::Null => true,
        ast::ExprKind::Unary(UnaryOp::Neg | UnaryOp::BitNot, inner) => is_flexible(inner),
        ast::ExprKind::SizeOf(_) | ast::ExprKind::AlignOf(_) | ast::ExprKind::OffsetOf(..) => true,
        _ => false,
    }
}
