//! Numbers, complex numbers, records and arrays as literals. A literal takes the type that is wanted of
//! it; its own suffix comes first, and without either it is `i32` or `f64`.

use super::{Check, Checker, Wanted};
use crate::ast;
use crate::diag::{At, Diagnostic, Span, fail};
use crate::float;
use crate::typed::{Expr, ExprKind};
use crate::types::{IntTy, RecordId, Ty, TyKind, scalar_named};
use cabi::Scalar;
use std::collections::HashSet;

impl<'p> Checker<'p> {
    /// `value`, or minus `value`.
    pub(super) fn int_literal(
        &mut self,
        value: u128,
        suffix: &str,
        want: Wanted,
        negative: bool,
    ) -> Check<Expr> {
        let Wanted { span, expected } = want;
        let ty = if suffix.is_empty() {
            if let Some(ty) = expected.filter(|&ty| self.is_real(ty)) {
                return self.real_literal(&value.to_string(), span, ty, negative);
            }
            if let Some(ty) = expected
                && let &TyKind::Complex(part) = self.types.kind(ty)
            {
                let part = self.types.scalar_ty(part);
                let re = self.int_literal(value, "", Wanted::of(part, span), negative)?;
                return Ok(Expr::complex(ty, span, re, Expr::zero(part, span)));
            }
            match expected.filter(|&ty| self.types.as_int(ty).is_some()) {
                Some(ty) => ty,
                None if i32::try_from(value).is_ok() => Ty::I32,
                None => Ty::I64,
            }
        } else {
            let scalar = scalar_named(suffix, self.types.model())
                .filter(|&scalar| IntTy::of(scalar).is_some());
            let Some(scalar) = scalar else {
                return fail(span, format!("`{suffix}` is no suffix of an integer"));
            };
            self.types.scalar_ty(scalar)
        };
        let Some(int) = self.types.as_int(ty) else {
            return fail(span, "this is no integer's type");
        };
        let limit = match (negative, int.signed) {
            (true, true) => int.max() + 1,
            (true, false) => 0,
            (false, _) => int.max(),
        };
        if value > limit {
            let sign = if negative { "-" } else { "" };
            let message = format!("{sign}{value} does not fit into `{}`", self.types.name(ty));
            return fail(span, message);
        }
        let bits = if negative {
            value.wrapping_neg()
        } else {
            value
        };
        Ok(Expr::new(ty, span, ExprKind::Bits(bits)))
    }

    pub(super) fn float_literal(
        &mut self,
        digits: &str,
        suffix: &str,
        imaginary: bool,
        want: Wanted,
    ) -> Check<Expr> {
        let Wanted { span, expected } = want;
        if imaginary {
            let part = match expected.map(|ty| self.types.kind(ty)) {
                Some(&TyKind::Complex(part)) if part.is_float() => part,
                _ => Scalar::F64,
            };
            let part_ty = self.types.scalar_ty(part);
            let im = self.real_literal(digits, span, part_ty, false)?;
            let re = Expr::zero(part_ty, span);
            let ty = self.types.complex(part).at(span)?;
            return Ok(Expr::complex(ty, span, re, im));
        }
        if !suffix.is_empty() {
            let Some(scalar) =
                scalar_named(suffix, self.types.model()).filter(|scalar| scalar.is_float())
            else {
                return fail(
                    span,
                    format!("`{suffix}` is no suffix of a number with a point"),
                );
            };
            let ty = self.types.scalar_ty(scalar);
            return self.real_literal(digits, span, ty, false);
        }
        let wanted = expected.filter(|&ty| self.is_real(ty));
        self.real_literal(digits, span, wanted.unwrap_or(Ty::F64), false)
    }

    /// Whether a real number can be of type `ty`: a float, or a complex number of two.
    fn is_real(&self, ty: Ty) -> bool {
        match self.types.kind(ty) {
            TyKind::Complex(part) | TyKind::Scalar(part) => part.is_float(),
            _ => false,
        }
    }

    /// A real number as a float, or as a complex number with no imaginary part.
    fn real_literal(&mut self, digits: &str, span: Span, ty: Ty, negative: bool) -> Check<Expr> {
        if let &TyKind::Complex(part) = self.types.kind(ty) {
            let part_ty = self.types.scalar_ty(part);
            let re = self.real_literal(digits, span, part_ty, negative)?;
            let im = Expr::zero(part_ty, span);
            return Ok(Expr::complex(ty, span, re, im));
        }
        let Some(scalar) = self.types.as_float(ty) else {
            return fail(span, "this is no float's type");
        };
        let bits = float::to_bits(digits, scalar).map_err(|why| {
            Diagnostic::new(span, why).label(format!("it is a `{}`", self.types.name(ty)))
        })?;
        let sign = if negative { sign_bit(scalar) } else { 0 };
        Ok(Expr::new(ty, span, ExprKind::Bits(bits | sign)))
    }

