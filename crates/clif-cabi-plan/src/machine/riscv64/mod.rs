//! RISC-V of 64 bits: Cranelift's convention ([`conventions`]) for functions of `lp64d`, and the
//! stubs ([`stub`]).

mod conventions;
mod stub;

use cabi::Convention;
use cabi::convention::FrameKind;
use cabi::riscv::LP64F;

use super::Architecture;
use super::convention::ClifConvention;
use super::processor::Processor;
use super::stub::Steps;

pub(super) static ARCHITECTURE: Architecture = Architecture {
    processor: Processor {
        // `get_pinned_reg` is an error.
        context: None,
        ..Processor::with_frames(Steps {
            numbered: &conventions::PARAMS,
            entry: stub::ENTRY,
            has_all: false,
            encode: stub::encode,
        })
    },
    conventions: conventions::ALL,
    under,
    near_imports: None,
};

fn under(convention: &Convention) -> Option<&'static ClifConvention> {
    match convention.frame.kind {
        // Its functions preserve the lower half of fs0 to fs11.
        _ if *convention == LP64F => None,
        FrameKind::Unix => Some(&conventions::SYSTEM_V),
        _ => None,
    }
}
