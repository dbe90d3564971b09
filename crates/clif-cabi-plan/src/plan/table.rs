//! The table of a signature, one for calls and one for entries: its slots, each where the ABI has
//! it, and how each argument is passed. [`Placer`] writes it; `call.rs` and `entry.rs` have the
//! differences.

use std::ops::Range;

use cabi::{FnAbi, FnSig, Loc, Place, PlacedPart, Type};
use smallvec::SmallVec;

use super::entry_stub::SavedVectors;
use super::records::Records;
use super::value::{is_chain, placed_parts, wide_moves};
use crate::machine::{Machine, RegisterMove, StubStep};
use crate::parts::{ClifPart, WORD, narrow};
use crate::signature::ClifPlace;
use crate::slot::{PassMode, Slot, Slots, What};

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

/// Side of a call that is planned.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Side {
    Caller,
    Callee,
}

/// The table of a plan while it is written.
pub(super) struct Placer<'a> {
    pub(super) machine: Machine,
    pub(super) sig: &'a FnSig,
    pub(super) abi: &'a FnAbi,
    pub(super) side: Side,
    pub(super) table: &'a mut ArgTable,
    /// Steps of a stub before it goes to the function. Empty: there is no stub.
    pub(super) steps: SmallVec<[StubStep; 4]>,
    /// Bytes of the argument area that parameters have to fill: C's with the words for a stub, or
    /// at an entry that of a stub with a frame.
    pub(super) area_bytes: u64,
    /// At an entry: where a stub has put the static chain.
    pub(super) chain: Option<ClifPlace>,
    /// At an entry: the vectors that a stub has stored.
    pub(super) saved: SavedVectors,
}

impl<'a> Placer<'a> {
    pub(super) fn new(
        machine: Machine,
        (sig, abi): (&'a FnSig, &'a FnAbi),
        side: Side,
        table: &'a mut ArgTable,
    ) -> Self {
        Self {
            machine,
            sig,
            abi,
            side,
            table,
            steps: SmallVec::new(),
            area_bytes: abi.area_bytes,
            chain: None,
            saved: SavedVectors::default(),
        }
    }

    /// Adds all arguments.
    pub(super) fn arguments(&mut self) {
        let mut records = Records::of(self.machine, self.sig, self.abi);
        for (i, (param, arg)) in (0..).zip(self.sig.params().iter().zip(&self.abi.args)) {
            let ty = &param.ty;
            let first = self.table.next_arg();
            let mode = match &arg.place {
                &Place::Stack {
                    offset,
                    size,
                    align,
                } => match self.side {
                    Side::Caller => self.passed(&mut records, (i, ty), offset, (size, align)),
                    Side::Callee => self.add_argument((i, ty), offset, (size, align)),
                },
                Place::Parts(placed) => self.in_parts((i, ty), &arg.place, placed),
                Place::Indirect {
                    pointer,
                    size,
                    align,
                } => {
                    self.word((i, 0), *pointer);
                    PassMode::Indirect {
                        size: *size,
                        align: *align,
                    }
                }
                Place::PerElement { lanes, .. } => {
                    for (lane, loc) in arg.place.locs().enumerate() {
                        self.word((i, narrow(lane)), loc);
                    }
                    PassMode::Lanes(*lanes)
                }
                _ => PassMode::Ignore,
            };
            self.table.end_arg(mode, first);
        }
    }

    /// Adds the parts of argument `i`, which `place` has in registers or on the stack, and their
    /// slots, unless a stub moves them.
    fn in_parts(
        &mut self,
        (i, ty): (u32, &Type),
        place: &Place,
        placed: &[PlacedPart],
    ) -> PassMode {
        let (machine, side) = (self.machine, self.side);
        let chain = is_chain(machine, place).then(|| self.chain_place());
        let (moves, table) = (wide_moves(machine, place), &mut *self.table);
        let mut parts = 0..;
        placed_parts(machine, ty, placed, |part, place| {
            if part.size == 0 {
                // The solver fills gaps of the argument area.
                if place.reg().is_some() {
                    table.slots.push(Slot::padding(part.ty, place));
                }
                return;
            }
            let nth = parts.next().unwrap_or_default();
            let place = chain.unwrap_or(place);
            let part = place.reg().map_or(part, |reg| part.in_bank(reg.bank()));
            let place = match side {
                Side::Caller => place,
                Side::Callee => machine.convention.receiver_place(place, &part),
            };
            table.parts.push(part);
            if moves.is_none() {
                let what = match (chain, side) {
                    (Some(_), Side::Callee) => What::Chain { arg: i },
                    _ => What::Part { arg: i, part: nth },
                };
                table.slots.push(Slot::new(what, part, place));
            }
        });
        match moves {
            None => PassMode::Parts,
            Some(moves) => self.by_stub(i, &moves),
        }
    }

    /// Adds the slots of a pointer or a lane at `loc`, which is a word to CLIF.
    fn word(&mut self, (arg, part): (u32, u32), loc: Loc) {
        let what = What::Part { arg, part };
        let places = self.machine.convention.params_at(loc).into_iter();
        let slots = places.map(|place| Slot::new(what, ClifPart::WHOLE_WORD, place));
        self.table.slots.extend(slots);
    }

    /// Adds the slots of argument `arg`'s parts from `first` on, each in the argument area after
    /// `offset`.
    pub(super) fn parts_on_stack(&mut self, arg: u32, first: usize, offset: u32) {
        let ArgTable { slots, parts, .. } = &mut *self.table;
        for (part, own) in (0..).zip(parts.iter().skip(first)) {
            let offset = offset.saturating_add(own.offset);
            let what = What::Part { arg, part };
            slots.push(Slot::new(what, *own, ClifPlace::Stack { offset }));
        }
    }

    /// Returns the place of the static chain as a CLIF parameter.
    fn chain_place(&mut self) -> ClifPlace {
        if let Some(place) = self.chain {
            return place;
        }
        let offset = self.stub_word();
        self.steps.push(StubStep::LoadChain(offset));
        ClifPlace::Stack { offset }
    }

    /// Adds argument `arg`, whose vectors a stub moves.
    fn by_stub(&mut self, arg: u32, moves: &[RegisterMove]) -> PassMode {
        if self.side == Side::Callee {
            let offset = self.saved.offset(arg);
            return PassMode::Stub { offset };
        }
        let offset = self.stub_word();
        let slot = Slot::word(What::Object { arg }, ClifPlace::Stack { offset });
        self.table.slots.push(slot);
        self.steps.push(StubStep::Address(offset));
        self.steps.extend(moves.iter().copied().map(StubStep::Load));
        PassMode::Stub { offset: 0 }
    }

    /// Adds a word for the stub after the argument area, and returns its offset.
    pub(super) fn stub_word(&mut self) -> u32 {
        let offset = narrow(self.area_bytes);
        self.area_bytes += u64::from(WORD.bytes());
        offset
    }
}
