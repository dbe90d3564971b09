//! Numbers, complex numbers, records and arrays as literals. A literal takes the type that is wanted of
//! it; its own suffix comes first, and without either it is `i32` or `f64`.

use super::function::Lowerer;
use super::value::{Address, Place, Target, Typed, Val};
use crate::ast::{Expr, ExprKind, Ident};
use crate::diag::{At, Check, Diagnostic, Span, fail};
use crate::float;
use crate::types::{Ty, TyKind, holds, scalar_named};
use cabi::Scalar;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{BlockArg, InstBuilder, types};
use std::collections::HashSet;

/// Up to so many elements are stored one by one, more in a loop.
const MAX_UNROLLED: u64 = 16;

impl<'p> Lowerer<'_, 'p, '_> {
    /// A small number, a pointer or a bool.
    pub(super) fn number(&mut self, value: i64, ty: Ty) -> Typed {
        let ssa = self.ssa_type(ty).unwrap_or(types::I64);
        let val = Val::Ssa(self.ins().iconst(ssa, value));
        Typed { ty, val }
    }

    /// An integer or a value of an enum.
    pub(super) fn integer(&mut self, value: i128, ty: Ty, span: Span) -> Check<Typed> {
        let int = match self.s.types.as_scalar(ty) {
            Some(Scalar::Int { bits, signed }) => (bits, signed),
            _ => {
                return self.wrong(span, ty, "`{}` is no integer's type");
            }
        };
        if !holds(int, value) {
            return fail(
                span,
                format!("{value} does not fit into `{}`", self.s.types.name(ty)),
            );
        }
        Ok(self.bits(value.cast_unsigned(), ty))
    }

    /// A number that is one SSA value, by its bits.
    fn bits(&mut self, bits: u128, ty: Ty) -> Typed {
        let bytes = bits.to_le_bytes();
        let [low, high] = [0, 8].map(|at| {
            bytes[at..at + 8]
                .iter()
                .rfold(0_u64, |all, byte| all << 8 | u64::from(*byte))
        });
        let ssa = self.ssa_type(ty).unwrap_or(types::I64);
        let value = match ssa {
            types::F32 => self
                .ins()
                .f32const(Ieee32::with_bits(u32::try_from(low).unwrap_or(0))),
            types::F64 => self.ins().f64const(Ieee64::with_bits(low)),
            types::I128 => {
                let [low, high] =
                    [low, high].map(|word| self.ins().iconst(types::I64, word.cast_signed()));
                self.ins().iconcat(low, high)
            }
            _ => {
                let unused = 64_u32.saturating_sub(ssa.bits());
                self.ins()
                    .iconst(ssa, (low << unused >> unused).cast_signed())
            }
        };
        Typed::ssa(ty, value)
    }

    pub(super) fn int_literal(
        &mut self,
        (value, negative): (u128, bool),
        suffix: &str,
        expected: Option<Ty>,
        span: Span,
    ) -> Check<Typed> {
        if suffix.is_empty() && expected.is_some_and(|ty| self.s.types.as_float(ty).is_some()) {
            return self.float_literal((&value.to_string(), negative), "", expected, span);
        }
        let fits = |ty: &Ty| self.s.types.as_int(*ty).is_some();
        let ty = match suffix {
            "" if i32::try_from(value).is_ok() => expected.filter(fits).unwrap_or(Ty::I32),
            "" => expected.filter(fits).unwrap_or(Ty::I64),
            _ => scalar_named(suffix, self.s.types.model())
                .map_or(Ty::VOID, |scalar| self.s.types.scalar_ty(scalar)),
        };
        let Some((bits, signed)) = self.s.types.as_int(ty) else {
            return fail(span, format!("`{suffix}` is no suffix of an integer"));
        };
        let greatest = u128::MAX >> (128 - u32::from(bits) + u32::from(signed));
        let limit = match (negative, signed) {
            (true, true) => greatest + 1,
            (true, false) => 0,
            (false, _) => greatest,
        };
        if value > limit {
            let sign = if negative { "-" } else { "" };
            return fail(
                span,
                format!(
                    "{sign}{value} does not fit into `{}`",
                    self.s.types.name(ty)
                ),
            );
        }
        Ok(self.bits(
            if negative {
                value.wrapping_neg()
            } else {
                value
            },
            ty,
        ))
    }

    pub(super) fn float_literal(
        &mut self,
        (digits, negative): (&str, bool),
        suffix: &str,
        expected: Option<Ty>,
        span: Span,
    ) -> Check<Typed> {
        let ty = match suffix {
            "" => expected
                .filter(|ty| self.s.types.as_float(*ty).is_some())
                .unwrap_or(Ty::F64),
            _ => match scalar_named(suffix, self.s.types.model()) {
                Some(scalar) => self.s.types.scalar(scalar).at(span)?,
                None => Ty::VOID,
            },
        };
        let Some(scalar) = self.s.types.as_float(ty) else {
            return fail(
                span,
                format!("`{suffix}` is no suffix of a number with a point"),
            );
        };
        let bits = float::to_bits(digits, scalar).at(span)?
            | if negative { float::sign_bit(scalar) } else { 0 };
        if self.ssa_type(ty).is_some() {
            return Ok(self.bits(bits, ty));
        }
        // What Cranelift does not compute with lives in memory.
        let address = self.temporary(ty)?;
        let size = self.s.types.size(ty);
        self.zero(address.into(), size);
        let part = if size == 2 {
            (Ty::I32, types::I16)
        } else {
            (Ty::U64, types::I64)
        };
        for (at, shift) in (0..size).step_by(8).zip([0, 64]) {
            let word = self.bits(bits >> shift & u128::from(u64::MAX), part.0);
            let word = self.ssa(&word, span)?;
            let word = self.fit(word, part.1, false);
            self.store_ssa(word, Address::from(address).plus(at));
        }
        Ok(Typed::memory(ty, address))
    }

