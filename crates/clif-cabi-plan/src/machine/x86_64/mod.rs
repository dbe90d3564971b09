//! x86-64: Cranelift's [`conventions`] for System V and Win64 (`windows_fastcall`), results on the
//! x87 stack, and the [`stub`]s.

mod conventions;
mod stub;

use cabi::x86_64;

use super::Architecture;
use super::processor::Processor;
use super::stub::Steps;

pub(super) static ARCHITECTURE: Architecture = Architecture {
    processor: Processor {
        context: Some(x86_64::R15),
        vector_count: Some(x86_64::RAX),
        area_from_frame: None,
        moved: conventions::MOVED,
        x87: Some(x86_64::ST0),
        probe: Some(x86_64::RAX),
        flags: &[],
        ..Processor::with_frames(Steps {
            numbered: &conventions::PARAMS,
            entry: stub::ENTRY,
            has_all: true,
            encode: stub::encode,
        })
    },
    conventions: conventions::ALL,
    near_imports: None,
    refused: (&[], ""),
};
