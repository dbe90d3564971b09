//! Numbers, complex numbers, records and arrays as literals. A literal takes the type that is
//! wanted of it; its own suffix comes first, and without either it is `i32` or `f64`.

use super::Session;
use super::function::Lowerer;
use super::value::{Address, Typed, ssa_type};
use crate::ast::{Expr, ExprKind, Ident, Number, UnaryOp, twice};
use crate::diag::{At, Check, Span, fail};
use crate::float;
use crate::types::Ty;
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};

/// Returns whether an integer of this width and sign can be `value`, or minus that.
fn holds((bits, signed): (u8, bool), value: u128, negative: bool) -> bool {
    let greatest = u128::MAX >> (128 - u32::from(bits) + u32::from(signed));
    match negative {
        true => value == 0 || signed && value <= greatest + 1,
        false => value <= greatest,
    }
}

impl Session<'_> {
    /// The type and the bits of a number, a bool or `null`. None for other expressions.
    pub(super) fn literal(
        &mut self,
        expr: &Expr,
        expected: Option<Ty>,
    ) -> Check<Option<(Ty, u128)>> {
        let is_int = |ty: &Ty| ty.is_int();
        let is_pointer = |ty: &Ty| ty.is_pointer_like();
        Ok(Some(match &expr.kind {
            ExprKind::Number(number) => self.number(number, false, expected, expr.span)?,
            // The least number of a type has no positive counterpart to negate.
            ExprKind::Unary(UnaryOp::Neg, inner) => match &inner.kind {
                ExprKind::Number(number) => self.number(number, true, expected, expr.span)?,
                _ => return Ok(None),
            },
            ExprKind::Char(byte) => {
                let ty = expected.filter(is_int).unwrap_or(Ty::U8);
                self.integer(false, (*byte).into(), ty, expr.span)?
            }
            ExprKind::Bool(value) => (Ty::BOOL, u128::from(*value)),
            ExprKind::Null => (expected.filter(is_pointer).unwrap_or(Ty::VOID_POINTER), 0),
            _ => return Ok(None),
        }))
    }

    fn number(
        &mut self,
        number: &Number,
        negative: bool,
        expected: Option<Ty>,
        span: Span,
    ) -> Check<(Ty, u128)> {
        let is_float = |ty: &Ty| ty.as_float().is_some();
        let ty = match (&*number.suffix, number.integer) {
            ("", Some(value)) => {
                let expected = expected.filter(|ty| ty.is_int() || is_float(ty));
                let is_small = i32::try_from(value).is_ok();
                expected.unwrap_or(if is_small { Ty::I32 } else { Ty::I64 })
            }
            ("", None) => expected.filter(is_float).unwrap_or(Ty::F64),
            (suffix, _) => match self.types.scalar_named(suffix) {
                Some(scalar) => self.types.scalar(scalar).at(span)?,
                None => Ty::Void,
            },
        };
        let sign = if negative { "-" } else { "" };
        if let Some(scalar) = ty.as_float() {
            let bits = float::to_bits(&format!("{sign}{}", number.digits), scalar);
            return Ok((ty, bits.at(span)?));
        }
        match number.integer {
            Some(value) if ty.is_int() => self.integer(negative, value, ty, span),
            _ => {
                let (text, digits) = (&number.suffix, &number.digits);
                fail(span, format!("`{text}` is no suffix of {digits}"))
            }
        }
    }

    /// The bits of an integer of the type `ty`.
    fn integer(&self, negative: bool, value: u128, ty: Ty, span: Span) -> Check<(Ty, u128)> {
        let sign = if negative { "-" } else { "" };
        match ty.as_int() {
            Some(int) if !holds(int, value, negative) => {
                self.wrong(span, ty, &format!("{sign}{value} does not fit into `{{}}`"))
            }
            _ if negative => Ok((ty, value.wrapping_neg())),
            _ => Ok((ty, value)),
        }
    }
}

impl<'p> Lowerer<'_, 'p, '_> {
    /// A number that the compiler knows: of the type that is wanted, if that can be `value`, else
    /// of its own.
    pub(super) fn known(
        &mut self,
        value: i128,
        own: Ty,
        expected: Option<Ty>,
        span: Span,
    ) -> Check<Typed> {
        let (negative, value) = (value < 0, value.unsigned_abs());
        let fits = |ty: &Ty| ty.as_int().is_some_and(|int| holds(int, value, negative));
        let ty = expected.filter(fits).unwrap_or(own);
        let (ty, bits) = self.s.integer(negative, value, ty, span)?;
        self.constant(ty, bits)
    }

