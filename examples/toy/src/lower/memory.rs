//! Where values are while a function is lowered: loads, stores, copies, memory in the frame; and aggregates as their scalars, an SSA value each: what nothing
//! points to, and has few scalars, need not be in memory.

use super::function::Lowerer;
use super::value::{Address, Field, Val, ssa_type};
use crate::diag::{At, Check, fail};
use crate::types::{Ty, TyKind, Types};
use cranelift_codegen::ir::{
    InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Type, Value, types,
};
use std::rc::Rc;

/// What has more scalars is in memory.
const MAX_FIELDS: usize = 16;

/// What is larger is copied and cleared by libc, and not given to clif-cabi by its fields.
const MAX_INLINE: u64 = 64;

/// The greatest frame; Cranelift counts it in 32 bits, and threads have stacks of a few MiB.
const MAX_FRAME: u64 = 4 << 20;

/// Cranelift aligns stack slots to 16 bytes at most.
const MAX_SLOT_ALIGN: u32 = 16;

/// The scalars of an aggregate in the order of their offsets; None if it is kept in memory: with arrays and bit-fields, and unions.
fn collect(all: &Types, ty: Ty, at: u64, found: &mut Vec<Field>) -> Option<()> {
    if let Some(ssa) = ssa_type(all, ty).filter(|ssa| ssa.bits() <= 64) {
        let is_apart = found
            .last()
            .is_none_or(|last| last.offset + u64::from(last.ssa.bytes()) <= at);
        found.push(Field {
            offset: at,
            ty,
            ssa,
        });
        return (is_apart && found.len() <= MAX_FIELDS).then_some(());
    }
    match all.kind(ty) {
        TyKind::Complex(part) => {
            let part = all.scalar_ty(*part);
            collect(all, part, at, found)?;
            collect(all, part, at + all.size(part), found)
        }
        TyKind::Record(id) if all.size(ty) > 0 => {
            let record = &all.records[*id];
            let mut members = record
                .members
                .iter()
                .zip(record.layout.as_ref()?.as_record()?.fields());
            members.try_for_each(|((_, ty), field)| match field.bit_field() {
                Some(_) => None,
                None => collect(all, *ty, at + field.offset(), found),
            })
        }
        _ => None,
    }
}

impl Lowerer<'_, '_, '_> {
    /// Whether values of this type are SSA values.
    pub(super) fn ssa_type(&self, ty: Ty) -> Option<Type> {
        ssa_type(&self.s.types, ty)
    }

    /// The scalars of an aggregate that need not be in memory.
    pub(super) fn fields(&mut self, ty: Ty) -> Option<Rc<[Field]>> {
        let all = &self.s.types;
        let known = self.s.fields.entry(ty).or_insert_with(|| {
            let mut found = Vec::new();
            let is_small = ssa_type(all, ty).is_none() && all.size(ty) <= MAX_INLINE;
            (is_small && collect(all, ty, 0, &mut found).is_some()).then(|| found.into())
        });
        known.clone()
    }

    /// Which of the scalars `whole` are those of what has type `ty` and is `offset` bytes inside.
    pub(super) fn fields_at(
        &mut self,
        whole: &[Field],
        offset: u64,
        ty: Ty,
    ) -> std::ops::Range<usize> {
        let first = whole
            .iter()
            .position(|field| field.offset >= offset)
            .unwrap_or(whole.len());
        let n = self.fields(ty).map_or(1, |own| own.len());
        first..(first + n).min(whole.len())
    }

    pub(super) fn scalars(&mut self, value: Val, ty: Ty) -> Rc<[Value]> {
        match value {
            Val::None => [].into(),
            Val::Fields(values) => values,
            Val::Ssa(value) => [value].into(),
            Val::Memory(address) => {
                let fields = self.fields(ty).unwrap_or_default();
                let load = |field: &Field| {
                    self.load_ssa(field.ssa, Address::from(address).plus(field.offset))
                };
                fields.iter().map(load).collect()
            }
        }
    }

    /// The value at `address`: for what lives in memory that is the address itself.
    pub(super) fn load(&mut self, address: Address, ty: Ty) -> Val {
        match self.ssa_type(ty) {
            Some(ssa) => Val::Ssa(self.load_ssa(ssa, address)),
            None => Val::Memory(self.address(address)),
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

    /// Puts a value of type `ty` at `address`. What is copied may overlap its target.
    pub(super) fn store(&mut self, value: Val, address: Address, ty: Ty) {
        match value {
            Val::None => {}
            Val::Ssa(value) => self.store_ssa(value, address),
            Val::Memory(from) => self.copy(from.into(), address, self.s.types.size(ty)),
            Val::Fields(values) => {
                let fields = self.fields(ty).unwrap_or_default();
                for (field, value) in fields.iter().zip(&*values) {
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

    fn copy(&mut self, from: Address, to: Address, size: u64) {
        if size > MAX_INLINE {
            let (from, to) = (self.address(from), self.address(to));
            let bytes = self.ins().iconst(types::I64, size.cast_signed());
            let config = self.s.module.target_config();
            self.builder.call_memmove(config, to, from, bytes);
            return;
        }
        // All is read before anything is written.
        let words = words_of(size);
        let values: Vec<Value> = words
            .iter()
            .map(|(at, ssa)| self.load_ssa(*ssa, from.plus(*at)))
            .collect();
        for ((at, _), value) in words.iter().zip(values) {
            self.store_ssa(value, to.plus(*at));
        }
    }

    pub(super) fn zero(&mut self, address: Address, size: u64) {
        if size > MAX_INLINE {
            let address = self.address(address);
            let byte = self.ins().iconst(types::I8, 0);
            let bytes = self.ins().iconst(types::I64, size.cast_signed());
            let config = self.s.module.target_config();
            self.builder.call_memset(config, address, byte, bytes);
            return;
        }
        for (at, ssa) in words_of(size) {
            let zero = self.ins().iconst(ssa, 0);
            self.store_ssa(zero, address.plus(at));
        }
    }

    /// An address in the frame for a value of type `ty`.
    pub(super) fn temporary(&mut self, ty: Ty) -> Check<Value> {
        let align = self.s.types.layout(ty).map_or(1, cabi::Type::align);
        self.temporary_of(self.s.types.size(ty), align)
    }

    pub(super) fn temporary_of(&mut self, size: u64, align: u32) -> Check<Value> {
        // An address that is more aligned than Cranelift's slots is rounded up, inside a larger slot.
        let slack = if align > MAX_SLOT_ALIGN {
            u64::from(align)
        } else {
            0
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
    pub(super) fn in_memory(&mut self, value: Val, ty: Ty) -> Check<Value> {
        if let Val::Memory(address) = value {
            return Ok(address);
        }
        let address = self.temporary(ty)?;
        self.store(value, address.into(), ty);
        Ok(address)
    }
}

/// Integers that cover `size` bytes exactly: 8 each, then 4, 2 and 1.
fn words_of(size: u64) -> Vec<(u64, Type)> {
    let (mut words, mut at) = (Vec::new(), 0);
    for ssa in [types::I64, types::I32, types::I16, types::I8] {
        while size - at >= u64::from(ssa.bytes()) {
            words.push((at, ssa));
            at += u64::from(ssa.bytes());
        }
    }
    words
}
