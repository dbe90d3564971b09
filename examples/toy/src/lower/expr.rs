//! Expressions: one arm per kind, each a few lines or a call into a file of its own; and the conversions that happen silently.

use super::Meaning;
use super::function::{Frame, Lowerer};
use super::value::{Address, Target, Typed, Val};
use crate::ast::{Expr, ExprKind, Ident, TypeExpr, UnaryOp};
use crate::diag::{At, Check, Diagnostic, Span, fail};
use crate::types::{Ty, TyKind, holds};
use cabi::Scalar;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_module::DataDescription;

impl<'p> Lowerer<'_, 'p, '_> {
    /// A refusal in which `{}` stands for the type.
    pub(super) fn wrong<T>(&self, span: Span, ty: Ty, text: &str) -> Check<T> {
        self.s.wrong(span, ty, text)
    }

    /// Goes one level deeper, or refuses.
    pub(super) fn deeper<T>(
        &mut self,
        span: Span,
        into: impl FnOnce(&mut Self) -> Check<T>,
    ) -> Check<T> {
        self.s.look(span, |own| {
            own.depth += 1;
            Ok(())
        })?;
        let result = into(self);
        self.s.depth -= 1;
        result
    }

    /// A value of type `ty`, converted to it where the language does so silently.
    pub(super) fn value(&mut self, expr: &'p Expr, ty: Ty) -> Check<Typed> {
        let value = self.expr(expr, Some(ty))?;
        self.coerce(value, ty, expr.span)
    }

    /// Builds a value of type `ty` at `address`, which nothing in the expression can read.
    pub(super) fn value_into(&mut self, expr: &'p Expr, ty: Ty, address: Address) -> Check<()> {
        let in_memory = self.ssa_type(ty).is_none() && self.fields(ty).is_none();
        match &expr.kind {
            ExprKind::Record(name, members) if in_memory => {
                let literal = self.record_ty(name)?;
                self.same(literal, ty, expr.span)?;
                self.record_into(members, ty, address, expr.span)
            }
            ExprKind::Array(elements) if in_memory => {
                self.array_into(elements, ty, address, expr.span)
            }
            ExprKind::Call(callee, args) if in_memory => {
                let to = self.address(address);
                let value = self.call(callee, args, Some(to), expr.span)?;
                self.same(value.ty, ty, expr.span)
            }
            _ => {
                let value = self.value(expr, ty)?;
                self.store(value.val, address, ty);
                Ok(())
            }
        }
    }

    /// A value; `expected` is what literals turn into, and no more than a wish.
    pub(super) fn expr(&mut self, expr: &'p Expr, expected: Option<Ty>) -> Check<Typed> {
        self.deeper(expr.span, |own| own.expr_inside(expr, expected))
    }

