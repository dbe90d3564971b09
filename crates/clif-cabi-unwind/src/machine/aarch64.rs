//! AArch64: vectors that `preserve_all` pushes.

use super::{Machine, Rules, saved};
use crate::cranelift::codegen::CompiledCode;
use crate::cranelift::codegen::isa::TargetIsa;
use crate::error::UnwindError;
use crate::rows::{Row, rows};

pub(super) static MACHINE: Machine = Machine {
    code_align: 4,
    return_address: 30,
    stack_pointer: 31,
    entry_bytes: 0,
    pushes_return_address: false,
    tail_registers: Some((6, 8)),
    missing,
};

/// `str q0, [sp, -16]!`
const PUSH_VECTOR: u32 = 0x3c9f_0fe0;

/// DWARF number of v0 (aadwarf64, 4.1).
const V0: u16 = 64;

fn missing(isa: &dyn TargetIsa, code: &CompiledCode) -> Result<Rules, UnwindError> {
    let rows = rows(isa, code)?;
    let pushed = rows.last().map(|last| pushed(last, code.code_buffer()));
    let pushed = pushed.into_iter().flatten();
    Ok(pushed.filter_map(saved).collect())
}

/// Returns the low halves of the vectors that `code` pushes after `last`, the last row of its
/// prologue. Each has the end of its instruction, the register, and its place in bytes from the
/// CFA. Each place is below the one before.
pub(crate) fn pushed(last: &Row, code: &[u8]) -> Vec<(usize, u16, i64)> {
    let lowest = last.saved.iter().map(|own| own.1).min().unwrap_or(0);
    let (words, _) = last.body(code).as_chunks();
    let registers = words.iter().map_while(|word| {
        let register = u32::from_le_bytes(*word).checked_sub(PUSH_VECTOR)?;
        u16::try_from(register).ok().filter(|n| *n < 32)
    });
    let places = (1..).map(move |n| lowest - 16 * n);
    let ends = (last.offset + 4..).step_by(4);
    let pushed = registers.zip(ends).zip(places);
    let pushed = pushed.map(|((register, end), at)| (end, V0 + register, at));
    pushed.collect()
}
