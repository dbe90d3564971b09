//! Places: what can be read, written, and pointed to.

use super::function::Lowerer;
use super::value::{Place, Target, Typed, Val};
use crate::ast::{Expr, ExprKind, Ident, UnaryOp};
use crate::diag::{Check, Diagnostic, Span, fail};
use crate::types::Ty;
use clif_cabi::FieldValue;
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use cranelift_frontend::Variable;

impl<'p> Lowerer<'_, 'p, '_> {
    /// The place an expression names.
    pub(super) fn place(&mut self, expr: &'p Expr) -> Check<Place> {
        match &expr.kind {
            ExprKind::Name(name) => {
                if let Some(place) = self.local(name) {
                    return Ok(place);
                }
            }
            ExprKind::Unary(UnaryOp::Deref, pointer) => {
                let value = self.expr(pointer, None)?;
                return self.pointed(value, pointer.span);
            }
            ExprKind::Index(base, index) => return self.indexed(base, index),
            ExprKind::Field(base, member) => {
                let mut place = self.place(base)?;
                if self.s.types.pointee(place.ty).is_some() {
                    let pointer = self.read(&place);
                    place = self.pointed(pointer, base.span)?;
                }
                return self.member(place, member);
            }
            _ => {}
        }
        let value = self.expr(expr, None)?;
        self.place_of(&value)
    }

    /// A place for a value that has none.
    fn place_of(&mut self, value: &Typed) -> Check<Place> {
        let place = match value.val {
            Val::Memory(address) => Place::memory(value.ty, address),
            Val::Scalars(_) => {
                let place = self.new_place(value.ty, false)?;
                self.write(&place, value);
                place
            }
        };
        let has_name = false;
        Ok(Place { has_name, ..place })
    }

    /// A place in the frame, or variables for what has few scalars and need not be `in_memory`.
    pub(super) fn new_place(&mut self, ty: Ty, in_memory: bool) -> Check<Place> {
        let Some(fields) = self.fields(ty).filter(|_| !in_memory) else {
            return Ok(Place::memory(ty, self.temporary(ty)?));
        };
        let declare = |field: &FieldValue| self.builder.declare_var(field.ty);
        let target = Target::Variables(fields.iter().map(declare).collect());
        let has_name = true;
        Ok(Place {
            ty,
            target,
            has_name,
        })
    }

    /// Makes all bytes of a new place zero.
    pub(super) fn clear(&mut self, place: &Place) {
        let ty = place.ty;
        if let Some(fields) = self.fields(ty) {
            let zeros = fields.iter().map(|field| self.bits(0, field.ty));
            let val = Val::Scalars(zeros.collect());
            self.write(place, &Typed { ty, val });
        } else if let Target::Memory(address) = place.target {
            self.zero(address.base, self.s.types.size(ty));
        }
    }

    /// `*pointer`
    fn pointed(&mut self, pointer: Typed, span: Span) -> Check<Place> {
        let pointer = self.decay(pointer)?;
        let Some(ty) = self.s.types.pointee(pointer.ty) else {
            return self.wrong(span, pointer.ty, "`*` needs a pointer, not `{}`");
        };
        self.complete(ty, span)?;
        Ok(Place::memory(ty, self.ssa(&pointer, span)?))
    }

    /// Refuses what has no size.
    pub(super) fn complete(&self, ty: Ty, span: Span) -> Check<()> {
        match self.s.types.layout(ty) {
            Some(_) => Ok(()),
            None => Err(Diagnostic::new(span, self.s.incomplete(ty))
                .note("cast the pointer first: `p as *T`")),
        }
    }

    /// `base[index]`: of an array, a vector, or through a pointer. Indices are checked as little as
    /// in C.
    fn indexed(&mut self, base: &'p Expr, index: &'p Expr) -> Check<Place> {
        let place = self.place(base)?;
        let pointer = if let Some((element, _)) = self.s.types.element(place.ty) {
            let value = self.read(&place);
            let address = self.in_memory(&value)?;
            Typed::ssa(self.s.types.pointer(element), address)
        } else if self.s.types.pointee(place.ty).is_some() {
            self.read(&place)
        } else {
            return self.wrong(base.span, place.ty, "`{}` has no elements");
        };
        let index = (self.expr(index, None)?, index.span);
        let moved = self.offset(pointer, index, false, base.span)?;
        self.pointed(moved, base.span)
    }

