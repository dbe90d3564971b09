//! RISC-V of 64 bits, on which Cranelift's rules are complete.

use super::Machine;

pub(super) static MACHINE: Machine = Machine {
    code_align: 2,
    return_address: 1,
    stack_pointer: 2,
    entry_bytes: 0,
    pushes_return_address: false,
    tail_registers: Some((8, 8)),
    missing: |_, _| Ok(Vec::new()),
};
