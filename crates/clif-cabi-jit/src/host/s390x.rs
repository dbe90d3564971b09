//! s390x: Linux.

use crate::cranelift::codegen::binemit::Reloc;
use crate::cranelift::codegen::ir::{AbiParam, ArgumentPurpose};
use crate::cranelift::codegen::isa::CallConv;
use crate::cranelift::module::ModuleReloc;
use clif_cabi::cabi::Reg;

/// Name of the machine in messages.
pub(crate) const NAME: &str = "s390x";

/// Returns the stub of a closure, whose context and target are `distance` bytes after it, a
/// multiple of 2: `larl r1, distance`, `lmg context, r1, 0(r1)`, `br r1`, `nopr`. The context is in
/// r0, the register before r1.
pub(crate) fn closure_stub(distance: usize, context: Reg) -> [u8; 16] {
    let [a, b, c, d] = u32::try_from(distance / 2).unwrap_or(0).to_be_bytes();
    let registers = context.index() << 4 | 1;
    [
        0xc0, 0x10, a, b, c, d, 0xeb, registers, 0x10, 0, 0, 0x04, 0x07, 0xf1, 0x07, 0x07,
    ]
}

/// Returns how many bytes a relocation of an instruction writes, if cranelift-jit can apply one of
/// this kind. It panics on any other.
pub(crate) fn reloc_bytes(kind: Reloc) -> Option<usize> {
    matches!(kind, Reloc::S390xPCRel32Dbl | Reloc::S390xPLTRel32Dbl).then_some(4)
}

/// Returns why code has no place for `reloc`.
pub(crate) fn reloc_refusal(
    _: Option<&ModuleReloc>,
    reloc: &ModuleReloc,
    _: usize,
) -> Option<&'static str> {
    (!reloc.offset.is_multiple_of(2)).then_some("instructions begin at multiples of 2")
}

/// Checks whether a relocation at `place` can hold the address `target`.
pub(crate) fn reloc_reaches(_: Reloc, place: i128, target: i128) -> bool {
    let distance = target - place;
    distance % 2 == 0 && i32::try_from(distance / 2).is_ok()
}

/// Checks whether Cranelift's back end has the calling convention.
pub(crate) fn has_call_conv(call_conv: CallConv) -> bool {
    matches!(
        call_conv,
        CallConv::Fast | CallConv::SystemV | CallConv::Tail | CallConv::PreserveAll
    )
}

/// Names the part of a function that Cranelift's back end would panic on.
pub(crate) fn param_refusal(param: &AbiParam, _: CallConv) -> Option<&'static str> {
    match param.purpose {
        ArgumentPurpose::StructArgument(_) => Some("Cranelift has no struct arguments on s390x"),
        _ => None,
    }
}