    /// The member of a record, or the part of a complex number, at a place.
    pub(super) fn member(&mut self, place: Place, member: &Ident) -> Check<Place> {
        let (name, span) = (&*member.name, member.span);
        let found = match place.ty {
            Ty::Record(id) => {
                self.complete(place.ty, span)?;
                self.s.find_member(id, name)
            }
            Ty::Complex(part) => {
                let ty = Ty::Scalar(part);
                let parts = [("re", 0), ("im", self.s.types.size(ty))];
                let mut parts = parts.iter().filter(|(own, _)| *own == name);
                parts.next().map(|(_, offset)| (ty, Some(*offset)))
            }
            _ => None,
        };
        match found {
            Some((ty, Some(offset))) => Ok(self.part(place, offset, ty)),
            Some((_, None)) => fail(
                span,
                format!("`{name}` is a bit-field, which is moved with its record only"),
            ),
            None => {
                let record = self.s.types.name(place.ty);
                fail(span, format!("`{record}` has no member `{name}`"))
            }
        }
    }

    /// The part of type `ty` that is `offset` bytes inside an aggregate.
    pub(super) fn part(&self, whole: Place, offset: u64, ty: Ty) -> Place {
        let target = match whole.target {
            Target::Memory(address) => Target::Memory(address.plus(offset)),
            Target::Variables(variables) => {
                let own = variables.get(self.fields_at(whole.ty, offset, ty));
                Target::Variables(own.unwrap_or_default().into())
            }
        };
        Place {
            ty,
            target,
            ..whole
        }
    }

    /// `pointer + index`, in elements.
    pub(super) fn offset(
        &mut self,
        pointer: Typed,
        (index, at): (Typed, Span),
        negative: bool,
        span: Span,
    ) -> Check<Typed> {
        if !matches!(index.ty.as_int(), Some((..=64, _))) {
            return self.wrong(at, index.ty, "an index is an integer, not `{}`");
        }
        let to = self.s.types.pointee(pointer.ty).unwrap_or(Ty::Void);
        self.complete(to, span)?;
        let index = self.convert(index, Ty::I64, at)?;
        let (base, index) = (self.ssa(&pointer, span)?, self.ssa(&index, at)?);
        let size = self.s.types.size(to).cast_signed();
        let bytes = self.ins().imul_imm_s(index, size);
        let moved = match negative {
            true => self.ins().isub(base, bytes),
            false => self.ins().iadd(base, bytes),
        };
        Ok(Typed::ssa(pointer.ty, moved))
    }

    /// `&place`
    pub(super) fn address_of(&mut self, expr: &'p Expr) -> Check<Typed> {
        match self.place(expr)? {
            Place {
                ty,
                target: Target::Memory(address),
                has_name: true,
            } => {
                let address = self.address(address);
                Ok(Typed::ssa(self.s.types.pointer(ty), address))
            }
            _ => {
                let why = Diagnostic::new(expr.span, "a value without a name cannot be pointed to");
                Err(why.note("put it into a variable first"))
            }
        }
    }

    pub(super) fn read(&mut self, place: &Place) -> Typed {
        let ty = place.ty;
        match &place.target {
            Target::Variables(variables) => {
                let read = |variable: &Variable| self.builder.use_var(*variable);
                let val = Val::Scalars(variables.iter().map(read).collect());
                Typed { ty, val }
            }
            Target::Memory(address) => self.load(*address, ty),
        }
    }

    /// Puts a value of its type into a place.
    pub(super) fn write(&mut self, place: &Place, value: &Typed) {
        match &place.target {
            Target::Variables(variables) => {
                let values = self.scalars(value);
                for (variable, value) in variables.iter().zip(&*values) {
                    self.builder.def_var(*variable, *value);
                }
            }
            Target::Memory(address) => self.store(value, *address),
        }
    }

    /// An integer as one of type `to`.
    pub(super) fn fit(&mut self, value: Value, to: Type, signed: bool) -> Value {
        let from = self.builder.func.dfg.value_type(value);
        match from.bits().cmp(&to.bits()) {
            std::cmp::Ordering::Equal => value,
            std::cmp::Ordering::Greater => self.ins().ireduce(to, value),
            std::cmp::Ordering::Less if signed => self.ins().sextend(to, value),
            std::cmp::Ordering::Less => self.ins().uextend(to, value),
        }
    }
}
