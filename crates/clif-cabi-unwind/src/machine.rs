//! Facts of the machines that tables need beside Cranelift's rules: a file for each machine, and a
//! line of [`Machine::of`].

pub(crate) mod aarch64;
mod riscv64;
mod s390x;
mod x86_64;

use clif_cabi::cabi::target_lexicon::{Aarch64Architecture, Architecture};

use crate::cranelift::codegen::CompiledCode;
use crate::cranelift::codegen::gimli::Register;
use crate::cranelift::codegen::gimli::write::CallFrameInstruction;
use crate::cranelift::codegen::isa::TargetIsa;
use crate::error::UnwindError;

/// Rules, and the offsets in the code from which they hold.
pub(crate) type Rules = Vec<(u32, CallFrameInstruction)>;

/// A machine with functions of Cranelift's. Registers are DWARF numbers.
pub(crate) struct Machine {
    /// Alignment of instructions, in bytes.
    pub(crate) code_align: u8,
    pub(crate) return_address: u16,
    pub(crate) stack_pointer: u16,
    /// Bytes from the stack pointer to the CFA at a function's first instruction.
    pub(crate) entry_bytes: i32,
    /// `true` if a call pushes the return address.
    pub(crate) pushes_return_address: bool,
    /// Numbers of integer and vector registers that pass arguments of `tail` functions. `None` if
    /// such functions say where their caller's arguments are.
    pub(crate) tail_registers: Option<(usize, usize)>,
    /// Returns the rules of a function that Cranelift (0.132 to 0.137) lacks.
    pub(crate) missing: fn(&dyn TargetIsa, &CompiledCode) -> Result<Rules, UnwindError>,
}

impl Machine {
    pub(crate) fn of(architecture: Architecture) -> Option<&'static Self> {
        match architecture {
            Architecture::X86_64 => Some(&x86_64::MACHINE),
            Architecture::Aarch64(Aarch64Architecture::Aarch64) => Some(&aarch64::MACHINE),
            Architecture::Riscv64(_) => Some(&riscv64::MACHINE),
            Architecture::S390x => Some(&s390x::MACHINE),
            _ => None,
        }
    }
}

/// Returns the rule from the end of an instruction on that it has saved `register`, `at` bytes from
/// the CFA.
fn saved((end, register, at): (usize, u16, i64)) -> Option<(u32, CallFrameInstruction)> {
    let (end, at) = (u32::try_from(end).ok()?, i32::try_from(at).ok()?);
    Some((end, CallFrameInstruction::Offset(Register(register), at)))
}
