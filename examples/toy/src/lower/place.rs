//! Places: what can be read, written, and pointed to. A bit-field is a place inside a few bytes.

use super::function::Lowerer;
use super::value::{Address, FieldBits, Place, Target, Typed, Val};
use crate::ast::{Expr, ExprKind, Ident, UnaryOp};
use crate::diag::{Check, Diagnostic, Span, fail};
use crate::types::{Ty, TyKind};
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use cranelift_frontend::Variable;

/// Offsets that are known stay below, so that adding a size to them cannot overflow.
const MAX_OFFSET: u64 = 1 << 40;

impl<'p> Lowerer<'_, 'p, '_> {
    /// The place an expression names.
    pub(super) fn place(&mut self, expr: &'p Expr) -> Check<Place> {
        match &expr.kind {
            ExprKind::Name(name) => {
                let local = self.local(name).filter(|id| {
                    self.local_at(*id)
                        .is_some_and(|local| local.function.is_none())
                });
                if let Some(id) = local {
                    let ty = self.local_at(id).map_or(Ty::VOID, |local| local.ty);
                    let target = self.variable(id);
                    return Ok(Place { ty, target });
                }
            }
            ExprKind::Unary(UnaryOp::Deref, pointer) => {
                let value = self.expr(pointer, None)?;
                return self.pointed(value, pointer.span);
            }
            ExprKind::Index(base, index) => {
                return self.deeper(expr.span, |own| own.indexed(base, index));
            }
            ExprKind::Field(base, member) => {
                return self.deeper(expr.span, |own| own.field(base, member));
            }
            _ => {}
        }
        let Typed { ty, val } = self.expr(expr, None)?;
        Ok(Place {
            ty,
            target: Target::Value(val),
        })
    }

    /// `*pointer`
    fn pointed(&mut self, pointer: Typed, span: Span) -> Check<Place> {
        let pointer = self.decay(pointer)?;
        let Some(ty) = self.s.types.pointee(pointer.ty) else {
            return self.wrong(span, pointer.ty, "`*` needs a pointer, not `{}`");
        };
        self.complete(ty, span)?;
        let target = Target::Memory(self.ssa(&pointer, span)?.into());
        Ok(Place { ty, target })
    }

    /// Refuses what has no size.
    pub(super) fn complete(&mut self, ty: Ty, span: Span) -> Check<()> {
        if let TyKind::Record(id) = *self.s.types.kind(ty) {
            self.s.lay_out(id)?;
        }
        match self.s.types.layout(ty) {
            Some(_) => Ok(()),
            None => Err(Diagnostic::new(span, self.s.incomplete(ty))
                .note("cast the pointer first: `p as *T`")),
        }
    }

    /// `base[index]`: of an array, a vector, or through a pointer.
    fn indexed(&mut self, base: &'p Expr, index: &'p Expr) -> Check<Place> {
        let place = self.place(base)?;
        let (element, len) = match *self.s.types.kind(place.ty) {
            TyKind::Array(element, len) => (element, len),
            TyKind::Vector(lane, lanes) => (self.s.types.scalar_ty(lane), Some(u64::from(lanes))),
            TyKind::Pointer(to) => {
                self.complete(to, base.span)?;
                let pointer = self.read_place(&place);
                let index_value = self.expr(index, None)?;
                let moved = self.offset(pointer, (index_value, index.span), false, base.span)?;
                return self.pointed(moved, base.span);
            }
            _ => {
                return self.wrong(base.span, place.ty, "`{}` has no elements");
            }
        };
        let size = self.s.types.size(element);
        let address = self.place_address(&place)?;
        // A constant index is checked here and now; others are as in C.
        if let ExprKind::Int(at, _) = index.kind {
            if len.is_some_and(|len| at >= u128::from(len)) {
                return fail(
                    index.span,
                    format!("index {at} is outside of `{}`", self.s.types.name(place.ty)),
                );
            }
            let offset = u64::try_from(at).ok().and_then(|at| at.checked_mul(size));
            let Some(offset) = offset.filter(|offset| *offset <= MAX_OFFSET) else {
                return fail(index.span, "this index is too great");
            };
            return Ok(Place {
                ty: element,
                target: Target::Memory(address.plus(offset)),
            });
        }
        let pointer = Typed {
            ty: self.s.types.pointer(element),
            val: Val::Ssa(self.address(address)),
        };
        let index_value = self.expr(index, None)?;
        let moved = self.offset(pointer, (index_value, index.span), false, base.span)?;
        self.pointed(moved, base.span)
    }

