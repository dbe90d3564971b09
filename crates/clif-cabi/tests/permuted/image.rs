//! Objects in an image of registers and stack, where a convention has them.

use std::ops::Range;

use cabi::{Extension, Loc, Place, PlacedPart};

use super::probe::State;

/// Each location of `parts`, and the bytes of an object in it.
fn one_by_one(parts: &[PlacedPart]) -> Vec<(Loc, Range<usize>)> {
    let each = |placed: &PlacedPart| {
        let start = usize::from(placed.part.offset);
        let bytes = start..start + usize::from(placed.part.size);
        let locs = match placed.loc {
            Loc::Both(&[first, second]) => vec![Loc::Reg(first), Loc::Reg(second)],
            loc => vec![loc],
        };
        locs.into_iter().map(move |loc| (loc, bytes.clone()))
    };
    parts.iter().flat_map(each).collect()
}

/// The `n` bytes of `state` at `loc`.
fn at(state: &State, loc: Loc, n: usize) -> Vec<u8> {
    match loc {
        Loc::Reg(reg) => state.register(reg)[..n].to_vec(),
        Loc::Stack(offset) => state.stack[offset as usize..][..n].to_vec(),
        other => panic!("{other:?}"),
    }
}

fn set(state: &mut State, loc: Loc, bytes: &[u8]) {
    match loc {
        Loc::Reg(reg) => state.set(reg, bytes),
        Loc::Stack(offset) => state.stack[offset as usize..][..bytes.len()].copy_from_slice(bytes),
        other => panic!("{other:?}"),
    }
}

/// Whether `state` has `object` at `place`; what is wrong.
pub(crate) fn check(state: &State, place: &Place, object: &[u8]) -> Result<(), String> {
    let same = |found: &[u8], expected: &[u8], at: &str| match found == expected {
        true => Ok(()),
        false => Err(format!("{at}: {found:x?}, not {expected:x?}")),
    };
    match place {
        Place::Parts(parts) => {
            for (loc, bytes) in one_by_one(parts) {
                let found = at(state, loc, bytes.len());
                same(&found, &object[bytes], &format!("{loc:?}"))?;
            }
            parts
                .iter()
                .try_for_each(|part| check_extended(state, part))
        }
        Place::Stack { offset, .. } => {
            let found = at(state, Loc::Stack(*offset), object.len());
            same(&found, object, &format!("stack {offset}"))
        }
        // The copy is in the caller's frame, which the image of the stack shows as far as it goes.
        Place::Indirect { pointer, .. } => {
            let pointer = u64::from_le_bytes(at(state, *pointer, 8).try_into().unwrap());
            let start = pointer.wrapping_sub(state.area_address()) as usize;
            match state.stack.get(start..start.saturating_add(object.len())) {
                Some(found) => same(found, object, "copy"),
                None if start < 1 << 16 => Ok(()),
                None => Err(format!("a copy {start} bytes after the argument area")),
            }
        }
        other => panic!("{other:?}"),
    }
}

/// Whether a narrow integer in a register is extended to 32 bits as its part says.
fn check_extended(state: &State, PlacedPart { part, loc }: &PlacedPart) -> Result<(), String> {
    let size = usize::from(part.size);
    let (Loc::Reg(reg), 1..4) = (*loc, size) else {
        return Ok(());
    };
    let found = &state.register(reg)[..4];
    let above = match part.extension {
        Extension::None => return Ok(()),
        Extension::Sign if found[size - 1] >= 0x80 => 0xff,
        _ => 0,
    };
    match found[size..].iter().all(|byte| *byte == above) {
        true => Ok(()),
        false => Err(format!("{reg:?} is not extended: {found:x?}")),
    }
}

/// Puts `object`, which is at `address`, at `place`.
pub(crate) fn put(state: &mut State, place: &Place, object: &[u8], address: i64) {
    match place {
        Place::Parts(parts) => {
            for (loc, bytes) in one_by_one(parts) {
                set(state, loc, &object[bytes]);
            }
        }
        Place::Stack { offset, .. } => set(state, Loc::Stack(*offset), object),
        Place::Indirect { pointer, .. } => set(state, *pointer, &address.to_le_bytes()),
        other => panic!("{other:?}"),
    }
}
