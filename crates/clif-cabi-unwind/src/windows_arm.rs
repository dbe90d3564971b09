//! `.xdata` records of a function or stub on AArch64 Windows (Microsoft, "ARM64 exception
//! handling"). Frames begin with `stp x29, x30, [sp, -n]!`, `mov x29, sp`.
//!
//! Cranelift's own codes (0.132 to 0.137) have one register of each pair. Windows takes the next
//! register for the other: after `stp x19, x23` it restores x20. The codes leave out stack probes,
//! and creating them panics for `preserve_all`. So the codes here are made of Cranelift's DWARF
//! rules.
//!
//! A function that saves more registers has two fragments. While the prologue runs, only x29 and
//! x30 have changed. The body has no prologue (`end_c`), and every place in it counts from x29.

use clif_cabi::StubCode;
use clif_cabi::cabi::Triple;
use clif_cabi::cabi::target_lexicon::{Aarch64Architecture, Architecture, OperatingSystem};

use crate::cranelift::codegen::CompiledCode;
use crate::cranelift::codegen::isa::TargetIsa;
use crate::error::UnwindError;
use crate::machine::aarch64::pushed;
use crate::rows::{Row, rows};

/// Start of a fragment in its function, in bytes, and its record.
pub(crate) type Fragment = (usize, Vec<u8>);

// Unwind codes.
const SAVE_FPLR_X: u8 = 0x80;
const SAVE_REG: u16 = 0xd000;
const SAVE_FREG: u16 = 0xdc00;
const SET_FP: u8 = 0xe1;
const ADD_FP: u8 = 0xe2;
const END: u8 = 0xe4;
const END_C: u8 = 0xe5;

/// `stp x29, x30, [sp, 0]!`
const PUSH_FRAME: u32 = 0xa980_7bfd;
/// `mov x29, sp`
const SET_FRAME: u32 = 0x9100_03fd;

// DWARF numbers (aadwarf64, 4.1).
const X19: u16 = 19;
const X28: u16 = 28;
const X29: u16 = 29;
const X30: u16 = 30;
const D8: u16 = 72;
const D15: u16 = 79;

pub(crate) fn is_target(target: &Triple) -> bool {
    target.operating_system == OperatingSystem::Windows
        && target.architecture == Architecture::Aarch64(Aarch64Architecture::Aarch64)
}

/// Returns the fragments of a compiled function: none for a leaf without a frame.
pub(crate) fn compiled(
    isa: &dyn TargetIsa,
    code: &CompiledCode,
) -> Result<Vec<Fragment>, UnwindError> {
    let rows = rows(isa, code)?;
    let code = code.code_buffer();
    let frame = match &*rows {
        [.., last] if !pushed(last, code).is_empty() => None,
        [_] => return Ok(Vec::new()),
        [.., last] => fragments(last, code, false),
        [] => None,
    };
    frame.ok_or_else(|| UnwindError::Table("Windows on AArch64 has no table for a function that is `preserve_all`, has `bti` or signed return addresses, or has 1 MiB of code".to_owned()))
}

/// Returns the fragments of a stub: none if it has no frame.
pub(crate) fn stub(code: &StubCode) -> Result<Vec<Fragment>, UnwindError> {
    let frame = match &*code.unwind {
        [] | [_] => return Ok(Vec::new()),
        // It ends in `mov sp, x29`, `ldp x29, x30, [sp], n`, `ret`.
        [_, _, set, closed] if closed.offset as usize + 4 == code.bytes.len() => {
            let last = Row {
                offset: set.offset as usize,
                cfa: (set.cfa.0, set.cfa.1.into()),
                saved: set.saved.iter().map(|own| (own.0, own.1.into())).collect(),
            };
            fragments(&last, &code.bytes, true)
        }
        _ => None,
    };
    frame.ok_or_else(|| UnwindError::Table("Windows has no table for this stub".to_owned()))
}

/// Returns the fragments of `code`, whose frame is complete with `row`.
fn fragments(row: &Row, code: &[u8], is_mirrored: bool) -> Option<Vec<Fragment>> {
    let (X29, size) = row.cfa else {
        return None;
    };
    let units = |bytes: i64| u8::try_from(bytes / 8).ok().filter(|n| *n < 64);
    let push = PUSH_FRAME | (u32::from(units(size)?).wrapping_neg() & 0x7f) << 15;
    let start = [push, SET_FRAME].map(u32::to_le_bytes);
    let frame = [SET_FP, SAVE_FPLR_X | units(size - 8)?, END];
    let below = |own: &&(u16, i64)| !matches!(**own, (X29 | X30, _));
    let (saved, pair): (Vec<&(u16, i64)>, Vec<_>) = row.saved.iter().partition(below);
    if pair != [&(X29, -size), &(X30, 8 - size)] || !code.starts_with(start.as_flattened()) {
        return None;
    }
    // From the lowest one upwards.
    let lowest = saved.iter().map(|own| own.1).min().unwrap_or(-size);
    let mut body = vec![END_C, ADD_FP, units(-size - lowest)?];
    for (register, at) in &saved {
        let code = match *register {
            X19..=X28 => SAVE_REG | (register - X19) << 6,
            D8..=D15 => SAVE_FREG | (register - D8) << 6,
            _ => return None,
        };
        body.extend((code | u16::from(units(at - lowest)?)).to_be_bytes());
    }
    body.extend(frame);

    if saved.is_empty() {
        return Some(vec![(0, record(code.len(), &frame, is_mirrored)?)]);
    }
    let prologue = record(row.offset, &frame, false)?;
    let body = record(code.len() - row.offset, &body, is_mirrored)?;
    Some(vec![(0, prologue), (row.offset, body)])
}

/// Returns the record of a fragment of `len` bytes. The codes are also those of its end if it
/// mirrors them.
fn record(len: usize, codes: &[u8], is_mirrored: bool) -> Option<Vec<u8>> {
    let field = |n: usize, bits: u32| u32::try_from(n).ok().filter(|n| n >> bits == 0);
    let (len, words) = (field(len / 4, 18)?, field(codes.len().div_ceil(4), 5)?);
    let header = len | u32::from(is_mirrored) << 21 | words << 27;
    let mut record = [&header.to_le_bytes(), codes].concat();
    record.resize(record.len().next_multiple_of(4), 0);
    Some(record)
}
