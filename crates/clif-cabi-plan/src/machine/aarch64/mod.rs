//! AArch64, little-endian: Cranelift's counting ([`counting`]) for functions of AAPCS64 and of Apple's variant, and the stubs ([`stub`]).

mod counting;
mod stub;

use cabi::Convention;
use cabi::aarch64::{self, APPLE_ARM64};
use cabi::convention::FrameKind;

use super::Machine;
use super::counting::Counting;
use super::isa::Isa;
use super::stub::Steps;
use counting::{APPLE, SYSTEM_V, TAIL};

static STEPS: Steps = Steps {
    numbered: &counting::PARAMS,
    entry: stub::ENTRY,
    has_all: false,
    encode: stub::encode,
};

pub(super) static MACHINE: Machine = Machine {
    isa: &ISA,
    countings: counting::ALL,
    under,
};

static ISA: Isa = Isa {
    context: aarch64::X21,
    vector_count: None,
    steps: &STEPS,
    area_from_frame: Some(16),
    moved_vectors: &[],
    x87: None,
};

fn under(convention: &Convention) -> Option<&'static Counting> {
    match convention.frame.kind {
        FrameKind::Tail => Some(&TAIL),
        FrameKind::Unix if convention.frame.va_list == APPLE_ARM64.frame.va_list => Some(&APPLE),
        FrameKind::Unix => Some(&SYSTEM_V),
        _ => None,
    }
}
