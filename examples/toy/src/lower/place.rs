//! Places: where a value is read from and written to.

use super::bits::{BitsPlace, FieldBits};
use super::function::{FnLowerer, Val};
use super::memory::Address;
use super::variable::Home;
use super::{Lower, LowerError, ssa_type};
use crate::typed::{Expr, ExprKind, LocalId, Place, PlaceKind};
use crate::types::{Ty, TyKind};
use cabi::Scalar;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_frontend::Variable;
use cranelift_module::Module;

/// Offsets that are known stay below, so that adding a size to them cannot overflow.
const MAX_OFFSET: u64 = 1 << 62;

/// A place, evaluated.
#[derive(Clone, Copy)]
pub(super) enum Target {
    Variable(Variable),
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
                let address = self.in_memory(value, ty)?;
                Ok(Target::at(address))
            }
            PlaceKind::Member(base, path) => self.member_place(base, path),
            PlaceKind::Element(base, index) => self.element(base, index, self.types.size(place.ty)),
            PlaceKind::Lane(base, index) => match self.types.kind(base.ty) {
                TyKind::Vector(Scalar::Bool, ..) => self.bool_lane(base, index),
                _ => self.element(base, index, self.types.size(place.ty)),
            },
            PlaceKind::Real(base) => self.memory_place(base).map(Target::Memory),
            PlaceKind::Imaginary(base) => {
                let address = self.memory_place(base)?;
                Ok(Target::Memory(address.plus(self.types.size(place.ty))))
            }
        }
    }

    /// The place of a variable or parameter.
    pub(super) fn variable(&mut self, id: LocalId) -> Lower<Target> {
        Ok(match self.declare(id)? {
            Home::Variable(variable) => Target::Variable(variable),
            home => Target::at(self.home_address(home)?),
        })
    }

    /// The address of a place that is an aggregate's.
    pub(super) fn memory_place(&mut self, place: &Place) -> Lower<Address> {
        match self.place(place)? {
            Target::Memory(address) => Ok(address),
            Target::Variable(_) | Target::Bits(_) => {
                Err(LowerError::new("a place without an address is pointed to"))
            }
        }
    }

    fn member_place(&mut self, base: &Place, path: &[usize]) -> Lower<Target> {
        let address = self.memory_place(base)?;
        self.member(base.ty, path, address)
    }

    /// The member at `path` of the record at `address`.
    pub(super) fn member(
        &mut self,
        record: Ty,
        path: &[usize],
        mut address: Address,
    ) -> Lower<Target> {
        let missing = || LowerError::new("a member that does not exist");
        let mut layout = self.types.layout(record).ok_or_else(missing)?.clone();
        for &at in path {
            let size = layout.size();
            let field = layout
                .as_record()
                .and_then(|record| record.fields().get(at))
                .ok_or_else(missing)?
                .clone();
            if let Some(bits) = field.bit_field() {
                return Ok(Target::Bits(BitsPlace::Field(FieldBits::new(
                    address, size, &field, bits,
                ))));
            }
            address = address.plus(field.offset());
            layout = field.ty().clone();
        }
        Ok(Target::Memory(address))
    }

    fn element(&mut self, base: &Place, index: &Expr, size: u64) -> Lower<Target> {
        let address = self.memory_place(base)?;
        if let ExprKind::Bits(constant) = index.kind {
            let index = u64::try_from(constant).ok();
            let moved = index.and_then(|at| at.checked_mul(size)?.checked_add(address.offset));
            // After a flexible array anything can be asked for; what is far out is computed like a variable index.
            if let Some(offset) = moved.filter(|&offset| offset <= MAX_OFFSET) {
                return Ok(Target::Memory(Address { offset, ..address }));
            }
        }
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
        let byte = self.ins().ushr_imm_u(index, 3);
        let address = self.ins().iadd(address, byte);
        let bit = self.ins().band_imm_s(index, 7);
        let bit = self.ins().ireduce(types::I8, bit);
        Ok(Target::Bits(BitsPlace::Lane(address, bit)))
    }

    pub(super) fn read(&mut self, target: Target, ty: Ty) -> Lower<Val> {
        match target {
            Target::Variable(variable) => Ok(Val::Ssa(self.builder.use_var(variable))),
            Target::Memory(address) => self.load(address, ty),
            Target::Bits(bits) => self.read_bits(bits, ty).map(Val::Ssa),
        }
    }

    pub(super) fn write(&mut self, target: Target, value: Val, ty: Ty) -> Lower<()> {
        match (target, value) {
            (Target::Variable(variable), Val::Ssa(value)) => {
                self.builder.def_var(variable, value);
                Ok(())
            }
            (Target::Memory(address), value) => self.store(value, address, ty),
            (Target::Bits(bits), Val::Ssa(value)) => self.write_bits(bits, value, ty),
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
