//! x86-64: Cranelift's [`conventions`] for System V and Win64 (`windows_fastcall`), results on the
//! x87 stack, and the [`stub`]s.

mod conventions;
mod stub;

use cabi::convention::FrameKind;
use cabi::{Convention, x86_64};

use super::Architecture;
use super::convention::ClifConvention;
use super::processor::Processor;
use super::stub::Steps;
use conventions::{PRESERVE_ALL, SYSTEM_V, TAIL, WINDOWS_FASTCALL};

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
    under,
    near_imports: None,
};

/// Returns the convention with frames of this kind. It refuses other differences itself.
fn under(convention: &Convention) -> Option<&'static ClifConvention> {
    match convention.frame.kind {
        FrameKind::Unix => Some(&SYSTEM_V),
        FrameKind::Win64 => Some(&WINDOWS_FASTCALL),
        FrameKind::Tail => Some(&TAIL),
        FrameKind::PreserveAll => Some(&PRESERVE_ALL),
        _ => None,
    }
}
