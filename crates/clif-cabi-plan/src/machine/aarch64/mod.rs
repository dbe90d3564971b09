//! AArch64, little-endian: Cranelift's [`conventions`] for AAPCS64, Apple's variant and Windows's,
//! and the [`stub`]s.

mod conventions;
mod stub;

use cabi::Convention;
use cabi::aarch64::{self, APPLE_ARM64};
use cabi::convention::FrameKind;

use super::Architecture;
use super::convention::ClifConvention;
use super::processor::{FRAME_POINTERS, INLINE_PROBES, Processor};
use super::registers::Registers;
use super::stub::Steps;
use conventions::{APPLE, SYSTEM_V, TAIL, WINDOWS};

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
    // Windows has no table of addresses, from which a far call loads the address; the linker gives
    // a near call a thunk.
    near_imports: Some(("aarch64", Some("windows"))),
};

static PROCESSOR: Processor = Processor {
    big_endian: false,
    context: Some(aarch64::X21),
    vector_count: None,
    steps: &STEPS,
    area_from_frame: Some(16),
    moved: Registers::NONE,
    x87: None,
    slot_align: 16,
    probe: None,
    flags: &[FRAME_POINTERS, INLINE_PROBES],
};

fn under(convention: &Convention) -> Option<&'static ClifConvention> {
    match convention.frame.kind {
        FrameKind::Tail => Some(&TAIL),
        FrameKind::Unix if convention.frame.va_list == APPLE_ARM64.frame.va_list => Some(&APPLE),
        FrameKind::Unix => Some(&SYSTEM_V),
        FrameKind::Win64 => Some(&WINDOWS),
        _ => None,
    }
}
