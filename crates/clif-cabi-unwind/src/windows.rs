//! UNWIND_INFO: the unwind rules of one function on x86-64 Windows (Microsoft, "x64 exception
//! handling", struct UNWIND_INFO), and the handlers that a personality enters.
//!
//! Functions of Cranelift begin with `push rbp`, `mov rbp, rsp`. Then they probe the stack, lower
//! rsp once, and save registers upwards from the start of an area that ends at rbp.
//!
//! Cranelift (0.132 to 0.137) names rbp as the frame register with offset 0. It counts the places
//! of saved registers from the start of the area, and scales the places of integers by 16. Windows
//! reads places from the frame register less its offset, those of integers in units of 8. So
//! Windows finds callers, and restores every saved register from a wrong place. The rules are
//! encoded here instead. The area counts as allocated by the instruction that sets rbp, and its
//! size is the offset of the frame register.

use clif_cabi::StubCode;

use crate::cranelift::codegen::gimli::write::Writer;
use crate::cranelift::codegen::gimli::{DwEhPe, RunTimeEndian, X86_64};
use crate::cranelift::codegen::isa::TargetIsa;
use crate::cranelift::codegen::isa::unwind::{UnwindInfo, UnwindInfoKind};
use crate::cranelift::codegen::{CodegenError, CompiledCode};
use crate::cranelift::module::FuncId;
use crate::error::UnwindError;
use crate::lsda::Lsda;
use crate::section::{AddressTarget, Section};

const VERSION: u8 = 1;

/// UNW_FLAG_EHANDLER and UNW_FLAG_UHANDLER, beside the version: a personality for both phases.
const HAS_PERSONALITY: u8 = 3 << 3;

/// The personality of Microsoft's C, which reads a SCOPE_TABLE. Others read gcc's LSDA.
const OF_C: &str = "__C_specific_handler";
/// Start of the names of the personalities of Microsoft's C++.
const OF_CXX: &str = "__CxxFrameHandler";

/// The filter of a scope that takes every exception.
const EXCEPTION_EXECUTE_HANDLER: u32 = 1;

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
struct SavedRegister {
    /// Bytes of the prologue after which it is saved.
    at: u8,
    operation: u8,
    register: u8,
    /// Its place in the area, in units of its size.
    place: u8,
}

/// Returns the rules of `code`. `None` if Cranelift makes none (its flag `unwind_info`).
pub(crate) fn compiled(
    isa: &dyn TargetIsa,
    code: &CompiledCode,
) -> Result<Option<Vec<u8>>, UnwindError> {
    let rules = code.create_unwind_info_of_kind(isa, UnwindInfoKind::Windows);
    // Cranelift's word for a place, or an offset in the prologue, that has more than a byte.
    let rules = rules.map_err(|error| match error {
        CodegenError::CodeTooLarge => UnwindError::Table("Windows has no table for a function that saves more than 240 bytes of registers, as with `preserve_all`, or has a prologue of more than 255 bytes".to_owned()),
        error => UnwindError::Compile(error),
    })?;
    let Some(UnwindInfo::WindowsX64(rules)) = rules else {
        return Ok(None);
    };
    let mut emitted = vec![0; rules.emit_size()];
    rules.emit(&mut emitted);
    encoded(&emitted, code.code_buffer()).map(Some)
}

/// Returns the rules of `code`, for which Cranelift has written `emitted`.
fn encoded(emitted: &[u8], code: &[u8]) -> Result<Vec<u8>, UnwindError> {
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
    let mut saved = Vec::new();
    for (at, operation, register, emitted) in saves.into_iter().rev() {
        let bytes = if operation == SAVE_XMM128 { 16 } else { 8 };
        let start = end.next_multiple_of(bytes);
        if emitted != (start / 16).to_le_bytes() {
            return Err(unknown());
        }
        end = start.saturating_add(bytes);
        let place = u8::try_from(start / bytes).map_err(|_| unknown())?;
        saved.push(SavedRegister {
            at,
            operation,
            register,
            place,
        });
    }
    // Cranelift refuses areas of more than 240 bytes, which a frame register does not reach.
    let area = u8::try_from(end.next_multiple_of(16)).map_err(|_| unknown())?;
    Ok(encode(size, (PUSHED, FRAME_SET), area, &saved))
}

