//! RISC-V of 64 bits: Cranelift's convention ([`conventions`]) for functions of `lp64d`, and the
//! stubs ([`stub`]).

mod conventions;
mod stub;

use cabi::riscv::{LP64, LP64F};

use super::Architecture;
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
    near_imports: None,
    refused: (
        &[&LP64, &LP64F],
        "Cranelift's functions keep doubles in registers like fs0 across calls, and callees of this ABI do not preserve these registers",
    ),
};
