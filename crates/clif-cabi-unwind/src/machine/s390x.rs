//! s390x: vectors that `preserve_all` stores.

use super::{Machine, Rules, saved};
use crate::cranelift::codegen::CompiledCode;
use crate::cranelift::codegen::isa::TargetIsa;
use crate::error::UnwindError;
use crate::rows::rows;

pub(super) static MACHINE: Machine = Machine {
    code_align: 1,
    return_address: 14,
    stack_pointer: 15,
    entry_bytes: 160,
    pushes_return_address: false,
    tail_registers: None,
    missing,
};

/// v0, below the CFA: the save area of the frame, and the vectors.
const LOWEST_VECTOR: i64 = 160 + 32 * 16;

/// Returns f8 to f15: the high halves of vectors. All 32 are stored in their order, above r0 to r5
/// at the top of the frame, by instructions of six bytes: `vst`, and one before it that makes an
/// address of a large offset.
fn missing(isa: &dyn TargetIsa, code: &CompiledCode) -> Result<Rules, UnwindError> {
    let rows = rows(isa, code)?;
    let Some(last) = rows.last() else {
        return Ok(Vec::new());
    };
    let ends = (last.offset + 6..).step_by(6);
    let stores = ends.zip(last.body(code.code_buffer()).as_chunks().0);
    let stores = stores.take(1 + 2 * 32).filter_map(|(end, instruction)| {
        let [0xe7, register, _, _, 0, 0x0e] = *instruction else {
            return None;
        };
        Some((end, u16::from(register >> 4)))
    });
    let stores: Vec<(usize, u16)> = stores.take(16).collect();
    let is_in_order = stores.iter().map(|own| own.1).eq(0..16);
    let place = |(end, register): &(usize, u16)| {
        let number = 20 + register / 2 + 4 * (register % 2);
        saved((*end, number, i64::from(16 * register) - LOWEST_VECTOR))
    };
    let stored = stores.iter().skip(8).filter(|_| is_in_order);
    Ok(stored.filter_map(place).collect())
}
