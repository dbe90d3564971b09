//! RISC-V of 64 bits: Cranelift's convention ([`conventions`]) for functions of `lp64d`, and the
//! stubs ([`stub`]).

mod conventions;
mod stub;

use cabi::Convention;
use cabi::convention::FrameKind;
use cabi::riscv::LP64F;

use super::Architecture;
use super::convention::ClifConvention;
use super::processor::{FRAME_POINTERS, INLINE_PROBES, Processor};
use super::registers::Registers;
use super::stub::Steps;

static STEPS: Steps = Steps {
    numbered: &conventions::PARAMS,
    entry: stub::ENTRY,
    has_all: false,
    encode: stub::encode,
};

pub(super) static ARCHITECTURE: Architecture = Architecture {
    processor: &PROCESSOR,
    conventions: conventions::ALL,
    under,
    near_imports: None,
};

static PROCESSOR: Processor = Processor {
    big_endian: false,
    // `get_pinned_reg` is an error.
    context: None,
    vector_count: None,
    steps: &STEPS,
    // The return address and the frame pointer of the caller.
    area_from_frame: Some(16),
    moved: Registers::NONE,
    x87: None,
    slot_align: 16,
    probe: None,
    flags: &[FRAME_POINTERS, INLINE_PROBES],
};

fn under(convention: &Convention) -> Option<&'static ClifConvention> {
    match convention.frame.kind {
        // Its functions preserve the lower half of fs0 to fs11.
        _ if *convention == LP64F => None,
        FrameKind::Unix => Some(&conventions::SYSTEM_V),
        _ => None,
    }
}