    /// A number by its bits.
    pub(super) fn constant(&mut self, ty: Ty, bits: u128) -> Check<Typed> {
        if let Some(ssa) = ssa_type(ty) {
            return Ok(Typed::ssa(ty, self.bits(bits, ssa)));
        }
        // Values that Cranelift does not compute with live in memory.
        let address = self.temporary(ty)?;
        let words: &[_] = match self.s.types.size(ty) {
            2 => &[(0, types::I16)],
            _ => &[(0, types::I64), (8, types::I64)],
        };
        for (at, ssa) in words {
            let word = self.bits(bits >> (8 * at), *ssa);
            self.store_ssa(word, Address::from(address).plus(*at));
        }
        Ok(Typed::memory(ty, address))
    }

    pub(super) fn bits(&mut self, bits: u128, ssa: Type) -> Value {
        let unused = 64_u32.saturating_sub(ssa.bits());
        let [low, high] = [bits, bits >> 64].map(|bits| {
            let word = u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0);
            word << unused >> unused
        });
        match ssa {
            types::F32 => {
                let bits = u32::try_from(low).unwrap_or(0);
                self.ins().f32const(Ieee32::with_bits(bits))
            }
            types::F64 => self.ins().f64const(Ieee64::with_bits(low)),
            types::I128 => {
                let [low, high] =
                    [low, high].map(|word| self.ins().iconst(types::I64, word.cast_signed()));
                self.ins().iconcat(low, high)
            }
            _ => self.ins().iconst(ssa, low.cast_signed()),
        }
    }

    /// `complex(re, im)`: of the wanted type, else of the parts' own.
    pub(super) fn complex(
        &mut self,
        re: &'p Expr,
        im: &'p Expr,
        expected: Option<Ty>,
    ) -> Check<Typed> {
        let wanted = match expected {
            Some(Ty::Complex(part)) => Some(Ty::Scalar(part)),
            _ => None,
        };
        let real = match wanted {
            Some(part) => self.value(re, part)?,
            None => self.expr(re, Some(Ty::F64))?,
        };
        let imaginary = self.value(im, real.ty)?;
        let Ty::Scalar(part) = real.ty else {
            return self.wrong(re.span, real.ty, "a complex number cannot be made of `{}`");
        };
        let ty = self.s.types.complex(part).at(re.span)?;
        let (whole, size) = (self.new_place(ty, false)?, self.s.types.size(real.ty));
        for (offset, value) in [(0, real), (size, imaginary)] {
            let part = self.part(whole.clone(), offset, value.ty);
            self.write(&part, &value);
        }
        Ok(self.read(&whole))
    }

    /// `Name { member: value, .. }`; members left out are zero.
    pub(super) fn record_literal(
        &mut self,
        name: &Ident,
        members: &'p [(Ident, Expr)],
    ) -> Check<Typed> {
        let ty = self.s.named_ty(&name.name, name.span)?;
        let Ty::Record(id) = ty else {
            return self.wrong(name.span, ty, "this is no struct or union: `{}`");
        };
        self.complete(ty, name.span)?;
        if self.s.types.records[id].is_union && members.len() > 1 {
            let message = format!("a union holds one member at a time, not {}", members.len());
            return fail(name.span, message);
        }
        if let Some(Ident { name, span }) = twice(members.iter().map(|(name, _)| name)) {
            return fail(*span, format!("`{name}` is given twice"));
        }
        let record = self.new_place(ty, false)?;
        self.clear(&record);
        for (name, value) in members {
            let member = self.member(record.clone(), name)?;
            let value = self.value(value, member.ty)?;
            self.write(&member, &value);
        }
        Ok(self.read(&record))
    }

    /// `[a, b]`: of the wanted type, else of as many elements of the first's type.
    pub(super) fn array_literal(
        &mut self,
        elements: &'p [Expr],
        expected: Option<Ty>,
        span: Span,
    ) -> Check<Typed> {
        let wanted = expected.and_then(|ty| Some((ty, self.s.types.element(ty)?)));
        let mut values = Vec::new();
        let mut element = wanted.map(|(_, (element, _))| element);
        for value in elements {
            let value = match element {
                Some(element) => self.value(value, element)?,
                None => {
                    let value = self.expr(value, None)?;
                    self.decay(value)?
                }
            };
            element = Some(value.ty);
            values.push(value);
        }
        let Some(element) = element else {
            return fail(span, "nothing says what this is an empty array of");
        };
        let ty = match wanted {
            Some((ty, (_, len))) if len != elements.len() as u64 => {
                let message = format!("`{{}}` has {len} elements, this has {}", elements.len());
                return self.wrong(span, ty, &message);
            }
            Some((ty, _)) => ty,
            None => self
                .s
                .types
                .array(element, elements.len() as u64)
                .at(span)?,
        };
        let (address, size) = (self.temporary(ty)?, self.s.types.size(element));
        for (at, value) in (0..).zip(&values) {
            self.store(value, Address::from(address).plus(at * size));
        }
        Ok(Typed::memory(ty, address))
    }
}
