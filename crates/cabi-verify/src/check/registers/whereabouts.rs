//! Where the bytes of a value are in a register file, for a report: where the compiler put them, and where they belong.

use std::ops::Range;

use cabi::{Loc, Place, PlacedPart, Reg, x86_64};

use super::register_file::RegisterFile;
use crate::pattern::Pattern;
use crate::verdict::{Difference, Moved, Value};

/// So many parts of a value are told about.
const MOST_PARTS: usize = 4;

/// Shorter sequences of bytes are in too many places by chance.
const SHORTEST: usize = 4;

/// What a compiler's side of a call does with a value: the words of a report.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    /// The C caller passes an argument.
    Passes,
    /// The C callee reads an argument.
    Reads,
    /// The C callee returns a result.
    Returns,
    /// The C caller reads a result.
    ReadsResult,
}

impl Deed {
    /// What stands before and after the bytes.
    fn words(self) -> [&'static str; 2] {
        match self {
            Self::Passes => ["the C caller passes", "in"],
            Self::Reads => ["the C callee reads", "from"],
            Self::Returns => ["the C callee returns", "in"],
            Self::ReadsResult => ["the C caller reads", "from"],
        }
    }
}

/// Adds to `found`, about a value that belongs at `place`, in which parts the bytes `wanted` of the value are elsewhere in `file`, and tells that first.
/// Of what a compiler writes, `wanted` is the value; of what it reads, the bytes that it has read.
pub(super) fn tell(
    mut found: Difference,
    deed: Deed,
    (value, place): (Value, &Place),
    wanted: &Pattern,
    (file, area_bytes): (&RegisterFile, u64),
) -> Difference {
    for (bytes, expected, own) in parts(place, wanted.bytes.len()) {
        let (Some(want), Some(mask)) = (
            wanted.bytes.get(bytes.clone()),
            wanted.mask.get(bytes.clone()),
        ) else {
            continue;
        };
        let is_there = own.is_some_and(|loc| is_at(file.location(loc, want.len()), want, mask));
        if !is_there && mask.iter().any(|mask| *mask != 0) {
            found.moved.push(Moved {
                bytes: (bytes.start, bytes.end),
                found: file.places_of(want, mask, area_bytes),
                expected,
            });
        }
    }
    let [does, at] = deed.words();
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

/// The parts of a value of `size` bytes at `place`: which bytes, where they belong in words, and where, if that is a register or slot.
pub(super) fn parts(place: &Place, size: usize) -> Vec<(Range<usize>, String, Option<Loc>)> {
    match place {
        Place::Parts(parts) => {
            let one = |PlacedPart { part, loc }: &PlacedPart| {
                let from = usize::from(part.offset);
                let to = size.min(from + usize::from(part.size));
                (from..to, loc.to_string(), Some(*loc))
            };
            parts.iter().map(one).collect()
        }
        Place::Stack { offset, .. } => {
            let end = offset + size as u64;
            let words = format!("stack {offset}..{end}");
            vec![(0..size, words, Some(Loc::Stack(*offset)))]
        }
        Place::Indirect { pointer, .. } => {
            vec![(
                0..size,
                format!("the memory whose address is in {pointer}"),
                None,
            )]
        }
        _ => Vec::new(),
    }
}

fn is_at(held: &[u8], bytes: &[u8], mask: &[u8]) -> bool {
    held.len() >= bytes.len()
        && (held.iter().zip(bytes).zip(mask)).all(|((held, byte), mask)| (held ^ byte) & mask == 0)
}

/// Registers in the order in which their names help most.
const GENERAL: [Reg; 9] = [
    x86_64::RDI,
    x86_64::RSI,
    x86_64::RDX,
    x86_64::RCX,
    x86_64::R8,
    x86_64::R9,
    x86_64::RAX,
    x86_64::R10,
    x86_64::RBX,
];

const VECTORS: [Reg; 8] = [
    x86_64::XMM0,
    x86_64::XMM1,
    x86_64::XMM2,
    x86_64::XMM3,
    x86_64::XMM4,
    x86_64::XMM5,
    x86_64::XMM6,
    x86_64::XMM7,
];

/// Bytes after the argument area in which arguments are looked for: after those is the caller's frame, with copies of its own.
const AFTER_AREA: u64 = 32;

impl RegisterFile {
    /// The registers that hold `bytes`, as far as `mask` has them count; if none does, the slots of an argument area of `area_bytes` that do.
    fn places_of(&self, bytes: &[u8], mask: &[u8], area_bytes: u64) -> Vec<String> {
        let is_at = |held: Option<&[u8]>| is_at(held.unwrap_or_default(), bytes, mask);
        let mut places = Vec::new();
        if mask.iter().filter(|mask| **mask == 0xff).count() < SHORTEST {
            return places;
        }
        for reg in GENERAL {
            if is_at(Some(self.register(reg))) {
                places.push(reg.to_string());
            }
        }
        for reg in VECTORS {
            for at in (0..64).step_by(8) {
                if is_at(self.register(reg).get(at..)) {
                    places.push(match at {
                        0 => reg.to_string(),
                        _ => format!("{reg} from byte {at}"),
                    });
                }
            }
        }
        for reg in [x86_64::ST0, x86_64::ST1] {
            if is_at(Some(self.register(reg))) {
                places.push(reg.to_string());
            }
        }
        if places.is_empty() {
            let end = |at: u64| at + bytes.len() as u64;
            let slots = (0..area_bytes + AFTER_AREA).step_by(8);
            let slots = slots.filter(|at| is_at(Some(self.stack(*at, bytes.len()))));
            places.extend(slots.map(|at| format!("stack {at}..{}", end(at))));
        }
        places
    }
}
