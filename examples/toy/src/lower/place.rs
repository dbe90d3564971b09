//! Places, which can be read, written, and pointed to.

use super::function::Lowerer;
use super::value::{Operand, Place, Val};
use crate::ast::{Expr, ExprKind, Ident, UnaryOp};
use crate::diag::{AtPlace, Check, fail};
use crate::types::Ty;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value};

impl<'p> Lowerer<'_, 'p, '_> {
    /// Returns the place that an expression names.
    pub(super) fn place(&mut self, expr: &'p Expr) -> Check<Place> {
        self.place_kind(expr).at(expr.start)
    }

    fn place_kind(&mut self, expr: &'p Expr) -> Check<Place> {
        match &expr.kind {
            ExprKind::Name(name) => {
                if let Some(place) = self.local(name) {
                    return Ok(place);
                }
            }
            ExprKind::Unary(UnaryOp::Deref, pointer) => {
                let value = self.expr(pointer, None)?;
                return self.pointed(value);
            }
            ExprKind::Index(base, index) => return self.indexed(base, index),
            ExprKind::Field(base, member) => {
                let mut place = self.place(base)?;
                if self.s.types.pointee(place.ty).is_some() {
                    let pointer = self.read(&place);
                    place = self.pointed(pointer)?;
                }
                return self.member(place, member).at(member.start);
            }
            _ => {}
        }
        // A value that has no place gets one.
        let value = self.expr(expr, None)?;
        let mut place = match value.val {
            Val::Memory(address) => Place::memory(value.ty, address),
            Val::Scalars(_) => self.variable(&value, false)?,
        };
        place.has_name = false;
        Ok(place)
    }

    /// Returns a new place with a value.
    pub(super) fn variable(&mut self, value: &Operand, in_memory: bool) -> Check<Place> {
        let place = self.new_place(value.ty, in_memory)?;
        self.write(&place, value);
        Ok(place)
    }

    /// Returns a place in the frame, or variables for a type of few scalars that need not be
    /// `in_memory`.
    pub(super) fn new_place(&mut self, ty: Ty, in_memory: bool) -> Check<Place> {
        let Some(fields) = self.fields(ty).filter(|_| !in_memory) else {
            return Ok(Place::memory(ty, self.temporary(self.s.types.size(ty))?));
        };
        let variables = fields.iter();
        let variables = variables.map(|field| self.builder.declare_var(field.ty));
        let (val, has_name) = (Val::Scalars(variables.collect()), true);
        Ok(Place { ty, val, has_name })
    }

    /// Makes all bytes of a new place zero.
    pub(super) fn clear(&mut self, place: &Place) {
        match place.val {
            Val::Memory(address) => {
                let (config, size) = (self.s.module.target_config(), self.s.types.size(place.ty));
                let flags = MemFlagsData::new();
                { &mut self.builder }.emit_small_memset(config, address, 0, size, 1, flags);
            }
            Val::Scalars(_) => {
                let fields = self.fields(place.ty).unwrap_or_default();
                let zeros = fields.iter().map(|field| self.bits(0, field.ty));
                let zeros: Vec<Value> = zeros.collect();
                self.write(place, &Operand::scalars(place.ty, zeros));
            }
        }
    }

    /// Returns the place `*pointer`.
    fn pointed(&mut self, pointer: Operand) -> Check<Place> {
        let pointer = self.decay(pointer)?;
        let Some(ty) = self.s.types.pointee(pointer.ty) else {
            return self.wrong(pointer.ty, "`*` needs a pointer, not `{}`");
        };
        self.s.object(ty)?;
        Ok(Place::memory(ty, self.value_of(&pointer)?))
    }

    /// Returns the place `base[index]`, of an array or through a pointer. Indices are checked as
    /// little as in C.
    fn indexed(&mut self, base: &'p Expr, index: &'p Expr) -> Check<Place> {
        let place = self.place(base)?;
        let mut pointer = self.read(&place);
        if self.s.types.element(place.ty).is_some() {
            let address = self.in_memory(&pointer)?;
            pointer = Operand::ssa(self.s.types.decayed(place.ty), address);
        } else if self.s.types.pointee(place.ty).is_none() {
            return self.wrong(place.ty, "`{}` has no elements");
        }
        let index = self.expr(index, None)?;
        let moved = self.offset(pointer, index, false)?;
        self.pointed(moved)
    }

