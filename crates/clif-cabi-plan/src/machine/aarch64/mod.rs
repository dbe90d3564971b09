//! AArch64, little-endian: Cranelift's [`conventions`] for AAPCS64, Apple's variant and Windows's,
//! and the [`stub`]s.

mod conventions;
mod stub;

use cabi::Convention;
use cabi::aarch64::{self, APPLE_ARM64};
use cabi::convention::FrameKind;

use super::Architecture;
use super::convention::ClifConvention;
use super::processor::Processor;
use super::stub::Steps;
use conventions::{APPLE, SYSTEM_V, TAIL, WINDOWS};

pub(super) static ARCHITECTURE: Architecture = Architecture {
    processor: Processor {
        context: Some(aarch64::X21),
        ..Processor::with_frames(Steps {
            numbered: &conventions::PARAMS,
            entry: stub::ENTRY,
            has_all: false,
            encode: stub::encode,
        })
    },
    conventions: conventions::ALL,
    under,
    // Windows has no table of addresses, from which a far call loads the address; the linker gives
    // a near call a thunk.
    near_imports: Some(("aarch64", Some("windows"))),
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
