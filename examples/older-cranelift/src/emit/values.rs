//! Values in memory and in parts.

use clif_cabi_plan::{self as plan, ClifPart, ValueType};
use cranelift_codegen::ir::{
    InstBuilder, MemFlags, StackSlotData, StackSlotKind, Type, Value, types,
};
use cranelift_frontend::FuncInstBuilder;

use super::{Emitter, Operand, Result, clif_type};

impl<'f> Emitter<'_, 'f> {
    /// Returns the parts of a value, extended as C extends them.
    pub(super) fn operand(
        &mut self,
        parts: &[ClifPart],
        operand: Operand<'_>,
    ) -> Result<Vec<Value>> {
        let mut values = match operand {
            Operand::Memory(from) => self.load_all(parts, from)?,
            Operand::Parts(values) => self.checked(parts, values)?.to_vec(),
        };
        for (part, value) in parts.iter().zip(&mut values) {
            let wide = clif_type(part.passed_as)?;
            *value = match part.extension {
                plan::Extension::None => *value,
                plan::Extension::Zero => self.ins().uextend(wide, *value),
                plan::Extension::Sign => self.ins().sextend(wide, *value),
            };
        }
        Ok(values)
    }

    /// Returns the address of a value. One in parts is stored to an object of `bytes` bytes.
    pub(super) fn in_memory(
        &mut self,
        parts: &[ClifPart],
        operand: Operand<'_>,
        bytes: u32,
        align: u32,
    ) -> Result<Value> {
        let values = match operand {
            Operand::Memory(from) => return Ok(from),
            Operand::Parts(values) => self.checked(parts, values)?,
        };
        let to = self.slot(bytes, align)?;
        self.store_all(parts, values, to)?;
        Ok(to)
    }

    /// Refuses values whose types are not those of `parts`.
    fn checked<'v>(&self, parts: &[ClifPart], values: &'v [Value]) -> Result<&'v [Value]> {
        let types: Result<Vec<Type>> = parts.iter().map(|part| clif_type(part.ty)).collect();
        let (types, dfg) = (types?, &self.builder.func.dfg);
        let found: Vec<Type> = values.iter().map(|own| dfg.value_type(*own)).collect();
        match !parts.is_empty() && found == types {
            true => Ok(values),
            false => Err(format!("in memory or in the parts {types:?}, not {found:?}").into()),
        }
    }

    /// Loads the parts of the object at `from`.
    pub fn load_all(&mut self, parts: &[ClifPart], from: Value) -> Result<Vec<Value>> {
        parts.iter().map(|part| self.load(part, from)).collect()
    }

    /// Stores parts to the object at `to`.
    pub fn store_all(&mut self, parts: &[ClifPart], values: &[Value], to: Value) -> Result<()> {
        for (part, value) in parts.iter().zip(values) {
            let (size, at) = (part.size.into(), i32::try_from(part.offset)?);
            if clif_type(part.ty)?.bytes() == size {
                self.store_at(*value, to, at);
            } else {
                let whole = self.slot(8, 8)?;
                self.store_at(*value, whole, 0);
                self.copy((whole, 0), (to, at), size);
            }
        }
        Ok(())
    }

    pub(super) fn load(&mut self, part: &ClifPart, from: Value) -> Result<Value> {
        let (ty, size, at) = (
            clif_type(part.ty)?,
            part.size.into(),
            i32::try_from(part.offset)?,
        );
        if ty.bytes() == size {
            return Ok(self.load_at(ty, from, at));
        }
        let (whole, zero) = (self.slot(8, 8)?, self.ins().iconst(types::I64, 0));
        self.store_at(zero, whole, 0);
        self.copy((from, at), (whole, 0), size);
        Ok(self.load_at(ty, whole, 0))
    }

    /// Copies fewer than 8 bytes, and touches none after them: a part may have fewer bytes than its
    /// type, because the object ends there.
    fn copy(&mut self, (from, mut at): (Value, i32), (to, mut to_at): (Value, i32), size: u32) {
        for (ty, bytes) in [(types::I32, 4), (types::I16, 2), (types::I8, 1)] {
            if size & bytes != 0 {
                let chunk = self.load_at(ty, from, at);
                self.store_at(chunk, to, to_at);
                (at, to_at) = (at + bytes as i32, to_at + bytes as i32);
            }
        }
    }

    fn load_at(&mut self, ty: Type, from: Value, at: i32) -> Value {
        self.ins().load(ty, MemFlags::new(), from, at)
    }

    pub(super) fn store_at(&mut self, value: Value, to: Value, at: i32) {
        self.ins().store(MemFlags::new(), value, to, at);
    }

    /// Returns the address of a fresh object on the stack. Slots of 0.108 are aligned to 8 bytes,
    /// so an object aligned to more has bytes to spare.
    pub fn slot(&mut self, bytes: u32, align: u32) -> Result<Value> {
        let spare = if align > 8 { align } else { 0 };
        let bytes = bytes.checked_add(spare).ok_or("the object is too large")?;
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes);
        let slot = self.builder.create_sized_stack_slot(slot);
        let address = self.ins().stack_addr(types::I64, slot, 0);
        if spare == 0 {
            return Ok(address);
        }
        let last = self.ins().iadd_imm(address, i64::from(align) - 1);
        Ok(self.ins().band_imm(last, -i64::from(align)))
    }

    /// Returns some value of a padding argument's type.
    pub(super) fn zero(&mut self, ty: ValueType) -> Result<Value> {
        Ok(match clif_type(ty)? {
            types::F64 => self.ins().f64const(0.0),
            ty => self.ins().iconst(ty, 0),
        })
    }

    pub(super) fn ins<'s>(&'s mut self) -> FuncInstBuilder<'s, 'f> {
        self.builder.ins()
    }
}
