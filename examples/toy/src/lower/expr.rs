//! Expressions: one arm per kind, each a few lines or a call into a file of its own; and the
//! conversions that happen silently.

use super::function::Lowerer;
use super::value::{Typed, Val, ssa_type};
use super::{Meaning, Session};
use crate::ast::{Expr, ExprKind, UnaryOp};
use crate::diag::{At, Check, Diagnostic, Span, fail};
use crate::types::Ty;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_module::DataDescription;

impl<'p> Lowerer<'_, 'p, '_> {
    /// A refusal in which `{}` stands for the type.
    pub(super) fn wrong<T>(&self, span: Span, ty: Ty, text: &str) -> Check<T> {
        self.s.wrong(span, ty, text)
    }

    /// A value of type `ty`, converted to it where the language does so silently.
    pub(super) fn value(&mut self, expr: &'p Expr, ty: Ty) -> Check<Typed> {
        let value = self.expr(expr, Some(ty))?;
        self.coerce(value, ty, expr.span)
    }

    /// A value; `expected` is what literals turn into, and no more than a wish.
    pub(super) fn expr(&mut self, expr: &'p Expr, expected: Option<Ty>) -> Check<Typed> {
        let span = expr.span;
        if let Some((ty, bits)) = self.s.literal(expr, expected)? {
            return self.constant(ty, bits);
        }
        match &expr.kind {
            ExprKind::Str(bytes) => self.string(bytes, span),
            ExprKind::Name(name) => self.name(name, expected, span),
            ExprKind::Unary(UnaryOp::AddressOf, place) => self.address_of(place),
            ExprKind::Unary(UnaryOp::Deref, _) | ExprKind::Index(..) | ExprKind::Field(..) => {
                let place = self.place(expr)?;
                Ok(self.read(&place))
            }
            ExprKind::Unary(op, operand) => self.unary(*op, operand, expected, span),
            ExprKind::Binary(op, left, right) => self.binary(*op, (left, right), expected, span),
            ExprKind::Call(call) => self.call(call),
            ExprKind::Cast(value, ty) => {
                let ty = self.s.object_ty(ty)?;
                let value = self.expr(value, Some(ty))?;
                self.cast(value, ty, span)
            }
            ExprKind::SizeOf(ty) => {
                let ty = self.s.object_ty(ty)?;
                self.known(self.s.types.size(ty).into(), Ty::U64, expected, span)
            }
            ExprKind::Complex(re, im) => self.complex(re, im, expected),
            ExprKind::Record(name, members) => self.record_literal(name, members),
            ExprKind::Array(elements) => self.array_literal(elements, expected, span),
            ExprKind::Closure(function) => self.closure(function, span),
            ExprKind::VaStart => self.va_start(span),
            ExprKind::VaArg(list, ty) => self.va_arg(list, ty),
            ExprKind::Number(_) | ExprKind::Char(_) | ExprKind::Bool(_) | ExprKind::Null => {
                fail(span, "this is no expression")
            }
        }
    }

    /// A variable, a function, or a constant.
    fn name(&mut self, name: &str, expected: Option<Ty>, span: Span) -> Check<Typed> {
        if let Some(place) = self.local(name) {
            return Ok(self.read(&place));
        }
        match self.s.find_value(name, span)? {
            Some(Meaning::Function(id)) => self.function_value(id, span),
            Some(Meaning::Constant(ty, value)) => self.known(value, ty, expected, span),
            _ => fail(span, format!("there is no value called `{name}`")),
        }
    }

    fn string(&mut self, bytes: &[u8], span: Span) -> Check<Typed> {
        let module = &mut self.s.module;
        let data = module.declare_anonymous_data(false, false).at(span)?;
        let mut description = DataDescription::new();
        description.define([bytes, b"\0"].concat().into_boxed_slice());
        module.define_data(data, &description).at(span)?;
        let data = module.declare_data_in_func(data, self.builder.func);
        let address = self.ins().symbol_value(types::I64, data);
        Ok(Typed::ssa(Ty::BYTES, address))
    }

    /// The value of what is one SSA value.
    pub(super) fn ssa(&self, value: &Typed, span: Span) -> Check<Value> {
        match &value.val {
            Val::Scalars(values) if ssa_type(value.ty).is_some() => Ok(values[0]),
            _ => self.wrong(span, value.ty, "`{}` has no value to work with"),
        }
    }

    pub(super) fn expr_ssa(&mut self, expr: &'p Expr, ty: Ty) -> Check<Value> {
        let value = self.value(expr, ty)?;
        self.ssa(&value, expr.span)
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
    pub(super) fn coerce(&mut self, value: Typed, ty: Ty, span: Span) -> Check<Typed> {
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
        if !silent {
            self.s.same(value.ty, ty, span)?;
        }
        Ok(Typed { ty, ..value })
    }
}

impl Session<'_> {
    /// Refuses a value of another type than is wanted.
    pub(super) fn same(&self, found: Ty, ty: Ty, span: Span) -> Check<()> {
        if found == ty {
            return Ok(());
        }
        let [found_name, name] = [found, ty].map(|ty| self.types.name(ty));
        let why = Diagnostic::new(span, format!("expected `{name}`, found `{found_name}`"));
        let is_number = |ty: Ty| ty.is_int() || ty.as_float().is_some();
        Err(match is_number(found) && is_number(ty) {
            true => why.note(format!("numbers are converted by `as {name}`")),
            false => why,
        })
    }
}