    fn expr_inside(&mut self, expr: &'p Expr, expected: Option<Ty>) -> Check<Typed> {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Int(value, suffix) => {
                self.int_literal((*value, false), suffix, expected, span)
            }
            ExprKind::Float(digits, suffix) => {
                self.float_literal((digits, false), suffix, expected, span)
            }
            ExprKind::Char(byte) => {
                let byte = (u128::from(*byte), false);
                self.int_literal(byte, "", expected.or(Some(Ty::U8)), span)
            }
            ExprKind::Bool(value) => Ok(self.number(i64::from(*value), Ty::BOOL)),
            ExprKind::Null => {
                let is_pointer = |ty: &Ty| self.s.types.is_pointer_like(*ty);
                Ok(self.number(0, expected.filter(is_pointer).unwrap_or(Ty::VOID_POINTER)))
            }
            ExprKind::Str(bytes) => self.string(bytes, span),
            ExprKind::Name(name) => self.name(name, expected, span),
            ExprKind::Path(name, variant) => self.variant(name, variant, span),
            ExprKind::Unary(UnaryOp::AddressOf, place) => self.address_of(place),
            ExprKind::Unary(UnaryOp::Deref, _) | ExprKind::Index(..) | ExprKind::Field(..) => {
                let place = self.place(expr)?;
                Ok(self.read_place(&place))
            }
            ExprKind::Unary(op, operand) => self.unary(*op, operand, expected, span),
            ExprKind::Binary(op, left, right) => self.binary(*op, (left, right), expected, span),
            ExprKind::Call(callee, args) => self.call(callee, args, None, span),
            ExprKind::Cast(value, ty) => {
                let ty = self.s.object_ty(ty)?;
                let value = self.expr(value, Some(ty))?;
                self.cast(value, ty, span)
            }
            ExprKind::SizeOf(ty) | ExprKind::AlignOf(ty) => {
                let is_size = matches!(expr.kind, ExprKind::SizeOf(_));
                let ty = self.s.object_ty(ty)?;
                let align = self.s.types.layout(ty).map_or(1, cabi::Type::align);
                let size = self.s.types.size(ty);
                self.size(if is_size { size } else { align.into() }, expected, span)
            }
            ExprKind::OffsetOf(ty, member) => {
                let offset = self.offset_of(ty, member)?;
                self.size(offset, expected, span)
            }
            ExprKind::Complex(re, im) => self.complex(re, im, expected, span),
            ExprKind::Record(name, members) => self.record_literal(name, members, span),
            ExprKind::Array(elements) => self.array_literal(elements, expected, span),
            ExprKind::Repeat(element, count) => self.repeat_literal(element, count, expected, span),
            ExprKind::Closure(function) => {
                let id = self.new_nested(function)?;
                let chain = self.captures(id)?;
                self.closure(id, Val::Ssa(chain), span)
            }
            ExprKind::VaStart => self.va_start(span).map(|(ty, val)| Typed { ty, val }),
            ExprKind::VaArg(list, ty) => self.va_arg_expr(list, ty),
        }
    }

    fn offset_of(&mut self, ty: &'p TypeExpr, member: &Ident) -> Check<u64> {
        let record = self.s.object_ty(ty)?;
        let found = match *self.s.types.kind(record) {
            TyKind::Record(id) => self.find_member(id, &member.name),
            _ => None,
        };
        match found {
            Some((_, bits, None)) => Ok(bits / 8),
            Some(_) => fail(member.span, "a bit-field has no offset in bytes"),
            None => self.wrong(member.span, record, "`{}` has no such member"),
        }
    }

    fn variant(&mut self, name: &Ident, variant: &Ident, span: Span) -> Check<Typed> {
        let Some(Meaning::Enum(id)) = self.s.find_type(&name.name, name.span)? else {
            return fail(name.span, format!("there is no enum `{}`", name.name));
        };
        self.s.number_variants(id)?;
        let ty = self.s.types.named(TyKind::Enum(id));
        let mut variants = self.s.types.enums[id].variants.iter();
        match variants.find(|(own, _)| *own == variant.name) {
            Some(&(_, value)) => self.integer(value, ty, span),
            None => {
                let message = format!("enum `{}` has no variant `{}`", name.name, variant.name);
                fail(variant.span, message)
            }
        }
    }

    /// A variable, a function in the function as a pointer that C can call, a function, or a constant.
    fn name(&mut self, name: &str, expected: Option<Ty>, span: Span) -> Check<Typed> {
        if let Some(id) = self.local(name) {
            let local = self.local_at(id).map(|local| (local.ty, local.function));
            let target = self.variable(id);
            let (ty, function) = local.unwrap_or((Ty::VOID, None));
            let val = self.read(&target, ty);
            return match function {
                Some(function) => self.closure(function, val, span),
                None => Ok(Typed { ty, val }),
            };
        }
        match self.s.find_value(name, span)? {
            Some(Meaning::Function(id)) => self.function_value(id, span),
            Some(Meaning::CConstant(ty, value)) => {
                // It takes the type that is wanted of it, as literals do, if that can hold it.
                let int = |ty: &Ty| {
                    self.s
                        .types
                        .as_int(*ty)
                        .is_some_and(|int| holds(int, value))
                };
                self.integer(value, expected.filter(int).unwrap_or(ty), span)
            }
            Some(Meaning::Const(ty, value)) => {
                let ty = self.s.object_ty(ty)?;
                if self.s.types.as_int(ty).is_some() {
                    let value = self.s.eval(value)?;
                    return self.integer(value, ty, span);
                }
                // It sees no variables.
                let frames = std::mem::take(&mut self.s.frames);
                self.s.frames.push(Frame::default());
                let value = self.value(value, ty);
                self.s.frames = frames;
                value
            }
            Some(_) => fail(span, format!("`{name}` is a type, not a value")),
            None if self.s.is_builtin(name) => {
                fail(span, format!("`{name}` is a type, not a value"))
            }
            None => fail(span, format!("there is nothing called `{name}`")),
        }
    }

    fn string(&mut self, bytes: &[u8], span: Span) -> Check<Typed> {
        let mut text = bytes.to_vec();
        text.push(0);
        let data = match self.s.strings.get(&text) {
            Some(data) => *data,
            None => {
                let data = self
                    .s
                    .module
                    .declare_anonymous_data(false, false)
                    .at(span)?;
                let mut description = DataDescription::new();
                description.define(text.clone().into_boxed_slice());
                self.s.module.define_data(data, &description).at(span)?;
                self.s.strings.insert(text, data);
                data
            }
        };
        let data = self.s.module.declare_data_in_func(data, self.builder.func);
        let val = Val::Ssa(self.ins().symbol_value(types::I64, data));
        Ok(Typed { ty: Ty::BYTES, val })
    }

    /// `va_arg(list, T)`: of an array, as System V's list is, or a pointer to its element; or of a variable that is a list.
    fn va_arg_expr(&mut self, list: &'p Expr, ty: &'p TypeExpr) -> Check<Typed> {
        let place = self.place(list)?;
        let value = self.read_place(&place);
        let value = self.decay(value)?;
        let own = self.s.va_list;
        let decayed = match *self.s.types.kind(own) {
            TyKind::Array(element, _) => self.s.types.pointer(element),
            _ => Ty::VOID,
        };
        let address = match &place.target {
            _ if value.ty == decayed => (self.ssa(&value, list.span)?, false),
            Target::Memory(address) if value.ty == own || value.ty == Ty::BYTES => {
                (self.address(*address), value.ty == Ty::BYTES)
            }
            _ => {
                let name = self.s.types.name(value.ty);
                return fail(
                    list.span,
                    format!("`va_arg` needs a variable that is a `va_list`, not `{name}`"),
                );
            }
        };
        let wanted = self.s.object_ty(ty)?;
        let val = self.va_arg(address, wanted, ty.span)?;
        Ok(Typed { ty: wanted, val })
    }

    /// The value of what is one SSA value.
    pub(super) fn ssa(&self, value: &Typed, span: Span) -> Check<Value> {
        match value.val {
            Val::Ssa(value) => Ok(value),
            _ => self.wrong(span, value.ty, "`{}` has no value to work with"),
        }
    }

    pub(super) fn expr_ssa(&mut self, expr: &'p Expr, ty: Ty) -> Check<Value> {
        let value = self.value(expr, ty)?;
        self.ssa(&value, expr.span)
    }

    /// An array as a pointer to its first element; other values stay what they are.
    pub(super) fn decay(&mut self, value: Typed) -> Check<Typed> {
        let TyKind::Array(element, _) = *self.s.types.kind(value.ty) else {
            return Ok(value);
        };
        self.uses.has_pointers = true;
        let val = Val::Ssa(self.in_memory(value.val, value.ty)?);
        let ty = self.s.types.pointer(element);
        Ok(Typed { ty, val })
    }

    pub(super) fn is_byte(&self, ty: Ty) -> bool {
        matches!(
            self.s.types.kind(ty),
            TyKind::Scalar(Scalar::Int { bits: 8, .. })
        )
    }

    /// `value` as a `ty`, if the language converts silently: a pointer to and from `*void`, `*i8` to and from `*u8`, an array to a pointer to its first
    /// element.
    pub(super) fn coerce(&mut self, value: Typed, ty: Ty, span: Span) -> Check<Typed> {
        let value = match self.s.types.kind(ty) {
            TyKind::Pointer(_) => self.decay(value)?,
            _ => value,
        };
        let silent = match (self.s.types.pointee(value.ty), self.s.types.pointee(ty)) {
            (Some(a), Some(b)) => {
                a == Ty::VOID || b == Ty::VOID || self.is_byte(a) && self.is_byte(b)
            }
            _ => false,
        };
        if !silent {
            self.same(value.ty, ty, span)?;
        }
        Ok(Typed { ty, ..value })
    }

    fn same(&self, found: Ty, ty: Ty, span: Span) -> Check<()> {
        if found == ty {
            return Ok(());
        }
        let [found_name, name] = [found, ty].map(|ty| self.s.types.name(ty));
        let why = Diagnostic::new(span, format!("expected `{name}`, found `{found_name}`"));
        let is_number = |ty| {
            self.s
                .types
                .as_scalar(ty)
                .is_some_and(|scalar| scalar != Scalar::Bool)
        };
        Err(match is_number(found) && is_number(ty) {
            true => why.note(format!("numbers are converted by `as {name}`")),
            false => why,
        })
    }
}
