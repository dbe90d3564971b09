//! AArch64, little-endian: Cranelift's [`conventions`] for AAPCS64, Apple's variant and Windows's,
//! and the [`stub`]s.

mod conventions;
mod stub;

use cabi::aarch64;

use super::Architecture;
use super::processor::{FRAME_POINTERS, INLINE_PROBES, Processor};
use super::stub::Steps;

pub(super) static ARCHITECTURE: Architecture = Architecture {
    processor: Processor {
        context: Some(aarch64::X21),
        flags: &[FRAME_POINTERS, INLINE_PROBES],
        ..Processor::with_frames(Steps {
            numbered: &conventions::PARAMS,
            entry: stub::ENTRY,
            has_all: false,
            encode: stub::encode,
        })
    },
    conventions: conventions::ALL,
    // Windows has no table of addresses, from which a far call loads the address; the linker gives
    // a near call a thunk.
    near_imports: Some(("aarch64", Some("windows"))),
    refused: (&[], ""),
};
