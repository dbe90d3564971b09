//! RISC-V of 64 bits with `lp64d`: Linux.

use crate::cranelift::codegen::binemit::Reloc;
use crate::cranelift::codegen::ir::{AbiParam, ArgumentPurpose};
use crate::cranelift::codegen::isa::CallConv;
use crate::cranelift::module::{ModuleReloc, ModuleRelocTarget};
use clif_cabi::cabi::Reg;

/// Name of the machine in messages.
pub(crate) const NAME: &str = "RISC-V";

/// Returns the stub of a closure, whose context and target are `distance` bytes after it, a
/// multiple of 4096: `auipc context, distance >> 12`, `ld t1, 8(context)`,
/// `ld context, 0(context)`, `jr t1`.
pub(crate) fn closure_stub(distance: usize, context: Reg) -> [u8; 16] {
    let context = u32::from(context.index());
    let pages = u32::try_from(distance).unwrap_or(0) & 0xffff_f000;
    let words = [
        pages | context << 7 | 0x17,
        0x0080_3303 | context << 15,
        0x0000_3003 | context << 15 | context << 7,
        0x0003_0067,
    ];
    let mut bytes = [0; 16];
    for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// Returns how many bytes a relocation of instructions writes, if cranelift-jit can apply one of
/// this kind. It panics on any other.
pub(crate) fn reloc_bytes(kind: Reloc) -> Option<usize> {
    match kind {
        Reloc::RiscvCallPlt => Some(8),
        Reloc::RiscvPCRelHi20 | Reloc::RiscvPCRelLo12I => Some(4),
        _ => None,
    }
}

/// Returns why code has no place for `reloc`, which comes after the relocation `before`.
pub(crate) fn reloc_refusal(
    before: Option<&ModuleReloc>,
    reloc: &ModuleReloc,
    _: usize,
) -> Option<&'static str> {
    let is_upper = |own: &ModuleReloc| {
        own.kind == Reloc::RiscvPCRelHi20
            && own.offset.checked_add(4) == Some(reloc.offset)
            && matches!(reloc.name, ModuleRelocTarget::FunctionOffset(_, at) if at == own.offset)
    };
    match reloc.kind {
        _ if !reloc.offset.is_multiple_of(2) => Some("instructions begin at multiples of 2"),
        // cranelift-jit adds it to the upper bits alone.
        Reloc::RiscvPCRelHi20 if reloc.addend != 0 => {
            Some("the lower bits of the address would lack the addend")
        }
        Reloc::RiscvPCRelLo12I if !before.is_some_and(is_upper) => {
            Some("it does not name the RiscvPCRelHi20 right before it")
        }
        _ => None,
    }
}

/// Checks whether a relocation at `place` can hold the address `target`.
pub(crate) fn reloc_reaches(kind: Reloc, place: i128, target: i128) -> bool {
    // The lower 12 bits are signed, so that the upper ones are rounded.
    let distance = target - place;
    let is_near = [distance, distance + 0x800]
        .map(i32::try_from)
        .iter()
        .all(Result::is_ok);
    match kind {
        Reloc::RiscvCallPlt => is_near && target % 2 == 0,
        Reloc::RiscvPCRelHi20 => is_near,
        // RiscvPCRelLo12I names the instruction before.
        _ => distance == -4,
    }
}

/// Checks whether Cranelift's back end has the calling convention. `preserve_all` is not among
/// them: its functions save the registers of V also where the processor has none.
pub(crate) fn has_call_conv(call_conv: CallConv) -> bool {
    matches!(
        call_conv,
        CallConv::Fast | CallConv::SystemV | CallConv::Tail
    )
}

/// Names the part of a function that Cranelift's back end would panic on.
pub(crate) fn param_refusal(param: &AbiParam, _: CallConv) -> Option<&'static str> {
    match param.purpose {
        ArgumentPurpose::StructArgument(_) => Some("Cranelift has no struct arguments on RISC-V"),
        _ => None,
    }
}