    /// Returns the member of a record, or the part of a complex number, at a place.
    pub(super) fn member(&mut self, place: Place, Ident { name, .. }: &Ident) -> Check<Place> {
        let member = match place.ty {
            Ty::Record(id) => {
                self.s.object(place.ty)?;
                self.s.find_member(id, name)
            }
            Ty::Complex(part) => {
                let ty = Ty::Scalar(part);
                let parts = [("re", 0), ("im", self.s.types.size(ty))];
                let mut parts = parts.iter().filter(|(own, _)| *own == &**name);
                parts.next().map(|(_, offset)| (ty, Some(*offset)))
            }
            _ => None,
        };
        match member {
            Some((ty, Some(offset))) => Ok(self.part(place, offset, ty)),
            Some(_) => fail(format!(
                "`{name}` is a bit-field, which is copied only with its record"
            )),
            None => self.wrong(place.ty, &format!("`{{}}` has no member `{name}`")),
        }
    }

    /// Returns the part of type `ty` that is `offset` bytes inside an aggregate.
    pub(super) fn part(&mut self, mut place: Place, offset: u64, ty: Ty) -> Place {
        place.val = match place.val {
            Val::Memory(address) => Val::Memory(self.plus(address, offset)),
            Val::Scalars(variables) => {
                let [all, own] = [place.ty, ty].map(|ty| self.fields(ty).unwrap_or_default());
                let first = all.partition_point(|own| u64::from(own.offset_bits / 8) < offset);
                let own = variables.get(first..first + own.len());
                Val::Scalars(own.unwrap_or_default().into())
            }
        };
        place.ty = ty;
        place
    }

    /// Returns `pointer + index`, in elements, or `pointer - index` if `negative`.
    pub(super) fn offset(
        &mut self,
        pointer: Operand,
        index: Operand,
        negative: bool,
    ) -> Check<Operand> {
        if !matches!(index.ty.as_int(), Some((..=64, _))) {
            return self.wrong(index.ty, "an index is an integer, not `{}`");
        }
        let to = self.s.types.pointee(pointer.ty).unwrap_or(Ty::Void);
        let to = self.s.object(to)?;
        let index = self.convert(index, Ty::I64)?;
        let (base, index) = (self.value_of(&pointer)?, self.value_of(&index)?);
        let size = self.s.types.size(to).cast_signed();
        let bytes = self.ins().imul_imm_s(index, size);
        let moved = match negative {
            true => self.ins().isub(base, bytes),
            false => self.ins().iadd(base, bytes),
        };
        Ok(Operand::ssa(pointer.ty, moved))
    }

    /// Returns `&place`.
    pub(super) fn address_of(&mut self, expr: &'p Expr) -> Check<Operand> {
        let place = self.place(expr)?;
        match place.val {
            Val::Memory(address) if place.has_name => {
                Ok(Operand::ssa(self.s.types.pointer(place.ty), address))
            }
            _ => fail("a value without a name cannot be pointed to: put it into a variable first"),
        }
    }

    pub(super) fn read(&mut self, place: &Place) -> Operand {
        match &place.val {
            Val::Scalars(variables) => {
                let values = variables.iter().map(|own| self.builder.use_var(*own));
                Operand::scalars(place.ty, values.collect::<Vec<Value>>())
            }
            Val::Memory(address) => self.load(*address, place.ty),
        }
    }

    /// Puts a value into a place of its type.
    pub(super) fn write(&mut self, place: &Place, value: &Operand) {
        match &place.val {
            Val::Scalars(variables) => {
                let values = self.scalars(value);
                for (variable, value) in variables.iter().zip(&*values) {
                    self.builder.def_var(*variable, *value);
                }
            }
            Val::Memory(address) => self.store(value, *address),
        }
    }

    /// Returns an integer as one of type `to`.
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
