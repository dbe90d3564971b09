//! s390x, big-endian: Cranelift's convention ([`conventions`]) for functions of the ELF ABI,
//! and the stubs ([`stub`]).

mod conventions;
mod stub;

use super::Architecture;
use super::processor::Processor;
use super::stub::Steps;

pub(super) static ARCHITECTURE: Architecture = Architecture {
    processor: Processor {
        big_endian: true,
        // `get_pinned_reg` is a panic.
        context: None,
        // `get_frame_pointer` is the caller's stack pointer, by the back chain; the area starts
        // after the callee's 160 bytes.
        area_from_frame: Some(160),
        slot_align: 8,
        ..Processor::with_frames(Steps {
            numbered: &conventions::PARAMS,
            entry: stub::ENTRY,
            has_all: false,
            encode: stub::encode,
        })
    },
    conventions: conventions::ALL,
    // A far call has the import's absolute address in the text, which no shared library may have; a
    // near call goes through the PLT.
    near_imports: Some(("s390x", None)),
    refused: (&[], ""),
};
