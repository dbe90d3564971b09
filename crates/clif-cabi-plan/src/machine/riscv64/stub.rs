//! The steps of stubs as RISC-V's instructions, of 4 bytes each. Scratch are t1 and t3 to t6. The static chain is in t2, the caller in ra.

use crate::error::PlanError;
use crate::machine::stub::{Cfa, Reloc, RelocKind, StubCode, StubStep};

/// DWARF numbers (RISC-V ELF psABI, DWARF Register Numbers).
const SP: u16 = 2;

/// The canonical frame address of any function before its first instruction.
pub(super) const ENTRY: Cfa = Cfa {
    register: SP,
    offset: 0,
};

/// Most bytes that the immediate of a load has.
const MAX_IMMEDIATE: u32 = 0x7ff;

/// Appends the instructions of `step`.
pub(super) fn encode(step: StubStep, pic: bool, code: &mut StubCode) -> Result<(), PlanError> {
    match step {
        // ld t2, area(sp)
        StubStep::LoadChain(area) => words(code, &[load(7, area)?]),
        // mv an, t2
        StubStep::ChainToInt(n) => words(code, &[0x0003_8513 | u32::from(n) << 7]),
        // fmv.d.x fan, t2
        StubStep::ChainToVector(n) => words(code, &[0xf203_8553 | u32::from(n) << 7]),
        StubStep::Jump(callee) => jump(callee, pic, code),
        // ld t1, area(sp); jr t1
        StubStep::JumpAfter(area) => words(code, &[load(6, area)?, 0x0003_0067]),
        // jr an
        StubStep::JumpInt(n) => words(code, &[0x0005_0067 | u32::from(n) << 15]),
        // ret
        StubStep::Return => words(code, &[0x0000_8067]),
        _ => return Err(step.refused("RISC-V")),
    }
    Ok(())
}

fn words(code: &mut StubCode, words: &[u32]) {
    let bytes = words.iter().flat_map(|word| word.to_le_bytes());
    code.bytes.extend(bytes);
}

/// `ld x, offset(sp)`
fn load(x: u32, offset: u32) -> Result<u32, PlanError> {
    match offset <= MAX_IMMEDIATE {
        true => Ok(0x0001_3003 | x << 7 | offset << 20),
        false => Err(PlanError::Stub(
            "the argument area is too large for a stub",
        )),
    }
}

/// Jumps to `callee` by way of t1. In the JIT by an absolute address, because a callee may be any distance away.
fn jump(callee: u32, pic: bool, code: &mut StubCode) {
    let (kind, before, after): (_, &[u32], &[u32]) = match pic {
        // auipc t1, 0; jr t1
        true => (RelocKind::RiscvCallPlt, &[], &[0x0000_0317, 0x0003_0067]),
        // auipc t1, 0; ld t1, 16(t1); jr t1; nop; the address
        false => {
            let before = &[0x0000_0317, 0x0103_3303, 0x0003_0067, 0x0000_0013];
            (RelocKind::Abs8, before, &[0, 0])
        }
    };
    words(code, before);
    code.reloc = Some(Reloc {
        offset: code.len(),
        kind,
        addend: 0,
        callee,
    });
    words(code, after);
}
