//! Places of values: registers, slots of the argument area, objects whose address is passed.

use core::fmt;

use smallvec::SmallVec;

use super::frame::Frame;
use super::group::Part;
use super::registers::Reg;

/// Location of a part.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Loc {
    /// In a register.
    Reg(Reg),
    /// In both registers, the same bits.
    Both(&'static [Reg; 2]),
    /// In the argument area, bytes from its start.
    Stack(u64),
}

/// A part with its place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PlacedPart {
    /// The bytes of the object that it holds, and their form.
    pub part: Part,
    /// Location of the part.
    pub loc: Loc,
}

/// The parts of one value with their places.
pub type PlacedParts = SmallVec<[PlacedPart; 2]>;

/// Place of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Place {
    /// Nowhere: nothing of it is passed.
    Ignore,
    /// Part by part.
    Parts(PlacedParts),
    /// As a whole in the argument area.
    Stack {
        /// Bytes from the start of the area.
        offset: u64,
        /// Bytes of the value; the slots after it are padding.
        size: u64,
        /// Bytes; the offset is a multiple of it.
        align: u32,
    },
    /// In a copy of the caller's, whose address is passed.
    Indirect {
        /// Location of the address.
        pointer: Loc,
        /// Bytes of the copy.
        size: u64,
        /// Alignment the caller gives the copy, in bytes.
        align: u32,
    },
    /// A vector of bools, one location per lane: first the registers, then slots.
    PerElement {
        /// Number of lanes.
        lanes: u16,
        /// The registers of the first lanes.
        regs: &'static [Reg],
        /// Bytes from the start of the area to the slot of the next lane.
        offset: u64,
        /// Bytes from one slot to the next.
        slot: u32,
    },
}

impl Loc {
    /// Returns the registers: none of a slot.
    #[must_use]
    pub const fn regs(&self) -> &[Reg] {
        match self {
            Self::Reg(reg) => core::slice::from_ref(reg),
            Self::Both(regs) => *regs,
            Self::Stack(_) => &[],
        }
    }
}

impl Place {
    /// Returns the locations of the value's parts, of its lanes, or of the address of a copy. A
    /// value that is in the argument area as a whole has none.
    pub fn locs(&self) -> impl Iterator<Item = Loc> + use<'_> {
        let (parts, pointer, regs, slots) = match self {
            Self::Parts(parts) => (&parts[..], None, &[][..], None),
            Self::Indirect { pointer, .. } => (&[][..], Some(*pointer), &[][..], None),
            Self::PerElement {
                lanes,
                regs,
                offset,
                slot,
            } => {
                let n_on_stack = n_slots(*lanes, regs);
                let slot = |i| Loc::Stack(offset.saturating_add(i * u64::from(*slot)));
                (&[][..], None, *regs, Some((0..n_on_stack).map(slot)))
            }
            Self::Ignore | Self::Stack { .. } => (&[][..], None, &[][..], None),
        };
        let parts = parts.iter().map(|placed| placed.loc).chain(pointer);
        let regs = regs.iter().copied().map(Loc::Reg);
        parts.chain(regs).chain(slots.into_iter().flatten())
    }

    /// Returns this place for display, with the offset of the value's own bytes in its promoted
    /// slot: on a big-endian machine they are the last.
    #[must_use]
    pub fn of_own_bytes(&self, frame: &Frame) -> Self {
        let mut place = self.clone();
        if let (true, Self::Parts(parts)) = (frame.big_endian, &mut place) {
            for PlacedPart { part, loc } in parts {
                if let Loc::Stack(offset) = loc {
                    let promoted = u64::from(part.ty.bytes());
                    *offset += promoted.saturating_sub(part.size.into());
                }
            }
        }
        place
    }

    /// Returns the location of a pointer, which has one part; `None` if a pointer cannot be here.
    pub(crate) fn as_pointer(&self) -> Option<Loc> {
        match self {
            Self::Parts(parts) => match &parts[..] {
                [part] => Some(part.loc),
                _ => None,
            },
            Self::Stack { offset, .. } => Some(Loc::Stack(*offset)),
            _ => None,
        }
    }

    /// Adds `bytes` to offsets on the stack.
    pub(crate) fn move_by(&mut self, bytes: u64) {
        match self {
            Self::Parts(parts) => {
                for placed in parts {
                    if let Loc::Stack(offset) = &mut placed.loc {
                        *offset += bytes;
                    }
                }
            }
            Self::Stack { offset, .. } => *offset += bytes,
            _ => {}
        }
    }

    /// Checks whether the bytes on the stack lie in an argument area of `area` bytes. An address
    /// has `pointer_bytes`.
    pub(crate) fn is_inside(&self, area: u64, pointer_bytes: u64) -> bool {
        let ends_inside = |offset: u64, bytes: u64| {
            let end = offset.checked_add(bytes);
            end.is_some_and(|end| end <= area)
        };
        let loc = |loc: &Loc, bytes: u64| match loc {
            Loc::Stack(offset) => ends_inside(*offset, bytes),
            _ => true,
        };
        match self {
            Self::Ignore => true,
            Self::Parts(parts) => parts
                .iter()
                .all(|placed| loc(&placed.loc, u64::from(placed.part.size))),
            Self::Stack { offset, size, .. } => ends_inside(*offset, *size),
            Self::Indirect { pointer, .. } => loc(pointer, pointer_bytes),
            Self::PerElement {
                lanes,
                regs,
                offset,
                slot,
            } => {
                let n_on_stack = n_slots(*lanes, regs);
                n_on_stack == 0 || ends_inside(*offset, n_on_stack * u64::from(*slot))
            }
        }
    }
}

/// Returns the number of lanes without a register.
fn n_slots(lanes: u16, regs: &[Reg]) -> u64 {
    u64::from(lanes).saturating_sub(regs.len() as u64)
}

impl fmt::Display for Loc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reg(reg) => reg.fmt(f),
            Self::Both([a, b]) => write!(f, "{a}+{b}"),
            Self::Stack(offset) => write!(f, "stack {offset}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignore => f.write_str("nothing"),
            Self::Parts(parts) => parts.iter().enumerate().try_for_each(|(i, placed)| {
                write!(f, "{}{}", if i == 0 { "" } else { " " }, placed.loc)?;
                match placed.loc {
                    Loc::Stack(offset) => {
                        write!(f, "..{}", offset.saturating_add(placed.part.size.into()))
                    }
                    _ => Ok(()),
                }
            }),
            Self::Stack {
                offset,
                size,
                align,
            } => {
                let end = offset.saturating_add(*size);
                write!(f, "stack {offset}..{end} align {align}")
            }
            Self::Indirect { pointer, align, .. } => {
                write!(f, "{pointer}, pointer to a copy aligned {align}")
            }
            Self::PerElement {
                lanes,
                regs,
                offset,
                slot,
            } => {
                f.write_str("lanes")?;
                regs.iter().try_for_each(|reg| write!(f, " {reg}"))?;
                let n_on_stack = n_slots(*lanes, regs);
                if n_on_stack > 0 {
                    let end = offset.saturating_add(n_on_stack * u64::from(*slot));
                    write!(f, " stack {offset}..{end}")?;
                }
                Ok(())
            }
        }
    }
}