    /// `complex(re, im)`: of the wanted type, else of the parts' own.
    pub(super) fn complex(
        &mut self,
        re: &'p ast::Expr,
        im: &'p ast::Expr,
        want: Wanted,
    ) -> Check<Expr> {
        let Wanted { span, expected } = want;
        let wanted = match expected.map(|ty| self.types.kind(ty)) {
            Some(&TyKind::Complex(part)) => Some(self.types.scalar_ty(part)),
            _ => None,
        };
        let re = match wanted {
            Some(part) => self.value(re, part)?,
            None => self.expr(re, Some(Ty::F64))?,
        };
        let im = self.value(im, re.ty)?;
        let Some(part) = self.types.as_scalar(re.ty) else {
            let name = self.types.name(re.ty);
            let message = format!("a complex number cannot be made of `{name}`");
            return fail(re.span, message);
        };
        let ty = self.types.complex(part).at(span)?;
        Ok(Expr::complex(ty, span, re, im))
    }

    /// `Name { member: value, .. }`; members left out are zero.
    pub(super) fn record_literal(
        &mut self,
        name: &ast::Ident,
        members: &'p [(ast::Ident, ast::Expr)],
        span: Span,
    ) -> Check<Expr> {
        let id = self.record_named(name)?;
        self.lay_out(id)?;
        let ty = self.types.record(id);
        if self.types.records[id.0].word == "union" && members.len() > 1 {
            let message = format!("a union holds one member at a time, not {}", members.len());
            return fail(span, message);
        }
        self.complete(ty, span)?;
        let mut seen = HashSet::new();
        let mut values = Vec::new();
        for (member, value) in members {
            let Some((path, member_ty)) = self.member(id, &member.name) else {
                let message = format!("`{}` has no member `{}`", self.types.name(ty), member.name);
                return fail(member.span, message);
            };
            if !seen.insert(path.clone()) {
                return fail(member.span, format!("`{}` is given twice", member.name));
            }
            if let TyKind::Array(_, None) = self.types.kind(member_ty) {
                return fail(member.span, "a flexible array cannot be given a value");
            }
            values.push((path, self.value(value, member_ty)?));
        }
        Ok(Expr::new(ty, span, ExprKind::Record(values)))
    }

    fn record_named(&mut self, name: &ast::Ident) -> Check<RecordId> {
        let ty = self.named_ty(&name.name, name.span)?;
        match *self.types.kind(ty) {
            TyKind::Record(id) => Ok(id),
            _ => fail(
                name.span,
                format!("this is no struct or union: `{}`", name.name),
            ),
        }
    }

    pub(super) fn array_literal(&mut self, elements: &'p [ast::Expr], want: Wanted) -> Check<Expr> {
        let span = want.span;
        let count = u64::try_from(elements.len()).unwrap_or(u64::MAX);
        let (element_ty, whole) = self.element_wanted(count, want)?;
        let mut values = Vec::new();
        let mut element_ty = element_ty;
        for element in elements {
            let value = match element_ty {
                Some(ty) => self.value(element, ty)?,
                None => {
                    let value = self.expr(element, None)?;
                    self.decay(value)?
                }
            };
            element_ty = Some(value.ty);
            values.push(value);
        }
        let Some(of) = element_ty else {
            return fail(span, "nothing says what this is an empty array of");
        };
        let ty = match whole {
            Some(ty) => ty,
            None => self.types.array(of, Some(count)).at(span)?,
        };
        Ok(Expr::new(ty, span, ExprKind::Elements(values)))
    }

    pub(super) fn repeat_literal(
        &mut self,
        element: &'p ast::Expr,
        count: &'p ast::Expr,
        want: Wanted,
    ) -> Check<Expr> {
        let span = want.span;
        let count = self.count(count, "an array's length")?;
        let (element_ty, whole) = self.element_wanted(count, want)?;
        let value = match element_ty {
            Some(ty) => self.value(element, ty)?,
            None => self.expr(element, None)?,
        };
        let ty = match whole {
            Some(ty) => ty,
            None => self.types.array(value.ty, Some(count)).at(span)?,
        };
        self.holdable(ty, span)?;
        Ok(Expr::new(
            ty,
            span,
            ExprKind::Repeat(Box::new(value), count),
        ))
    }

    /// The element's type and the whole type, when an array or vector is wanted.
    fn element_wanted(&mut self, count: u64, want: Wanted) -> Check<(Option<Ty>, Option<Ty>)> {
        let Wanted { span, expected } = want;
        let Some(ty) = expected else {
            return Ok((None, None));
        };
        let (element, wanted) = match *self.types.kind(ty) {
            TyKind::Array(element, Some(len)) => (element, len),
            TyKind::Vector(lane, lanes, _) => (self.types.scalar_ty(lane), u64::from(lanes)),
            TyKind::Pointer(element) if element != Ty::VOID => return Ok((Some(element), None)),
            _ => return Ok((None, None)),
        };
        if wanted != count {
            let name = self.types.name(ty);
            let message = format!("`{name}` has {wanted} elements, this has {count}");
            return fail(span, message);
        }
        Ok((Some(element), Some(ty)))
    }
}

/// The sign of a float, which is its topmost bit.
pub(super) fn sign_bit(scalar: Scalar) -> u128 {
    match scalar {
        Scalar::F16 | Scalar::BF16 => 1 << 15,
        Scalar::F32 => 1 << 31,
        Scalar::F64 => 1 << 63,
        Scalar::F80 => 1 << 79,
        _ => 1 << 127,
    }
}
