//! Where values are while a function is lowered.

use cranelift_codegen::ir::{StackSlot, Value};
use cranelift_frontend::Variable;
use std::rc::Rc;

/// A value: in SSA form, an aggregate's scalars in SSA form, or at an address; or none, of type `void`.
#[derive(Clone)]
pub(super) enum Val {
    None,
    Ssa(Value),
    Fields(Rc<[Value]>),
    Memory(Value),
}

/// An address: a value, and bytes from there that are known here.
#[derive(Clone, Copy)]
pub(super) struct Address {
    pub(super) base: Value,
    pub(super) offset: u64,
}

impl Address {
    pub(super) fn plus(self, bytes: u64) -> Address {
        let offset = self.offset + bytes;
        Address { offset, ..self }
    }
}

impl From<Value> for Address {
    fn from(base: Value) -> Address {
        Address { base, offset: 0 }
    }
}

/// Where a variable lives.
#[derive(Clone)]
pub(super) enum Home {
    Variable(Variable),
    /// The scalars of an aggregate.
    Fields(Rc<[Variable]>),
    Slot(Slot),
    /// Where the caller has put it.
    Pointer(Value),
}

/// Memory in the frame.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    pub(super) slot: StackSlot,
    /// Greater than what Cranelift gives: the address is rounded up, inside a larger slot.
    pub(super) align: u32,
}