    /// `base.member`, through a pointer too.
    fn field(&mut self, base: &'p Expr, member: &Ident) -> Check<Place> {
        let mut place = self.place(base)?;
        if self.s.types.pointee(place.ty).is_some() {
            let pointer = self.read_place(&place);
            place = self.pointed(pointer, base.span)?;
        }
        if let TyKind::Record(id) = *self.s.types.kind(place.ty) {
            self.s.lay_out(id)?;
        }
        self.member(place, member)
    }

    /// Where a place is; what has none is put into memory.
    fn place_address(&mut self, place: &Place) -> Check<Address> {
        if let Target::Memory(address) = place.target {
            return Ok(address);
        }
        let value = self.read(&place.target, place.ty);
        self.in_memory(value, place.ty).map(Address::from)
    }

    /// The member of a record, or the part of a complex number, at a place.
    pub(super) fn member(&mut self, place: Place, member: &Ident) -> Check<Place> {
        let name = &*member.name;
        let found = match *self.s.types.kind(place.ty) {
            TyKind::Record(id) => self.find_member(id, name),
            TyKind::Complex(part) => {
                let ty = self.s.types.scalar_ty(part);
                let parts = [("re", 0), ("im", self.s.types.size(ty))];
                parts
                    .iter()
                    .find(|(own, _)| *own == name)
                    .map(|(_, offset)| (ty, 8 * offset, None))
            }
            _ => None,
        };
        let Some((ty, at, width)) = found else {
            let record = self.s.types.name(place.ty);
            return fail(member.span, format!("`{record}` has no member `{name}`"));
        };
        match width {
            None => self.part(place, at / 8, ty, member.span),
            Some(width) => {
                let address = self.place_address(&place)?;
                let (address, shift, width) = (address.plus(at / 8), at % 8, u64::from(width));
                let bytes = (shift + width).div_ceil(8);
                if bytes > 8 {
                    return fail(member.span, "this bit-field spreads over more than 8 bytes");
                }
                Ok(Place {
                    ty,
                    target: Target::Bits(FieldBits {
                        address,
                        bytes,
                        shift,
                        width,
                    }),
                })
            }
        }
    }

    /// A member's type, bits from the start of the record to it, and its width if it is a bit-field; through anonymous members too.
    pub(super) fn find_member(&self, id: usize, name: &str) -> Option<(Ty, u64, Option<u16>)> {
        let record = &self.s.types.records[id];
        let fields = record.layout.as_ref()?.as_record()?.fields();
        record
            .members
            .iter()
            .zip(fields)
            .find_map(|((own, ty), field)| {
                let width = field.bit_field().map(|bits| bits.width);
                match (own, self.s.types.kind(*ty)) {
                    (Some(own), _) if **own == *name => Some((*ty, field.offset_bits(), width)),
                    (None, TyKind::Record(inner)) => {
                        let (ty, at, width) = self.find_member(*inner, name)?;
                        Some((ty, field.offset_bits() + at, width))
                    }
                    _ => None,
                }
            })
    }

    /// The part of type `ty` that is `offset` bytes inside an aggregate and its place.
    fn part(&mut self, place: Place, offset: u64, ty: Ty, span: Span) -> Check<Place> {
        let fields = self.fields(place.ty);
        let is_ssa = self.ssa_type(ty).is_some();
        let target = match (place.target, fields) {
            (Target::Memory(address), _) => Target::Memory(address.plus(offset)),
            (Target::Value(Val::Memory(address)), _) => {
                Target::Value(self.load(Address::from(address).plus(offset), ty))
            }
            (Target::Fields(variables), Some(fields)) => {
                let own = &variables[self.fields_at(&fields, offset, ty)];
                match own {
                    [own] if is_ssa => Target::Variable(*own),
                    _ => Target::Fields(own.into()),
                }
            }
            (Target::Value(Val::Fields(values)), Some(fields)) => {
                let own = &values[self.fields_at(&fields, offset, ty)];
                Target::Value(match own {
                    [own] if is_ssa => Val::Ssa(*own),
                    _ => Val::Fields(own.into()),
                })
            }
            _ => return fail(span, "a place without parts"),
        };
        Ok(Place { ty, target })
    }

    /// `pointer + index`, in elements.
    pub(super) fn offset(
        &mut self,
        pointer: Typed,
        (index, at): (Typed, Span),
        negative: bool,
        span: Span,
    ) -> Check<Typed> {
        if self
            .s
            .types
            .as_int(index.ty)
            .is_none_or(|(bits, _)| bits > 64)
        {
            return self.wrong(at, index.ty, "an index is an integer, not `{}`");
        }
        let to = self.s.types.pointee(pointer.ty).unwrap_or(Ty::VOID);
        self.complete(to, span)?;
        let index = self.convert(index, Ty::I64, at)?;
        let (base, index) = (self.ssa(&pointer, span)?, self.ssa(&index, at)?);
        let size = self.s.types.size(to).cast_signed();
        let bytes = self.ins().imul_imm_s(index, size);
        let val = Val::Ssa(match negative {
            true => self.ins().isub(base, bytes),
            false => self.ins().iadd(base, bytes),
        });
        Ok(Typed {
            ty: pointer.ty,
            val,
        })
    }

