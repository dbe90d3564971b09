//! AArch64: Linux, the BSDs, macOS.

use crate::cranelift::codegen::binemit::Reloc;
use crate::cranelift::codegen::ir::types::F128;
use crate::cranelift::codegen::ir::{AbiParam, ArgumentPurpose};
use crate::cranelift::codegen::isa::CallConv;
use crate::cranelift::module::ModuleReloc;
use clif_cabi::cabi::Reg;

/// Name of the machine in messages.
pub(crate) const NAME: &str = "AArch64";

/// Returns the stub of a closure, whose context and target are `distance` bytes after it, at most 1
/// MiB: `ldr context, distance`, `ldr x16, distance + 8 - 4`, `br x16`, `brk 0`.
pub(crate) fn closure_stub(distance: usize, context: Reg) -> [u8; 16] {
    // Bits 5 to 23 are the distance in words, which is positive.
    let load = |register: u32, distance: usize| {
        0x5800_0000 | u32::try_from(distance / 4).map_or(0, |words| words << 5) | register
    };
    let words = [
        load(context.index().into(), distance),
        load(16, distance + 8 - 4),
        0xd61f_0200,
        0xd420_0000,
    ];
    let mut bytes = [0; 16];
    for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// Returns how many bytes a relocation of an instruction writes, if cranelift-jit can apply one of
/// this kind. It panics on any other, or writes beyond the code.
pub(crate) fn reloc_bytes(kind: Reloc) -> Option<usize> {
    use Reloc::{Aarch64AddAbsLo12Nc, Aarch64AdrPrelPgHi21, Arm64Call};
    matches!(kind, Arm64Call | Aarch64AdrPrelPgHi21 | Aarch64AddAbsLo12Nc).then_some(4)
}

/// The longest code with calls: cranelift-jit writes veneers after it, which each call has to
/// reach. Half of what a call reaches, for the veneers.
const MAX_BYTES_WITH_CALLS: usize = 64 << 20;

/// Returns why code of `bytes` has no place for `reloc`.
pub(crate) fn reloc_refusal(
    _: Option<&ModuleReloc>,
    reloc: &ModuleReloc,
    bytes: usize,
) -> Option<&'static str> {
    match reloc.kind {
        _ if !reloc.offset.is_multiple_of(4) || !bytes.is_multiple_of(4) => {
            Some("instructions have 4 bytes, and begin at multiples of 4")
        }
        Reloc::Arm64Call if bytes > MAX_BYTES_WITH_CALLS => {
            Some("a call does not reach the end of code of more than 64 MiB")
        }
        _ => None,
    }
}

/// Checks whether a relocation at `place` can hold the address `target`.
pub(crate) fn reloc_reaches(kind: Reloc, place: i128, target: i128) -> bool {
    let page = |address: i128| address & !0xfff;
    match kind {
        // A veneer reaches any instruction.
        Reloc::Arm64Call => target % 4 == 0,
        Reloc::Aarch64AdrPrelPgHi21 => i32::try_from(page(target) - page(place)).is_ok(),
        _ => true,
    }
}

/// Returns the name of the registers for vectors of so many bytes, if this processor lacks them.
pub(crate) fn missing_registers(vector_bytes: u32) -> Option<&'static str> {
    // Without SVE, which no convention of C's that is lowered passes vectors in.
    (vector_bytes > 16).then_some("SVE")
}

/// Checks whether Cranelift's back end has the calling convention.
pub(crate) fn has_call_conv(call_conv: CallConv) -> bool {
    !matches!(call_conv, CallConv::WindowsFastcall | CallConv::Probestack)
}

/// Names the part of a function that Cranelift's back end would panic on.
pub(crate) fn param_refusal(param: &AbiParam, call_conv: CallConv) -> Option<&'static str> {
    match param.purpose {
        ArgumentPurpose::StructArgument(_) => Some("Cranelift has no struct arguments on AArch64"),
        ArgumentPurpose::StructReturn if call_conv == CallConv::Tail => {
            Some("the convention tail has no sret")
        }
        _ if param.value_type == F128 && call_conv == CallConv::AppleAarch64 => {
            Some("apple_aarch64 has no place for f128")
        }
        _ => None,
    }
}
