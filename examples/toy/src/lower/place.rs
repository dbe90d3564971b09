//! Places: where a value is read from and written to.

use super::bits::{BitsPlace, FieldBits};
use super::function::FnLowerer;
use super::value::{Address, Home, Val};
use super::{Lower, LowerError, ssa_type};
use crate::typed::{Expr, ExprKind, LocalId, Place, PlaceKind};
use crate::types::{Ty, TyKind};
use cabi::Scalar;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_frontend::Variable;
use cranelift_module::Module;
use std::rc::Rc;

/// Offsets that are known stay below, so that adding a size to them cannot overflow.
const MAX_OFFSET: u64 = 1 << 62;

/// Bytes from the start of a record to a member. Of a bit-field: to the record that it is in, then bits to it, and its width.
type Inside = (u64, Option<(u64, u16)>);

/// A place, evaluated.
#[derive(Clone)]
pub(super) enum Target {
    Variable(Variable),
    /// The scalars of an aggregate.
    Fields(Rc<[Variable]>),
    Memory(Address),
    /// A bit-field, or a lane of a vector of bools.
    Bits(BitsPlace),
}

impl Target {
    fn at(address: Value) -> Target {
        Target::Memory(address.into())
    }
}

impl<M: Module> FnLowerer<'_, '_, M> {
    pub(super) fn place(&mut self, place: &Place) -> Lower<Target> {
        match &place.kind {
            PlaceKind::Local(id) => self.variable(*id),
            PlaceKind::Deref(pointer) => {
                let address = self.expr_ssa(pointer)?;
                Ok(Target::at(address))
            }
            PlaceKind::Temporary(value) => {
                let ty = value.ty;
                let value = self.expr(value)?;
                if let (Val::Fields(_), Some(fields)) = (&value, self.fields(ty)) {
                    let target = Target::Fields(self.variables(&fields));
                    self.write(&target, value, ty)?;
                    return Ok(target);
                }
                let address = self.in_memory(value, ty)?;
                Ok(Target::at(address))
            }
            PlaceKind::Member(base, path) => {
                let target = self.place(base)?;
                self.member((base.ty, target), path, place.ty)
            }
            PlaceKind::Element(base, index) => match self.types.kind(base.ty) {
                TyKind::Vector(Scalar::Bool, ..) => self.bool_lane(base, index),
                _ => self.element(base, index, place.ty),
            },
            PlaceKind::Real(base) => {
                let target = self.place(base)?;
                self.part((base.ty, target), 0, place.ty)
            }
            PlaceKind::Imaginary(base) => {
                let target = self.place(base)?;
                self.part((base.ty, target), self.types.size(place.ty), place.ty)
            }
        }
    }

    /// The part of type `ty` that is `offset` bytes inside an aggregate and its place.
    fn part(&mut self, (whole, target): (Ty, Target), offset: u64, ty: Ty) -> Lower<Target> {
        match (target, self.fields(whole)) {
            (Target::Memory(address), _) => Ok(Target::Memory(address.plus(offset))),
            (Target::Fields(variables), Some(fields)) => {
                let own = &variables[self.fields_at(&fields, offset, ty)?];
                Ok(match own {
                    [own] if self.is_ssa(ty) => Target::Variable(*own),
                    _ => Target::Fields(own.into()),
                })
            }
            _ => Err(LowerError::new("a place without parts")),
        }
    }

    /// The place of a variable or parameter.
    pub(super) fn variable(&mut self, id: LocalId) -> Lower<Target> {
        Ok(match self.declare(id)? {
            Home::Variable(variable) => Target::Variable(variable),
            Home::Fields(variables) => Target::Fields(variables),
            home => Target::at(self.home_address(home)?),
        })
    }

    /// The address of a place that is an aggregate's.
    pub(super) fn memory_place(&mut self, place: &Place) -> Lower<Address> {
        let target = self.place(place)?;
        self.in_memory_place(place, target)
    }

    fn in_memory_place(&mut self, place: &Place, target: Target) -> Lower<Address> {
        match target {
            Target::Memory(address) => Ok(address),
            // A variable that is pointed to, or indexed by a variable, is in memory.
            target @ Target::Fields(_) if matches!(place.root().kind, PlaceKind::Temporary(_)) => {
                let value = self.read(&target, place.ty)?;
                Ok(self.in_memory(value, place.ty)?.into())
            }
            _ => Err(LowerError::new("a place without an address is pointed to")),
        }
    }

    /// The member of type `ty` at `path` of a record and its place.
    pub(super) fn member(
        &mut self,
        (record, target): (Ty, Target),
        path: &[usize],
        ty: Ty,
    ) -> Lower<Target> {
        match (self.member_offset(record, path)?, target) {
            ((offset, Some((bits, width))), Target::Memory(address)) => {
                let field = FieldBits::new(address.plus(offset), bits, width);
                Ok(Target::Bits(BitsPlace::Field(field)))
            }
            ((offset, _), target) => self.part((record, target), offset, ty),
        }
    }

