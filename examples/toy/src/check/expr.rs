//! Expressions: one arm per kind, each a few lines or a call into a file of its own.

use super::literal::sign_bit;
use super::{Check, Checker, Meaning, Wanted};
use crate::ast::{self, UnaryOp};
use crate::diag::{At, Diagnostic, Span, fail};
use crate::typed::{Expr, ExprKind};
use crate::types::{Ty, TyKind};
use cabi::Scalar;

impl<'p> Checker<'p> {
    /// A value of type `ty`, converted to it where the language does so silently.
    pub(super) fn value(&mut self, expr: &'p ast::Expr, ty: Ty) -> Check<Expr> {
        let value = self.expr(expr, Some(ty))?;
        self.coerce(value, ty)
    }

    /// A value; `expected` is what literals turn into, and no more than a wish.
    pub(super) fn expr(&mut self, expr: &'p ast::Expr, expected: Option<Ty>) -> Check<Expr> {
        self.enter(expr.span)?;
        let value = self.expr_inside(expr, expected);
        self.leave();
        value
    }

    fn expr_inside(&mut self, expr: &'p ast::Expr, expected: Option<Ty>) -> Check<Expr> {
        let span = expr.span;
        let want = Wanted { span, expected };
        let of = |ty, kind| Ok(Expr::new(ty, span, kind));
        match &expr.kind {
            ast::ExprKind::Int(value, suffix) => self.int_literal(*value, suffix, want, false),
            ast::ExprKind::Float {
                digits,
                suffix,
                imaginary,
            } => self.float_literal(digits, suffix, *imaginary, want),
            ast::ExprKind::Char(byte) => {
                let ty =
                    expected.filter(|&ty| self.types.as_int(ty).is_some_and(|int| int.bits == 8));
                of(ty.unwrap_or(Ty::U8), ExprKind::Bits(u128::from(*byte)))
            }
            ast::ExprKind::Bool(value) => of(Ty::BOOL, ExprKind::Bits(u128::from(*value))),
            ast::ExprKind::Null => of(Ty::NULL, ExprKind::Bits(0)),
            ast::ExprKind::Str(bytes) => self.string(bytes, want),
            ast::ExprKind::Name(name) => match self.named_nested(&expr.kind, span) {
                Some((id, chain)) => self.bound(id, chain, span),
                None => match self.local(name) {
                    Some(id) => self.load(self.local_place(id, span)?, span),
                    None => self.item_value(name, want),
                },
            },
            ast::ExprKind::Closure(function) => self.closure(function),
            ast::ExprKind::VaStart => self.va_start(span),
            ast::ExprKind::VaArg(list, ty) => self.va_arg(list, ty, span),
            ast::ExprKind::Path(name, variant) => self.variant(name, variant, span),
            ast::ExprKind::Unary(op, operand) => self.unary(*op, operand, want),
            ast::ExprKind::Chain(first, links) => self.chain(first, links, want),
            ast::ExprKind::Call(callee, args) => self.call(callee, args, span),
            ast::ExprKind::Index(..) | ast::ExprKind::Field(..) => {
                let place = self.place(expr)?;
                self.load(place, span)
            }
            ast::ExprKind::Cast(value, ty) => {
                let ty = self.object_ty(ty)?;
                let value = self.expr(value, Some(ty))?;
                self.cast(value, ty, span)
            }
            ast::ExprKind::SizeOf(ty) => {
                let ty = self.object_ty(ty)?;
                self.size_literal(self.types.size(ty), want)
            }
            ast::ExprKind::AlignOf(ty) => {
                let ty = self.object_ty(ty)?;
                let align = self.types.layout(ty).map_or(1, cabi::Type::align);
                self.size_literal(u64::from(align), want)
            }
            ast::ExprKind::OffsetOf(ty, member) => self.offset_of(ty, member, want),
            ast::ExprKind::Complex(re, im) => self.complex(re, im, want),
            ast::ExprKind::Record(name, members) => self.record_literal(name, members, span),
            ast::ExprKind::Array(elements) => self.array_literal(elements, want),
            ast::ExprKind::Repeat(element, count) => self.repeat_literal(element, count, want),
        }
    }

    /// A size is `u64`, or the integer that is wanted.
    fn size_literal(&mut self, size: u64, want: Wanted) -> Check<Expr> {
        let expected = want.expected.filter(|&ty| self.types.as_int(ty).is_some());
        let want = Wanted::of(expected.unwrap_or(Ty::U64), want.span);
        self.int_literal(u128::from(size), "", want, false)
    }

