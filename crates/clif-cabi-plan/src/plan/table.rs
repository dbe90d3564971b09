//! The table of a signature, one for calls and one for entries: its slots, and how each argument is
//! passed.

use std::ops::Range;

use smallvec::SmallVec;

use crate::parts::{ClifPart, narrow};
use crate::slot::{Slot, Slots, What};

/// The way a value is passed. Exhaustive on purpose, as the other enumerations of a plan: an
/// emitter that lacks a new one must not compile.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PassMode {
    /// Nothing of it is passed.
    Ignore,
    /// Part by part.
    Parts,
    /// Word by word, in the argument area of a call: as integers, floats, and two of them as one
    /// vector.
    Words,
    /// In the argument area, where Cranelift copies all its whole words for a call.
    Area,
    /// In vector registers that CLIF cannot express: a stub loads them from an object for a call,
    /// and stores them to one at an entry.
    Stub {
        /// At an entry: bytes from where [`EntryPlan::saved`](super::EntryPlan::saved) points to
        /// the object, a multiple of 64, which the address is aligned to as well.
        offset: u32,
    },
    /// A vector of bools, lane by lane, each an integer of 0 or 1.
    Lanes(u16),
    /// By the address of a copy that is the callee's to write to, or of where a result goes.
    Indirect {
        /// Bytes of the object.
        size: u64,
        /// Its alignment, in bytes.
        align: u32,
    },
}

/// The table of a signature.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub struct ArgTable {
    /// All slots: the address of the result, each argument's, those added by a plan, and padding.
    pub slots: Slots,
    /// The parts of one argument after the other.
    pub(super) parts: SmallVec<[ClifPart; 16]>,
    args: SmallVec<[PassedArg; 10]>,
}

/// The way an argument is passed, and its parts and slots: the first of each, and the first after
/// it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct PassedArg {
    mode: PassMode,
    parts: (u32, u32),
    slots: (u32, u32),
}

impl ArgTable {
    /// Returns how argument `arg` is passed.
    #[must_use]
    #[inline]
    pub fn mode(&self, arg: usize) -> Option<PassMode> {
        self.args.get(arg).map(|own| own.mode)
    }

    /// Returns how each argument is passed.
    #[inline]
    pub fn modes(&self) -> impl ExactSizeIterator<Item = PassMode> {
        self.args.iter().map(|own| own.mode)
    }

    /// Returns the parts of argument `arg`. The argument can be given to a call and taken at an
    /// entry in these parts, wherever it is passed. These have no parts:
    /// - a value of more than 128 bytes in memory
    /// - a value that is passed by reference
    /// - a vector of bools that is passed lane by lane
    #[must_use]
    #[inline]
    pub fn parts(&self, arg: usize) -> &[ClifPart] {
        let own = self.args.get(arg).map(|own| range(own.parts));
        own.and_then(|own| self.parts.get(own)).unwrap_or_default()
    }

    /// Returns the slots of argument `arg`.
    #[must_use]
    #[inline]
    pub fn slots(&self, arg: usize) -> &[Slot] {
        let own = self.args.get(arg).map(|own| range(own.slots));
        own.and_then(|own| self.slots.get(own)).unwrap_or_default()
    }

    /// Returns the padding, in the order of its parameters: the last slots.
    pub fn padding(&self) -> &[Slot] {
        let mut slots = self.slots.iter();
        let before = slots.rposition(|slot| slot.what != What::Padding);
        let first = before.map_or(0, |before| before + 1);
        self.slots.get(first..).unwrap_or_default()
    }

    /// Returns the CLIF parameter that is `what`.
    pub(super) fn param(&self, what: What) -> Option<usize> {
        let mut slots = self.slots.iter();
        Some(slots.find(|slot| slot.what == what)?.param? as usize)
    }

    /// Returns the first part and slot of the next argument.
    pub(super) fn next_arg(&self) -> (u32, u32) {
        (narrow(self.parts.len()), narrow(self.slots.len()))
    }

    /// Ends the argument that began at `first`.
    pub(super) fn end_arg(&mut self, mode: PassMode, first: (u32, u32)) {
        let end = self.next_arg();
        self.args.push(PassedArg {
            mode,
            parts: (first.0, end.0),
            slots: (first.1, end.1),
        });
    }
}

fn range((start, end): (u32, u32)) -> Range<usize> {
    start as usize..end as usize
}