    /// Where the member at `path` is.
    pub(super) fn member_offset(&self, record: Ty, path: &[usize]) -> Lower<Inside> {
        let missing = || LowerError::new("a member that does not exist");
        let mut layout = self.types.layout(record).ok_or_else(missing)?;
        let mut offset = 0;
        for &at in path {
            let fields = layout.as_record().ok_or_else(missing)?.fields();
            let field = fields.get(at).ok_or_else(missing)?;
            if let Some(bits) = field.bit_field() {
                return Ok((offset, Some((field.offset_bits(), bits.width))));
            }
            offset += field.offset();
            layout = field.ty();
        }
        Ok((offset, None))
    }

    fn element(&mut self, base: &Place, index: &Expr, ty: Ty) -> Lower<Target> {
        let size = self.types.size(ty);
        let target = self.place(base)?;
        if let ExprKind::Bits(constant) = index.kind {
            let inside = if let Target::Memory(Address { offset, .. }) = target {
                offset
            } else {
                0
            };
            let index = u64::try_from(constant).ok();
            let moved = index.and_then(|at| at.checked_mul(size));
            // After a flexible array anything can be asked for; what is far out is computed like a variable index.
            let is_near = |offset: &u64| {
                offset
                    .checked_add(inside)
                    .is_some_and(|all| all <= MAX_OFFSET)
            };
            if let Some(offset) = moved.filter(is_near) {
                return self.part((base.ty, target), offset, ty);
            }
        }
        let address = self.in_memory_place(base, target)?;
        let address = self.address(address);
        let address = self.offset(address, index, size, false)?;
        Ok(Target::at(address))
    }

    /// `address + index * scale`
    pub(super) fn offset(
        &mut self,
        address: Value,
        index: &Expr,
        scale: u64,
        negative: bool,
    ) -> Lower<Value> {
        let index_value = self.expr_ssa(index)?;
        let index_value = self.index_word(index_value, index.ty);
        let scale = i64::try_from(scale).map_err(LowerError::new)?;
        let bytes = if scale == 1 {
            index_value
        } else {
            self.ins().imul_imm_s(index_value, scale)
        };
        Ok(if negative {
            self.ins().isub(address, bytes)
        } else {
            self.ins().iadd(address, bytes)
        })
    }

    fn bool_lane(&mut self, base: &Place, index: &Expr) -> Lower<Target> {
        let address = self.memory_place(base)?;
        let address = self.address(address);
        let index_value = self.expr_ssa(index)?;
        let index = self.index_word(index_value, index.ty);
        Ok(Target::Bits(self.lane_bits(address, index)))
    }

    /// A lane of the vector of bools at `address`.
    pub(super) fn lane_bits(&mut self, address: Value, lane: Value) -> BitsPlace {
        let byte = self.ins().ushr_imm_u(lane, 3);
        let address = self.ins().iadd(address, byte);
        let bit = self.ins().band_imm_s(lane, 7);
        BitsPlace::Lane(address, self.ins().ireduce(types::I8, bit))
    }

    pub(super) fn read(&mut self, target: &Target, ty: Ty) -> Lower<Val> {
        match target {
            Target::Variable(variable) => Ok(Val::Ssa(self.builder.use_var(*variable))),
            Target::Fields(variables) => {
                let read = |variable: &Variable| self.builder.use_var(*variable);
                Ok(Val::Fields(variables.iter().map(read).collect()))
            }
            Target::Memory(address) => self.load(*address, ty),
            Target::Bits(bits) => self.read_bits(*bits, ty).map(Val::Ssa),
        }
    }

    pub(super) fn write(&mut self, target: &Target, value: Val, ty: Ty) -> Lower<()> {
        match (target, value) {
            (Target::Variable(variable), Val::Ssa(value)) => {
                self.builder.def_var(*variable, value);
                Ok(())
            }
            (Target::Fields(variables), value) => {
                let values = self.scalars(value, ty)?;
                for (variable, value) in variables.iter().zip(&*values) {
                    self.builder.def_var(*variable, *value);
                }
                Ok(())
            }
            (Target::Memory(address), value) => self.store(value, *address, ty),
            (Target::Bits(bits), Val::Ssa(value)) => self.write_bits(*bits, value, ty),
            (Target::Variable(_) | Target::Bits(_), _) => Err(LowerError::new(format!(
                "`{}` is written where it does not fit",
                self.types.name(ty)
            ))),
        }
    }

    /// Whether values of this type are SSA values.
    pub(super) fn is_ssa(&self, ty: Ty) -> bool {
        ssa_type(self.types, ty).is_some()
    }
}
