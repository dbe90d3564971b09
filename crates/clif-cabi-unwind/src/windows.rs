//! UNWIND_INFO: the unwind rules of one function on x86-64 Windows (Microsoft, "x64 exception
//! handling", struct UNWIND_INFO).
//!
//! Functions of Cranelift begin with `push rbp`, `mov rbp, rsp`, then probe the stack, lower rsp
//! once, and save registers from the start of an area upwards that ends at rbp.
//!
//! Cranelift (0.132 to 0.137) names rbp as the frame register with offset 0, counts the places of
//! saved registers from the start of the area, and scales the places of integers by 16. Windows
//! reads places from the frame register less its offset, those of integers in units of 8. So it
//! finds callers, and restores every saved register from a wrong place. The rules are encoded here
//! instead: the area counts as allocated by the instruction that sets rbp, and its size is the
//! offset of the frame register.

use clif_cabi::StubCode;

use crate::cranelift::codegen::gimli::X86_64;
use crate::error::UnwindError;

const VERSION: u8 = 1;

// Unwind operations.
const PUSH_NONVOL: u8 = 0;
const ALLOC_LARGE: u8 = 1;
const ALLOC_SMALL: u8 = 2;
const SET_FPREG: u8 = 3;
const SAVE_NONVOL: u8 = 4;
const SAVE_XMM128: u8 = 8;

const RBP: u8 = 5;

/// `push rbp`, `mov rbp, rsp`, and the bytes after which each has run.
const PROLOGUE: [u8; 4] = [0x55, 0x48, 0x89, 0xe5];
const PUSHED: u8 = 1;
const FRAME_SET: u8 = 4;

/// A register that the prologue saves.
struct Save {
    /// Bytes of the prologue after which it is saved.
    at: u8,
    operation: u8,
    register: u8,
    /// Its place in the area, in units of its size.
    place: u8,
}

/// Returns the rules of `code`, for which Cranelift has written `emitted`.
pub(crate) fn compiled(emitted: &[u8], code: &[u8]) -> Result<Vec<u8>, UnwindError> {
    let unknown = || UnwindError::Table("Cranelift's UNWIND_INFO has an unknown form".to_owned());
    let Some((&[VERSION, size, count, RBP], codes)) = emitted.split_first_chunk() else {
        return Err(unknown());
    };
    if !code.starts_with(&PROLOGUE) {
        return Err(unknown());
    }
    // The last code of the prologue comes first.
    let codes = codes.get(..2 * usize::from(count)).ok_or_else(unknown)?;
    let mut nodes = codes.chunks_exact(2);
    let mut saves = Vec::new();
    while let Some(&[at, code]) = nodes.next() {
        let (operation, register) = (code & 15, code >> 4);
        match operation {
            PUSH_NONVOL if (at, register) == (PUSHED, RBP) => {}
            SET_FPREG if at >= FRAME_SET => {}
            SAVE_NONVOL | SAVE_XMM128 => {
                let place = nodes.next().ok_or_else(unknown)?;
                saves.push((at, operation, register, place));
            }
            _ => return Err(unknown()),
        }
    }
    let mut end = 0_u16;
    let mut placed = Vec::new();
    for (at, operation, register, emitted) in saves.into_iter().rev() {
        let bytes = if operation == SAVE_XMM128 { 16 } else { 8 };
        let start = end.next_multiple_of(bytes);
        if emitted != (start / 16).to_le_bytes() {
            return Err(unknown());
        }
        end = start.saturating_add(bytes);
        let place = u8::try_from(start / bytes).map_err(|_| unknown())?;
        placed.push(Save {
            at,
            operation,
            register,
            place,
        });
    }
    // Cranelift refuses areas of more than 240 bytes, which a frame register does not reach.
    let area = u8::try_from(end.next_multiple_of(16)).map_err(|_| unknown())?;
    Ok(encode(size, (PUSHED, FRAME_SET), area, &placed))
}

/// Returns the rules of a stub: none if it has no frame, otherwise those of a frame in which no
/// register is saved.
pub(crate) fn stub(code: &StubCode) -> Result<Vec<u8>, UnwindError> {
    let wrong = || UnwindError::Table("Windows has no such table of a stub".to_owned());
    let (pushed, set) = match &*code.unwind {
        [] | [_] => return Ok(Vec::new()),
        [_, pushed, set, _] if set.cfa == (X86_64::RBP.0, 16) => (pushed.offset, set.offset),
        _ => return Err(wrong()),
    };
    let at = |offset| u8::try_from(offset).map_err(|_| wrong());
    let (pushed, set) = (at(pushed)?, at(set)?);
    Ok(encode(set, (pushed, set), 0, &[]))
}

/// Returns an UNWIND_INFO for a prologue of `size` bytes that has pushed rbp and set it after so
/// many, and saves registers in an area of `area` bytes below it.
fn encode(size: u8, (pushed, set): (u8, u8), area: u8, saves: &[Save]) -> Vec<u8> {
    let mut codes = Vec::new();
    for save in saves.iter().rev() {
        codes.extend([save.at, save.register << 4 | save.operation, save.place, 0]);
    }
    codes.extend([set, SET_FPREG]);
    match area {
        0 => {}
        1..=128 => codes.extend([set, (area / 8 - 1) << 4 | ALLOC_SMALL]),
        _ => codes.extend([set, ALLOC_LARGE, area / 8, 0]),
    }
    codes.extend([pushed, RBP << 4 | PUSH_NONVOL]);
    // At most 32 registers, of two nodes.
    let count = u8::try_from(codes.len() / 2).unwrap_or(u8::MAX);
    // The offset of the frame register is the upper half, in units of 16 bytes: the bits of `area`
    // as they are.
    let mut info = vec![VERSION, size, count, area | RBP];
    info.extend(codes);
    // A multiple of 4.
    info.resize(info.len().next_multiple_of(4), 0);
    info
}
