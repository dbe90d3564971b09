//! x86-64: Cranelift's counting ([`counting`]), results on the x87 stack, and the stubs ([`stub`]).

mod counting;
mod stub;

use cabi::{Bank, Convention, Loc, PlacedPart, Reg, Target, X86_64_SYSV};

use super::{Machine, ResultIn, Selected};
use crate::parts::x87_parts;
use counting::SYSTEM_V;
pub use stub::{Reloc, RelocKind, Stub, StubCode};

pub(super) fn select(target: &Target) -> Selected {
    match target.convention() {
        Some(convention) if *convention == X86_64_SYSV => Selected::Lowered(&MACHINE),
        _ => Selected::Other,
    }
}

pub(super) static MACHINE: Machine = Machine {
    call_conv: SYSTEM_V.call_conv,
    int_params: SYSTEM_V.int_params,
    vector_params: SYSTEM_V.vector_params,
    stack_align: STACK_ALIGN,
    places: counting::places,
    convention_objection,
    result,
};

const STACK_ALIGN: u32 = 16;

fn convention_objection(convention: &Convention) -> Option<&'static str> {
    if convention.shadow_space != 0 {
        // Nor would the registers be preserved that Win64 preserves.
        Some("shadow space is not lowered yet")
    } else if convention.stack_align < STACK_ALIGN {
        Some("Cranelift needs a stack aligned to 16 bytes")
    } else if !matches!(convention.variadic_count, None | Some(Reg::Rax)) {
        Some("vector registers are counted in rax only")
    } else {
        None
    }
}

fn result(parts: &[PlacedPart]) -> Result<ResultIn, &'static str> {
    let beyond = |part: &PlacedPart| matches!(part.loc, Loc::Reg(reg) if reg.bank() == Bank::Vector && !SYSTEM_V.vector_results.contains(&reg));
    if parts.iter().any(beyond) {
        return Err("results in more than two vector registers are not lowered yet");
    }
    if !matches!(parts.first().map(|part| part.loc), Some(Loc::Reg(Reg::St0))) {
        return Ok(ResultIn::Registers);
    }
    Ok(if parts.len() == 2 {
        ResultIn::Stub {
            pop: Stub::PopComplexX87,
            push: Stub::PushComplexX87,
            parts: x87_parts(2),
            bytes: 32,
        }
    } else {
        ResultIn::Stub {
            pop: Stub::PopX87,
            push: Stub::PushX87,
            parts: x87_parts(1),
            bytes: 16,
        }
    })
}