    fn offset_of(
        &mut self,
        ty: &'p ast::TypeExpr,
        member: &ast::Ident,
        want: Wanted,
    ) -> Check<Expr> {
        let record = self.object_ty(ty)?;
        let Some(layout) = self.types.layout(record).and_then(cabi::Type::as_record) else {
            let message = format!("`{}` has no members", self.types.name(record));
            return fail(ty.span, message);
        };
        match layout.field(&member.name) {
            Some((field, _)) if field.bit_field().is_some() => {
                fail(member.span, "a bit-field has no offset in bytes")
            }
            Some((_, bits)) => self.size_literal(bits / 8, want),
            None => {
                let (name, called) = (self.types.name(record), &member.name);
                let message = format!("`{name}` has no member `{called}`");
                fail(member.span, message)
            }
        }
    }

    fn variant(&mut self, name: &ast::Ident, variant: &ast::Ident, span: Span) -> Check<Expr> {
        let Some(Meaning::Enum(id)) = self.find_type(&name.name, name.span)? else {
            return fail(name.span, format!("there is no enum `{}`", name.name));
        };
        self.number_variants(id)?;
        let ty = self.types.enumeration(id);
        let variants = &self.types.enums[id.0].variants;
        match variants.iter().find(|(own, _)| *own == variant.name) {
            Some((_, value)) => Ok(Expr::new(ty, span, ExprKind::Bits(*value))),
            None => {
                let message = format!("enum `{}` has no variant `{}`", name.name, variant.name);
                fail(variant.span, message)
            }
        }
    }

    fn string(&mut self, bytes: &[u8], want: Wanted) -> Check<Expr> {
        let Wanted { span, expected } = want;
        let is_char = |ty: &Ty| {
            let to = self.types.pointee(*ty);
            to.and_then(|to| self.types.as_int(to))
                .is_some_and(|int| int.bits == 8)
        };
        let expected = expected.filter(is_char);
        let ty = match expected {
            Some(ty) => ty,
            None => self.types.pointer(Ty::U8).at(span)?,
        };
        let text = bytes.iter().copied().chain([0]).collect();
        Ok(Expr::new(ty, span, ExprKind::Str(text)))
    }

    fn unary(&mut self, op: UnaryOp, operand: &'p ast::Expr, want: Wanted) -> Check<Expr> {
        let Wanted { span, expected } = want;
        match op {
            UnaryOp::Deref => {
                // Through `place`, which knows how; the operand is looked at once.
                let pointer = self.expr(operand, None)?;
                let place = self.pointed(pointer)?;
                return self.load(place, span);
            }
            UnaryOp::AddressOf => return self.address_of(operand, span),
            UnaryOp::Neg => {
                // The least number of a type has no positive counterpart to negate.
                if let ast::ExprKind::Int(value, suffix) = &operand.kind {
                    return self.int_literal(*value, suffix, want, true);
                }
            }
            UnaryOp::Not | UnaryOp::BitNot => {}
        }
        let value = self.expr(operand, expected)?;
        let ty = value.ty;
        if let (UnaryOp::Neg, ExprKind::Bits(bits), Some(float)) =
            (op, &value.kind, self.types.as_float(ty))
        {
            let kind = ExprKind::Bits(bits ^ sign_bit(float));
            return Ok(Expr::new(ty, span, kind));
        }
        let lane = match *self.types.kind(ty) {
            TyKind::Vector(lane, ..) => lane,
            TyKind::Scalar(scalar) => scalar,
            TyKind::Complex(part @ (Scalar::F32 | Scalar::F64)) if op == UnaryOp::Neg => part,
            TyKind::Complex(_) if op == UnaryOp::Neg => {
                return self.runtime_unary("neg", value, span);
            }
            _ => return Err(self.no_operator(op, ty, span)),
        };
        let is_int = crate::types::IntTy::of(lane).is_some();
        let operand = Box::new(value);
        let kind = match op {
            UnaryOp::Neg if is_int || matches!(lane, Scalar::F32 | Scalar::F64) => {
                ExprKind::Neg(operand)
            }
            UnaryOp::Neg if lane.is_float() && self.types.as_float(ty).is_some() => {
                return self.runtime_unary("neg", *operand, span);
            }
            UnaryOp::BitNot if is_int => ExprKind::BitNot(operand),
            UnaryOp::Not if ty == Ty::BOOL => ExprKind::Not(operand),
            _ => return Err(self.no_operator(op, ty, span)),
        };
        Ok(Expr::new(ty, span, kind))
    }

    fn no_operator(&self, op: UnaryOp, ty: Ty, span: Span) -> Diagnostic {
        let (symbol, needs) = match op {
            UnaryOp::Not => ("!", "a `bool`"),
            UnaryOp::BitNot => ("~", "an integer"),
            _ => ("-", "a number"),
        };
        let message = format!("`{symbol}` needs {needs}, not `{}`", self.types.name(ty));
        let diagnostic = Diagnostic::new(span, message);
        if op == UnaryOp::Not && self.types.as_int(ty).is_some() {
            return diagnostic.note("to flip bits write `~`, to compare with zero write `== 0`");
        }
        diagnostic
    }
}
