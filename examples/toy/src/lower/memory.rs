//! Loads, stores, copies and zeros. Nothing outside an object is touched; records of up to 64 bytes are
//! copied without a call.

use super::function::FnLowerer;
use super::value::{Address, Val};
use super::{Lower, LowerError, ssa_type};
use crate::types::Ty;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_module::Module;

/// What is larger is copied and cleared by libc.
const MAX_INLINE: u64 = 64;

impl<M: Module> FnLowerer<'_, '_, M> {
    /// The value at `address`: for what lives in memory that is the address itself.
    pub(super) fn load(&mut self, address: Address, ty: Ty) -> Lower<Val> {
        let Some(ssa) = ssa_type(self.types, ty) else {
            return Ok(Val::Memory(self.address(address)));
        };
        let loaded = self.load_ssa(ssa, address)?;
        // The bits of a `_BitInt` that it does not have are anything (psABI 3.1.2).
        Ok(Val::Ssa(self.normalize(loaded, ty)))
    }

    pub(super) fn load_ssa(&mut self, ssa: Type, address: Address) -> Lower<Value> {
        let (base, offset) = self.reach(address);
        Ok(self.ins().load(ssa, MemFlagsData::new(), base, offset))
    }

    pub(super) fn store_ssa(&mut self, value: Value, address: Address) {
        let (base, offset) = self.reach(address);
        self.ins().store(MemFlagsData::new(), value, base, offset);
    }

    /// Puts a value of type `ty` at `address`. What is copied may overlap its target.
    pub(super) fn store(&mut self, value: Val, address: Address, ty: Ty) -> Lower<()> {
        match value {
            Val::Ssa(value) => self.store_ssa(value, address),
            Val::Memory(from) => self.copy(from.into(), address, self.types.size(ty))?,
            Val::Fields(values) => {
                let fields = self.fields(ty).unwrap_or_default();
                for (field, value) in fields.iter().zip(&*values) {
                    self.store_ssa(*value, address.plus(field.offset));
                }
            }
            Val::None => return Err(LowerError::new("a value of no type is stored")),
        }
        Ok(())
    }

    pub(super) fn address(&mut self, Address { base, offset }: Address) -> Value {
        match offset {
            0 => base,
            _ => self.ins().iadd_imm_s(base, offset.cast_signed()),
        }
    }

    /// An address and an offset that fits an instruction.
    pub(super) fn reach(&mut self, address: Address) -> (Value, i32) {
        match i32::try_from(address.offset) {
            Ok(offset) => (address.base, offset),
            Err(_) => (self.address(address), 0),
        }
    }

    fn copy(&mut self, from: Address, to: Address, size: u64) -> Lower<()> {
        if size > MAX_INLINE {
            let (from, to) = (self.address(from), self.address(to));
            // A null pointer ends the program here, not in libc.
            self.load_ssa(types::I8, to.into())?;
            let bytes = self
                .ins()
                .iconst(types::I64, i64::try_from(size).map_err(LowerError::new)?);
            let config = self.module.target_config();
            self.builder.call_memmove(config, to, from, bytes);
            return Ok(());
        }
        // All is read before anything is written.
        let mut words = Vec::new();
        for (at, ssa) in words_of(size) {
            words.push((at, self.load_ssa(ssa, from.plus(at))?));
        }
        for (at, word) in words {
            self.store_ssa(word, to.plus(at));
        }
        Ok(())
    }

    pub(super) fn zero(&mut self, address: Address, size: u64) -> Lower<()> {
        if size > MAX_INLINE {
            let address = self.address(address);
            let byte = self.ins().iconst(types::I8, 0);
            let bytes = self
                .ins()
                .iconst(types::I64, i64::try_from(size).map_err(LowerError::new)?);
            let config = self.module.target_config();
            self.builder.call_memset(config, address, byte, bytes);
            return Ok(());
        }
        for (at, ssa) in words_of(size) {
            let zero = self.ins().iconst(ssa, 0);
            self.store_ssa(zero, address.plus(at));
        }
        Ok(())
    }

    /// An address in the frame for a value of type `ty`.
    pub(super) fn temporary(&mut self, ty: Ty) -> Lower<Value> {
        let slot = self.slot(ty)?;
        Ok(self.slot_address(slot))
    }

    /// The address of a value, which is put into memory if it is not there.
    pub(super) fn in_memory(&mut self, value: Val, ty: Ty) -> Lower<Value> {
        match value {
            Val::Memory(address) => Ok(address),
            Val::Ssa(_) | Val::Fields(_) => {
                let address = self.temporary(ty)?;
                self.store(value, address.into(), ty)?;
                Ok(address)
            }
            Val::None => Err(LowerError::new("a value of no type is put into memory")),
        }
    }
}

/// Integers that cover `size` bytes exactly: 8 each, then 4, 2 and 1.
fn words_of(size: u64) -> Vec<(u64, Type)> {
    let mut words = Vec::new();
    let mut at = 0;
    for (bytes, ssa) in [
        (8, types::I64),
        (4, types::I32),
        (2, types::I16),
        (1, types::I8),
    ] {
        while size - at >= bytes {
            words.push((at, ssa));
            at += bytes;
        }
    }
    words
}
