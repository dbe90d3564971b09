//! x86-64: Cranelift's counting ([`counting`]), for functions of System V and of Win64 (`windows_fastcall`), results on the x87 stack, and the
//! stubs ([`stub`]).

mod counting;
mod stub;

use cabi::convention::FrameKind;
use cabi::{Convention, x86_64};

use super::Machine;
use super::counting::Counting;
use super::isa::Isa;
use super::stub::Steps;
use counting::{PRESERVE_ALL, SYSTEM_V, TAIL, WINDOWS_FASTCALL};

static STEPS: Steps = Steps {
    numbered: &counting::PARAMS,
    entry: stub::ENTRY,
    has_all: true,
    encode: stub::encode,
};

pub(super) static MACHINE: Machine = Machine {
    isa: &ISA,
    countings: counting::ALL,
    under,
};

static ISA: Isa = Isa {
    context: x86_64::R15,
    vector_count: Some(x86_64::RAX),
    steps: &STEPS,
    area_from_frame: None,
    moved_vectors: counting::PARAMS.vector,
    x87: Some(x86_64::ST0),
};

/// Each refuses what of a convention is not its own.
fn under(convention: &Convention) -> Option<&'static Counting> {
    match convention.frame.kind {
        FrameKind::Unix => Some(&SYSTEM_V),
        FrameKind::Win64 => Some(&WINDOWS_FASTCALL),
        FrameKind::Tail => Some(&TAIL),
        FrameKind::PreserveAll => Some(&PRESERVE_ALL),
        _ => None,
    }
}
