//! Objects in an image of registers and stack, where a convention has them.

use std::ops::Range;

use cabi::{Extension, Loc, Place, PlacedPart};

use super::probe::{State, equal};

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

/// Checks whether `state` has `object`, which was passed or returned, at `place`. The error says
/// what is wrong.
pub(crate) fn check_passed(state: &State, place: &Place, object: &[u8]) -> Result<(), String> {
    if let Place::Parts(parts) = place {
        let mut parts = parts.iter();
        parts.try_for_each(|part| check_extended(state, part))?;
    }
    check(state, place, object)
}

/// Checks whether `state` has `object` at `place`. The error says what is wrong.
pub(crate) fn check(state: &State, place: &Place, object: &[u8]) -> Result<(), String> {
    match place {
        Place::Parts(parts) => {
            let parts = one_by_one(parts);
            let is_in_one = |at| parts.iter().any(|(_, bytes)| bytes.contains(&at));
            if let Some(at) = (0..object.len()).find(|at| !is_in_one(*at)) {
                return Err(format!("byte {at} is in no part"));
            }
            parts.into_iter().try_for_each(|(loc, bytes)| {
                let found = state.at(loc, bytes.len())?;
                equal(&loc.to_string(), &object[bytes], &found)
            })
        }
        Place::Stack { offset, .. } => {
            let loc = Loc::Stack(*offset);
            equal(&loc.to_string(), object, &state.at(loc, object.len())?)
        }
        // The copy is in the caller's frame, which the image of the stack shows as far as it goes.
        Place::Indirect { pointer, .. } => {
            let pointer = u64::from_le_bytes(state.at(*pointer, 8)?.try_into().unwrap());
            let start = pointer.wrapping_sub(state.area_address());
            match state.at(Loc::Stack(start), object.len()) {
                Ok(found) => equal("copy", object, &found),
                Err(_) if start < 1 << 16 => Ok(()),
                Err(_) => Err(format!("a copy {start} bytes after the argument area")),
            }
        }
        other => panic!("{other:?}"),
    }
}

/// Checks whether a narrow integer in a register is extended to 32 bits as its part says.
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
                state.put(loc, &object[bytes]);
            }
        }
        Place::Stack { offset, .. } => state.put(Loc::Stack(*offset), object),
        Place::Indirect { pointer, .. } => state.put(*pointer, &address.to_le_bytes()),
        other => panic!("{other:?}"),
    }
}
