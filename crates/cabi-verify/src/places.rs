//! Where a compiler has the values of a call, read from its machine code, for little-endian machines and conventions that nothing here runs.
//!
//! A function is followed instruction by instruction. The contents of a register or a byte of
//! memory are known by their sources: the registers and the argument area at the function's entry,
//! globals, the result of a call. So a function that copies its arguments to globals shows where
//! each of them was; one that calls with globals as arguments shows where it puts them. The result
//! of an unknown instruction has all its operands as sources: it can hide a difference only by
//! naming the right place.

mod compare;
mod mir;
mod question;
mod state;
mod written;

pub use mir::{FunctionStates, Isa, functions};
pub use question::{Copies, Outcome, Question};
pub use state::{Address, AddressBase, ByteSources, MachineState};
