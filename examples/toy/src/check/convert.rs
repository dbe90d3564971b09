//! Conversions: the few that happen silently (a pointer to and from `*void`, `*i8` to and from `*u8`, an array to a pointer to its
//! first element, `null`), and those that `as` asks for.

use super::{Check, Checker};
use crate::diag::{At, Diagnostic, Span, fail};
use crate::typed::{Expr, ExprKind, Place, PlaceKind};
use crate::types::{FnTy, IntTy, Ty, TyKind};
use cabi::Scalar;
use std::collections::HashSet;

/// Greater values do not fit on a stack.
const MAX_VALUE: u64 = 1 << 20;

/// What a scalar is, as far as conversions care.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Number {
    Bool,
    Int(IntTy),
    /// `f32` or `f64`, for which there are instructions.
    Hard,
    /// A float without instructions.
    Soft,
}

impl Checker<'_> {
    /// `value` as a `ty`, if the language converts silently.
    pub(super) fn coerce(&mut self, value: Expr, ty: Ty) -> Check<Expr> {
        if value.ty == ty {
            return Ok(value);
        }
        let value = match self.types.kind(ty) {
            TyKind::Pointer(_) => self.decay(value)?,
            _ => value,
        };
        let (from, span) = (value.ty, value.span);
        let silent = match (self.types.kind(from), self.types.kind(ty)) {
            (TyKind::Null, TyKind::Pointer(_) | TyKind::Fn(_)) => true,
            (TyKind::Pointer(a), TyKind::Pointer(b)) if *a == Ty::VOID || *b == Ty::VOID => true,
            _ => self.same_but_for_char(from, ty),
        };
        if from == ty {
            return Ok(value);
        }
        if silent {
            return Ok(value.convert(ty, span));
        }
        let (name, to) = (self.types.name(ty), self.types.name(from));
        let message = format!("expected `{name}`, found `{to}`");
        let mut diagnostic = Diagnostic::new(span, message);
        if self.as_number(from).is_some() && self.as_number(ty).is_some_and(|to| to != Number::Bool)
        {
            diagnostic = diagnostic.note(format!(
                "numbers are converted by `as {}`",
                self.types.name(ty)
            ));
        }
        Err(diagnostic)
    }

    /// Whether both are pointers or function types that differ only in `i8` and `u8` as what pointers point to. C's `char` by value is a number,
    /// but `char *` points to text, which is of `u8` here: a program may write either.
    fn same_but_for_char(&self, a: Ty, b: Ty) -> bool {
        // Function types share their parts: each pair is looked at once. A pair beside a value has to be the same type.
        let mut pairs = vec![(a, b)];
        let mut seen = HashSet::new();
        while let Some((a, b)) = pairs.pop() {
            if a == b || !seen.insert((a, b)) {
                continue;
            }
            match (self.types.kind(a), self.types.kind(b)) {
                (&TyKind::Pointer(a), &TyKind::Pointer(b)) => {
                    if !(self.is_byte(a) && self.is_byte(b)) {
                        pairs.push((a, b));
                    }
                }
                (TyKind::Fn(_), TyKind::Fn(_)) => {
                    let (Some(a), Some(b)) = (self.types.as_fn(a), self.types.as_fn(b)) else {
                        return false;
                    };
                    let of = |ty: &FnTy| (ty.params.len(), ty.variadic, ty.convention);
                    if of(&a) != of(&b) {
                        return false;
                    }
                    pairs.extend(a.params.iter().copied().zip(b.params.iter().copied()));
                    pairs.push((a.result, b.result));
                }
                _ => return false,
            }
        }
        true
    }

    /// Whether it is `i8` or `u8`.
    fn is_byte(&self, ty: Ty) -> bool {
        matches!(
            self.types.kind(ty),
            TyKind::Scalar(Scalar::Int { bits: 8, .. })
        )
    }

    /// An array as a pointer to its first element; other values stay what they are.
    pub(super) fn decay(&mut self, value: Expr) -> Check<Expr> {
        let TyKind::Array(element, _) = *self.types.kind(value.ty) else {
            return Ok(value);
        };
        let (ty, span) = (value.ty, value.span);
        let mut value = value;
        let array = match std::mem::replace(&mut value.kind, ExprKind::Bits(0)) {
            ExprKind::Load(place) => *place,
            kind => {
                value.kind = kind;
                let kind = PlaceKind::Temporary(Box::new(value));
                Place::new(ty, kind)
            }
        };
        let zero = Expr::zero(Ty::U64, span);
        let first = Place::new(element, PlaceKind::Element(Box::new(array), Box::new(zero)));
        self.point(first, element, span)
    }

    /// `value as ty`
    pub(super) fn cast(&mut self, value: Expr, ty: Ty, span: Span) -> Check<Expr> {
        if value.ty == ty {
            let mut value = value;
            value.span = span;
            return Ok(value);
        }
        let value = self.decay(value)?;
        let from = value.ty;
        if let (Some(a), Some(b)) = (self.as_number(from), self.as_number(ty)) {
            return self.cast_number(value, a, b, ty, span);
        }
        if let &TyKind::Complex(part) = self.types.kind(ty) {
            let part = self.types.scalar_ty(part);
            if self.as_number(from).is_some() {
                let re = self.cast(value, part, span)?;
                let im = Expr::zero(part, span);
                return Ok(Expr::complex(ty, span, re, im));
            }
            if matches!(self.types.kind(from), TyKind::Complex(_)) {
                return self.cast_complex(value, part, ty, span);
            }
        }
        let address = |ty: Ty| {
            self.types.is_pointer_like(ty)
                || ty == Ty::NULL
                || self.types.as_int(ty).is_some_and(|int| int.bits <= 64)
        };
        let pointers =
            self.types.is_pointer_like(from) || self.types.is_pointer_like(ty) || from == Ty::NULL;
        if pointers && address(from) && address(ty) {
            return Ok(value.convert(ty, span));
        }
        Err(self.no_cast(from, ty, span))
    }

    fn no_cast(&self, from: Ty, ty: Ty, span: Span) -> Diagnostic {
        let (name, to) = (self.types.name(from), self.types.name(ty));
        let message = format!("`{name}` cannot be converted to `{to}`");
        Diagnostic::new(span, message)
    }

    fn cast_number(
        &mut self,
        value: Expr,
        from: Number,
        to: Number,
        ty: Ty,
        span: Span,
    ) -> Check<Expr> {
        let narrow = |number| !matches!(number, Number::Int(int) if int.bits > 64);
        match (from, to) {
            (_, Number::Bool) => Err(self
                .no_cast(value.ty, ty, span)
                .note("compare with zero instead: `x != 0`")),
            (Number::Bool | Number::Int(_), Number::Int(_)) => Ok(value.convert(ty, span)),
            // There are instructions.
            (Number::Bool | Number::Int(_) | Number::Hard, Number::Hard)
            | (Number::Hard, Number::Int(_))
                if narrow(from) && narrow(to) =>
            {
                Ok(value.convert(ty, span))
            }
            (Number::Bool, Number::Soft) => {
                let number = value.convert(Ty::I64, span);
                self.runtime_to_float(number, ty, span)
            }
            (_, Number::Hard | Number::Soft) => {
                let value = match self.types.kind(value.ty) {
                    TyKind::Enum(_) => self.cast(value, Ty::I64, span)?,
                    _ => value,
                };
                self.runtime_to_float(value, ty, span)
            }
            (Number::Hard | Number::Soft, Number::Int(_)) => {
                let integer = self.runtime_to_i128(value, span)?;
                Ok(integer.convert(ty, span))
            }
        }
    }

    /// Part by part; the value is mentioned twice, so it has to be a variable.
    fn cast_complex(&mut self, value: Expr, part: Ty, ty: Ty, span: Span) -> Check<Expr> {
        let (ExprKind::Load(place), TyKind::Complex(from)) =
            (&value.kind, self.types.kind(value.ty).clone())
        else {
            return fail(span, "only a complex number in a variable can be converted");
        };
        let PlaceKind::Local(id) = place.kind else {
            return fail(span, "only a complex number in a variable can be converted");
        };
        let from = self.types.scalar(from).at(span)?;
        let [re, im] = [PlaceKind::Real, PlaceKind::Imaginary].map(|part_of| {
            let whole = Box::new(self.local_place(id, span)?);
            let loaded = self.load(Place::new(from, part_of(whole)), span)?;
            self.cast(loaded, part, span)
        });
        Ok(Expr::complex(ty, span, re?, im?))
    }

    fn as_number(&self, ty: Ty) -> Option<Number> {
        let scalar = self.types.as_scalar(ty)?;
        match scalar {
            Scalar::Bool => Some(Number::Bool),
            Scalar::F32 | Scalar::F64 => Some(Number::Hard),
            _ if scalar.is_float() => Some(Number::Soft),
            _ => IntTy::of(scalar).map(Number::Int),
        }
    }

    /// Refuses values that no stack could hold.
    pub(super) fn holdable(&self, ty: Ty, span: Span) -> Check<()> {
        let size = self.types.size(ty);
        if size <= MAX_VALUE {
            return Ok(());
        }
        let name = self.types.name(ty);
        let message = format!("`{name}` has {size} bytes, too many for a value");
        Err(Diagnostic::new(span, message).note(format!(
            "up to {MAX_VALUE} bytes fit; use `malloc` and a pointer for more"
        )))
    }
}