    /// A size is `u64`, or the integer that is wanted.
    pub(super) fn size(&mut self, size: u64, expected: Option<Ty>, span: Span) -> Check<Typed> {
        let expected = expected.filter(|ty| self.s.types.as_int(*ty).is_some());
        self.integer(size.into(), expected.unwrap_or(Ty::U64), span)
    }

    /// `complex(re, im)`: of the wanted type, else of the parts' own.
    pub(super) fn complex(
        &mut self,
        re: &'p Expr,
        im: &'p Expr,
        expected: Option<Ty>,
        span: Span,
    ) -> Check<Typed> {
        let wanted = match expected.map(|ty| self.s.types.kind(ty)) {
            Some(&TyKind::Complex(part)) => Some(self.s.types.scalar_ty(part)),
            _ => None,
        };
        let real = match wanted {
            Some(part) => self.value(re, part)?,
            None => self.expr(re, Some(Ty::F64))?,
        };
        let imaginary = self.value(im, real.ty)?;
        let part = match self.s.types.as_scalar(real.ty) {
            Some(part) => part,
            None => {
                return self.wrong(re.span, real.ty, "a complex number cannot be made of `{}`");
            }
        };
        let ty = self.s.types.complex(part).at(span)?;
        if let (Val::Ssa(re), Val::Ssa(im)) = (&real.val, &imaginary.val) {
            return Ok(Typed {
                ty,
                val: Val::Fields([*re, *im].into()),
            });
        }
        let address = self.temporary(ty)?;
        for (at, value) in [(0, real), (self.s.types.size(imaginary.ty), imaginary)] {
            self.store(value.val, Address::from(address).plus(at), value.ty);
        }
        Ok(Typed::memory(ty, address))
    }

    pub(super) fn record_ty(&mut self, name: &Ident) -> Check<Ty> {
        let ty = self.s.named_ty(&name.name, name.span)?;
        match *self.s.types.kind(ty) {
            TyKind::Record(_) => self.complete(ty, name.span).map(|()| ty),
            _ => fail(
                name.span,
                format!("this is no struct or union: `{}`", name.name),
            ),
        }
    }

    /// `Name { member: value, .. }`; members left out are zero.
    pub(super) fn record_literal(
        &mut self,
        name: &Ident,
        members: &'p [(Ident, Expr)],
        span: Span,
    ) -> Check<Typed> {
        let ty = self.record_ty(name)?;
        let Some(fields) = self.fields(ty) else {
            let address = self.temporary(ty)?;
            self.record_into(members, ty, address.into(), span)?;
            return Ok(Typed::memory(ty, address));
        };
        // Each scalar is a variable for a moment.
        let variables = fields
            .iter()
            .map(|field| self.builder.declare_var(field.ssa))
            .collect();
        let target = Target::Fields(variables);
        let zero = self.zero_value(ty);
        self.write(&target, zero.val, ty, span)?;
        self.members(
            members,
            Place {
                ty,
                target: target.clone(),
            },
        )?;
        Ok(Typed {
            ty,
            val: self.read(&target, ty),
        })
    }

    /// All bytes zero, of what need not be in memory.
    pub(super) fn zero_value(&mut self, ty: Ty) -> Typed {
        let Some(fields) = self.fields(ty) else {
            return self.bits(0, ty);
        };
        let scalars: Vec<Val> = fields
            .iter()
            .map(|field| self.bits(0, field.ty).val)
            .collect();
        let scalars = scalars.iter().filter_map(|value| match value {
            Val::Ssa(value) => Some(*value),
            _ => None,
        });
        Typed {
            ty,
            val: Val::Fields(scalars.collect()),
        }
    }

    /// The same at an address.
    pub(super) fn record_into(
        &mut self,
        members: &'p [(Ident, Expr)],
        ty: Ty,
        address: Address,
        span: Span,
    ) -> Check<()> {
        if let TyKind::Record(id) = *self.s.types.kind(ty)
            && self.s.types.records[id].is_union
            && members.len() > 1
        {
            return fail(
                span,
                format!("a union holds one member at a time, not {}", members.len()),
            );
        }
        self.zero(address, self.s.types.size(ty));
        let target = Target::Memory(address);
        self.members(members, Place { ty, target })
    }

