//! Values and their memory: loads, stores, copies, the frame. An aggregate that has few scalars,
//! and that no pointer points to, need not be in memory: each of its scalars is an SSA value.

use super::function::Lowerer;
use super::value::{Operand, Val, ssa_type};
use crate::diag::{Check, fail};
use crate::types::{Ty, Types};
use clif_cabi::{Arg, Fields};
use cranelift_codegen::ir::{
    InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Type, Value, types,
};
use std::rc::Rc;

/// Number of scalars above which a value is in memory.
const MAX_FIELDS: usize = 16;

/// The greatest frame; Cranelift counts it in 32 bits, and threads have stacks of a few MiB.
const MAX_FRAME: u64 = 4 << 20;

/// Returns whether a value is made of named scalars that Cranelift has: no arrays, no bit-fields.
fn is_flat(types: &Types, ty: Ty) -> bool {
    match ty {
        Ty::Complex(part) => ssa_type(Ty::Scalar(part)).is_some(),
        Ty::Record(id) => {
            let record = &types.records[id];
            let layout = record.layout.as_ref().and_then(cabi::Type::as_record);
            let fields = layout.map_or(&[][..], |layout| layout.fields());
            let has_bits = fields.iter().any(|field| field.bit_field().is_some());
            !has_bits && record.members.iter().all(|(_, ty)| is_flat(types, *ty))
        }
        _ => ssa_type(ty).is_some(),
    }
}

impl Lowerer<'_, '_, '_> {
    /// Returns the scalars of a value that need not be in memory, in the order of their offsets.
    pub(super) fn fields(&self, ty: Ty) -> Option<Fields> {
        let types = &self.s.types;
        let Some(layout) = types.layout(ty) else {
            return Some(Fields::new());
        };
        let fields = self.s.lowering.fields(layout).ok()?;
        let is_small = fields.len() <= MAX_FIELDS && fields.iter().all(|own| own.ty.bits() <= 64);
        let is_kept = is_small && layout.size() > 0 && is_flat(types, ty);
        (is_kept || ssa_type(ty).is_some()).then_some(fields)
    }

    pub(super) fn scalars(&mut self, value: &Operand) -> Rc<[Value]> {
        match value.val {
            Val::Scalars(ref values) => Rc::clone(values),
            Val::Memory(address) => {
                let fields = self.fields(value.ty).unwrap_or_default();
                let fields = fields.iter();
                let load = fields.map(|own| self.load_ssa(own.ty, address, own.offset_bits / 8));
                load.collect()
            }
        }
    }

    /// Returns the value as an argument for clif-cabi. The scalars of an aggregate are clif-cabi's
    /// fields.
    pub(super) fn arg(&self, value: &Operand) -> Arg {
        match &value.val {
            Val::Memory(address) => Arg::memory(*address),
            Val::Scalars(values) if ssa_type(value.ty).is_some() => Arg::value(values[0]),
            Val::Scalars(values) => Arg::fields(values),
        }
    }

    /// Returns the address `offset` bytes after `base`.
    pub(super) fn plus(&mut self, base: Value, offset: u64) -> Value {
        match offset {
            0 => base,
            _ => self.ins().iadd_imm_s(base, offset.cast_signed()),
        }
    }

    pub(super) fn load_ssa(&mut self, ssa: Type, base: Value, offset: u32) -> Value {
        let address = self.plus(base, offset.into());
        self.ins().load(ssa, MemFlagsData::new(), address, 0)
    }

    pub(super) fn store_ssa(&mut self, value: Value, base: Value, offset: u32) {
        let address = self.plus(base, offset.into());
        self.ins().store(MemFlagsData::new(), value, address, 0);
    }

    /// Returns the value at `address`: for an aggregate, the address itself.
    pub(super) fn load(&mut self, address: Value, ty: Ty) -> Operand {
        match ssa_type(ty) {
            Some(ssa) => Operand::ssa(ty, self.load_ssa(ssa, address, 0)),
            None => Operand::memory(ty, address),
        }
    }

    /// Puts a value at `address`, which may overlap it: all is read before anything is written.
    pub(super) fn store(&mut self, value: &Operand, address: Value) {
        match &value.val {
            Val::Memory(from) => {
                let (size, flags) = (self.s.types.size(value.ty), MemFlagsData::new());
                let config = self.s.module.target_config();
                let builder = &mut self.builder;
                builder.emit_small_memory_copy(config, address, *from, size, 1, 1, false, flags);
            }
            Val::Scalars(values) => {
                let fields = self.fields(value.ty).unwrap_or_default();
                for (field, value) in fields.iter().zip(&**values) {
                    self.store_ssa(*value, address, field.offset_bits / 8);
                }
            }
        }
    }

    /// Returns the address of `size` bytes in the frame. No type is aligned to more than 16 bytes.
    pub(super) fn temporary(&mut self, size: u64) -> Check<Value> {
        self.frame = self.frame.saturating_add(size.max(1));
        if self.frame > MAX_FRAME {
            return fail(format!("the variables need more than {MAX_FRAME} bytes"));
        }
        let size = u32::try_from(size.max(1))?;
        let shift = if size < 16 { 3 } else { 4 };
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, size, shift);
        let slot = self.builder.create_sized_stack_slot(slot);
        Ok(self.ins().stack_addr(types::I64, slot, 0))
    }

    /// Returns the address of a value, which is put into memory if it is not there.
    pub(super) fn in_memory(&mut self, value: &Operand) -> Check<Value> {
        if let Val::Memory(address) = value.val {
            return Ok(address);
        }
        let address = self.temporary(self.s.types.size(value.ty))?;
        self.store(value, address);
        Ok(address)
    }
}
