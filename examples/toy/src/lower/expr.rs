//! Expressions: one arm per kind, each a few lines or a call; literals; and the conversions that
//! happen silently. A literal takes the type that is wanted of it; its own suffix comes first, and
//! without either it is `i32` or `f64`.

use super::Meaning;
use super::function::Lowerer;
use super::value::{Typed, Val, ssa_type};
use crate::ast::{Expr, ExprKind, Ident, Number, UnaryOp, twice};
use crate::diag::{At, Check, fail};
use crate::float;
use crate::types::Ty;
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use cranelift_module::DataDescription;

impl<'p> Lowerer<'_, 'p, '_> {
    /// A refusal in which `{}` stands for the type.
    pub(super) fn wrong<T>(&self, ty: Ty, text: &str) -> Check<T> {
        fail(text.replace("{}", &self.s.types.name(ty)))
    }

    /// A value of type `ty`, converted to it where the language does so silently.
    pub(super) fn value(&mut self, expr: &'p Expr, ty: Ty) -> Check<Typed> {
        let value = self.expr(expr, Some(ty))?;
        self.coerce(value, ty).at(expr.span)
    }

    /// A value; `expected` is what literals turn into, and no more than a wish.
    pub(super) fn expr(&mut self, expr: &'p Expr, expected: Option<Ty>) -> Check<Typed> {
        self.expr_kind(expr, expected).at(expr.span)
    }

    fn expr_kind(&mut self, expr: &'p Expr, expected: Option<Ty>) -> Check<Typed> {
        match &expr.kind {
            ExprKind::Number(number) => self.number(number, false, expected),
            ExprKind::Bool(value) => self.constant(Ty::BOOL, u128::from(*value)),
            ExprKind::Null => {
                let ty = expected.filter(|ty| ty.is_pointer_like());
                self.constant(ty.unwrap_or(Ty::VOID_POINTER), 0)
            }
            ExprKind::Str(bytes) => self.string(bytes),
            ExprKind::Name(name) => self.name(name, expected),
            ExprKind::Unary(UnaryOp::AddressOf, place) => self.address_of(place),
            ExprKind::Unary(UnaryOp::Deref, _) | ExprKind::Index(..) | ExprKind::Field(..) => {
                let place = self.place(expr)?;
                Ok(self.read(&place))
            }
            ExprKind::Unary(op, operand) => match &operand.kind {
                // The least number of a type has no positive counterpart to negate.
                ExprKind::Number(number) if *op == UnaryOp::Neg => {
                    self.number(number, true, expected)
                }
                _ => self.unary(*op, operand, expected),
            },
            ExprKind::Binary(op, left, right) => self.binary(*op, left, right, expected),
            ExprKind::Call(call) => self.call(call),
            ExprKind::Cast(value, ty) => {
                let ty = self.s.object_ty(ty)?;
                let value = self.expr(value, Some(ty))?;
                self.cast(value, ty)
            }
            ExprKind::SizeOf(ty) => {
                let ty = self.s.object_ty(ty)?;
                self.known(self.s.types.size(ty).into(), Ty::U64, expected)
            }
            ExprKind::Complex(re, im) => self.complex(re, im, expected),
            ExprKind::Record(name, members) => self.record_literal(name, members),
            ExprKind::Array(elements) => self.array_literal(elements, expected),
            ExprKind::Closure(function) => self.closure(function),
        }
    }

    /// A variable, a function, or a constant.
    fn name(&mut self, name: &str, expected: Option<Ty>) -> Check<Typed> {
        if let Some(place) = self.local(name) {
            return Ok(self.read(&place));
        }
        match self.s.find_value(name)? {
            Some(Meaning::Function(id)) => self.function_value(id),
            Some(Meaning::Constant(ty, value)) => self.known(value, ty, expected),
            _ => fail(format!("there is no value called `{name}`")),
        }
    }

    fn string(&mut self, bytes: &[u8]) -> Check<Typed> {
        let module = &mut self.s.module;
        let data = module.declare_anonymous_data(false, false)?;
        let mut description = DataDescription::new();
        description.define([bytes, b"\0"].concat().into_boxed_slice());
        module.define_data(data, &description)?;
        let data = module.declare_data_in_func(data, self.builder.func);
        let address = self.ins().symbol_value(types::I64, data);
        Ok(Typed::ssa(Ty::BYTES, address))
    }

