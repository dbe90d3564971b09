//! Where a compiler has the values of a call, read from its machine code, for little-endian machines and conventions that nothing here runs.
//!
//! A function is followed instruction by instruction. What a register or a byte of memory holds is known by its sources: the registers and the argument
//! area at the function's entry, globals, what a call returned. A function that copies its arguments to globals so says where each of them was; one that
//! calls with globals as arguments says where it puts them. An instruction that is not known makes its result of all its operands: it can hide a
//! difference only by naming the right place.

mod compare;
mod mir;
mod question;
mod state;

pub use mir::{Function, Isa, functions};
pub use question::{Copies, Outcome, Question};
pub use state::{Address, AddressBase, Sources, State};