    fn members(&mut self, members: &'p [(Ident, Expr)], record: Place) -> Check<()> {
        let mut seen = HashSet::new();
        for (name, value) in members {
            if !seen.insert(&name.name) {
                return fail(name.span, format!("`{}` is given twice", name.name));
            }
            let place = self.member(record.clone(), name)?;
            match place.target {
                Target::Memory(address) => self.value_into(value, place.ty, address)?,
                target => {
                    let value = self.value(value, place.ty)?;
                    self.write(&target, value.val, place.ty, name.span)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn array_literal(
        &mut self,
        elements: &'p [Expr],
        expected: Option<Ty>,
        span: Span,
    ) -> Check<Typed> {
        if let Some(ty) =
            expected.filter(|ty| self.element(*ty).is_some_and(|(_, len)| len.is_some()))
        {
            let address = self.temporary(ty)?;
            self.array_into(elements, ty, address.into(), span)?;
            return Ok(Typed::memory(ty, address));
        }
        let Some((first, rest)) = elements.split_first() else {
            return fail(span, "nothing says what this is an empty array of");
        };
        let element = expected
            .and_then(|ty| self.s.types.pointee(ty))
            .filter(|to| *to != Ty::VOID);
        let value = match element {
            Some(ty) => self.value(first, ty)?,
            None => self.expr(first, None)?,
        };
        let value = self.decay(value)?;
        let ty = self
            .s
            .types
            .array(value.ty, Some(elements.len() as u64))
            .at(span)?;
        let address = self.temporary(ty)?;
        self.store(value.val, address.into(), value.ty);
        let size = self.s.types.size(value.ty);
        for (at, other) in (1..).zip(rest) {
            self.value_into(other, value.ty, Address::from(address).plus(at * size))?;
        }
        Ok(Typed::memory(ty, address))
    }

    /// The element and the length of an array or vector.
    fn element(&self, ty: Ty) -> Option<(Ty, Option<u64>)> {
        match *self.s.types.kind(ty) {
            TyKind::Array(element, len) => Some((element, len)),
            TyKind::Vector(lane, lanes) => Some((self.s.types.scalar_ty(lane), Some(lanes.into()))),
            _ => None,
        }
    }

    pub(super) fn array_into(
        &mut self,
        elements: &'p [Expr],
        ty: Ty,
        address: Address,
        span: Span,
    ) -> Check<()> {
        let Some((element, Some(len))) = self.element(ty) else {
            return self.wrong(span, ty, "expected `{}`, found an array");
        };
        if len != elements.len() as u64 {
            return fail(
                span,
                format!(
                    "`{}` has {len} elements, this has {}",
                    self.s.types.name(ty),
                    elements.len()
                ),
            );
        }
        let size = self.s.types.size(element);
        for (at, value) in (0..).zip(elements) {
            self.value_into(value, element, address.plus(at * size))?;
        }
        Ok(())
    }

    pub(super) fn repeat_literal(
        &mut self,
        element: &'p Expr,
        count: &'p Expr,
        expected: Option<Ty>,
        span: Span,
    ) -> Check<Typed> {
        let count = self.s.count(count)?;
        let known =
            expected.filter(|ty| self.element(*ty).is_some_and(|(_, len)| len == Some(count)));
        let value = match known.and_then(|ty| self.element(ty)) {
            Some((ty, _)) => self.value(element, ty)?,
            None => self.expr(element, None)?,
        };
        let ty = match known {
            Some(ty) => ty,
            None => self.s.types.array(value.ty, Some(count)).at(span)?,
        };
        let (address, size) = (self.temporary(ty)?, self.s.types.size(value.ty));
        let array = Typed::memory(ty, address);
        if count <= MAX_UNROLLED {
            for at in 0..count {
                self.store(
                    value.val.clone(),
                    Address::from(address).plus(at * size),
                    value.ty,
                );
            }
            return Ok(array);
        }
        if matches!(element.kind, ExprKind::Int(0, _)) {
            self.zero(address.into(), self.s.types.size(ty));
            return Ok(array);
        }
        let end = self.address(Address::from(address).plus(count * size));
        let [body, after] = [(); 2].map(|()| self.builder.create_block());
        let cursor = self.builder.append_block_param(body, types::I64);
        self.ins().jump(body, &[BlockArg::Value(address)]);
        self.builder.switch_to_block(body);
        self.store(value.val, cursor.into(), value.ty);
        let next = self.address(Address::from(cursor).plus(size));
        let more = self.ins().icmp(IntCC::UnsignedLessThan, next, end);
        self.ins()
            .brif(more, body, &[BlockArg::Value(next)], after, &[]);
        self.builder.seal_block(body);
        self.begin(after);
        Ok(array)
    }

    /// A diagnostic for what has no operator.
    pub(super) fn no_operator(&self, symbol: &str, ty: Ty, span: Span) -> Diagnostic {
        let name = self.s.types.name(ty);
        let why = Diagnostic::new(span, format!("`{symbol}` is not available for `{name}`"));
        match self.s.types.kind(ty) {
            TyKind::Record(_) => {
                why.note("structs and unions are compared and combined by their members")
            }
            TyKind::Enum(_) => why.note("an enum is computed with as an integer: `e as i32`"),
            _ => why,
        }
    }
}