    fn number(&mut self, number: &Number, negative: bool, expected: Option<Ty>) -> Check<Typed> {
        let (suffix, is_float) = (&*number.suffix, |ty: &Ty| ty.as_float().is_some());
        let ty = match number.integer {
            _ if !suffix.is_empty() => match self.s.types.scalar_named(suffix) {
                Some(scalar) => self.s.types.scalar(scalar)?,
                None => Ty::Void,
            },
            Some(value) => {
                let expected = expected.filter(|ty| ty.is_int() || is_float(ty));
                let is_small = i32::try_from(value).is_ok();
                expected.unwrap_or(if is_small { Ty::I32 } else { Ty::I64 })
            }
            None => expected.filter(is_float).unwrap_or(Ty::F64),
        };
        let text = format!("{}{}", if negative { "-" } else { "" }, number.digits);
        match (ty.as_float(), number.integer) {
            (Some(scalar), _) => self.constant(ty, float::to_bits(&text, scalar)?),
            (_, Some(value)) if holds(ty, value, negative) => self.constant(
                ty,
                if negative {
                    value.wrapping_neg()
                } else {
                    value
                },
            ),
            (_, Some(_)) if ty.is_int() => self.wrong(ty, &format!("{text} does not fit `{{}}`")),
            _ => fail(format!("`{suffix}` is no suffix of {text}")),
        }
    }

    /// A number that the compiler knows: of the type that is wanted, if that can be `value`, else
    /// of its own.
    fn known(&mut self, value: i128, own: Ty, expected: Option<Ty>) -> Check<Typed> {
        let fits = |ty: &Ty| holds(*ty, value.unsigned_abs(), value < 0);
        self.constant(expected.filter(fits).unwrap_or(own), value.cast_unsigned())
    }

