//! Variables and temporaries: where they live, and the frame's memory for them.

use super::fields::Field;
use super::function::FnLowerer;
use super::value::{Address, Home, Slot, Val};
use super::{Lower, LowerError, ssa_type};
use crate::typed::{FnId, LocalId, Origin};
use crate::types::Ty;
use cranelift_codegen::ir::{
    InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Value, types,
};
use cranelift_frontend::Variable;
use cranelift_module::Module;
use std::rc::Rc;

/// The greatest frame; Cranelift counts it in 32 bits, and threads have stacks of a few MiB.
const MAX_FRAME: u64 = 4 << 20;

/// Cranelift aligns stack slots to 16 bytes at most.
const MAX_SLOT_ALIGN: u32 = 16;

impl<M: Module> FnLowerer<'_, '_, M> {
    pub(super) fn local_ty(&self, id: LocalId) -> Ty {
        self.body.locals[id.0].ty
    }

    /// Gives a variable its home, when its statement is reached.
    pub(super) fn declare(&mut self, id: LocalId) -> Lower<Home> {
        if let Some(home) = self.homes.get(&id) {
            return Ok(home.clone());
        }
        let ty = self.local_ty(id);
        let addressed = self.body.locals[id.0].addressed;
        let home = match (ssa_type(self.types, ty), self.fields(ty)) {
            (Some(ssa), _) if !addressed => Home::Variable(self.builder.declare_var(ssa)),
            (None, Some(fields)) if !addressed => Home::Fields(self.variables(&fields)),
            _ => Home::Slot(self.slot(ty)?),
        };
        self.homes.insert(id, home.clone());
        Ok(home)
    }

    pub(super) fn variables(&mut self, fields: &[Field]) -> Rc<[Variable]> {
        let declare = |field: &Field| self.builder.declare_var(field.ssa);
        fields.iter().map(declare).collect()
    }

    /// A parameter as it arrived becomes a variable.
    pub(super) fn bind_param(&mut self, id: LocalId, value: Val) -> Lower<()> {
        if let Val::Memory(address) = value {
            // The caller has made this copy for us, or clif-cabi has.
            self.homes.insert(id, Home::Pointer(address));
            return Ok(());
        }
        let target = self.variable(id)?;
        self.write(&target, value, self.local_ty(id))
    }

    /// The variables that a nested function captures: their addresses are at `chain`.
    pub(super) fn bind_captures(&mut self, chain: Value) {
        let flags = MemFlagsData::trusted();
        for (offset, (_, own)) in (0..).step_by(8).zip(&self.body.captures) {
            let address = self.builder.ins().load(types::I64, flags, chain, offset);
            self.homes.insert(*own, Home::Pointer(address));
        }
    }

    /// The static chain of a nested function that is made here: what [`bind_captures`](Self::bind_captures) reads.
    pub(super) fn captures(&mut self, id: FnId) -> Lower<Value> {
        let Origin::Toy(body) = &self.checked.functions[id.0].origin else {
            return Err(LowerError::new("a function of a library captures nothing"));
        };
        let slot = self.slot_of(8 * body.captures.len() as u64, 8)?;
        let chain = self.slot_address(slot);
        for (offset, (outer, _)) in (0..).step_by(8).zip(&body.captures) {
            let home = self.declare(*outer)?;
            let address = self.home_address(home)?;
            self.store_ssa(
                address,
                Address {
                    base: chain,
                    offset,
                },
            );
        }
        Ok(chain)
    }

    /// Memory for a value of type `ty`.
    pub(super) fn slot(&mut self, ty: Ty) -> Lower<Slot> {
        let align = self.types.layout(ty).map_or(1, cabi::Type::align);
        self.slot_of(self.types.size(ty), align)
    }

    pub(super) fn slot_of(&mut self, size: u64, align: u32) -> Lower<Slot> {
        let slack = if align > MAX_SLOT_ALIGN {
            u64::from(align)
        } else {
            0
        };
        let bytes = size.saturating_add(slack).max(1);
        self.frame = self.frame.saturating_add(bytes);
        if self.frame > MAX_FRAME {
            let called = &self.function.name;
            let message =
                format!("the variables of `{called}` need more than {MAX_FRAME} bytes of stack");
            return Err(LowerError::at(self.function.span, message));
        }
        let bytes = u32::try_from(bytes).map_err(LowerError::new)?;
        let shift = u8::try_from(align.min(MAX_SLOT_ALIGN).trailing_zeros()).unwrap_or(0);
        let slot = self.builder.create_sized_stack_slot(StackSlotData::new(
            StackSlotKind::ExplicitSlot,
            bytes,
            shift,
        ));
        Ok(Slot { slot, align })
    }

    pub(super) fn slot_address(&mut self, slot: Slot) -> Value {
        let address = self.ins().stack_addr(types::I64, slot.slot, 0);
        if slot.align <= MAX_SLOT_ALIGN {
            return address;
        }
        let mask = i64::from(slot.align) - 1;
        let beyond = self.ins().iadd_imm_s(address, mask);
        self.ins().band_imm_s(beyond, !mask)
    }

    pub(super) fn home_address(&mut self, home: Home) -> Lower<Value> {
        match home {
            Home::Slot(slot) => Ok(self.slot_address(slot)),
            Home::Pointer(address) => Ok(address),
            Home::Variable(_) | Home::Fields(_) => Err(LowerError::new(
                "a variable without an address is pointed to",
            )),
        }
    }
}
