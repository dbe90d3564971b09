//! Machines without an engine: no result of these functions is used.

use crate::cranelift::codegen::binemit::Reloc;
use crate::cranelift::codegen::ir::AbiParam;
use crate::cranelift::codegen::isa::CallConv;
use crate::cranelift::module::ModuleReloc;
use clif_cabi::cabi::Reg;

pub(crate) const NAME: &str = "this machine";

pub(crate) fn closure_stub(_: usize, _: Reg) -> [u8; 16] {
    [0; 16]
}

pub(crate) fn reloc_bytes(_: Reloc) -> Option<usize> {
    None
}

pub(crate) fn reloc_refusal(
    _: Option<&ModuleReloc>,
    _: &ModuleReloc,
    _: usize,
) -> Option<&'static str> {
    None
}

pub(crate) fn reloc_reaches(_: Reloc, _: i128, _: i128) -> bool {
    false
}

pub(crate) fn has_call_conv(_: CallConv) -> bool {
    false
}

pub(crate) fn param_refusal(_: &AbiParam, _: CallConv) -> Option<&'static str> {
    None
}