    /// A number by its bits.
    fn constant(&mut self, ty: Ty, bits: u128) -> Check<Typed> {
        if let Some(ssa) = ssa_type(ty) {
            return Ok(Typed::ssa(ty, self.bits(bits, ssa)));
        }
        // Values that Cranelift does not compute with live in memory.
        let address = self.temporary(ty)?;
        match self.s.types.size(ty) {
            2 => {
                let half = self.bits(bits, types::I16);
                self.store_ssa(half, address, 0);
            }
            _ => {
                for at in [0, 8] {
                    let word = self.bits(bits >> (8 * at), types::I64);
                    self.store_ssa(word, address, at);
                }
            }
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
                let [low, high] = [low, high].map(|word| self.bits(word.into(), types::I64));
                self.ins().iconcat(low, high)
            }
            _ => self.ins().iconst(ssa, low.cast_signed()),
        }
    }

    /// `complex(re, im)`: of the wanted type, else of the parts' own.
    fn complex(&mut self, re: &'p Expr, im: &'p Expr, expected: Option<Ty>) -> Check<Typed> {
        let real = match expected {
            Some(Ty::Complex(part)) => self.value(re, Ty::Scalar(part))?,
            _ => self.expr(re, Some(Ty::F64))?,
        };
        let imaginary = self.value(im, real.ty)?;
        let Ty::Scalar(part) = real.ty else {
            return self.wrong(real.ty, "a complex number cannot be made of `{}`");
        };
        let ty = self.s.types.complex(part)?;
        let (whole, size) = (self.new_place(ty, false)?, self.s.types.size(real.ty));
        for (offset, value) in [(0, real), (size, imaginary)] {
            let part = self.part(whole.clone(), offset, value.ty);
            self.write(&part, &value);
        }
        Ok(self.read(&whole))
    }

    /// `Name { member: value, .. }`; members left out are zero.
    fn record_literal(&mut self, name: &Ident, members: &'p [(Ident, Expr)]) -> Check<Typed> {
        let ty = self.s.named_ty(&name.name)?;
        let Ty::Record(id) = self.s.object(ty)? else {
            return self.wrong(ty, "this is no struct or union: `{}`");
        };
        if self.s.types.records[id].is_union && members.len() > 1 {
            return fail(format!(
                "a union holds one member at a time, not {}",
                members.len()
            ));
        }
        twice(members.iter().map(|(name, _)| name))?;
        let record = self.new_place(ty, false)?;
        self.clear(&record);
        for (name, value) in members {
            let member = self.member(record.clone(), name).at(name.span)?;
            let value = self.value(value, member.ty)?;
            self.write(&member, &value);
        }
        Ok(self.read(&record))
    }

    /// `[a, b]`: of the wanted type, else of as many elements of the first's type.
    fn array_literal(&mut self, elements: &'p [Expr], expected: Option<Ty>) -> Check<Typed> {
        let len = elements.len() as u64;
        let wanted = expected.and_then(|ty| self.s.types.element(ty));
        let (mut values, mut element) = (Vec::new(), wanted.map(|(element, _)| element));
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
            return fail("nothing says what this is an empty array of");
        };
        if let Some((_, wanted)) = wanted.filter(|(_, wanted)| *wanted != len) {
            return fail(format!(
                "an array of {wanted} elements is expected, this has {len}"
            ));
        }
        let ty = self.s.types.array(element, len)?;
        let (address, size) = (self.temporary(ty)?, self.s.types.size(element));
        for (at, value) in (0..).zip(&values) {
            let address = self.plus(address, at * size);
            self.store(value, address);
        }
        Ok(Typed::memory(ty, address))
    }

    /// The value of what is one SSA value.
    pub(super) fn value_of(&self, value: &Typed) -> Check<Value> {
        match &value.val {
            Val::Scalars(values) if ssa_type(value.ty).is_some() => Ok(values[0]),
            _ => self.wrong(value.ty, "`{}` has no value to work with"),
        }
    }

    pub(super) fn expr_ssa(&mut self, expr: &'p Expr, ty: Ty) -> Check<Value> {
        let value = self.value(expr, ty)?;
        self.value_of(&value)
    }

    /// An array as a pointer to its first element; other values stay what they are.
    pub(super) fn decay(&mut self, value: Typed) -> Check<Typed> {
        let ty = self.s.types.decayed(value.ty);
        if ty == value.ty {
            return Ok(value);
        }
        self.uses.has_pointers = true;
        Ok(Typed::ssa(ty, self.in_memory(&value)?))
    }

    /// `value` as a `ty`, if the language converts silently: any pointer to and from `*void`, `*i8`
    /// to and from `*u8`, an array to a pointer to its first element.
    pub(super) fn coerce(&mut self, value: Typed, ty: Ty) -> Check<Typed> {
        let value = match ty {
            Ty::Pointer(_) => self.decay(value)?,
            _ => value,
        };
        let is_byte = |ty: Ty| matches!(ty.as_int(), Some((8, _)));
        let are_pointers = value.ty.is_pointer_like() && ty.is_pointer_like();
        let silent = match (self.s.types.pointee(value.ty), self.s.types.pointee(ty)) {
            (Some(Ty::Void), _) | (_, Some(Ty::Void)) => are_pointers,
            (Some(a), Some(b)) => is_byte(a) && is_byte(b),
            _ => false,
        };
        if !silent && value.ty != ty {
            let [found, name] = [value.ty, ty].map(|ty| self.s.types.name(ty));
            let is_number = |ty: Ty| ty.is_int() || ty.as_float().is_some();
            let advice = match is_number(value.ty) && is_number(ty) {
                true => ": numbers are converted by `as`",
                false => "",
            };
            return fail(format!("expected `{name}`, found `{found}`{advice}"));
        }
        Ok(Typed { ty, ..value })
    }
}

/// Returns whether an integer of the type `ty` can be `value`, or minus that.
fn holds(ty: Ty, value: u128, negative: bool) -> bool {
    ty.as_int().is_some_and(|(bits, signed)| {
        let greatest = u128::MAX >> (128 - u32::from(bits) + u32::from(signed));
        match negative {
            true => value == 0 || signed && value <= greatest + 1,
            false => value <= greatest,
        }
    })
}
