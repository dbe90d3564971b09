//! Places as facts name them, and their registers.

use cabi::{Bank, FnAbi, Loc, PartType, Place, PlacedPart, Reg};

use super::{Comparison, Expected};
use crate::facts::Spot;
use crate::pattern::is_big_endian;

pub(super) fn listed(spots: impl Iterator<Item = Spot>) -> String {
    let spots: Vec<String> = spots.map(|spot| spot.to_string()).collect();
    spots.join(" and ")
}

fn stack(offset: u64) -> Spot {
    Spot {
        base: "sp".into(),
        byte: offset,
    }
}

fn pointee(pointer: &Loc) -> Result<String, String> {
    match pointer {
        Loc::Reg(reg) | Loc::Both([reg, _]) => Ok(format!("[{reg}]")),
        Loc::Stack(offset) => Ok(format!("[{}]", stack(*offset))),
        other => Err(format!("{other} is not compared")),
    }
}

impl Comparison<'_> {
    /// Returns where `place` has each byte of a value of so many bytes.
    pub(super) fn expected(&self, place: &Place, size: usize) -> Result<Expected, String> {
        Ok(match place {
            Place::Ignore => Vec::new(),
            Place::Parts(parts) => {
                let mut ranges = Vec::new();
                for placed in parts.iter().filter(|placed| placed.part.size > 0) {
                    if usize::from(placed.part.offset) >= size {
                        return Err(format!("{size} bytes were observed"));
                    }
                    let bytes = usize::from(placed.part.size);
                    let starts = self.part(placed, size).into_iter();
                    ranges.extend(starts.map(|(from, start)| (from..from + bytes, start)));
                }
                ranges
            }
            Place::Stack { offset, .. } => vec![(0..size, stack(*offset))],
            Place::Indirect { pointer, .. } => {
                let start = Spot {
                    base: pointee(pointer)?.into(),
                    byte: 0,
                };
                vec![(0..size, start)]
            }
            other => return Err(format!("{other} is not compared")),
        })
    }

    /// Returns the first byte of the value that is in a part, and its place.
    pub(super) fn part(&self, placed: &PlacedPart, size: usize) -> Vec<(usize, Spot)> {
        let part = placed.part;
        let n_bytes = usize::from(part.size).min(size.saturating_sub(part.offset.into()));
        let before = |bytes: usize| match is_big_endian(Some(self.abi.convention)) {
            true => bytes.saturating_sub(n_bytes) as u64,
            false => 0,
        };
        let bytes_of_register = usize::try_from(self.abi.convention.frame.slot).unwrap_or(8);
        let regs = placed.loc.regs().iter().map(|reg| Spot {
            base: match (reg.bank(), part.ty) {
                (Bank::X87, PartType::F64) => format!("{reg}d").into(),
                (Bank::X87, PartType::F32) => format!("{reg}f").into(),
                _ => reg.name().into(),
            },
            byte: match reg.bank() {
                Bank::Int => before(bytes_of_register),
                _ => 0,
            },
        });
        let slot = match placed.loc {
            Loc::Stack(offset) => Some(stack(offset + before(part.ty.bytes().into()))),
            _ => None,
        };
        let spots = regs.chain(slot);
        spots.map(|spot| (part.offset.into(), spot)).collect()
    }
}

/// Checks whether values of 32 bits are in the lower half of `reg`, and the upper half is
/// unspecified: on AArch64.
pub(super) fn is_of_64_bits_by_halves(reg: Reg) -> bool {
    reg.name().starts_with('x') && reg.bank() == Bank::Int
}

/// Returns the number of x87 registers that the arguments of a call are in.
pub(crate) fn n_x87(abi: &FnAbi) -> u64 {
    abi.args.iter().map(|arg| n_x87_at(&arg.place)).sum()
}

/// Returns the number of x87 registers that a value at `place` is in.
pub(crate) fn n_x87_at(place: &Place) -> u64 {
    let in_x87 =
        |placed: &&PlacedPart| matches!(placed.loc, Loc::Reg(reg) if reg.bank() == Bank::X87);
    match place {
        Place::Parts(parts) => parts.iter().filter(in_x87).count() as u64,
        _ => 0,
    }
}