    /// `&place`
    pub(super) fn address_of(&mut self, expr: &'p Expr) -> Check<Typed> {
        let place = self.place(expr)?;
        match place.target {
            Target::Memory(address) => {
                let val = Val::Ssa(self.address(address));
                let ty = self.s.types.pointer(place.ty);
                Ok(Typed { ty, val })
            }
            // `&f` of a function is `f`, as in C.
            Target::Value(val) if self.s.types.as_fn(place.ty).is_some() => {
                Ok(Typed { ty: place.ty, val })
            }
            Target::Bits(_) => fail(expr.span, "there are no pointers to a bit-field"),
            _ => {
                let why = Diagnostic::new(expr.span, "a value without a name cannot be pointed to");
                Err(why.note("put it into a variable first"))
            }
        }
    }

    pub(super) fn read_place(&mut self, place: &Place) -> Typed {
        let (ty, val) = (place.ty, self.read(&place.target, place.ty));
        Typed { ty, val }
    }

    pub(super) fn read(&mut self, target: &Target, ty: Ty) -> Val {
        match target {
            Target::Variable(variable) => Val::Ssa(self.builder.use_var(*variable)),
            Target::Fields(variables) => {
                let read = |variable: &Variable| self.builder.use_var(*variable);
                Val::Fields(variables.iter().map(read).collect())
            }
            Target::Memory(address) => self.load(*address, ty),
            Target::Bits(bits) => Val::Ssa(self.read_bits(*bits, ty)),
            Target::Value(value) => value.clone(),
        }
    }

    pub(super) fn write(&mut self, target: &Target, value: Val, ty: Ty, span: Span) -> Check<()> {
        match (target, value) {
            (Target::Variable(variable), Val::Ssa(value)) => self.builder.def_var(*variable, value),
            (Target::Fields(variables), value) => {
                let values = self.scalars(value, ty);
                for (variable, value) in variables.iter().zip(&*values) {
                    self.builder.def_var(*variable, *value);
                }
            }
            (Target::Memory(address), value) => self.store(value, *address, ty),
            (Target::Bits(bits), Val::Ssa(value)) => self.write_bits(*bits, value),
            _ => {
                let why = Diagnostic::new(span, "a value without a name cannot be assigned to");
                return Err(why.note("put it into a variable first"));
            }
        }
        Ok(())
    }

    fn read_bits(&mut self, field: FieldBits, ty: Ty) -> Value {
        let all = self.gather(field);
        let unused = 64 - field.width;
        let top = self
            .ins()
            .ishl_imm_u(all, (unused - field.shift).cast_signed());
        let signed = self.s.types.is_signed(ty);
        let value = match signed {
            true => self.ins().sshr_imm_u(top, unused.cast_signed()),
            false => self.ins().ushr_imm_u(top, unused.cast_signed()),
        };
        let ssa = self.ssa_type(ty).unwrap_or(types::I64);
        self.fit(value, ssa, signed)
    }

    fn write_bits(&mut self, field: FieldBits, value: Value) {
        let mask = (u64::MAX >> (64 - field.width)) << field.shift;
        let value = self.fit(value, types::I64, false);
        let moved = self.ins().ishl_imm_u(value, field.shift.cast_signed());
        let new = self.ins().band_imm_s(moved, mask.cast_signed());
        let old = self.gather(field);
        let kept = self.ins().band_imm_s(old, !mask.cast_signed());
        let all = self.ins().bor(kept, new);
        for at in 0..field.bytes {
            let moved = self.ins().ushr_imm_u(all, 8 * at.cast_signed());
            let byte = self.ins().ireduce(types::I8, moved);
            self.store_ssa(byte, field.address.plus(at));
        }
    }

    /// The bytes of a field as the low end of an integer.
    fn gather(&mut self, field: FieldBits) -> Value {
        let mut all = self.ins().iconst(types::I64, 0);
        for at in 0..field.bytes {
            let byte = self.load_ssa(types::I8, field.address.plus(at));
            let wide = self.ins().uextend(types::I64, byte);
            let moved = self.ins().ishl_imm_u(wide, 8 * at.cast_signed());
            all = self.ins().bor(all, moved);
        }
        all
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
