//! Loads, stores, copies, memory in the frame; and aggregates as their scalars, an SSA value each:
//! what nothing points to, and has few scalars, need not be in memory.

use super::function::Lowerer;
use super::value::{Address, Typed, Val, ssa_type};
use crate::diag::{At, Check, fail};
use crate::types::{Ty, Types};
use clif_cabi::{Arg, FieldValue, Fields};
use cranelift_codegen::ir::{
    InstBuilder, InstructionData, MemFlagsData, StackSlot, StackSlotData, StackSlotKind, Type,
    Value, types,
};
use std::rc::Rc;

/// Number of scalars above which a value is in memory.
const MAX_FIELDS: usize = 16;

/// The greatest frame; Cranelift counts it in 32 bits, and threads have stacks of a few MiB.
const MAX_FRAME: u64 = 4 << 20;

/// Cranelift aligns stack slots to 16 bytes at most.
const MAX_SLOT_ALIGN: u32 = 16;

/// Returns whether a value is made of scalars that Cranelift has, each with a name: no arrays,
/// vectors and bit-fields.
fn is_flat(all: &Types, ty: Ty) -> bool {
    match ty {
        Ty::Complex(part) => ssa_type(Ty::Scalar(part)).is_some(),
        Ty::Record(id) => {
            let record = &all.records[id];
            let layout = record.layout.as_ref().and_then(cabi::Type::as_record);
            let fields = layout.map_or(&[][..], |layout| layout.fields());
            let has_bits = fields.iter().any(|field| field.bit_field().is_some());
            !has_bits && record.members.iter().all(|(_, ty)| is_flat(all, *ty))
        }
        _ => ssa_type(ty).is_some(),
    }
}

