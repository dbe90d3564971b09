//! Tail calls of functions that pop their arguments, and handlers of their callers.
//!
//! Such a function returns to the end of its arguments. Unwinding finds their start: the caller's
//! stack pointer, if the function was called with them. After a tail call to a function of more or
//! fewer bytes of arguments in memory, the start is another address. Cranelift's functions find
//! their values by the stack pointer. The caller does not see the tail call, so such programs are
//! refused as a whole.

use crate::cranelift::codegen::ir::{
    AbiParam, ArgumentPurpose, Function, Opcode, Signature, Type, types,
};
use crate::cranelift::codegen::isa::{CallConv, TargetIsa};
use crate::machine::Machine;

/// Calls in a module of functions that pop their arguments.
#[derive(Clone, Copy, Default)]
pub(crate) struct TailCalls {
    /// `true` if a call of such a function has a handler.
    are_handled: bool,
    /// `true` if such a function has a tail call to one with other arguments in memory.
    are_resized: bool,
}

impl TailCalls {
    /// Adds the calls of `func`.
    pub(crate) fn add(&mut self, isa: &dyn TargetIsa, func: &Function) {
        let machine = Machine::of(isa.triple().architecture);
        let Some(registers) = machine.and_then(|own| own.tail_registers) else {
            return;
        };
        let insts = func
            .layout
            .blocks()
            .flat_map(|b| func.layout.block_insts(b));
        for inst in insts {
            let called = func.dfg.call_signature(inst);
            let Some(called) = called.and_then(|called| func.dfg.signatures.get(called)) else {
                continue;
            };
            if called.call_conv != CallConv::Tail {
                continue;
            }
            match func.dfg.insts[inst].opcode() {
                Opcode::TryCall | Opcode::TryCallIndirect => self.are_handled = true,
                Opcode::ReturnCall | Opcode::ReturnCallIndirect => {
                    let [own, called] = [&func.signature, called].map(|s| in_memory(s, registers));
                    self.are_resized |= own != called;
                }
                _ => {}
            }
        }
    }

    /// Checks whether a handler may have another stack pointer.
    pub(crate) fn lose_stack_pointer(self) -> bool {
        self.are_handled && self.are_resized
    }
}

/// Returns the arguments in memory: the type of each, and its bytes if it is an object. With an
/// integer of two registers, returns all arguments. Machines differ where such an integer has only
/// a part in the registers that are left, or would begin with an odd register.
fn in_memory(signature: &Signature, registers: (usize, usize)) -> Vec<(Type, u32)> {
    let is_wide = |param: &AbiParam| param.value_type == types::I128;
    let (mut ints, mut vectors) = match signature.params.iter().any(is_wide) {
        true => (0, 0),
        false => registers,
    };
    let place = |param: &AbiParam| {
        let ty = param.value_type;
        if let ArgumentPurpose::StructArgument(bytes) = param.purpose {
            return Some((ty, bytes));
        }
        let free = match ty.is_int() {
            true => &mut ints,
            false => &mut vectors,
        };
        let is_in_memory = *free == 0;
        *free = free.saturating_sub(1);
        is_in_memory.then_some((ty, 0))
    };
    signature.params.iter().filter_map(place).collect()
}