/// Returns the rules of a stub: none if it has no frame, otherwise those of a frame in which no
/// register is saved.
pub(crate) fn stub(code: &StubCode) -> Result<Vec<u8>, UnwindError> {
    let wrong = || UnwindError::Table("Windows has no table for this stub".to_owned());
    let (pushed, set) = match &*code.unwind {
        [] | [_] => return Ok(Vec::new()),
        [_, pushed, set, _] if set.cfa == (X86_64::RBP.0, 16) => (pushed.offset, set.offset),
        _ => return Err(wrong()),
    };
    let at = |offset| u8::try_from(offset).map_err(|_| wrong());
    let (pushed, set) = (at(pushed)?, at(set)?);
    Ok(encode(set, (pushed, set), 0, &[]))
}

/// Refuses handlers that `personality` does not enter.
pub(crate) fn check_handlers(personality: &str, lsda: &Lsda) -> Result<(), UnwindError> {
    let why = if personality.starts_with(OF_CXX) {
        "Microsoft's C++ needs handlers that are separate functions (funclets), which Cranelift does not make; exceptions pass through functions without handlers"
    } else if personality == OF_C && !lsda.catches_all() {
        "__C_specific_handler catches every exception, so its handlers cannot have a tag"
    } else {
        return Ok(());
    };
    Err(UnwindError::Handlers { why })
}

/// Returns the rules `info` of the function `id`, and after them the table that its personality
/// reads. Offsets from the base of an image are relocations without an encoding; `types` is that of
/// the others.
pub(crate) fn with_handlers(
    (id, info): (FuncId, &[u8]),
    handlers: Option<(&str, &Lsda)>,
    types: DwEhPe,
) -> Result<Section, UnwindError> {
    let mut section = Section::new(RunTimeEndian::Little);
    section.bytes.write(info)?;
    let Some((personality, lsda)) = handlers else {
        return Ok(section);
    };
    section.bytes.write_u8_at(0, VERSION | HAS_PERSONALITY)?;
    let mut targets = vec![AddressTarget::Symbol(personality.to_owned())];
    section.image_offset(0, 0)?;
    if personality == OF_C {
        targets.push(AddressTarget::Function(id));
        let n = u32::try_from(lsda.pads().len());
        let too_many = |_| UnwindError::Table("the function has too many handlers".to_owned());
        section.bytes.write_u32(n.map_err(too_many)?)?;
        for (returns_to, pad) in lsda.pads() {
            // The address that is looked up is the one to which the call returns.
            section.image_offset(1, returns_to)?;
            section.image_offset(1, returns_to.saturating_add(1))?;
            section.bytes.write_u32(EXCEPTION_EXECUTE_HANDLER)?;
            section.image_offset(1, pad)?;
        }
    } else {
        let symbol =
            |name: &str| Section::address(&mut targets, AddressTarget::Symbol(name.to_owned()));
        lsda.write(&mut section, types, symbol)?;
    }
    Ok(section.with_targets(targets))
}

/// Returns code that goes to the address in the word at `word`, wherever that is, and changes rax:
/// `mov rax, [word]`, `jmp rax`.
pub(crate) fn jump(word: u64) -> impl Iterator<Item = u8> {
    let word = word.to_le_bytes();
    [0x48, 0xa1].into_iter().chain(word).chain([0xff, 0xe0])
}

/// Returns an UNWIND_INFO for a prologue of `size` bytes. The prologue has pushed rbp after
/// `pushed` bytes and set rbp after `set`. It saves registers in an area of `area` bytes below rbp.
fn encode(size: u8, (pushed, set): (u8, u8), area: u8, saves: &[SavedRegister]) -> Vec<u8> {
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
