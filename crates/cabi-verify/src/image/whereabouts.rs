//! Where the bytes of a value are in an image, for a report: where the compiler put them, and where they belong.

use cabi::{Loc, Place};

use super::{Held, Image};
use crate::pattern::Pattern;
use crate::verdict::{Difference, Moved, Value};

/// So many parts of a value are told about.
const MOST_PARTS: usize = 4;

/// Shorter sequences of bytes are in too many places by chance.
const SHORTEST: usize = 4;

/// Bytes after the argument area in which arguments are looked for: after those is the caller's frame, with copies of its own.
const AFTER_AREA: usize = 32;

/// What a compiler's side of a call does with a value, in words before and after the bytes: the C caller passes them in a place, the C callee reads them from one.
pub(crate) type Action = [&'static str; 2];

impl Image {
    /// Adds to `found`, about a value that belongs at `place`, in which parts the bytes `wanted` of the value are elsewhere, and tells that first.
    /// Of what a compiler writes, `wanted` is the value; of what it reads, the bytes that it has read.
    pub(crate) fn locate(
        &self,
        mut found: Difference,
        [does, at]: Action,
        (value, place): (Value, &Place),
        wanted: &Pattern,
    ) -> Difference {
        let size = wanted.bytes.len();
        let parts: Vec<_> = match place {
            Place::Indirect { pointer, .. } => {
                let expected = format!("the memory whose address is in {pointer}");
                vec![(0..size, expected, &[][..])]
            }
            place => {
                let held = self.file.held(place, size).unwrap_or_default();
                let part = |held: Held| (held.own.clone(), words(&held), self.get(held.at));
                held.into_iter().map(part).collect()
            }
        };
        for (own, expected, held) in parts {
            // Fewer bytes may have been read than the value has.
            let bytes = (wanted.bytes.get(own.clone()), wanted.mask.get(own.clone()));
            let (Some(want), Some(mask)) = bytes else {
                continue;
            };
            if !is_at(held, want, mask) && mask.iter().any(|mask| *mask != 0) {
                found.moved.push(Moved {
                    bytes: (own.start, own.end),
                    found: self.places_of(want, mask),
                    expected,
                });
            }
        }
        let words = found.moved.iter().take(MOST_PARTS).map(|moved| {
            let ((from, to), expected) = (moved.bytes, &moved.expected);
            match moved.found.as_slice() {
                [] => format!("{does} bytes {from}..{to} elsewhere, expected {at} {expected}"),
                all => format!(
                    "{does} bytes {from}..{to} {at} {}, expected {at} {expected}",
                    all.join(" or ")
                ),
            }
        });
        let words: Vec<String> = words.collect();
        if !words.is_empty() {
            let all = found.moved.iter().all(|moved| !moved.found.is_empty());
            let more = if all {
                String::new()
            } else {
                format!("; {}", found.why)
            };
            found.why = format!("{value}: {}{more}", words.join("; "));
        }
        found.value = Some(value);
        found
    }

    /// The registers that hold `bytes`, as far as `mask` has them count; if none does, the slots that do.
    fn places_of(&self, bytes: &[u8], mask: &[u8]) -> Vec<String> {
        let mut places = Vec::new();
        if mask.iter().filter(|mask| **mask == 0xff).count() < SHORTEST {
            return places;
        }
        for cell in &self.file.cells {
            let held = self.get(cell.at..cell.at + cell.bytes);
            for at in (0..cell.bytes).step_by(8) {
                if is_at(&held[at.min(held.len())..], bytes, mask) {
                    places.push(match at {
                        0 => cell.name.to_owned(),
                        _ => format!("{} from byte {at}", cell.name),
                    });
                }
            }
        }
        if places.is_empty() {
            let slots = (0..self.area_bytes + AFTER_AREA).step_by(self.file.word);
            let slot = |at: &usize| self.file.area + at..self.file.area + at + bytes.len();
            let slots = slots.filter(|at| is_at(self.get(slot(at)), bytes, mask));
            places.extend(slots.map(|at| format!("stack {at}..{}", at + bytes.len())));
        }
        places
    }
}

fn words(held: &Held) -> String {
    match held.loc {
        Loc::Stack(offset) => format!("stack {offset}..{}", offset + held.own.len() as u64),
        loc => loc.to_string(),
    }
}

fn is_at(held: &[u8], bytes: &[u8], mask: &[u8]) -> bool {
    held.len() >= bytes.len()
        && (held.iter().zip(bytes).zip(mask)).all(|((held, byte), mask)| (held ^ byte) & mask == 0)
}
