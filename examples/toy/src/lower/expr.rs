//! Expressions: one arm per kind, each a few lines or a call; and the conversions that happen
//! silently.

use super::function::Lowerer;
use super::value::{Operand, Val, ssa_type};
use super::{Meaning, Session};
use crate::ast::{Expr, ExprKind, Ident, UnaryOp, twice};
use crate::diag::{AtPlace, Check, fail};
use crate::types::Ty;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_module::DataDescription;

impl<'p> Lowerer<'_, 'p, '_> {
    pub(super) fn wrong<T>(&self, ty: Ty, text: &str) -> Check<T> {
        self.s.wrong(ty, text)
    }

    /// Lowers an expression to a value of type `ty`, which the language may convert silently.
    pub(super) fn value(&mut self, expr: &'p Expr, ty: Ty) -> Check<Operand> {
        let value = self.expr(expr, Some(ty))?;
        self.coerce(value, ty).at(expr.start)
    }

    /// Lowers an expression. Literals take the type `expected` if they can; other values may have
    /// another type.
    pub(super) fn expr(&mut self, expr: &'p Expr, expected: Option<Ty>) -> Check<Operand> {
        self.expr_kind(expr, expected).at(expr.start)
    }

    fn expr_kind(&mut self, expr: &'p Expr, expected: Option<Ty>) -> Check<Operand> {
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
            ExprKind::Call(callee, args) => self.call(callee, args),
            ExprKind::Cast(value, ty) => {
                let ty = self.s.object_ty(ty)?;
                let value = self.expr(value, Some(ty))?;
                self.convert(value, ty)
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

    /// Lowers a name: a variable, a function, or a constant.
    fn name(&mut self, name: &str, expected: Option<Ty>) -> Check<Operand> {
        if let Some(place) = self.local(name) {
            return Ok(self.read(&place));
        }
        match self.s.find(name, Session::c_value)? {
            Some(Meaning::Function(id)) => self.function_value(id),
            Some(Meaning::Constant(ty, value)) => self.known(value, ty, expected),
            _ => fail(format!("there is no value called `{name}`")),
        }
    }

    fn string(&mut self, bytes: &[u8]) -> Check<Operand> {
        let module = &mut self.s.module;
        let data = module.declare_anonymous_data(false, false)?;
        let mut description = DataDescription::new();
        description.define([bytes, b"\0"].concat().into_boxed_slice());
        module.define_data(data, &description)?;
        let data = module.declare_data_in_func(data, self.builder.func);
        let address = self.ins().symbol_value(types::I64, data);
        Ok(Operand::ssa(Ty::BYTES, address))
    }

    /// Lowers `complex(re, im)`, of the wanted type, else of the parts' own.
    fn complex(&mut self, re: &'p Expr, im: &'p Expr, expected: Option<Ty>) -> Check<Operand> {
        let real = match expected {
            Some(Ty::Complex(part)) => self.value(re, Ty::Scalar(part))?,
            _ => self.expr(re, Some(Ty::F64))?,
        };
        let imaginary = self.value(im, real.ty)?;
        let Ty::Scalar(part) = real.ty else {
            return self.wrong(real.ty, "a complex number cannot be made of `{}`");
        };
        let ty = self.s.types.complex(part)?;
        self.whole(ty, [real, imaginary])
    }

    /// Returns a value of type `ty` with these elements.
    fn whole(&mut self, ty: Ty, elements: impl IntoIterator<Item = Operand>) -> Check<Operand> {
        let whole = self.new_place(ty, false)?;
        for (at, value) in (0..).zip(elements) {
            let offset = at * self.s.types.size(value.ty);
            let part = self.part(whole.clone(), offset, value.ty);
            self.write(&part, &value);
        }
        Ok(self.read(&whole))
    }

    /// Lowers `Name { member: value, .. }`; members left out are zero.
    fn record_literal(&mut self, name: &Ident, members: &'p [(Ident, Expr)]) -> Check<Operand> {
        let ty = self.s.named_ty(&name.name)?;
        let Ty::Record(_) = self.s.object(ty)? else {
            return self.wrong(ty, "`{}` is not a struct or union");
        };
        twice(members.iter().map(|(name, _)| name))?;
        if self.s.layout(ty)?.is_union() && members.len() > 1 {
            return self.wrong(ty, "`{}` is a union: give one member");
        }
        let record = self.new_place(ty, false)?;
        self.clear(&record);
        for (name, value) in members {
            let member = self.member(record.clone(), name).at(name.start)?;
            let value = self.value(value, member.ty)?;
            self.write(&member, &value);
        }
        Ok(self.read(&record))
    }

    /// Lowers `[a, b]`, of the wanted type, else an array of the first element's type.
    fn array_literal(&mut self, elements: &'p [Expr], expected: Option<Ty>) -> Check<Operand> {
        let mut element = expected.and_then(|ty| self.s.types.element(ty));
        let mut values = Vec::new();
        for value in elements {
            let value = match element {
                Some(element) => self.value(value, element)?,
                None => self.decayed(value)?,
            };
            element = Some(value.ty);
            values.push(value);
        }
        let element = element.ok_or("the element type of this empty array is unknown")?;
        let ty = self.s.types.array(element, elements.len() as u64)?;
        self.whole(ty, values)
    }

    /// Returns the SSA value of a value that is one.
    pub(super) fn value_of(&self, value: &Operand) -> Check<Value> {
        match &value.val {
            Val::Scalars(values) if ssa_type(value.ty).is_some() => Ok(values[0]),
            _ => self.wrong(value.ty, "a value of type `{}` cannot be used here"),
        }
    }

    pub(super) fn expr_ssa(&mut self, expr: &'p Expr, ty: Ty) -> Check<Value> {
        let value = self.value(expr, ty)?;
        self.value_of(&value)
    }

    /// Lowers an expression to a value of its own type, decayed.
    pub(super) fn decayed(&mut self, expr: &'p Expr) -> Check<Operand> {
        let value = self.expr(expr, None)?;
        self.decay(value)
    }

    /// Returns an array as a pointer to its first element, and other values as they are.
    pub(super) fn decay(&mut self, value: Operand) -> Check<Operand> {
        let ty = self.s.types.decayed(value.ty);
        if ty == value.ty {
            return Ok(value);
        }
        Ok(Operand::ssa(ty, self.in_memory(&value)?))
    }

    /// Returns `value` as a `ty`, if the language converts it silently. It converts any pointer to
    /// and from `*void`, and an array to a pointer to its first element.
    pub(super) fn coerce(&mut self, value: Operand, ty: Ty) -> Check<Operand> {
        let value = match ty {
            Ty::Pointer(_) => self.decay(value)?,
            _ => value,
        };
        let are_pointers = value.ty.is_pointer_like() && ty.is_pointer_like();
        let silent = are_pointers && [value.ty, ty].contains(&Ty::VOID_POINTER);
        if !silent && value.ty != ty {
            let [found, name] = [value.ty, ty].map(|ty| self.s.types.name(ty));
            return fail(format!("expected `{name}`, found `{found}`"));
        }
        Ok(Operand { ty, ..value })
    }
}