impl Lowerer<'_, '_, '_> {
    /// The scalars of a value that need not be in memory, in the order of their offsets.
    pub(super) fn fields(&self, ty: Ty) -> Option<Fields> {
        let all = &self.s.types;
        let Some(layout) = all.layout(ty) else {
            return Some(Fields::new());
        };
        let fields = clif_cabi::fields(layout).ok()?;
        let is_small = fields.len() <= MAX_FIELDS && fields.iter().all(|own| own.ty.bits() <= 64);
        let is_kept = is_small && layout.size() > 0 && is_flat(all, ty);
        (is_kept || ssa_type(ty).is_some()).then_some(fields)
    }

    /// Which of the scalars of `whole` are those of what has type `ty` and is `offset` bytes
    /// inside.
    pub(super) fn fields_at(&self, whole: Ty, offset: u64, ty: Ty) -> std::ops::Range<usize> {
        let [whole, own] = [whole, ty].map(|ty| self.fields(ty).unwrap_or_default());
        let first = whole.partition_point(|field| u64::from(field.offset_bits / 8) < offset);
        first..(first + own.len()).min(whole.len())
    }

    pub(super) fn scalars(&mut self, value: &Typed) -> Rc<[Value]> {
        match value.val {
            Val::Scalars(ref values) => Rc::clone(values),
            Val::Memory(address) => {
                let fields = self.fields(value.ty).unwrap_or_default();
                let address = Address::from(address);
                let at = |field: &FieldValue| address.plus((field.offset_bits / 8).into());
                let load = |field: &FieldValue| self.load_ssa(field.ty, at(field));
                fields.iter().map(load).collect()
            }
        }
    }

    /// As clif-cabi takes it: the scalars of an aggregate are the fields that it knows.
    pub(super) fn arg(&self, value: &Typed) -> Arg {
        match &value.val {
            Val::Memory(address) => Arg::memory(*address),
            Val::Scalars(values) => match values[..] {
                [value_] if ssa_type(value.ty).is_some() => Arg::value(value_),
                _ => Arg::fields(values),
            },
        }
    }

    /// The value at `address`: of an aggregate the address itself.
    pub(super) fn load(&mut self, address: Address, ty: Ty) -> Typed {
        match ssa_type(ty) {
            Some(ssa) => Typed::ssa(ty, self.load_ssa(ssa, address)),
            None => Typed::memory(ty, self.address(address)),
        }
    }

    pub(super) fn load_ssa(&mut self, ssa: Type, address: Address) -> Value {
        let (base, offset) = self.reach(address);
        self.ins().load(ssa, MemFlagsData::new(), base, offset)
    }

    pub(super) fn store_ssa(&mut self, value: Value, address: Address) {
        let (base, offset) = self.reach(address);
        self.ins().store(MemFlagsData::new(), value, base, offset);
    }

    /// Puts a value at `address`. What is copied may overlap its target.
    pub(super) fn store(&mut self, value: &Typed, address: Address) {
        match &value.val {
            Val::Memory(from) => self.copy(*from, address, self.s.types.size(value.ty)),
            Val::Scalars(values) => {
                let fields = self.fields(value.ty).unwrap_or_default();
                for (field, value) in fields.iter().zip(&**values) {
                    self.store_ssa(*value, address.plus((field.offset_bits / 8).into()));
                }
            }
        }
    }

    pub(super) fn address(&mut self, Address { base, offset }: Address) -> Value {
        match offset {
            0 => base,
            _ => self.ins().iadd_imm_s(base, offset.cast_signed()),
        }
    }

    /// An address and an offset that fits an instruction.
    fn reach(&mut self, address: Address) -> (Value, i32) {
        match i32::try_from(address.offset) {
            Ok(offset) => (address.base, offset),
            Err(_) => (self.address(address), 0),
        }
    }

    /// A copy may overlap what it is of: all is read before anything is written.
    fn copy(&mut self, from: Value, to: Address, size: u64) {
        let (to, flags) = (self.address(to), MemFlagsData::new());
        let config = self.s.module.target_config();
        let builder = &mut self.builder;
        builder.emit_small_memory_copy(config, to, from, size, 1, 1, false, flags);
    }

    pub(super) fn zero(&mut self, address: Value, size: u64) {
        let config = self.s.module.target_config();
        let builder = &mut self.builder;
        builder.emit_small_memset(config, address, 0, size, 1, MemFlagsData::new());
    }

    /// An address in the frame for a value of type `ty`.
    pub(super) fn temporary(&mut self, ty: Ty) -> Check<Value> {
        let align = self.s.types.layout(ty).map_or(1, cabi::Type::align);
        self.temporary_of(self.s.types.size(ty), align)
    }

    pub(super) fn temporary_of(&mut self, size: u64, align: u32) -> Check<Value> {
        // An address that is more aligned than Cranelift's slots is rounded up, inside a larger
        // slot.
        let slack = match align > MAX_SLOT_ALIGN {
            true => u64::from(align),
            false => 0,
        };
        let bytes = size.saturating_add(slack).max(1);
        self.frame = self.frame.saturating_add(bytes);
        if self.frame > MAX_FRAME {
            let name = &self.s.functions[self.id].name;
            return fail(
                self.span(),
                format!("the variables of `{name}` need more than {MAX_FRAME} bytes of stack"),
            );
        }
        let bytes = u32::try_from(bytes).at(self.span())?;
        let shift = u8::try_from(align.min(MAX_SLOT_ALIGN).trailing_zeros()).unwrap_or(0);
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, shift);
        let slot = self.builder.create_sized_stack_slot(slot);
        let address = self.ins().stack_addr(types::I64, slot, 0);
        if slack == 0 {
            return Ok(address);
        }
        let mask = i64::from(align) - 1;
        let beyond = self.ins().iadd_imm_s(address, mask);
        Ok(self.ins().band_imm_s(beyond, !mask))
    }

    /// The stack slot that begins at an address.
    pub(super) fn slot(&self, address: Value) -> Option<StackSlot> {
        let dfg = &self.builder.func.dfg;
        match dfg.insts[dfg.value_def(address).inst()?] {
            InstructionData::StackAddr { stack_slot, .. } => Some(stack_slot),
            _ => None,
        }
    }

    /// The address of a value, which is put into memory if it is not there.
    pub(super) fn in_memory(&mut self, value: &Typed) -> Check<Value> {
        if let Val::Memory(address) = value.val {
            return Ok(address);
        }
        let address = self.temporary(value.ty)?;
        self.store(value, address.into());
        Ok(address)
    }
}
