//! x86-64: frames that a prologue moves down.

use super::{Machine, Rules};
use crate::cranelift::codegen::CompiledCode;
use crate::cranelift::codegen::gimli::X86_64;
use crate::cranelift::codegen::gimli::write::CallFrameInstruction;
use crate::cranelift::codegen::isa::TargetIsa;
use crate::error::UnwindError;

pub(super) static MACHINE: Machine = Machine {
    code_align: 1,
    return_address: X86_64::RA.0,
    stack_pointer: X86_64::RSP.0,
    entry_bytes: 8,
    pushes_return_address: true,
    tail_registers: Some((6, 8)),
    missing: lowered_frame,
};

/// Returns the places from the first call on in a frame that the prologue moves down. The frame
/// moves because a tail call of the function needs more bytes of arguments than the function has.
/// Cranelift counts places from the old frame, and names the new one.
fn lowered_frame(_: &dyn TargetIsa, code: &CompiledCode) -> Result<Rules, UnwindError> {
    let call = code.buffer.call_sites().next();
    let end = call.map_or(0, |call| call.ret_addr.saturating_sub(1));
    let prologue = code.code_buffer().get(..end as usize);
    let Some(bytes) = prologue.and_then(lowered_by) else {
        return Ok(Vec::new());
    };
    let rules = [
        CallFrameInstruction::CfaOffset(16 + bytes),
        CallFrameInstruction::Offset(X86_64::RA, -8 - bytes),
        CallFrameInstruction::Offset(X86_64::RBP, -16 - bytes),
    ];
    Ok(rules.map(|rule| (end, rule)).into())
}

/// Returns the bytes of `sub rsp, bytes`, `mov rbp, rsp`, `mov r11, [rsp + bytes]` in `prologue`.
fn lowered_by(prologue: &[u8]) -> Option<i32> {
    let immediate = |instruction: &[u8], short: &[u8], long: &[u8]| {
        let byte = |rest: &[u8]| Some((i32::from(i8::from_le_bytes([*rest.first()?])), 1));
        let word = |rest: &[u8]| Some((i32::from_le_bytes(*rest.first_chunk()?), 4));
        let short = instruction.strip_prefix(short).and_then(byte);
        let (number, n) = short.or_else(|| instruction.strip_prefix(long).and_then(word))?;
        Some((number, long.len() + n))
    };
    let bytes = |at: usize| {
        let start = prologue.get(at..)?;
        let (bytes, n) = immediate(start, &[0x48, 0x83, 0xec], &[0x48, 0x81, 0xec])?;
        let rest = start.get(n..)?.strip_prefix(&[0x48, 0x89, 0xe5])?;
        let load = ([0x4c, 0x8b, 0x5c, 0x24], [0x4c, 0x8b, 0x9c, 0x24]);
        let (from, _) = immediate(rest, &load.0, &load.1)?;
        (from == bytes).then_some(bytes)
    };
    (0..prologue.len()).find_map(bytes)
}
