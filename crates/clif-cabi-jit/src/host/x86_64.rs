//! x86-64.

use crate::cranelift::codegen::binemit::Reloc;
use crate::cranelift::codegen::ir::types::{F16, F128};
use crate::cranelift::codegen::ir::{AbiParam, ArgumentPurpose};
use crate::cranelift::codegen::isa::CallConv;
use crate::cranelift::module::ModuleReloc;
use clif_cabi::cabi::Reg;

/// Name of the machine in messages.
pub(crate) const NAME: &str = "x86-64";

/// Returns the stub of a closure, whose context and target are `distance` bytes after it: `mov r10,
/// [rip + distance - 7]`, `jmp [rip + distance + 8 - 13]`, then `int3`. The context goes to r10,
/// which every convention has for it.
pub(crate) fn closure_stub(distance: usize, _: Reg) -> [u8; 16] {
    let [a, b, c, d, ..] = (distance - 7).to_le_bytes();
    let [e, f, g, h, ..] = (distance + 8 - 13).to_le_bytes();
    [
        0x4c, 0x8b, 0x15, a, b, c, d, 0xff, 0x25, e, f, g, h, 0xcc, 0xcc, 0xcc,
    ]
}

/// Returns how many bytes a relocation of an instruction writes, if cranelift-jit can apply one of
/// this kind. It panics on any other, or writes beyond the code.
pub(crate) fn reloc_bytes(kind: Reloc) -> Option<usize> {
    matches!(kind, Reloc::X86PCRel4 | Reloc::X86CallPCRel4).then_some(4)
}

/// Returns why code has no place for a relocation after the one before it.
pub(crate) fn reloc_refusal(
    _: Option<&ModuleReloc>,
    _: &ModuleReloc,
    _: usize,
) -> Option<&'static str> {
    None
}

/// Checks whether a relocation at `place` can hold the address `target`.
pub(crate) fn reloc_reaches(_: Reloc, place: i128, target: i128) -> bool {
    i32::try_from(target - place).is_ok()
}

/// Returns the name of the registers for vectors of so many bytes, if this processor lacks them.
pub(crate) fn missing_registers(vector_bytes: u32) -> Option<&'static str> {
    match vector_bytes {
        0..=16 => None,
        17..=32 => (!is_x86_feature_detected!("avx")).then_some("AVX"),
        _ => (!is_x86_feature_detected!("avx512f")).then_some("AVX-512"),
    }
}

/// Checks whether Cranelift's back end has the calling convention.
pub(crate) fn has_call_conv(call_conv: CallConv) -> bool {
    !matches!(call_conv, CallConv::AppleAarch64 | CallConv::Probestack)
}

/// Names the part of a function that Cranelift's back end would panic on.
pub(crate) fn param_refusal(param: &AbiParam, call_conv: CallConv) -> Option<&'static str> {
    match param.purpose {
        _ if matches!(param.value_type, F16 | F128) && call_conv == CallConv::WindowsFastcall => {
            Some("windows_fastcall has no place for f16 and f128")
        }
        ArgumentPurpose::StructArgument(size) if size % 8 != 0 => {
            Some("the size of a struct argument must be a multiple of 8")
        }
        _ => None,
    }
}
