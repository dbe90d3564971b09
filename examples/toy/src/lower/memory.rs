//! Loads, stores, copies, memory in the frame; and aggregates as their scalars, an SSA value each: what nothing points to, and has few scalars, need not be
//! in memory.

use super::function::Lowerer;
use super::value::{Address, Field, Typed, Val, ssa_type};
use crate::diag::{At, Check, fail};
use crate::types::{Ty, Types};
use clif_cabi::Arg;
use cranelift_codegen::ir::{
    InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Type, Value, types,
};
use std::rc::Rc;

/// What has more scalars is in memory.
const MAX_FIELDS: usize = 16;

/// The greatest frame; Cranelift counts it in 32 bits, and threads have stacks of a few MiB.
const MAX_FRAME: u64 = 4 << 20;

/// Cranelift aligns stack slots to 16 bytes at most.
const MAX_SLOT_ALIGN: u32 = 16;

/// Whether a value is made of scalars that Cranelift has, each with a name: no arrays, vectors and bit-fields.
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

/// The scalars of a value, in the order of their offsets; None if it is kept in memory.
fn fields_of(all: &Types, ty: Ty) -> Option<Rc<[Field]>> {
    if let Some(ssa) = ssa_type(ty) {
        return Some([Field { offset: 0, ssa }].into());
    }
    let Some(layout) = all.layout(ty) else {
        return Some([].into());
    };
    if layout.size() == 0 || !is_flat(all, ty) {
        return None;
    }
    let fields = clif_cabi::fields(layout).ok()?;
    let is_small = fields.iter().all(|field| field.ty.bits() <= 64);
    let field = |field: &clif_cabi::FieldValue| Field {
        offset: u64::from(field.offset_bits / 8),
        ssa: field.ty,
    };
    (is_small && fields.len() <= MAX_FIELDS).then(|| fields.iter().map(field).collect())
}

impl Lowerer<'_, '_, '_> {
    /// The scalars of a value that need not be in memory.
    pub(super) fn fields(&mut self, ty: Ty) -> Option<Rc<[Field]>> {
        let all = &self.s.types;
        let known = self
            .s
            .fields
            .entry(ty)
            .or_insert_with(|| fields_of(all, ty));
        known.clone()
    }

    /// Which of the scalars of `whole` are those of what has type `ty` and is `offset` bytes inside.
    pub(super) fn fields_at(&mut self, whole: Ty, offset: u64, ty: Ty) -> std::ops::Range<usize> {
        let whole = self.fields(whole).unwrap_or_default();
        let first = whole.iter().position(|field| field.offset >= offset);
        let first = first.unwrap_or(whole.len());
        let n = self.fields(ty).map_or(0, |own| own.len());
        first..(first + n).min(whole.len())
    }

    pub(super) fn scalars(&mut self, value: &Typed) -> Rc<[Value]> {
        match value.val {
            Val::Scalars(ref values) => Rc::clone(values),
            Val::Memory(address) => {
                let fields = self.fields(value.ty).unwrap_or_default();
                let address = Address::from(address);
                let load = |field: &Field| self.load_ssa(field.ssa, address.plus(field.offset));
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
                    self.store_ssa(*value, address.plus(field.offset));
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
        // An address that is more aligned than Cranelift's slots is rounded up, inside a larger slot.
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
